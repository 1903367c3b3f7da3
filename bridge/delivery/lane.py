"""A lane: everything that one place outside limits, worked one step of a delivery at a time.

A turn is: choose the most urgent due delivery, plan its next step, write it down in doubt, send it, write down what we
have. Whatever happens between any two of these, the next turn (of this process or another) goes on from what is
written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.delivery import claim, doubt, faults, settle
from bridge.delivery.held import HeldLane
from bridge.delivery.search import Search
from bridge.delivery.turns import NotNowError, Rest, StaleSenderError, Task, pace, reckoned
from bridge.delivery.yard import HeldError
from bridge.destinations.base import Nothing, Step
from bridge.ledger import deliveries, due, incidents, lanes
from bridge.ledger.unavailable import UnavailableError
from bridge.log import about

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.delivery.yard import Yard
    from bridge.destinations.base import Settings
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.lanes import Held

DEADLINE = 8.0
"""Seconds that a step may take in all; a lease is 12."""
EVERY_TENTH = 10
"""Every tenth turn goes to the delivery waiting longest, so that P3 is told in the end."""


class Lane(HeldLane):
    """The turns of a held lane, from up to `width` threads at once, each for another delivery."""

    def __init__(self, held: Held, yard: Yard, lease_ends: float) -> None:
        super().__init__(held, yard, lease_ends)
        self._busy: set[str] = set()
        self._turns = 0
        self._learning = False
        self._search = Search()

    def turn(self) -> Rest | None:
        """Do one step's worth of work; None means: ask again at once.

        Raises:
            LostLeaseError: the lane is another process's now.
        """
        now = self.yard.clock.now()
        with self.lock:
            if (closed := self._closed(now)) is not None:
                return closed
            chosen = self._choose(now)
            if chosen is None:
                return Rest()
            self._busy.add(chosen.id)
        try:
            with about(delivery=chosen.id, incident=chosen.incident):
                return self._turn(chosen, now)
        finally:
            with self.lock:
                self._busy.discard(chosen.id)

    def _turn(self, chosen: Delivery, now: datetime) -> Rest | None:
        try:
            return self._work(chosen, now)
        except (lanes.LostLeaseError, StaleSenderError, UnavailableError, SQLAlchemyError):
            raise  # not this delivery's fault
        except Exception as error:  # noqa: BLE001 - one delivery's trouble must not stop its lane
            self.yard.report("broke", chosen, error)
            settle.broke(self, chosen, error)
            return None

    def _closed(self, now: datetime) -> Rest | None:
        if (until := self.early(now)) is not None:
            return Rest(until)
        if self.trouble is None:
            return None
        if self.trouble.waits(now):
            return Rest(datetime.fromtimestamp(self.trouble.until, UTC))
        return Rest() if self._busy else None

    def _choose(self, now: datetime) -> Delivery | None:
        self._turns += 1
        oldest = self._turns % EVERY_TENTH == 0
        behind = self.trouble.behind() if self.trouble else ()
        with self.yard.ledger.read() as connection:
            chosen = due.next_due(connection, self.name, now, busy=self._busy, oldest=oldest, behind=behind)
            if chosen is None and behind:
                # everybody else is told or waits as well: the ones behind probe again
                chosen = due.next_due(connection, self.name, now, busy=self._busy, oldest=oldest)
        if chosen is not None and self.width > len(self._busy) + 1:
            self.yard.kick(self.name)
        return chosen

    def _work(self, delivery: Delivery, now: datetime) -> Rest | None:
        if delivery.since > now:  # written before the clock was set back: from here on it is as if it were due now
            self.write(lambda connection: deliveries.change(connection, delivery.id, since=now))
        task = self._task(delivery, now)
        if task is None:
            return None
        if delivery.doubt and delivery.doubt["creates"]:
            doubt.look(self, self._search, task, now)
            return None
        step = self.kind.next_step(self.want(task, now), task.delivery.have)
        if isinstance(step, Nothing):
            settle.nothing(self, task, step)
            return None
        booked = self._begin(step, task.settings, now)
        if isinstance(booked, Rest):
            return booked
        try:
            waits, rest = claim.claim(self, task, step, now)
            if waits:
                return rest
            deadline = min(DEADLINE, self.lease_ends - self.yard.clock.monotonic())
            began = self.yard.clock.monotonic()
            ready = self._ready(task, step, booked)
            outcome = self.yard.client(task.settings).send(step, task.delivery.have, deadline, ready)
            task.took = self.yard.clock.monotonic() - began - task.waited
            faults.outcome(self, task, step, outcome)
            claim.answered(self, task, step)
        except NotNowError:
            claim.take_back(self, task, step)
        finally:
            if step.learns:
                self._learning = False
        return None

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
        return Task(reckoned(delivery), incident, settings, now)

    def _begin(self, step: Step, settings: Settings, now: datetime) -> Rest | datetime:
        """Take the next place in the lane's pace; where that is further off, say when it can be prepared.

        A fact about the place is asked for once, by one thread, while the others wait for it.
        """
        with self.lock:
            if step.learns:
                taken, self._learning = self._learning, True
                return Rest() if taken else now
            if (until := self.early(now)) is not None:
                return Rest(until)
            return self.book(pace(settings, self.kind.RATE))

    def _ready(self, task: Task, step: Step, booked: datetime) -> Callable[[], None]:
        gap = 0.0 if step.learns else pace(task.settings, self.kind.RATE)

        def may() -> None:
            self.ready()
            if self.trouble is not None and self.trouble.waits(self.yard.clock.now()):
                raise NotNowError

        places = iter([(booked, gap)])

        def ready() -> None:
            # what a step asks once more (a redirect, a token that ran out) takes no place of its own
            at, after = next(places, (booked, 0.0))
            task.waited += self.leave(at, after, may)

        return ready
