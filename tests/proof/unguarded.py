"""The bridge with one of its guards taken away, through its ports: the proof must notice each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator import Parts, Wired

from bridge.absorb import Intake
from bridge.delivery.claim import Claiming
from bridge.delivery.lane import Lane
from bridge.destinations.base import Failed, Found, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.core.incident import Incident
    from bridge.delivery.turns import Act, Acting, Rest
    from bridge.destinations.base import Have, Nothing, Outcome, Settings, Want
    from bridge.destinations.ports import Client
    from bridge.ledger.deliveries import Delivery


class Blind(Lane):
    """A step whose answer was lost is repeated without a look."""

    def _work(self, delivery: Delivery, incident: Incident, now: datetime) -> Acting[Rest | None]:
        return super()._work(replace(delivery, doubt=None), incident, now)


class _Altered:
    """A client like another one, but for what a subclass changes."""

    def __init__(self, inner: Client) -> None:
        self._inner = inner

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        return self._inner.send(step, have, deadline, ready)

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:
        return self._inner.find(step, have, since, deadline)

    def close(self) -> None:
        self._inner.close()


class _ShortSighted(_Altered):
    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:  # noqa: ARG002 - as all clients
        return Found(None)


class Forgetful(Wired):
    """A step whose end nobody knows leaves no note of what it may have done."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._plan, self.next_step = self.next_step, self._forget

    def _forget(self, want: Want, have: Have) -> Step | Nothing:
        step = self._plan(want, have)
        return replace(step, unsure={}) if isinstance(step, Step) else step


class ShortSighted(Wired):
    """A lookup finds nothing."""

    def connect(self, settings: Settings) -> Client:
        return _ShortSighted(super().connect(settings))


class Hasty(Wired):
    """The first lookup comes at once, before what was done can show."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.SETTLE = -3.0  # so that the second look, 3 s later, is as early as the first one should be


class Unfenced(Lane):
    """What a holder writes is written, whoever holds the lane now."""

    def write(self, acts: Sequence[Act]) -> list[Any]:
        return self.yard.ledger.write(lambda connection: [act(connection) for act in acts])


class Unready(Lane):
    """A process that was frozen sends what it was about to send."""

    def ready(self) -> None:
        return


class Unwritten(Lane):
    """A step is not written down before it is sent."""

    def write(self, acts: Sequence[Act]) -> list[Any]:
        return [(False, None) if isinstance(act, Claiming) else super(Unwritten, self).write([act])[0] for act in acts]


class Credulous(Intake):
    """A firing that comes after its episode's resolve is believed, however late it is."""

    def _merge(self, known: Any, arrivals: Any, history: Any) -> Any:
        for episode in (one for episodes in known.episodes.values() for one in episodes if one.resolved_at):
            episode.resolved_at -= timedelta(minutes=11)
        return super()._merge(known, arrivals, history)


UNGUARDED = {
    "no lookup before a repeat": (Parts(lane=Blind), "answers are lost", "crash"),
    "a lookup that finds nothing": (Parts(kind=ShortSighted), "opens, and is resolved", "crash"),
    "a lookup that comes too early": (Parts(kind=Hasty), "requests are acted on after they were given up", "crash"),
    "a step that is not written down": (Parts(lane=Unwritten), "opens, and is resolved", "crash"),
    "writes without a fence": (Parts(lane=Unfenced), "opens, and is resolved", "freeze"),
    "a frozen sender that is not stopped": (Parts(lane=Unready), "opens, and is resolved", "freeze"),
    "late firings that are believed": (Parts(intake=Credulous), "an HA pair says everything twice, and late", "crash"),
    "no note of a page that may be open": (Parts(kind=Forgetful), "is over while its page is in doubt", "crash"),
    "nor after a crash": (Parts(kind=Forgetful), "is over while nobody is there", "crash"),
    "no note of an edit that may have acted": (
        Parts(kind=Forgetful),
        "the answers to its growth are lost, and it shrinks back",
        "",
    ),
    "no note of a page that may have ended": (
        Parts(kind=Forgetful),
        "the answer to a page's end is lost, and it fires again",
        "",
    ),
    "nor after a crash in its resolve": (Parts(kind=Forgetful), "fires again while nobody is there", "crash"),
}
"""What is missing, and the scenario and the way of disturbing it that must show so."""
