"""What is asked before a post that could go without it: a place that was known, or a token's user groups.

It holds nobody else up. A place that can't be asked anew is told by what was known of it. A fact of the token, which a
step asks for by itself and only where its message needs it, keeps that message alone waiting, and not for long: such a
step says until when it is `patient`. Whatever a lane hears so is shared with the token's other lanes in this process.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.delivery import budget, settle
from bridge.destinations.base import VAIN, Done, Failed, Fault, Nothing
from bridge.destinations.steps import moment, table
from bridge.ledger import deliveries

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Acting, Task
    from bridge.destinations.base import JSON, Outcome, Step

AGAIN = timedelta(seconds=1)
"""How long after a look that failed the next one is made, by whoever waits for it."""
SOON = timedelta(seconds=0.25)
"""How long somebody waits for what another one asks just then."""
HANGS = 2.0
"""Seconds after which that is waited for no longer."""
FRESH = 60.0
"""Seconds for which what one lane heard is news for another one: a storm's channels ask once, not once each."""


class Heard:
    """What lanes of this process heard of tokens lately, and what they ask just now, by the budget that it draws on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, JSON]] = {}
        self._asked: dict[str, float] = {}

    def lately(self, name: str, now: datetime) -> JSON | None:
        """Return what was heard, where that is news."""
        at, facts = self._known.get(name, (0.0, None))
        return facts if abs(now.timestamp() - at) < FRESH else None

    def asks(self, name: str, now: datetime) -> bool:
        """Begin to ask; return False where somebody else does."""
        with self._lock:
            busy = name in self._asked and abs(now.timestamp() - self._asked[name]) < HANGS
            if not busy:
                self._asked[name] = now.timestamp()
            return not busy

    def answered(self, name: str, now: datetime, facts: JSON | None = None) -> None:
        """Keep what was answered, if anything was; let others ask."""
        with self._lock:
            self._asked.pop(name, None)
            if facts is not None:
                self._known[name] = now.timestamp(), facts


def plan(lane: HeldLane, task: Task, now: datetime) -> Acting[Step | None]:
    """Return the step that is to be sent now, None where none is."""
    step = lane.kind.next_step(lane.want(task, now), task.delivery.have)
    if isinstance(step, Nothing):
        yield from settle.nothing(lane, task, step)
        return None
    return None if (yield from _spared(lane, task, step, now)) else step


def _spared(lane: HeldLane, task: Task, step: Step, now: datetime) -> Acting[bool]:
    """Return whether a step need not be sent now: another lane knows it, or its delivery waits a moment, alone."""
    if not _alone(step):
        return False
    name, heard = _name(task, step), lane.yard.heard
    if (facts := heard.lately(name, now)) is not None:
        yield from settle.learned(lane, task.delivery, facts, now)
        return True
    until = _again(lane.place, now)
    if until is None and not heard.asks(name, now):
        until = now + SOON
    if until is None:
        return False
    later = until
    yield lambda connection: deliveries.put_off(connection, task.delivery.id, later)
    return True


def answered(lane: HeldLane, task: Task, step: Step, outcome: Outcome | None = None) -> None:
    """Take in what came of asking; None: nobody may ask now."""
    if _alone(step):
        facts = outcome.remote if isinstance(outcome, Done) else None
        lane.yard.heard.answered(_name(task, step), lane.yard.clock.now(), facts)


def as_known(
    lane: HeldLane, task: Task, step: Step, result: Failed | None = None, until: datetime | None = None
) -> Acting[None]:
    """A place can't be asked anew, though it may take what it is sent: it is told by what was known of it.

    Nobody may ask `until` then. A patient step is made again, where that is soon enough.
    """
    now, known = lane.yard.clock.now(), table(step.request, "known")
    drawn = budget.budget_of(task.settings, step.method)
    wait = result.retry_after or 0.0 if result is not None else 0.0
    if result is not None and result.fault is Fault.LIMITED and drawn is not None:
        until = yield lambda connection: budget.limit(connection, drawn, wait, now)
    if _alone(step):
        answered(lane, task, step)
        patient = moment(step.request, "patient")
        again = until or now + max(AGAIN, timedelta(seconds=wait))
        vain = {"at": now.timestamp(), "until": patient if again.timestamp() <= patient else 0.0}
        known = {**known, VAIN: vain}
    yield from settle.learned(lane, task.delivery, known, now)


def renew(lane: HeldLane) -> None:
    """Have asked once more what was asked in vain: the place takes nothing at all just now, and may again by then."""
    if lane.place.get(VAIN):
        lane.learned({**lane.place, VAIN: {}})


def _alone(step: Step) -> bool:
    return "patient" in step.request


def _name(task: Task, step: Step) -> str:
    drawn = budget.budget_of(task.settings, step.method)
    return drawn.name if drawn is not None else task.delivery.lane


def _again(place: dict[str, Any], now: datetime) -> datetime | None:
    """Return when what was asked in vain is asked again by who waits for it, None where that is now."""
    vain = table(place, VAIN)
    wait = moment(vain, "at") + AGAIN.total_seconds() - now.timestamp()
    waits = 0.0 < wait <= AGAIN.total_seconds() and now.timestamp() < moment(vain, "until")
    return now + timedelta(seconds=wait) if waits else None
