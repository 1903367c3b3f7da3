"""After a step that was done, or that could not be made: what is written down, under the fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bridge.delivery import trouble
from bridge.delivery.turns import Shared
from bridge.destinations.base import VAIN, Done, Nothing, Step
from bridge.ledger import deliveries, lanes, telling, timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from sqlalchemy.engine import Connection

    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Acting, Task
    from bridge.ledger.deliveries import Delivery

GIVE_UP = timedelta(hours=24)
"""A delivery that failed by its own fault for so long is a dead letter."""
NOT_ASKED: Mapping[str, object] = MappingProxyType({})
INTERNAL = "internal error: "
"""What the last error of a delivery begins with that we could not prepare."""
ALONE, ALONE_AT = "alone", "alone_at"
"""In what we have: how often a delivery was sent to back off alone since it was told last."""


def nothing(lane: HeldLane, task: Task, plan: Nothing) -> Acting[None]:
    """Nothing is due: the delivery shows the truth, or there is nothing to tell there."""
    now = lane.yard.clock.now()
    have = {"have": task.delivery.have}
    done, more = {**_at_rest(plan), **have}, {"due_at": now, "doubt": None, **have}
    shows = telling.Told(task.delivery.id, task.incident.version, done, more)
    yield lambda connection: telling.told(connection, [shows])


def _same(plan: Step, done: Mapping[str, Any]) -> bool:
    return (plan.method, plan.path, plan.request) == (done["method"], done["path"], done["request"])


def _at_rest(plan: Nothing) -> dict[str, Any]:
    return {
        "state": "skipped" if plan.skipped else "delivered",
        "reason": plan.skipped,
        "due_at": None,
        "doubt": None,
        "attempts": 0,
        "failing_since": None,
    }


def held(lane: HeldLane, delivery: Delivery, reason: str) -> Acting[None]:
    """Its destination is not configured now: it waits until it is."""
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        deliveries.change(connection, delivery.id, state="held", due_at=None, reason=reason)
        timeline.note(connection, delivery, now, "held", why=reason)

    yield write


def done(lane: HeldLane, task: Task, step: Mapping[str, Any], result: Done, *, looking: bool = False) -> Acting[bool]:
    """The destination acted: keep what we have now, and return whether that is all, as far as this turn knows."""
    now = lane.yard.clock.now()
    delivery, learns = task.delivery, step["learns"]
    asked = trouble.Asked(delivery.id, delivery.incident, step["method"], task.at.timestamp(), due=task.due)
    well = delivery.heard_at is not None and lane.well(delivery.heard_at) and not refused(delivery)
    # what was learned proves nothing but that it can be learned
    proof = not looking and not (learns and lane.trouble and lane.trouble.method != step["method"])
    own = lane.succeeded(asked, looking=not proof)
    if learns:
        yield from learned(lane, delivery, result.remote, now)
        return False
    if not looking:
        lane.well_at = max(lane.well_at, task.at.timestamp())
    have = _uncounted({**delivery.have, **result.remote, **step["told"]})
    version = step.get("version", task.incident.version)
    fields: dict[str, Any] = {"have": have, "doubt": None, "told": version, "attempts": 0, "failing_since": None}
    more = {**fields, "due_at": now, "state": "pending", "last_error": None}
    rest = more
    if version == task.incident.version:
        plan = lane.kind.next_step(lane.want(task, now), have)
        # a destination that accepts a request and shows no effect would be asked for ever
        if isinstance(plan, Step) and _same(plan, step):
            plan = Nothing()
        if isinstance(plan, Nothing):
            rest = {**fields, **_at_rest(plan), "last_error": None}
            # what a newer version tells came after this turn began
            more |= {"heard_at": task.at}

    appeared = bool(result.remote.get("url")) and result.remote["url"] != delivery.have.get("url")
    why = f"at {delivery.address}{', found by its mark after a lost answer' if looking else ''}"
    line = timeline.Line(delivery, now, str(step["intent"]), why, task.asked(step["method"], result))
    shows = telling.Told(delivery.id, version, rest, more)
    woken, given_up, newer = yield Telling(lane, delivery, shows, line, appeared=appeared, own=own)
    for buried, why in given_up:
        lane.yard.report("dead", buried, why)
    if rest is not more and delivery.heard_at is not None:
        lane.yard.report("told", delivery, (now - delivery.heard_at).total_seconds(), well)
    if woken:
        lane.yard.kick_due()
    return rest is not more and not newer


@dataclass(frozen=True, slots=True)
class Telling(Shared):
    """Writes down that a step was done: what its place shows now, and since when its remote is there for others.

    Its result is whether others wait for that, who of `own` is given up: deliveries whose fault a trouble was; and
    whether, of those that are written together, any waits to be told of something newer.
    """

    lane: HeldLane
    delivery: Delivery
    shows: telling.Told
    line: timeline.Line
    appeared: bool
    own: tuple[str, ...]

    @classmethod
    def all(cls, connection: Connection, acts: Sequence[Self]) -> list[tuple[bool, list[tuple[Delivery, str]], bool]]:
        """Write them; return the result of each."""
        acts_in_order = sorted(acts, key=lambda act: act.delivery.incident)
        appeared = [act.delivery for act in acts_in_order if act.appeared]
        woken = telling.wake_siblings(connection, appeared, acts[0].line.at)
        newer = telling.told(connection, [act.shows for act in acts_in_order])
        timeline.notes(connection, [act.line for act in acts_in_order])
        return [(woken and act.appeared, act.given_up(connection), newer) for act in acts]

    def given_up(self, connection: Connection) -> list[tuple[Delivery, str]]:
        """Send those whose own fault it was to back off alone; return who is given up."""
        found = (back_off_alone(connection, suspect, self.lane) for suspect in self.own)
        return [buried for buried in found if buried]


def learned(lane: HeldLane, delivery: Delivery, facts: Mapping[str, Any], now: datetime) -> Acting[None]:
    """Keep a fact about the place; this delivery's step follows at once."""
    # what is asked for alone makes nothing else younger
    known = {name: fact for name, fact in lane.place.items() if name not in {"before", VAIN}}
    lane.learned({"learned_at": now.timestamp(), **known, **facts})

    def keep(connection: Connection) -> None:
        lanes.learn(connection, lane.name, lane.place)
        deliveries.put_off(connection, delivery.id, now, doubt=None)

    yield keep


def refused(delivery: Delivery) -> bool:
    """Whether the destination failed or limited this delivery's requests; our own faults are no excuse."""
    return delivery.last_error is not None and not delivery.last_error.startswith(INTERNAL)


def _uncounted(have: Mapping[str, Any]) -> dict[str, Any]:
    """Return what we have without the count of what failed by its own fault."""
    return {name: value for name, value in have.items() if name not in {ALONE, ALONE_AT}}


def back_off_alone(connection: Connection, suspect: str, lane: HeldLane, why: str = "") -> tuple[Delivery, str] | None:
    """What failed was this delivery's own fault, the place is well for others; return it where that is the end.

    `why` is what to say then, where it is known better than that.

    Counted by itself: tries while the place was in trouble say nothing about the delivery.
    """
    now = lane.yard.clock.now()
    found = deliveries.load(connection, suspect)
    if found is None or found.due_at is None:
        return None
    alone = int(found.have.get(ALONE, 0)) + 1
    if trouble.waited(alone) > GIVE_UP.total_seconds():
        others = f"failed for 24 h while others at this place succeeded; last: {found.last_error}"
        why = f"waited for 24 h: {why}" if why else others
        bury(connection, found, lane, why)
        return found, why
    wait = timedelta(seconds=trouble.back_off(alone))
    have = {**found.have, ALONE: alone, ALONE_AT: now.timestamp()}
    deliveries.change(connection, suspect, due_at=max(found.due_at, now + wait), have=have)
    return None


def broke(lane: HeldLane, delivery: Delivery, error: Exception) -> Acting[None]:
    """Our own fault stopped a turn (a template, a row that can't be read): this delivery backs off alone."""
    now = lane.yard.clock.now()
    name = f"{INTERNAL}{type(error).__name__}"
    since = delivery.failing_since or now

    why = f"could not be prepared for 24 h: {name}; see the log"

    def write(connection: Connection) -> bool:
        if now - since > GIVE_UP:
            bury(connection, delivery, lane, why, name)
            return True
        wait = timedelta(seconds=trouble.back_off(delivery.attempts + 1))
        attempts = delivery.attempts + 1
        values = {"state": "retrying", "last_error": name, "failing_since": since, "attempts": attempts}
        deliveries.change(connection, delivery.id, due_at=now + wait, **values)
        timeline.note(connection, delivery, now, timeline.RETRYING, why=name)
        return False

    if (yield write):
        lane.yard.report("dead", delivery, why)


def bury(  # noqa: PLR0913 - the parts of one fact
    connection: Connection,
    delivery: Delivery,
    lane: HeldLane,
    why: str,
    error: str | None = None,
    *,
    asked: Mapping[str, object] = NOT_ASKED,
) -> None:
    """Make a delivery a dead letter, with a sentence for the operator; `asked` is the request that it died of.

    What was in doubt stays so: replayed, perhaps days later, it is looked for before anything is made, and by itself:
    to read so far back for all would hold up others.
    """
    now = lane.yard.clock.now()
    doubt = {**delivery.doubt, "buried": True} if delivery.doubt and delivery.doubt["creates"] else None
    values: dict[str, Any] = {"state": "dead", "due_at": None, "doubt": doubt, "reason": why}
    if ALONE in delivery.have:  # replayed, it has all its tries again
        values["have"] = _uncounted(delivery.have)
    deliveries.change(connection, delivery.id, last_error=error or delivery.last_error, **values)
    timeline.note(connection, delivery, now, "dead", why=why, **asked)
