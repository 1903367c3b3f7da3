"""After a step: what its outcome means for the delivery, its lane and the others; written down under the fence."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.delivery import budget, trouble
from bridge.destinations.base import Done, Failed, Fault, Nothing, Scope, Step
from bridge.ledger import deliveries, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Connection

    from bridge.delivery.budget import Budget
    from bridge.delivery.lane import Lane, Task
    from bridge.destinations.base import Outcome
    from bridge.ledger.deliveries import Delivery

GIVE_UP = timedelta(hours=24)
"""A delivery that failed by its own fault for so long is a dead letter."""


def nothing(lane: Lane, task: Task, plan: Nothing) -> None:
    """Nothing is due: the delivery shows the truth, or there is nothing to tell there."""
    now = lane.yard.clock.now()
    at_rest = _at_rest(plan)
    lane.write(
        lambda connection: deliveries.told(
            connection, task.delivery, task.incident.version, at_rest, {"due_at": now, "doubt": None}
        )
    )


def _at_rest(plan: Nothing) -> dict[str, Any]:
    return {
        "state": "skipped" if plan.skipped else "delivered",
        "reason": plan.skipped,
        "due_at": None,
        "doubt": None,
        "attempts": 0,
        "failing_since": None,
    }


def held(lane: Lane, delivery: Delivery, reason: str) -> None:
    """Its destination is not configured now: it waits until it is."""
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        deliveries.change(connection, delivery.id, state="held", due_at=None, reason=reason)
        deliveries.note(connection, delivery, now, "held", why=reason)

    lane.write(write)


def outcome(lane: Lane, task: Task, step: Step, result: Outcome) -> None:
    """Write down what a step came to."""
    lane.yard.report("step", task.delivery, step, result)
    if isinstance(result, Done):
        done(lane, task, asdict(step), result)
        return
    if result.fault is Fault.SATISFIED:
        done(lane, task, asdict(step), Done({}))
        return
    _FAULTS[result.fault](lane, task, step, result)


def done(lane: Lane, task: Task, step: Mapping[str, Any], result: Done, *, looking: bool = False) -> None:
    """The destination acted: keep what we have now, and see at once whether that is all."""
    now = lane.yard.clock.now()
    delivery, learns = task.delivery, step["learns"]
    asked = trouble.Asked(delivery.id, delivery.incident, step["method"], task.at.timestamp())
    lane.trouble, own = trouble.succeeded(lane.trouble, asked, looking=looking or learns)
    if learns:
        lane.place = {**result.remote, "learned_at": now.timestamp()}
        # the fact belongs to the place; this delivery's step follows at once

        def keep(connection: Connection) -> None:
            lanes.learn(connection, lane.name, lane.place)
            deliveries.change(connection, delivery.id, doubt=None, due_at=now)

        lane.write(keep)
        return
    have = {**delivery.have, **result.remote, **step["told"]}
    version = step.get("version", task.incident.version)
    fields: dict[str, Any] = {"have": have, "doubt": None, "told": version, "attempts": 0, "failing_since": None}
    more = {**fields, "due_at": now, "state": "pending", "last_error": None}
    rest = more
    if version == task.incident.version:
        plan = lane.kind.next_step(lane.want(task, now), have)
        # a destination that accepts a request and shows no effect would be asked for ever
        if isinstance(plan, Step) and plan.method == step["method"] and plan.request == step["request"]:
            plan = Nothing()
        if isinstance(plan, Nothing):
            rest = {**fields, **_at_rest(plan), "last_error": None}

    appeared = bool(result.remote.get("url")) and not delivery.have.get("url")

    def write(connection: Connection) -> None:
        if appeared:
            deliveries.wake_siblings(connection, delivery, now)
        deliveries.told(connection, delivery, version, rest, more)
        deliveries.note(
            connection, delivery, now, step["intent"], why=f"at {delivery.address}", request=result.request_id
        )
        for suspect in own:
            _back_off_alone(connection, suspect, lane)

    lane.write(write)
    if appeared:
        lane.yard.kick_due()


def _back_off_alone(connection: Connection, suspect: str, lane: Lane) -> None:
    """The place is well again for others: what failed there was this delivery's own fault."""
    now = lane.yard.clock.now()
    found = deliveries.load(connection, suspect)
    if found is None or found.due_at is None:
        return
    if found.failing_since is not None and now - found.failing_since > GIVE_UP:
        why = f"failed for 24 h while others at this place succeeded; last: {found.last_error}"
        _bury(connection, found, lane, why)
        return
    wait = timedelta(seconds=trouble.back_off(found.attempts))
    deliveries.change(
        connection, suspect, due_at=max(found.due_at, now + wait), failing_since=found.failing_since or now
    )


def _place_failed(lane: Lane, task: Task, step: Step, result: Failed) -> None:
    """A passing fault: the lane probes until the place is well; a creating step that may have acted stays in doubt."""
    now = lane.yard.clock.now()
    have = {**task.delivery.have, **result.note}
    drawn = budget.budget_of(task.settings, step.method)
    if result.fault is Fault.LIMITED and result.scope is Scope.TOKEN and drawn is not None:
        # the limit is the token's: this kind of request waits in all lanes, the lane itself goes on
        _pause(lane, task, drawn, result, have)
        return
    asked = trouble.Asked(task.delivery.id, task.delivery.incident, step.method)
    lane.trouble = trouble.failed(lane.trouble, asked, now.timestamp(), result.retry_after, result.error)
    values: dict[str, Any] = {"state": "retrying", "last_error": result.error, "due_at": now, "have": have}
    if result.unknown and step.creates:
        doubt = {**(_stored(lane, task) or {}), "ended": now.timestamp()}
        values |= {"doubt": doubt, "due_at": now + timedelta(seconds=lane.kind.SETTLE)}
    else:
        values["doubt"] = None
        if result.fault is Fault.LIMITED:
            values["attempts"] = task.delivery.attempts  # a limit is no attempt

    def write(connection: Connection) -> None:
        deliveries.change(connection, task.delivery.id, **values)
        deliveries.note(connection, task.delivery, now, "retrying", why=result.error, request=result.request_id)

    lane.write(write)


def _pause(lane: Lane, task: Task, drawn: Budget, result: Failed, have: dict[str, Any]) -> None:
    now = lane.yard.clock.now()
    until = now + timedelta(seconds=result.retry_after or trouble.SHORTEST)

    def write(connection: Connection) -> None:
        budget.pause(connection, drawn, until)
        attempts = task.delivery.attempts  # a limit is no attempt
        values = {"state": "retrying", "last_error": result.error, "due_at": until, "attempts": attempts}
        deliveries.change(connection, task.delivery.id, doubt=None, have=have, **values)
        deliveries.note(connection, task.delivery, now, "retrying", why=result.error, request=result.request_id)

    lane.write(write)


def _stored(lane: Lane, task: Task) -> dict[str, Any] | None:
    with lane.yard.ledger.read() as connection:
        found = deliveries.load(connection, task.delivery.id)
    return found.doubt if found else None


def broke(lane: Lane, delivery: Delivery, error: Exception) -> None:
    """Our own fault stopped a turn (a template, a row that can't be read): this delivery backs off alone."""
    now = lane.yard.clock.now()
    name = f"internal error: {type(error).__name__}"
    since = delivery.failing_since or now

    def write(connection: Connection) -> None:
        if now - since > GIVE_UP:
            _bury(connection, delivery, lane, f"could not be prepared for 24 h: {name}; see the log", name)
            return
        wait = timedelta(seconds=trouble.back_off(delivery.attempts + 1))
        attempts = delivery.attempts + 1
        values = {"state": "retrying", "last_error": name, "failing_since": since, "attempts": attempts}
        deliveries.change(connection, delivery.id, due_at=now + wait, **values)

    lane.write(write)


def _degrade(lane: Lane, task: Task, step: Step, result: Failed) -> None:
    """Refused as it was: note how to send it instead, once; refused so too, it is dead."""
    note = result.note or {"plain": True}
    if all(task.delivery.have.get(name) == value for name, value in note.items()):
        dead(lane, task, step, result)
        return
    _again_with(lane, task, {**note}, f"refused ({result.error}): sent once more as asked")


def _replace(lane: Lane, task: Task, step: Step, result: Failed) -> None:
    """The remote is gone: a fresh one, once."""
    if task.delivery.have.get("replaced"):
        dead(lane, task, step, result)
        return
    _again_with(lane, task, {"replaced": True, **result.note}, f"gone there ({result.error}): a fresh one, once")


def _again_with(lane: Lane, task: Task, facts: Mapping[str, Any], why: str) -> None:
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        have = {**task.delivery.have, **facts}
        deliveries.change(connection, task.delivery.id, have=have, doubt=None, due_at=now, state="pending")
        deliveries.note(connection, task.delivery, now, "mended", why=why)

    lane.write(write)


def _elsewhere(lane: Lane, task: Task, step: Step, result: Failed) -> None:
    """The place does not exist: tell it at the one that stands in, unless the incident is told there already."""
    found = lane.yard.effective.elsewhere(task.delivery, task.settings)
    if found is None:
        dead(lane, task, step, result)
        return
    address, name = found
    now = lane.yard.clock.now()
    why = f"{task.delivery.address} does not exist ({result.error}): told at {address}"

    def write(connection: Connection) -> None:
        known = deliveries.of_incidents(connection, [task.delivery.incident])[task.delivery.incident]
        if (task.delivery.kind, address) in known:
            values: dict[str, Any] = {"state": "skipped", "due_at": None, "reason": why}
        else:
            values = {"address": address, "lane": name, "due_at": now, "state": "pending"}
        have = {**task.delivery.have, **result.note}
        deliveries.change(connection, task.delivery.id, doubt=None, have=have, last_error=result.error, **values)
        deliveries.note(connection, task.delivery, now, "elsewhere", why=why)

    lane.write(write)
    lane.yard.kick(name)


def dead(lane: Lane, task: Task, step: Step, result: Failed) -> None:  # noqa: ARG001 - the table's signature
    """What retrying can't mend: a dead letter, with everything that would fail alike."""
    why = result.hint or f"{task.delivery.kind} refused it: {result.error}"

    def write(connection: Connection) -> None:
        deliveries.change(connection, task.delivery.id, have={**task.delivery.have, **result.note})
        _bury(connection, task.delivery, lane, why, result.error)
        if result.scope in {Scope.CHANNEL, Scope.TOKEN}:
            for other in deliveries.of_lane(connection, lane.name):
                _bury(connection, other, lane, why, result.error)

    lane.write(write)
    lane.yard.report("dead", task.delivery, why)


def _bury(connection: Connection, delivery: Delivery, lane: Lane, why: str, error: str | None = None) -> None:
    now = lane.yard.clock.now()
    error = error or delivery.last_error
    deliveries.change(
        connection, delivery.id, state="dead", due_at=None, doubt=None, reason=why, last_error=error, attempts=0
    )
    deliveries.note(connection, delivery, now, "dead", why=why)


_FAULTS: Mapping[Fault, Callable[[Lane, Task, Step, Failed], None]] = {
    Fault.RETRY: _place_failed,
    Fault.LIMITED: _place_failed,
    Fault.PERMANENT: dead,
    Fault.DEGRADE: _degrade,
    Fault.REPLACE: _replace,
    Fault.ELSEWHERE: _elsewhere,
}
