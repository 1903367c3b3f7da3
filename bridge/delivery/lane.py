"""A lane: everything that one place outside limits, worked one step of a delivery at a time.

A turn is: choose the most urgent due delivery, plan its next step, write it down in doubt, send it, write down what we
have. Whatever happens between any two of these, the next turn (of this process or another) goes on from what is
written.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from bridge.delivery import budget, doubt, faults, settle, trouble
from bridge.delivery.search import Search
from bridge.delivery.turns import Rest, StaleSenderError, Task, believed, pace, write_doubt
from bridge.delivery.yard import HeldError
from bridge.destinations.base import Address, Nothing, Step, Want
from bridge.ledger import deliveries, incidents, lanes
from bridge.ledger.writer import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.delivery.yard import Yard
    from bridge.destinations.base import Settings
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.lanes import Held

T = TypeVar("T")

DEADLINE = 8.0
"""Seconds that a step may take in all; a lease is 12."""
EVERY_TENTH = 10
"""Every tenth turn goes to the delivery waiting longest, so that P3 is told in the end."""


class Lane:
    """One held lane. `turn` may be called from up to `width` threads at once, each for another delivery."""

    def __init__(self, held: Held, yard: Yard, lease_ends: float) -> None:
        self.name = held.name
        self.fence = held.fence
        self.place = believed(held.place, yard.clock.now())
        self.trouble = trouble.Trouble(**held.trouble) if held.trouble else None
        self.lease_ends = lease_ends  # on the monotonic clock
        self.kind = yard.kinds[held.name.split("/", 1)[0]]
        self.yard = yard
        self.ready_at = held.ready_at
        self.acquired_at = yard.clock.now()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._turns = 0
        self._learning = False
        self.search = Search()

    @property
    def width(self) -> int:
        """Requests at once: one while the place is in trouble."""
        return 1 if self.trouble else self.kind.WIDTH

    def turn(self) -> Rest | None:
        """Do one step's worth of work; None means: ask again at once.

        Raises:
            LostLeaseError: the lane is another process's now.
        """
        now = self.yard.clock.now()
        with self._lock:
            if (closed := self._closed(now)) is not None:
                return closed
            chosen = self._choose(now)
            if chosen is None:
                return Rest()
            self._busy.add(chosen.id)
        try:
            return self._work(chosen, now)
        except (lanes.LostLeaseError, StaleSenderError, UnavailableError, SQLAlchemyError):
            raise  # not this delivery's fault
        except Exception as error:  # noqa: BLE001 - one delivery's trouble must not stop its lane
            self.yard.report("broke", chosen, error)
            settle.broke(self, chosen, error)
            return None
        finally:
            with self._lock:
                self._busy.discard(chosen.id)

    def _closed(self, now: datetime) -> Rest | None:
        if self.ready_at is not None and self.ready_at > now:
            return Rest(self.ready_at)
        if self.trouble is None:
            return None
        until = datetime.fromtimestamp(self.trouble.until, UTC)
        if until > now:
            return Rest(until)
        return Rest() if self._busy else None

    def _choose(self, now: datetime) -> Delivery | None:
        self._turns += 1
        oldest = self._turns % EVERY_TENTH == 0
        behind = self.trouble.behind() if self.trouble else ()
        with self.yard.ledger.read() as connection:
            chosen = deliveries.next_due(connection, self.name, now, busy=self._busy, oldest=oldest, behind=behind)
            if chosen is None and behind:
                # everybody else is told or waits as well: the ones behind probe again
                chosen = deliveries.next_due(connection, self.name, now, busy=self._busy, oldest=oldest)
        if chosen is not None and self.width > len(self._busy) + 1:
            self.yard.kick(self.name)
        return chosen

    def _work(self, delivery: Delivery, now: datetime) -> Rest | None:
        task = self._task(delivery, now)
        if task is None:
            return None
        if delivery.doubt and delivery.doubt["creates"]:
            doubt.look(self, task, now)
            return None
        step = self.kind.next_step(self.want(task, now), task.delivery.have)
        if isinstance(step, Nothing):
            settle.nothing(self, task, step)
            return None
        if (closed := self._begin(step, task.settings, now)) is not None:
            return closed
        try:
            waits, rest = self._claim(task, step, now)
            if waits:
                return rest
            outcome = self.yard.client(task.settings).send(step, task.delivery.have, DEADLINE, self.ready)
            faults.outcome(self, task, step, outcome)
        finally:
            if step.learns:
                self._learning = False
        return None

    def _claim(self, task: Task, step: Step, now: datetime) -> tuple[bool, Rest | None]:
        """Write a step down in doubt where its token's budget has room; else wait for it.

        A budget with rates covers all requests of the lane, which waits; of a method's pause only the delivery does.
        """
        drawn = None if step.learns else budget.budget_of(task.settings, step.method)

        def claim(connection: Connection) -> datetime | None:
            until = budget.take(connection, drawn, task.delivery.urgency, now) if drawn else None
            if until is None:
                write_doubt(connection, task, step, now)
            elif drawn and not drawn.rates:
                deliveries.change(connection, task.delivery.id, due_at=until)
            return until

        until = self.write(claim)
        return until is not None, Rest(until) if until and drawn and drawn.rates else None

    def _task(self, delivery: Delivery, now: datetime) -> Task | None:
        with self.yard.ledger.read() as connection:
            incident = incidents.load(connection, delivery.incident)
        assert incident is not None
        try:
            settings = self.yard.effective.settings(delivery, incident)
            self.yard.client(settings)  # can it be used at all? asked before a step is written down
        except HeldError as error:
            settle.held(self, delivery, str(error))
            return None
        return Task(_reckoned(delivery), incident, settings, now)

    def _begin(self, step: Step, settings: Settings, now: datetime) -> Rest | None:
        """Take this moment's place in the lane's pace; where another thread has it, say when the next one is.

        A fact about the place is asked for once, by one thread, while the others wait for it.
        """
        with self._lock:
            if step.learns:
                taken, self._learning = self._learning, True
                return Rest() if taken else None
            if self.ready_at is not None and self.ready_at > now:
                return Rest(self.ready_at)
            gap = pace(settings, self.kind.RATE)
            if gap:
                self.ready_at = now + timedelta(seconds=gap)
            return None

    def want(self, task: Task, now: datetime) -> Want:
        """Return what should be true at a task's address."""
        return Want(
            delivery=task.delivery.id,
            incident=task.incident,
            settings=task.settings,
            address=Address(task.delivery.kind, task.delivery.address, self.name),
            words=self.yard.words,
            now=now,
            place=self.place,
            never_fired=task.incident.never_fired,
            because=task.delivery.because,
        )

    def write(self, function: Callable[[Connection], T]) -> T:
        """Write under the fence, with the lane's own state; return what `function` returns.

        Raises:
            LostLeaseError: the lane is another process's now; nothing was written.
        """

        def fenced(connection: Connection) -> T:
            state = self.trouble.as_json() if self.trouble else None
            lanes.fenced(connection, self.name, self.fence, ready_at=self.ready_at, trouble=state)
            return function(connection)

        return self.yard.ledger.write(fenced)

    def ready(self) -> None:
        """Check, right before a request's first byte, that the lane is still ours: a frozen process wakes up here.

        Raises:
            StaleSenderError: the lease may have run out.
        """
        if self.yard.clock.monotonic() > self.lease_ends:
            raise StaleSenderError(f"lane {self.name}: the lease ran out before the request could be sent")


def _reckoned(delivery: Delivery) -> Delivery:
    """A delivery whose sender died in a step that creates nothing: what that step may have done is reckoned with."""
    stored = delivery.doubt or {}
    if stored.get("creates") or not stored.get("unsure"):
        return delivery
    return replace(delivery, have={**delivery.have, **stored["unsure"]})
