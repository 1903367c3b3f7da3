"""A creating step whose answer was lost: looked up by its mark before it is repeated.

A negative lookup is no proof at once, for what was just made may not be listed yet: we look no sooner than the kind's
SETTLE after the request ended, and believe only a second negative 3 s after the first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.delivery import faults, settle, trouble
from bridge.delivery.turns import sent_at
from bridge.destinations.base import Done, Failed, Fault, Intent, Scope, Step
from bridge.ledger import deliveries, timeline

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.delivery.held import HeldLane
    from bridge.delivery.search import Search
    from bridge.delivery.turns import Act, Acting, Task

APART = timedelta(seconds=3)
"""Between two negatives."""
NEGATIVES = 2
REFUSALS = 5
"""Lookups, 31 s in all, that a place may refuse with what retrying can't mend: a proxy, a token just exchanged."""


def look(lane: HeldLane, search: Search, task: Task, now: datetime) -> Acting[None]:
    """Look for what a step in doubt may have made; wait, adopt it, or let it be repeated."""
    stored = dict(task.delivery.doubt or {})
    if stored["ended"] is None:
        lane.yard.report("doubt", task.delivery)
        # its sender died: the request ended when we took over, at the latest; or it was ours, and what came of it could
        # not be written down: it has ended by now
        died = lane.acquired_at >= datetime.fromtimestamp(stored["at"], UTC)
        stored["ended"] = (lane.acquired_at if died else now).timestamp()
    # by a clock ahead of ours, another host's or ours before it was set back: it was now, at the latest
    stored |= {name: min(stored[name], now.timestamp()) for name in ("ended", "looked") if name in stored}
    first = datetime.fromtimestamp(stored["ended"], UTC) + timedelta(seconds=lane.kind.SETTLE)
    needed = first if not stored["negatives"] else datetime.fromtimestamp(stored["looked"], UTC) + APART
    if now < needed:  # who gets more urgent is due at once
        yield _waiting(task, stored, needed)
        return
    at = sent_at(lane.yard.clock, stored["at"])
    found, looked = search.ask(lane, task, stored_step(stored), at, needed)
    lane.yard.report("looked", task.delivery)
    if found is None:
        yield _waiting(task, stored, now)  # the listing goes on at its next page
    elif isinstance(found, Failed):
        yield from _unanswered(lane, task, stored, found)
    elif found.remote is not None:
        yield from settle.done(lane, task, stored, Done(found.remote), looking=True)
    elif stored["negatives"] + 1 < NEGATIVES:
        again = {**stored, "negatives": stored["negatives"] + 1, "looked": looked.timestamp()}
        yield _waiting(task, again, looked + APART)
    else:
        yield _repeating(lane, task, {}, "looked twice, it is not there: repeated")


def stored_step(stored: dict[str, Any]) -> Step:
    """Return a step in doubt as it was written down, with only the beginning of long texts."""
    names = Step.__slots__
    return Step(**{**{name: stored[name] for name in names if name in stored}, "intent": Intent(stored["intent"])})


def _waiting(task: Task, stored: dict[str, Any], until: datetime) -> Act:
    return lambda connection: deliveries.change(connection, task.delivery.id, doubt=stored, due_at=until)


def _unanswered(lane: HeldLane, task: Task, stored: dict[str, Any], found: Failed) -> Acting[None]:
    """The lookup itself failed: later again; where none can be made at all, repeat the step at most once."""
    if found.fault in {Fault.RETRY, Fault.LIMITED}:
        wait = APART.total_seconds() if found.retry_after is None else found.retry_after
        if found.fault is Fault.RETRY and lane.trouble is None:  # others are told meanwhile, as far as we know
            stored = {**stored, "failing": stored.get("failing", 0.0) + wait}
        if stored.get("failing", 0.0) > settle.GIVE_UP.total_seconds():
            yield from _left(lane, task, stored, replace(found, hint=_not_looked_up(task, found)))
            return
        yield _waiting(task, stored, lane.yard.clock.now() + timedelta(seconds=wait))
        return
    if found.fault is not Fault.UNSEARCHABLE:
        yield from _refused(lane, task, stored, found)
        return
    if task.delivery.have.get("blind") == stored["number"]:
        sure = replace(task, delivery=replace(task.delivery, doubt=None))  # replayed, it is made once more
        why = replace(found, hint=_lost_twice(task, found))
        yield from faults.dead(lane, sure, stored_step(stored), why)
        return
    lane.yard.report("repeated", task.delivery, found)
    yield _repeating(lane, task, {"blind": stored["number"]}, f"can't be looked up ({found.error}): repeated, once")


def _refused(lane: HeldLane, task: Task, stored: dict[str, Any], found: Failed) -> Acting[None]:
    """A place that can be searched refused the lookup, which proves nothing: asked again, then left to a person."""
    refused = stored.get("refused", 0) + 1
    if refused > REFUSALS:
        yield from _left(lane, task, stored, found)
        return
    yield _waiting(
        task, {**stored, "refused": refused}, lane.yard.clock.now() + timedelta(seconds=trouble.back_off(refused))
    )


def _left(lane: HeldLane, task: Task, stored: dict[str, Any], found: Failed) -> Acting[None]:
    """Leave it to a person, in doubt as it is."""
    kept = {**stored, "refused": 0, "negatives": 0, "failing": 0.0}
    asked = replace(task, delivery=replace(task.delivery, doubt=kept))
    yield from faults.dead(lane, asked, stored_step(stored), replace(found, scope=Scope.DELIVERY))


def _not_looked_up(task: Task, found: Failed) -> str:
    why = f"Its answer was lost, and could not be looked up for 24 h (last: {found.error})"
    return f"{why}: see whether it stands there, then `bridge dismiss {task.delivery.id}`, or `replay` it."


def _lost_twice(task: Task, found: Failed) -> str:
    why = f"Its answer was lost twice, and {task.delivery.address} can't be searched ({found.error})"
    return f"{why}: see whether it stands there, then `bridge dismiss {task.delivery.id}`, or `replay` it."


def _repeating(lane: HeldLane, task: Task, facts: dict[str, Any], why: str) -> Act:
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        have = {**task.delivery.have, **facts}
        deliveries.change(connection, task.delivery.id, doubt=None, due_at=now, have=have)
        timeline.note(connection, task.delivery, now, "repeated", why=why)

    return write
