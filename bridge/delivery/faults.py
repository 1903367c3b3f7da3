"""After a step that failed: whose fault it was, and what follows for the delivery, its lane and the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.delivery import budget, looks, settle, trouble
from bridge.delivery.turns import BECAUSE, doubtful
from bridge.destinations.base import Done, Failed, Fault, Scope, Step
from bridge.destinations.steps import urgency
from bridge.ledger import deliveries, placing, timeline
from bridge.ledger.columns import stamp
from bridge.ledger.holding import kept
from bridge.ledger.told import told_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.engine import Connection

    from bridge.delivery.budget import Budget
    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Acting, Task
    from bridge.destinations.base import Outcome
    from bridge.ledger.deliveries import Delivery


NO_ANSWER = frozenset({408, 502, 503, 504})
"""Statuses by which a place, or what stands before it, says that it is not there."""


def outcome(lane: HeldLane, task: Task, step: Step, result: Outcome) -> Acting[bool]:
    """Write down what a step came to; return whether it was done, and was all that its delivery needs."""
    lane.yard.report("step", task.delivery, step, result)
    if isinstance(result, Done):
        return (yield from settle.done(lane, task, step.as_json(), result))
    if result.fault is Fault.SATISFIED:
        return (yield from settle.done(lane, task, step.as_json(), Done({}, result.request_id, result.status)))
    if result.fault in {Fault.RETRY, Fault.LIMITED} and "known" in step.request:
        yield from looks.as_known(lane, task, step, result)
    else:
        yield from _FAULTS[result.fault](lane, task, step, result)
    return False


def _place_failed(lane: HeldLane, task: Task, step: Step, result: Failed) -> Acting[None]:
    """A passing fault: the lane probes until the place is well; a creating step that may have acted stays in doubt."""
    now = lane.yard.clock.now()
    have = {**task.delivery.have, **(step.unsure if result.unknown else {}), **result.note}
    drawn = budget.budget_of(task.settings, step.method)
    if result.fault is Fault.LIMITED and result.scope is Scope.TOKEN and drawn is not None and not result.unknown:
        # the limit is the token's: this kind of request waits in all lanes, the lane itself goes on
        yield from _pause(lane, task, step, drawn, result, have)
        return
    asked_it = result.scope is not Scope.DELIVERY or result.status is not None or result.fault is not Fault.RETRY
    alone = not asked_it or _again_alone(lane, task, result)
    if not alone:
        limited = result.fault is Fault.LIMITED  # that is no attempt
        before = int(not limited and task.delivery.attempts > 0 and settle.refused(task.delivery))
        named = task.delivery.id, task.delivery.incident, step.method
        asked = trouble.Asked(*named, task.at.timestamp(), before, task.due)
        lane.failed(asked, now, result)
        looks.renew(lane)
    why = "" if asked_it else result.hint
    values: dict[str, Any] = {"state": "retrying", "last_error": result.error, "due_at": now, "have": have}
    values["reason"] = why or None
    if result.unknown and step.creates:
        written = _stored(lane, task) or doubtful(task, step, task.at)["doubt"]
        doubt = {**written, "ended": now.timestamp()}
        values |= {"doubt": doubt, "due_at": now + timedelta(seconds=lane.kind.SETTLE)}
    else:
        values["doubt"] = None
        if result.fault is Fault.LIMITED:
            values["attempts"] = task.delivery.attempts  # a limit is no attempt

    def write(connection: Connection) -> tuple[Delivery, str] | None:
        deliveries.change(connection, task.delivery.id, **values)
        _note_retry(connection, task, step, result, now, lane.trouble.until if lane.trouble else None)
        return settle.back_off_alone(connection, task.delivery.id, lane, why) if alone else None

    if given_up := (yield write):
        lane.yard.report("dead", *given_up)


def _again_alone(lane: HeldLane, task: Task, result: Failed) -> bool:
    """Whether others' success has shown that this delivery fails by its own fault, and again since it failed last.

    A place that gives no answer, or has told nobody since, may be away for all.
    """
    since = task.delivery.have.get(settle.ALONE_AT)
    shown = isinstance(since, float) and lane.trouble is None and lane.well_at > since
    return shown and result.fault is Fault.RETRY and result.status is not None and result.status not in NO_ANSWER


def _pause(  # noqa: PLR0913, PLR0917 - what is known of the failed step
    lane: HeldLane, task: Task, step: Step, drawn: Budget, result: Failed, have: dict[str, Any]
) -> Acting[None]:
    """A limit of the token's: what was to leave next would be refused as well, in whichever lane."""
    lane.plan_anew()
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        until = budget.limit(connection, drawn, result.retry_after or 0.0, now)
        attempts = task.delivery.attempts  # a limit is no attempt
        values = {"state": "retrying", "last_error": result.error, "due_at": until, "attempts": attempts}
        deliveries.change(connection, task.delivery.id, doubt=None, have=have, **values)
        _note_retry(connection, task, step, result, now, until.timestamp())

    yield write


def _note_retry(  # noqa: PLR0913, PLR0917 - the parts of one fact
    connection: Connection, task: Task, step: Step, result: Failed, now: datetime, until: float | None
) -> None:
    """Note a try that failed, and when the place is asked again at the earliest."""
    again = None if until is None else stamp(datetime.fromtimestamp(until, UTC))
    asked = task.asked(step.method, result)
    timeline.note(connection, task.delivery, now, timeline.RETRYING, why=result.error, **asked, until=again)


def _stored(lane: HeldLane, task: Task) -> dict[str, Any] | None:
    with lane.yard.ledger.read() as connection:
        found = deliveries.load(connection, task.delivery.id)
    return found.doubt if found else None


def _degrade(lane: HeldLane, task: Task, step: Step, result: Failed) -> Acting[None]:
    """Refused as it was: note how to send it instead, once; refused so too, it is dead."""
    note = result.note or {"plain": True}
    if all(task.delivery.have.get(name) == value for name, value in note.items()):
        yield from dead(lane, task, step, result)
        return
    why = f"refused ({result.error}): sent once more as asked"
    yield from _again_with(lane, task, {**note}, why, task.asked(step.method, result))


def _replace(lane: HeldLane, task: Task, step: Step, result: Failed) -> Acting[None]:
    """The remote is gone: a fresh one, once, then as a note says; once more for who replays what is dead of it."""
    have, facts, why = task.delivery.have, {"replaced": True, **result.note}, "gone there ({}): a fresh one, once"
    if have.get("replaced"):
        if all(have.get(name) == value for name, value in result.note.items()):
            have = {name: fact for name, fact in have.items() if name not in {"replaced", "renewed"}}
            yield from dead(lane, replace(task, delivery=replace(task.delivery, have=have)), step, result)
            return
        facts, why = result.note, "can't be changed there ({}): left as it is"
    yield from _again_with(lane, task, facts, why.format(result.error), task.asked(step.method, result))


def _again_with(
    lane: HeldLane, task: Task, facts: Mapping[str, Any], why: str, asked: Mapping[str, object]
) -> Acting[None]:
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        again = {"have": {**task.delivery.have, **facts}, "due_at": now, "state": "pending", **_as_urgent(task)}
        deliveries.change(connection, task.delivery.id, doubt=None, **again)
        timeline.note(connection, task.delivery, now, "mended", why=why, **asked)

    yield write


def _as_urgent(task: Task) -> dict[str, int]:
    """Return what makes a delivery as urgent as its incident, whatever it was about to tell: it begins anew."""
    return {"urgency": urgency(task.incident.priority)}


def _elsewhere(lane: HeldLane, task: Task, step: Step, result: Failed) -> Acting[None]:
    """The place does not exist: tell it at the one that stands in, unless the incident is told there already.

    What was learned of the place earlier may be what is wrong: a channel that was made anew has another id.
    """
    if lane.forget():
        why = f"{task.delivery.address} is not as it was ({result.error}): asked anew"
        yield from _again_with(lane, task, result.note, why, task.asked(step.method, result))
        return
    found = lane.yard.effective.elsewhere(task.delivery, task.settings)
    if found is None:
        yield from dead(lane, task, step, result)
        return
    address, name = found
    now = lane.yard.clock.now()
    why = f"{task.delivery.address} does not exist ({result.error}): told at {address}"

    def write(connection: Connection) -> None:
        placing.locked(connection, [task.delivery.incident])
        told = told_at(connection, [task.delivery.incident])[task.delivery.incident]
        if told.has(task.delivery.kind, address, name, task.delivery.destination):
            values: dict[str, Any] = {"state": "skipped", "due_at": None, "reason": why}
        else:
            values = {"address": address, "lane": name, "due_at": now, "state": "pending", **_as_urgent(task)}
            # whatever was told stays where it was: here it begins anew, under fresh marks
            because = placing.instead_of(task.delivery.kind, task.delivery.address, result.error)
            values["have"] = {**kept(task.delivery.have), **result.note, BECAUSE: because}
        deliveries.change(connection, task.delivery.id, doubt=None, last_error=result.error, **values)
        timeline.note(connection, task.delivery, now, "elsewhere", why=why, **task.asked(step.method, result))

    yield write
    lane.yard.kick(name)


def dead(lane: HeldLane, task: Task, step: Step, result: Failed) -> Acting[None]:
    """What retrying can't mend: a dead letter, with everything that would fail alike."""
    why = result.hint or f"{task.delivery.kind} refused it: {result.error}"
    if result.scope in {Scope.CHANNEL, Scope.TOKEN}:
        lane.plan_anew()

    def write(connection: Connection) -> int:
        buried = 1
        deliveries.change(connection, task.delivery.id, have={**task.delivery.have, **result.note})
        settle.bury(connection, task.delivery, lane, why, result.error, asked=task.asked(step.method, result))
        if result.scope in {Scope.CHANNEL, Scope.TOKEN}:
            everywhere = result.scope is Scope.TOKEN
            for other in _alike(connection, lane, task, everywhere=everywhere):
                mend = why.replace(task.delivery.id, other.id)
                settle.bury(connection, other, lane, mend, result.error)
                buried += 1
        return buried

    lane.yard.report("dead", task.delivery, why, (yield write))


def _alike(connection: Connection, lane: HeldLane, task: Task, *, everywhere: bool) -> Iterator[Delivery]:
    """Give the deliveries of this lane, or everywhere, that go by the same account: another one's token may be well."""
    mine = task.settings.text("account")
    accounts: dict[tuple[str, ...], str | None] = {}
    for other, priority, source in deliveries.alike(connection, task.delivery, everywhere=everywhere):
        who = (other.destination, other.kind, other.address, other.lane, other.team, priority, source)
        if who not in accounts:
            accounts[who] = lane.yard.effective.account(other, priority, source)
        if accounts[who] == mine:
            yield other


_FAULTS: Mapping[Fault, Callable[[HeldLane, Task, Step, Failed], Acting[None]]] = {
    Fault.RETRY: _place_failed,
    Fault.LIMITED: _place_failed,
    Fault.PERMANENT: dead,
    Fault.DEGRADE: _degrade,
    Fault.REPLACE: _replace,
    Fault.ELSEWHERE: _elsewhere,
}
