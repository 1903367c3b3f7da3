"""A bridge as its users run it: its own processes, a real database, doubles on real sockets. Nothing is patched.

A test posts what Grafana posts, waits until the doubles or the API show a state, and then looks at everything.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import asked
import httpx2

from bridge.sandbox import SlackLimits
from bridge.sandbox.payloads import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pytest

    from bridge.sandbox import Sandbox
    from bridge.sandbox.github_state import Issue
    from bridge.sandbox.pagerduty import Page
    from bridge.sandbox.slack_state import Message

JSON = dict[str, Any]
PATIENCE = 45.0
"""Seconds until a state that must come counts as never coming: far more than it takes, machines are slow at times."""
SLACK_TOKEN, GITHUB_TOKEN, ROUTING_KEY = "xoxb-sandbox", "ghp_sandbox", "0123456789abcdef0123456789abcdef"
ENV = {
    "SLACK_BOT_TOKEN": SLACK_TOKEN,
    "PAGERDUTY_KEY": ROUTING_KEY,
    "GITHUB_TOKEN": GITHUB_TOKEN,
    "BRIDGE_SECRET_KEY": "5" * 64,
    "PYTHONUNBUFFERED": "1",
}
AT_REST = {"delivered", "skipped", "dead"}
DELIVERER_NICE = 10


def eventually(asked: Callable[[], Any], what: str = "", patience: float = PATIENCE) -> Any:
    """Ask until the answer is true, and give it; a connection refused or cut counts as no."""
    pause, deadline = threading.Event(), time.monotonic() + patience
    last: Any = None
    while time.monotonic() < deadline:
        try:
            if last := asked():
                return last
        except (httpx2.HTTPError, ProcessLookupError) as error:
            last = error
        pause.wait(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {what or asked}; last answer: {last!r}")


# What Grafana sends


def alert(name: str, *, status: str = "firing", start: str = "2025-12-09T17:29:00Z", **said: Any) -> JSON:
    """One alert; `Team`, `Priority` and other capitalised words become annotations, the rest labels."""
    labels = {"alertname": name, "grafana_folder": "e2e"} | {k: v for k, v in said.items() if k[0].islower()}
    annotations = {"summary": f"{name} says so"} | {k: v for k, v in said.items() if k[0].isupper()}
    values = {"Number_of_Jobs_Failing": annotations.pop("Jobs", 1)}
    return {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": start,
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2025-12-09T19:47:00Z",
        "generatorURL": "https://grafana.test/alerting/grafana/rule/view?orgId=1",
        "fingerprint": hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16],
        "values": values,
        "orgId": 1,
    }


def group(*alerts: JSON) -> JSON:
    """One notification of some alerts."""
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "receiver": "bridge",
        "status": "firing" if firing else "resolved",
        "state": "alerting" if firing else "ok",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "https://grafana.test/",
        "version": "1",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "orgId": 1,
        "title": "[FIRING]",
        "message": "",
    }


def inductor(*, resolved: bool = False, change: Callable[[JSON], object] | None = None) -> JSON:
    """The canonical alert as it is in the folder of payloads, firing or resolved; with something changed."""
    body = payload("inductor-jobs-broken-resolved" if resolved else "inductor-jobs-broken")
    for one in body["alerts"]:
        if change:
            change(one)
    return body


def later(body: JSON, start: str, end: str = "0001-01-01T00:00:00Z") -> JSON:
    """The same notification for another episode."""
    made = copy.deepcopy(body)
    for one in made["alerts"]:
        one["startsAt"] = start
        one["endsAt"] = end
    return made


# What the bridge is configured with


def config(sandbox: Sandbox, **changes: Any) -> JSON:
    """All three destinations in a sandbox, without a pace; top-level keys as given, `destinations` merged."""
    made: JSON = {
        "destinations": {
            "slack": {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts", "api_url": sandbox.slack_url},
            "pagerduty": {"routing_key": "${env:PAGERDUTY_KEY}", "api_url": sandbox.pagerduty_url},
            "github": {"token": "${env:GITHUB_TOKEN}", "repo": "acme/alerts", "api_url": sandbox.github_url},
        }
    }
    for name, settings in changes.pop("destinations", {}).items():
        made["destinations"][name] = {**made["destinations"].get(name, {}), **settings}
    for settings in made["destinations"].values():
        settings.setdefault("rate", "off")
    return {**made, **changes}


# Processes


class Process:
    """One process of the bridge with its children, in a process group of its own."""

    def __init__(
        self, verb: str, folder: Path, env: Mapping[str, str], *, serves: bool = True, bind: str = "127.0.0.1:0"
    ) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "bridge", verb]
        reader, writer = os.pipe()
        if serves:
            command += ["--bind", bind, "--announce", str(writer)]
        with (folder / "bridge.log").open("ab") as log:
            self.popen = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(env),
                pass_fds=(writer,) if serves else (),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(writer)
        with os.fdopen(reader) as announced:
            self.address = announced.readline().strip()
        if serves and not self.address:
            self.popen.wait()
            raise AssertionError(f"bridge {verb} did not start:\n{self.log()}")

    def log(self) -> str:
        """Everything printed so far, by all processes of the folder."""
        return (self.folder / "bridge.log").read_text("utf-8", "replace")

    def children(self) -> dict[str, list[int]]:
        """The pids of `web` processes and of `deliverer`s, which are the niced ones."""
        listing = subprocess.run(["ps", "-axo", "pid=,ppid=,nice="], check=True, capture_output=True, text=True).stdout
        found: dict[str, list[int]] = {"web": [], "deliverer": []}
        for pid, parent, nice in (line.split() for line in listing.splitlines()):
            if int(parent) == self.popen.pid:
                niced = nice.lstrip("-").isdecimal() and int(nice) >= DELIVERER_NICE
                found["deliverer" if niced else "web"].append(int(pid))
        return found

    def kill(self) -> None:
        """SIGKILL for all of them at once."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(PATIENCE)
        finally:
            if self.popen.returncode is None:
                self.kill()


class Bridge:
    """A bridge in a folder of its own, seen from outside: what is posted, and what the API says.

    Attributes:
        process: what serves it; another one after `restart`.
    """

    def __init__(self, folder: Path, settings: JSON, env: Mapping[str, str], verb: str = "run") -> None:
        self.folder = folder
        self.env = dict(env)
        self.verb = verb
        self.configure(settings)
        self.process = Process(verb, folder, self.env)

    def configure(self, settings: JSON) -> None:
        """Write bridge.yml."""
        write_config(self.folder, settings)

    def restart(self, bind: str = "127.0.0.1:0") -> None:
        """Start anew in the same folder, once the last process is gone."""
        self.process = Process(self.verb, self.folder, self.env, bind=bind)

    @property
    def address(self) -> str:
        return self.process.address

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One request on a connection of its own, as Grafana's."""
        return asked.request(method, f"{self.address}{path}", timeout=30, **more)

    def post(self, body: JSON, source: str = "grafana") -> str:
        """Post a notification; the receipt's id."""
        answer = self.request("POST", f"/webhooks/{source}", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["receipt"]

    def post_stubbornly(self, body: JSON) -> str:
        """Post as Alertmanager does: again and again until there is a 202."""
        return eventually(lambda: self._try(body), "a 202")

    def _try(self, body: JSON) -> str | None:
        answer = self.request("POST", "/webhooks/grafana", json=body)
        return answer.json()["receipt"] if answer.status_code == 202 else None

    def get(self, path: str) -> JSON:
        """Ask the API."""
        answer = self.request("GET", f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all(self, path: str) -> list[JSON]:
        """A list of the API, all pages of it."""
        items: list[JSON] = []
        cursor = None
        while True:
            more = f"cursor={cursor}" if cursor else ""
            page = self.get(f"{path}{'&' if '?' in path else '?'}{more}")
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    def incidents(self) -> list[JSON]:
        """All incidents whole, the oldest first."""
        return [self.get(f"incidents/{one['id']}") for one in reversed(self.all("incidents"))]

    def incident(self, title: str) -> JSON:
        """The one incident of a title."""
        (found,) = [one for one in self.incidents() if one["title"] == title]
        return found

    def delivery(self, title: str, destination: str) -> JSON:
        """The one delivery of an incident at a destination."""
        (found,) = [one for one in self.incident(title)["deliveries"] if one["destination"] == destination]
        return found

    def receipt(self, receipt: str) -> JSON:
        """A receipt that is absorbed or in quarantine, once it is."""

        def read() -> JSON | None:
            found = self.get(f"receipts/{receipt}")
            return found if found["state"] != "new" else None

        return eventually(read, f"receipt {receipt} absorbed")

    def metric(self, line: str) -> float:
        """The sum of the metrics whose name and labels match a pattern."""
        text = self.request("GET", "/metrics").text
        return sum(float(value) for value in re.findall(rf"^{line}(?:{{.*}})? ([\d.e+]+)$", text, re.MULTILINE))

    def settle(self, *, but: Iterable[str] = (), patience: float = PATIENCE) -> None:
        """Wait until every receipt is absorbed and every delivery at rest, but those of some destinations."""

        def settled() -> bool:
            if self.metric(r"bridge_receipts{state=\"new\"}"):
                return False
            return all(one["state"] in AT_REST or one["destination"] in but for one in self.all("deliveries"))

        try:
            eventually(settled, "settled", patience)
        except AssertionError as error:
            waiting = [one for one in self.all("deliveries") if one["state"] not in AT_REST]
            raise AssertionError(f"{error}\n{json.dumps(waiting, indent=1)}\n{self.process.log()[-4000:]}") from None

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A verb of the command line, in the bridge's folder."""
        return command(self.folder, self.env, *words)


def write_config(folder: Path, settings: JSON) -> None:
    """Write bridge.yml at once as a whole: JSON is YAML too."""
    draft = folder / "bridge.yml.draft"
    draft.write_text(json.dumps(settings, indent=1), "utf-8")
    draft.replace(folder / "bridge.yml")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """What a process of the bridge sees: this machine's variables, but for those that are the bridge's, and proxies."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "PORT"))}
    quiet = {name: value for name, value in quiet.items() if not name.lower().endswith("_proxy")}
    return {**quiet, **ENV, **env}


def command(folder: Path, env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    asked = [sys.executable, "-m", "bridge", *words]
    return subprocess.run(asked, cwd=folder, env=environment(env), capture_output=True, text=True, check=False)


class Starter:
    """Starts bridges and other processes, and kills what of them still runs in the end."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._bridges: list[Bridge] = []
        self._processes: list[Process] = []

    def __call__(self, settings: JSON, *, env: Mapping[str, str] | None = None, verb: str = "run") -> Bridge:
        """Start a bridge in a fresh folder."""
        self._bridges.append(Bridge(self._folders.mktemp("bridge"), settings, env or {}, verb))
        return self._bridges[-1]

    def command(
        self, folder: Path, settings: JSON, env: Mapping[str, str], *words: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end in a folder that is given a configuration."""
        write_config(folder, settings)
        return command(folder, env, *words)

    def worker(self, bridge: Bridge) -> Process:
        """Start one more `bridge worker` beside a bridge."""
        self._processes.append(Process("worker", bridge.folder, bridge.env, serves=False))
        return self._processes[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._processes, *(bridge.process for bridge in self._bridges)]:
            if process.popen.poll() is None:
                process.kill()


def at_once(functions: Iterable[Callable[[], Any]], width: int = 8) -> list[Any]:
    """Call all of them from some threads; their answers in order."""
    with ThreadPoolExecutor(width) as pool:
        return [future.result() for future in [pool.submit(function) for function in functions]]


def answer_in(file):
    """The next answer in a connection's file: status, headers, JSON; None where it was closed without one."""
    line = file.readline()
    if not line:
        return None
    headers = {}
    while header := file.readline().strip():
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    if line.split()[1] == b"100":
        return 100, headers, None
    return int(line.split()[1]), headers, json.loads(file.read(int(headers["content-length"])))


# What stands at the destinations


def slow_history(sandbox: Sandbox, lag: float = 1.0) -> None:
    """Let what is posted show in lookups only after a while, as it does in the real Slack."""
    sandbox.slack.limits = SlackLimits(lag=lag)


def messages(sandbox: Sandbox, channel: str = "alerts", text: str = "") -> list[Message]:
    """The messages of a channel whose text contains one, oldest first, without replies."""
    with sandbox.lock:
        return [one for one in sandbox.slack.messages(channel) if text in one.text]


def replies(sandbox: Sandbox, message: Message, channel: str = "alerts") -> list[str]:
    """The texts of a message's thread."""
    with sandbox.lock:
        return [one.text for one in sandbox.slack.channel(channel).replies(message)]


def issues(sandbox: Sandbox, title: str = "", repo: str = "acme/alerts") -> list[Issue]:
    """The issues whose title contains a text."""
    with sandbox.lock:
        return [one for one in sandbox.github.issues(repo) if title in one.title]


def pages(sandbox: Sandbox, title: str = "") -> list[Page]:
    """The pages whose title contains a text."""
    with sandbox.lock:
        return [one for one in sandbox.pagerduty.pages if title in one.title]
