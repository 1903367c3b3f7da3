"""The sandbox: Slack, PagerDuty and GitHub behind one port, with their page, a fault script and a log of requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING, Protocol, Self

from bridge.sandbox import control
from bridge.sandbox.exchange import Request, Response, json_response, text_response
from bridge.sandbox.faults import Fault, FaultScript
from bridge.sandbox.github import GitHubDouble
from bridge.sandbox.pagerduty import PagerDutyDouble
from bridge.sandbox.slack import SlackDouble
from bridge.sandbox.wire import Cut, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

_REQUEST_ID = {"slack": "x-slack-req-id", "pagerduty": "x-request-id", "github": "x-github-request-id"}
"""The header in which each says the id of a request."""
MOST_SEEN = 100_000
"""Requests the log keeps; of more the oldest tenth is dropped."""


class Double(Protocol):
    """What serves one destination."""

    def handle(self, request: Request) -> Response:
        """Answers one request."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request in the log.

    Attributes:
        at: when it came, unix seconds; `seconds`: how long until its answer was ready.
        status: of the answer, None where the connection was cut.
        fault: the action of the rule that was played, or None.
        path: below the double, without the query.
    """

    at: float
    seconds: float
    double: str
    method: str
    path: str
    body: str
    status: int | None
    fault: str | None


def wall_clock() -> float:
    """Unix seconds: the edge where the sandbox takes its time."""
    return time.time()  # noqa: TID251 (a server in its own process; tests give a clock of their own)


class Sandbox:
    """A real HTTP server with the three doubles, in threads of this process; also a context manager.

    Args:
        port: 0 takes a free one.
        host: the address to bind.
        clock: unix seconds, for the doubles and the log.
        faults: rules in force from the beginning.
        channels: Slack channels that exist from the beginning, in the first workspace, with the bot in them.
        strict_channels: Slack channels that were not added don't exist. Otherwise posting to a name makes one.
        slack: a double of your own, as are `pagerduty` and `github`.

    Attributes:
        url: the page; the doubles' addresses are `slack_url`, `pagerduty_url`, `github_url`.
        requests: what was asked of the doubles, oldest first.
        changes: counts what was asked, so that the page knows when to look again.
        lock: held while a double acts; hold it where requests may come in while you look.
    """

    def __init__(  # noqa: PLR0913 (keywords, each of its own)
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        clock: Callable[[], float] = wall_clock,
        faults: Iterable[Fault] = (),
        channels: Iterable[str] = ("alerts",),
        strict_channels: bool = False,
        slack: SlackDouble | None = None,
        pagerduty: PagerDutyDouble | None = None,
        github: GitHubDouble | None = None,
    ) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._stopping = threading.Event()
        self._server = Server((host, port), self._answer)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self.slack = slack or SlackDouble(clock, strict_channels=strict_channels)
        self.pagerduty = pagerduty or PagerDutyDouble(clock)
        self.github = github or GitHubDouble(clock)
        self.slack.page_url = self.github.page_url = self.url
        self.github.api_url = self.github_url
        for name in channels:
            self.slack.workspace.add_channel(name.removeprefix("#"))
        self.faults = FaultScript(clock, faults)
        self.requests: list[Seen] = []
        self.changes = 0
        self._numbers = count(1)
        self._doubles: dict[str, Double] = {"slack": self.slack, "pagerduty": self.pagerduty, "github": self.github}
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)

    @property
    def slack_url(self) -> str:
        """The base address of Slack's Web API, with a slash at its end as slack-sdk wants it."""
        return f"{self.url}/slack/api/"

    @property
    def slack_webhook_url(self) -> str:
        """An incoming webhook that posts to #alerts."""
        return f"{self.url}/slack/services/T0000000/B0000000/sandbox"

    @property
    def pagerduty_url(self) -> str:
        """The base address of PagerDuty's Events API."""
        return f"{self.url}/pagerduty"

    @property
    def github_url(self) -> str:
        """The base address of GitHub's REST API."""
        return f"{self.url}/github"

    def start(self) -> Self:
        """Begins to serve, in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends serving and cuts what is open; requests that a fault holds are let go."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.cut_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_for(self, predicate: Callable[[], object], timeout: float = 10.0) -> bool:
        """Waits until the predicate holds, and asks it again after each request and when a fault begins.

        Args:
            predicate: called while no double acts.
            timeout: seconds.

        Returns:
            Whether it held in time.
        """
        with self._changed:
            return bool(self._changed.wait_for(predicate, timeout))

    def seen(self, double: str = "*", path: str = "") -> list[Seen]:
        """The log, of one double, or of paths that contain a text."""
        with self.lock:
            return [entry for entry in self.requests if double in {"*", entry.double} and path in entry.path]

    def _answer(self, request: Request) -> Response:
        name, _, rest = request.path[1:].partition("/")
        double = self._doubles.get(name)
        if double is None:
            return control.answer(self, request)
        inner = Request(request.method, f"/{rest}", request.query, request.headers, request.body)
        at, started = self.clock(), time.perf_counter()
        with self._changed:
            fault = self.faults.choose(name, inner)
            if fault is not None:
                self._changed.notify_all()
        status = None
        try:
            response = self._play(fault, double, inner)
            named = {"Date": formatdate(self.clock(), usegmt=True)}
            if not response.headers.get("Content-Type", "").startswith("text/html"):  # a page is nobody's we know
                named[_REQUEST_ID[name]] = f"{name}-{next(self._numbers)}"
            response = replace(response, headers={**named, **response.headers})
            status = response.status
        finally:
            body = inner.body.decode("utf-8", "replace")
            spent = time.perf_counter() - started
            action = fault.action if fault else None
            self._note(Seen(at, spent, name, inner.method, inner.path, body, status, action))
        return response

    def _play(self, fault: Fault | None, double: Double, request: Request) -> Response:
        """Lets a double answer, or what the fault wants instead.

        Raises:
            Cut: the connection is to be cut.
        """
        match fault.action if fault else None:
            case "reset":
                raise Cut
            case "hang":
                self._hold(fault)
                raise Cut
            case "delay":
                self._hold(fault)
            case "status" | "ok_false" | "redirect" | "garbage":
                return scripted(fault)
        with self.lock:
            response = double.handle(request)
        if fault is not None and fault.action == "drop_answer":
            raise Cut
        return response

    def _hold(self, fault: Fault | None) -> None:
        assert fault is not None
        self._stopping.wait(fault.seconds)

    def _note(self, entry: Seen) -> None:
        with self._changed:
            self.requests.append(entry)
            if len(self.requests) > MOST_SEEN:
                del self.requests[: MOST_SEEN // 10]
            self.changes += 1
            self._changed.notify_all()


def scripted(fault: Fault | None) -> Response:
    """The answer a fault gives in place of the double."""
    assert fault is not None
    if fault.action == "ok_false":
        return json_response({"ok": False, "error": fault.code})
    if fault.action == "redirect":
        return Response(fault.status or 307, {"Location": fault.location})
    if fault.action == "garbage":
        page = fault.body or "<!DOCTYPE html><title>Welcome</title><h1>Please log in to the guest network</h1>"
        return text_response(page, 200, "text/html")
    return Response(fault.status or 503, {"Content-Type": "text/plain", **fault.headers}, fault.body.encode())
