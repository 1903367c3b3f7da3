"""A lane: everything that one place outside limits, worked a step of each delivery at a time.

A turn is: choose the most urgent due deliveries, plan the next step of each, write it down in doubt, send it, write
down what we have. Whatever happens between any two of these, the next turn (of this process or another) goes on from
what is written.

Where a place answers at once, a turn takes several deliveries: what is read and what is written of them is then one
transaction each, and their requests leave one after the other; behind one that hangs, other threads take the rest back.
Where answers take their time, a turn takes one, and others theirs meanwhile (docs/decisions/steps-share-commits.md).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bridge.delivery import claim, doubt, faults, looks, settle
from bridge.delivery.held import HeldLane, is_own
from bridge.delivery.search import Search
from bridge.delivery.turns import NotNowError, Rest, Task, pace, patience, reckoned, soonest, until_a_lookup
from bridge.delivery.underway import TakenBackError, Underway
from bridge.delivery.yard import HeldError
from bridge.ledger import deliveries, due, incidents
from bridge.log import about

if TYPE_CHECKING:
    from bridge.core.incident import Incident
    from bridge.delivery.turns import Act, Acting
    from bridge.delivery.yard import Yard
    from bridge.destinations.base import Outcome, Settings, Step
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.lanes import Held

DEADLINE = 8.0
"""Seconds that a step may take in all, at most; a lease is 12."""
EVERY_TENTH = 10
"""Every tenth delivery is the one waiting longest, so that P3 is told in the end."""
TOGETHER = 8
"""Deliveries of one turn, where the place answers at once."""
TOLD = Rest()
"""How the turn ends of a delivery that needs nothing more; what that means for its lane, the others say."""
AT_ONCE = 0.01
"""Seconds within which an answer counts as that: a change of thread takes about as long."""
SLOW = 0.05
"""Seconds after which what waits behind an answer is taken back: two commits for each, too dear for a busy moment."""


class Lane(HeldLane):
    """The turns of a held lane, from up to `width` threads at once, each for other deliveries."""

    def __init__(self, held: Held, yard: Yard, lease_ends: float) -> None:
        super().__init__(held, yard, lease_ends)
        self._underway = Underway(self.lock)
        self._turns = 0
        self._learning = False
        self._search = yard.searches.setdefault(self.name, Search())
        self._answers_at_once = False
        self._shared = False  # whether a turn of several deliveries is under way

    @property
    def width(self) -> int:
        """Threads that take turns at once: one while the place is in trouble, or answers at once."""
        return 1 if self.trouble or self._quick() else self.kind.WIDTH

    def _quick(self) -> bool:
        return self._answers_at_once and not self._underway.late(self.yard.clock.monotonic() - AT_ONCE)

    def turn(self) -> Rest | None:
        """Do a step's worth of work for each delivery that is chosen; None means: ask again at once.

        Raises:
            LostLeaseError: the lane is another process's now.
        """
        self._free()
        now = self.yard.clock.now()
        with self.lock:
            if (closed := self._closed(now)) is not None:
                return closed
            chosen, last = self._choose(now)
            turns = self._turns
            turn = self._underway.begin(delivery.id for delivery, _ in chosen)
            self._shared |= len(chosen) > 1
        try:
            rests = self._together(turn, chosen, now)
        finally:
            with self.lock:
                # who looked meanwhile may have been told of something newer, and left out what was busy here
                last &= turns == self._turns
                self._underway.end(turn)
                self._shared &= len(chosen) <= 1
        # who brings more says so: to look for it once more costs as much as to write down a step
        over = last and all(rest is TOLD for rest in rests)
        return Rest() if over else soonest([None if rest is TOLD else rest for rest in rests])

    def _free(self) -> None:
        """Take back what waits behind a request that hangs: other threads tell it, the most urgent first."""
        late = self._underway.late(self.yard.clock.monotonic() - SLOW)
        with self.lock:
            turn, behind = self._underway.take_back() if late else (None, [])
            self._learning &= not any(step.learns for _, step in behind)
        try:
            if behind:
                self.write([act for task, step in behind for act in claim.take_back(self, task, step)])
        finally:
            with self.lock:
                self._underway.end(turn)

    def _together(self, turn: object, chosen: list[tuple[Delivery, Incident]], now: datetime) -> list[Rest | None]:
        """Take the turns of several deliveries: what each of them wants written next shares a commit with others."""
        rests: list[Rest | None] = []
        going: list[tuple[Delivery, Acting[Rest | None], Any]] = [
            (delivery, self._turn(delivery, incident, now), None) for delivery, incident in chosen
        ]
        while going:
            asked: list[tuple[Delivery, Acting[Rest | None], Act]] = []
            for delivery, acting, result in going:
                with about(delivery=delivery.id, incident=delivery.incident):
                    try:
                        failed = isinstance(result, Exception)
                        asked.append((delivery, acting, acting.throw(result) if failed else acting.send(result)))
                    except StopIteration as ended:
                        rests.append(ended.value)
            results = self.write(acts) if (acts := [act for _, _, act in asked]) else []
            with self.lock:
                self._underway.wait(turn, acts, results)
            going = [(delivery, acting, result) for (delivery, acting, _), result in zip(asked, results, strict=True)]
        return rests

    def _turn(self, delivery: Delivery, incident: Incident, now: datetime) -> Acting[Rest | None]:
        try:
            return (yield from self._work(delivery, incident, now))
        except Exception as error:
            if not is_own(error):
                raise
            self.yard.report("broke", delivery, error)
            yield from settle.broke(self, delivery, error)
            return None

    def _closed(self, now: datetime) -> Rest | None:
        if (until := self.early(now)) is not None:
            return Rest(until)
        if self.trouble is None:
            return None
        if self.trouble.waits(now):
            return Rest(datetime.fromtimestamp(self.trouble.until, UTC))
        return Rest() if self._underway.busy else None

    def _choose(self, now: datetime) -> tuple[list[tuple[Delivery, Incident]], bool]:
        """Return whose turn it is, and whether that is all that was due."""
        # a pace, or trouble, lets one request leave at a time; a first one says whether there is any
        most, busy = TOGETHER if self._quick() and self.gap == 0 and not self.trouble else 1, self._underway.busy
        oldest = (self._turns + most) // EVERY_TENTH > self._turns // EVERY_TENTH
        behind = self.trouble.behind() if self.trouble else ()
        with self.yard.ledger.read() as connection:
            found = due.next_due(connection, self.name, now, most=most, busy=busy, oldest=oldest, behind=behind)
            if not found and behind:
                # everybody else is told or waits as well: the ones behind probe again
                found = due.next_due(connection, self.name, now, busy=busy, oldest=oldest)
            chosen = until_a_lookup(found)
            known = incidents.load_all(connection, [one.incident for one in chosen]) if chosen else {}
        self._turns += max(len(chosen), 1)
        if chosen and self.width > len(busy) + 1:
            self.yard.kick(self.name)
        return [(one, known[one.incident]) for one in chosen], not chosen or len(chosen) == len(found) < most

    def _work(self, delivery: Delivery, incident: Incident, now: datetime) -> Acting[Rest | None]:
        told = False
        if delivery.since > now:  # written before the clock was set back: from here on it is as if it were due now
            yield lambda connection: deliveries.change(connection, delivery.id, since=now)
        task = yield from self._task(delivery, incident, now)
        if task is None:
            return None
        if delivery.doubt and delivery.doubt["creates"]:
            yield from doubt.look(self, self._search, task, now)
            return None
        step = yield from looks.plan(self, task, now)
        if step is None:
            return None
        booked = self._begin(step, task.settings, now)
        if isinstance(booked, Rest):
            return booked
        try:
            claimed: tuple[bool, Rest | None] = yield claim.Claiming(task, step, now)
            if claimed[0]:
                return (yield from self._no_room(task, step, booked, claimed[1]))
            outcome = self._send(task, step, booked)
            looks.answered(self, task, step, outcome)
            told = yield from faults.outcome(self, task, step, outcome)
            yield from claim.answered(task, step, outcome)
        except NotNowError:
            looks.answered(self, task, step)
            yield from claim.take_back(self, task, step)
        except TakenBackError:
            told = False
        finally:
            if step.learns:
                self._learning = False
        return TOLD if told else None

    def _no_room(self, task: Task, step: Step, booked: datetime, rest: Rest | None) -> Acting[Rest | None]:
        if "known" not in step.request:
            return self.give_back(booked, rest)
        # its place may be well, though nobody may ask about it
        yield from looks.as_known(self, task, step, until=rest.until if rest else None)
        return None

    def _send(self, task: Task, step: Step, booked: datetime) -> Outcome:
        clock = self.yard.clock
        deadline = min(patience(task.settings, DEADLINE), self.lease_ends - clock.monotonic())
        with self.lock:
            # before anything is connected to: who hangs there is a hanging request as well
            self._underway.leaves(task)
            if not self.stands(task):
                raise NotNowError
        with self._underway.asking(task, began := clock.monotonic()):
            ready = self.readiness(task, step, booked)
            outcome = self.yard.client(task.settings).send(step, task.delivery.have, deadline, ready)
        task.took = clock.monotonic() - began - task.waited
        self._answers_at_once = task.took < AT_ONCE
        if self._shared and task.took > SLOW:
            self._shared = False
            self.plan_anew()  # by threads of their own, and what became more urgent meanwhile first
        return outcome

    def _task(self, delivery: Delivery, incident: Incident, now: datetime) -> Acting[Task | None]:
        try:
            settings = self.yard.effective.settings(delivery, incident)
            self.yard.client(settings)  # can it be used at all? asked before a step is written down
        except HeldError as error:
            yield from settle.held(self, delivery, str(error))
            return None
        return Task(reckoned(delivery), incident, settings, now, knowledge=self.knowledge)

    def _begin(self, step: Step, settings: Settings, now: datetime) -> Rest | datetime:
        """Take the next place in the lane's pace; where that is further off, say when it can be prepared.

        A fact about the place is asked for once, by one thread, while the others wait for it.
        """
        with self.lock:
            if step.learns:
                taken, self._learning = self._learning, True
                return Rest() if taken else now
            gap = pace(settings, self.kind.RATE)
            self.inherit(gap, now)
            if (until := self.early(now)) is not None:
                return Rest(until)
            return self.book(gap)
