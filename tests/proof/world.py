"""The outside of the simulator: virtual time, the doubles, a network that fails as told, and numbered points.

All of this outlives a crash; what a process of the bridge holds in memory does not.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from bridge.destinations.answer import Answer
from bridge.destinations.http import ExchangeError
from bridge.sandbox.exchange import Request
from bridge.sandbox.faults import FaultScript
from bridge.sandbox.github import GitHubDouble
from bridge.sandbox.pagerduty import PagerDutyDouble
from bridge.sandbox.server import scripted
from bridge.sandbox.slack import SlackDouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from scenarios import Scenario

    from bridge.sandbox.exchange import Response
    from bridge.sandbox.faults import Fault

START = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)
PATIENCE = 8.0
"""Seconds after which a client gives a request up."""
HOSTS = {"slack.com": "slack", "events.pagerduty.com": "pagerduty", "api.github.com": "github"}
CHANNELS = ("alerts", "storage", "network")


class Crash(BaseException):
    """The process dies here."""


class Ids:
    """Identifiers that grow and are the same in every run."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self) -> str:
        self._made += 1
        return f"01KJ{self._made:022d}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: when it was sent (seconds since the start), where to, and the answer's status, 0 where none came."""

    at: float
    double: str
    path: str
    status: int
    body: str


class Clock:
    """Time that passes only where the script says so; what was to happen meanwhile happens on the way."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._later: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed)

    def ahead(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 1000.0 + self._passed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def seconds(self) -> float:
        """Unix seconds, for the doubles."""
        return START.timestamp() + self._passed

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something outside happen in a while."""
        self._later.append((self._passed + seconds, act))

    def advance(self, seconds: float) -> None:
        target = self._passed + seconds
        while due := [one for one in self._later if one[0] <= target]:
            first = min(due, key=lambda one: one[0])
            self._later.remove(first)
            self._passed = max(self._passed, first[0])
            first[1]()
        self._passed = target


@dataclass(slots=True)
class Points:
    """Counts the moments at which something outside has just changed or is about to.

    `crash` are the points at which the process dies; `record` is called at each. At `stop` another act comes between:
    `meanwhile` is called, and then the one that was stopped goes on as if nothing had been. Inside a transaction, and
    between the last check of a lease and the request, nothing can come between.
    """

    crash: Collection[int] = ()
    stop: int | None = None
    record: Callable[[], None] = lambda: None
    meanwhile: Callable[[], None] = lambda: None
    names: list[str] = field(default_factory=list)
    stoppable: list[bool] = field(default_factory=list)
    off: bool = False
    holding: bool = False

    def __deepcopy__(self, _memo: object) -> Points:
        return self  # a copied world is given points of its own

    def stop_before(self) -> None:
        """Be right before the next point, outside of what is about to begin."""
        if self.stop == len(self.names) + 1 and not self.off and not self.holding:
            self.stop = None
            self._step_aside()

    def pass_by(self, name: str, *, stoppable: bool = True) -> None:
        """Be at the next point."""
        if self.off:
            return
        self.names.append(name)
        stoppable = stoppable and not self.holding
        self.stoppable.append(stoppable)
        number = len(self.names)
        self.record()
        if number in self.crash:
            raise Crash
        if number == self.stop and stoppable:
            self._step_aside()

    @contextmanager
    def unstoppable(self) -> Iterator[None]:
        """Let nothing come between: what is done here belongs to another process."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False

    def _step_aside(self) -> None:
        self.off = True
        try:
            self.meanwhile()
        finally:
            self.off = False


class World:
    """Everything but the bridge."""

    def __init__(self, scenario: Scenario, points: Points) -> None:
        self.clock = clock = Clock()
        self.points = points
        self.slack = SlackDouble(clock.seconds, limits=scenario.slack)
        for channel in CHANNELS:
            self.slack.workspace.add_channel(channel)
        self.pagerduty = PagerDutyDouble(clock.seconds)
        self.github = GitHubDouble(clock.seconds, limits=scenario.github)
        self.doubles = {"slack": self.slack, "pagerduty": self.pagerduty, "github": self.github}
        self.faults = FaultScript(clock.seconds, scenario.faults)
        self.new_id = Ids()
        self.acted = 0
        self.asked: list[Asked] = []
        self.trip = scenario.trip

    def network(self, base: str) -> Wire:
        """Return what carries requests to a base address: the port of a client."""
        return Wire(self, base)


class Wire:
    """Carries requests to the doubles in process, with the faults of the script."""

    ahead = 0.0

    def __init__(self, world: World, base: str) -> None:
        parts = urlsplit(base)
        self._world = world
        self._name = HOSTS[parts.hostname or ""]

    def exchange(  # noqa: PLR0913 - the port's signature
        self,
        method: str,
        url: str,
        *,
        deadline: object,  # noqa: ARG002 - time is virtual
        ready: Callable[[], None],
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        cap: int = 0,  # noqa: ARG002 - as `Http.exchange`
    ) -> Answer:
        world, points = self._world, self._world.points
        points.pass_by(f"{self._name}: before it is sent")
        ready()
        points.pass_by(f"{self._name}: sent", stoppable=False)
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        # the network's own client would have added its name
        request = Request(
            method, parts.path, dict(parse_qsl(parts.query)), {"user-agent": "proof", **lower}, content or b""
        )
        began = world.clock.monotonic() - 1000.0
        response = None
        try:
            response = self._play(world.faults.choose(self._name, request), request)
        finally:
            status, said = response.status if response else 0, (content or b"").decode()
            world.asked.append(Asked(round(began, 2), self._name, parts.path, status, said))
        points.pass_by(f"{self._name}: answered")
        answered = {name.lower(): str(value) for name, value in response.headers.items()}
        return Answer(response.status, answered, response.body)

    def _play(self, fault: Fault | None, request: Request) -> Response:
        world = self._world
        action = fault.action if fault else ""
        world.clock.advance(world.trip)
        if action == "reset":
            raise ExchangeError("connection reset", unknown=True)
        if action == "hang":
            world.clock.advance(PATIENCE - world.trip)
            raise ExchangeError("no answer in time", unknown=True)
        if fault is not None and action == "delay" and fault.seconds > PATIENCE:
            world.clock.later(fault.seconds, partial(world.doubles[self._name].handle, request))
            world.clock.advance(PATIENCE - world.trip)
            raise ExchangeError("no answer in time", unknown=True)
        if fault is not None and action == "delay":
            world.clock.advance(fault.seconds)
        if action in {"status", "ok_false", "redirect", "garbage"}:
            return scripted(fault)
        response = self._handle(request)
        if action == "drop_answer":
            raise ExchangeError("connection closed or broken answer", unknown=True)
        return response

    def _handle(self, request: Request) -> Response:
        self._world.acted += 1
        response = self._world.doubles[self._name].handle(request)
        self._world.points.pass_by(f"{self._name}: acted")
        return response

    def close(self) -> None:
        """Nothing is open."""
