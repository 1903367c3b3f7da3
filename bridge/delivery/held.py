"""A lane that this process holds: its lease, its pace, what is known of its place, and the writes under its fence."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge.core.shadow import Would
from bridge.delivery import trouble
from bridge.delivery.turns import BECAUSE, NotNowError, StaleSenderError, believed, pace, paced, perform
from bridge.destinations.base import Address, Want
from bridge.ledger import lanes
from bridge.ledger.unavailable import RefusedError, UnavailableError
from bridge.render.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.delivery.turns import Act, Rest, Task
    from bridge.delivery.yard import Yard
    from bridge.destinations.base import Failed, Step
    from bridge.ledger.lanes import Held

FRESH = 60.0
"""Seconds for which what was learned of a place is not in question."""
LEEWAY = 1.01
"""By how much a pace is slower than asked for: requests do not arrive as evenly as they leave."""
LEAD = 0.05
"""Seconds before it may leave at which a request is prepared, so that the pace does not wait for that as well."""
WAITS = 2.0
"""Seconds that a request waits for its place at most once it counts as sent: what would wait longer is planned anew."""


def is_own(error: Exception) -> bool:
    """Whether an error is a single delivery's, not that of its lane, the lease or the database."""
    everybodys = (lanes.LostLeaseError, StaleSenderError, UnavailableError, SQLAlchemyError)
    return isinstance(error, RefusedError) or not isinstance(error, everybodys)


class HeldLane:
    """What all turns of a lane share. `lock` guards what changes: `trouble`, `place`, `ready_at`.

    `knowledge` counts how often what was known of the place turned out to be wrong: what was planned by it is not sent.
    """

    def __init__(self, held: Held, yard: Yard, lease_ends: float) -> None:
        now = yard.clock.now()
        self.name = held.name
        self.fence = held.fence
        self.place = believed(held.place, now)
        self.trouble = trouble.restored(held.trouble, now.timestamp())
        self.lease_ends = lease_ends  # on the monotonic clock
        self.kind = yard.kinds[held.name.split("/", 1)[0]]
        self.yard = yard
        self.ready_at = paced(held.ready_at, now)
        self._left_behind = held.ready_at  # by the holder before us: a slow pace may be further off
        self.acquired_at = now
        self.lock = threading.Lock()
        self.gap: float | None = None  # seconds of the pace that was asked for last
        self._well_since: datetime | None = None
        self.well_at = 0.0  # unix seconds of the last request by which somebody was told
        self._free_at: datetime | None = None  # by the pace of the request that left last
        self.knowledge = 0

    def succeeded(self, asked: trouble.Asked, *, looking: bool) -> tuple[str, ...]:
        """Take in that a request succeeded; return the deliveries whose own fault the trouble was."""
        with self.lock:
            before, (self.trouble, own) = self.trouble, trouble.succeeded(self.trouble, asked, looking=looking)
            if before and not self.trouble:
                self._well_since = self.yard.clock.now()
        return own

    def well(self, since: datetime) -> bool:
        """Return whether the place was in no trouble since then, as far as this process knows."""
        return self.trouble is None and (self._well_since is None or self._well_since < since)

    def failed(self, asked: trouble.Asked, now: datetime, result: Failed) -> None:
        """Take in that a request failed by the place's fault."""
        with self.lock:
            fresh = self.trouble is None
            troubled = trouble.failed(self.trouble, asked, now.timestamp(), result.retry_after, result.error)
            # a slow pace lets nobody ask before: that nobody does must not count as a trouble that is over
            slow = self.ready_at.timestamp() if self.ready_at is not None else 0.0
            self.trouble = replace(troubled, until=max(troubled.until, slow))
        if fresh:
            self.yard.report("paused", None, self.name, result.error)

    def learned(self, facts: dict[str, Any]) -> None:
        """Keep facts about the place, instead of those known."""
        with self.lock:
            self.place = facts

    def forget(self) -> bool:
        """Forget what was learned of the place, unless that is fresh; return whether it is to be asked anew."""
        with self.lock:
            learned = float(self.place.get("learned_at", 0.0))
            old = bool(learned) and self.yard.clock.now().timestamp() - learned > FRESH
            if old:
                self.place = {}
                self._plan_anew()
        return old

    def plan_anew(self) -> None:
        """Have all that is not sent yet planned anew: the place refuses all alike, or answers at once no more."""
        with self.lock:
            self._plan_anew()

    def _plan_anew(self) -> None:
        self.knowledge += 1
        self.gap = None  # the next request goes alone, and what it comes to is all others' too

    def stands(self, task: Task) -> bool:
        """Return whether what was planned for a task may still be sent, by what other requests found out since."""
        troubled = self.trouble is not None and self.trouble.waits(self.yard.clock.now())
        return task.knowledge == self.knowledge and not troubled

    def early(self, now: datetime) -> datetime | None:
        """Return when the next request may be prepared, None where that is now."""
        at = self.ready_at - timedelta(seconds=LEAD) if self.ready_at is not None else now
        return at if at > now else None

    def inherit(self, gap: float, now: datetime) -> None:
        """Let a pace hold that was begun before the lane was ours, with the lock held."""
        if self._left_behind is not None:
            before = paced(self._left_behind, now, gap * LEEWAY)
            self.ready_at = max((at for at in (self.ready_at, before) if at is not None), default=None)
            self._left_behind = None

    def book(self, gap: float) -> datetime:
        """Take the next place in the pace, with the lock held; return when it is, and keep the one after it back."""
        now = self.yard.clock.now()
        at = max(self.ready_at or now, now)
        self.gap = gap
        if gap:
            self.ready_at = at + timedelta(seconds=gap * LEEWAY)
        return at

    def give_back(self, booked: datetime, rest: Rest | None) -> Rest | None:
        """Undo `book` for a request that does not leave, where all rest for its token; return how the lane rests.

        It asks again when it may, not a whole pace later; after one that waits alone the others are asked at the pace.
        """
        with self.lock:
            if rest and self.gap and self.ready_at == booked + timedelta(seconds=self.gap * LEEWAY):
                self.ready_at = booked
        return rest

    def leave(self, booked: datetime, gap: float, may: Callable[[], None]) -> float:
        """Wait for a request's place, and as long after the one before it as that one's pace asks: it may be late.

        `may` is asked, under the lock, right before it leaves; where it raises, the request does not. Returns the
        seconds that it waited.

        Raises:
            NotNowError: that would be long, for what left before it has another pace.
        """
        waited = 0.0
        while True:
            with self.lock:
                now = self.yard.clock.now()
                at = max(booked, self._free_at) if gap and self._free_at else booked
                if at <= now:
                    may()
                    if gap:
                        self._free_at = now + timedelta(seconds=gap * LEEWAY)
                        self.ready_at = max(self.ready_at or now, self._free_at)
                    return waited
            waited += (at - now).total_seconds()
            if waited > WAITS:
                raise NotNowError
            self.yard.clock.sleep((at - now).total_seconds())

    def want(self, task: Task, now: datetime) -> Want:
        """Return what should be true at a task's address; what was made of it once in a turn stays made."""
        if task.want is not None:
            return replace(task.want, now=now, place=self.place)
        task.want = Want(
            delivery=task.delivery.id,
            incident=bounded(task.incident),
            settings=task.settings,
            address=Address(task.delivery.kind, task.delivery.address, self.name),
            words=self.yard.words,
            now=now,
            place=self.place,
            never_fired=task.incident.never_fired,
            because=task.delivery.because or task.delivery.have.get(BECAUSE),
            would=Would.from_json(task.delivery.would) if task.delivery.would else None,
        )
        return task.want

    def write(self, acts: Sequence[Act]) -> list[Any]:
        """Write under the fence, with the lane's own state, in one commit; return what each act returns.

        Where one of them can't be written, each has a commit of its own, and in the place of that one's result stands
        its error.

        Raises:
            LostLeaseError: the lane is another process's now; nothing was written.
            UnavailableError: it could not be stored in time.
        """

        def fenced(connection: Connection) -> list[Any]:
            state = self.trouble.as_json() if self.trouble else None
            lanes.fenced(connection, self.name, self.fence, ready_at=self.ready_at, trouble=state)
            return perform(connection, acts)

        try:
            return self.yard.ledger.write(fenced)
        except Exception as error:
            if not is_own(error):
                raise
            return [error] if len(acts) == 1 else [self.write([act])[0] for act in acts]

    def ready(self) -> None:
        """Check, right before a request's first byte, that the lane is still ours: a frozen process wakes up here.

        Raises:
            StaleSenderError: the lease may have run out.
        """
        if self.yard.clock.monotonic() > self.lease_ends:
            raise StaleSenderError(f"lane {self.name}: the lease ran out before the request could be sent")

    def readiness(self, task: Task, step: Step, booked: datetime) -> Callable[[], None]:
        """Return what a request calls right before it leaves: it waits for its place in the pace, or refuses.

        It raises StaleSenderError as `ready` does, and NotNowError where what was planned may not be sent any more.
        """
        gap = 0.0 if step.learns else pace(task.settings, self.kind.RATE)

        def may() -> None:
            self.ready()
            if not self.stands(task):
                raise NotNowError

        places = iter([(booked, gap)])

        def ready() -> None:
            # what a step asks once more (a redirect, a token that ran out) takes no place of its own
            at, after = next(places, (booked, 0.0))
            task.waited += self.leave(at, after, may)

        return ready
