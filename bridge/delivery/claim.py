"""Claiming a step: it is written down in doubt, where the token that it is sent with has room for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.delivery import budget
from bridge.delivery.turns import Rest, Shared, doubtful
from bridge.destinations.base import Failed, Fault
from bridge.ledger import deliveries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Self

    from sqlalchemy.engine import Connection

    from bridge.delivery.budget import Budget
    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Acting, Task
    from bridge.destinations.base import Outcome, Step

BRIEF = 2.0
"""Seconds for which a whole lane waits for its token's budget."""


@dataclass(frozen=True, slots=True)
class Claiming(Shared):
    """Writes a step down in doubt where its token's budget has room; else says that it waits, and how the lane rests.

    All in the lane wait for a fact about the place, and for a moment's pace; else the delivery waits alone, for a more
    urgent one may still have room.
    """

    task: Task
    step: Step
    at: datetime

    @classmethod
    def all(cls, connection: Connection, acts: Sequence[Self]) -> list[tuple[bool, Rest | None]]:
        """Write them; return of each whether it waits."""
        paused: dict[Budget, datetime | None] = {}
        until = [act.room(connection, paused) for act in acts]
        claimed = [act for act, later in zip(acts, until, strict=True) if later is None]
        rows = [(act.task.delivery.id, doubtful(act.task, act.step, act.at)) for act in claimed]
        deliveries.change_all(connection, rows)
        return [
            (False, None) if later is None else act.wait(connection, later)
            for act, later in zip(acts, until, strict=True)
        ]

    def room(self, connection: Connection, paused: dict[Budget, datetime | None]) -> datetime | None:
        """Return until when to wait, None where there is room; a budget that counts nothing is asked once for all."""
        drawn = budget.budget_of(self.task.settings, self.step.method)
        if drawn is None:
            return None
        counts = bool(drawn.rates) and not self.step.learns
        if counts or drawn not in paused:
            later, self.task.probes = budget.take(connection, drawn, self.task.delivery, self.at, counts=counts)
            # the others of this commit wait for what that one hears
            paused[drawn] = self.at + timedelta(seconds=budget.PROBED) if self.task.probes else later
            return later
        self.task.probes = False
        return paused[drawn]

    def wait(self, connection: Connection, until: datetime) -> tuple[bool, Rest | None]:
        """Return how a step waits for which there is no room: with its lane, or alone."""
        drawn = budget.budget_of(self.task.settings, self.step.method)
        soon = self.at + timedelta(seconds=BRIEF)
        if self.step.learns or (until <= soon and drawn and drawn.rates):
            return True, Rest(until)
        deliveries.put_off(connection, self.task.delivery.id, until)
        return True, None


def take_back(lane: HeldLane, task: Task, step: Step) -> Acting[None]:
    """Undo a claim: the request never left."""
    now = lane.yard.clock.now()
    yield lambda connection: deliveries.unclaim(connection, task.delivery, now)
    yield from answered(task, step)


def answered(task: Task, step: Step, outcome: Outcome | None = None) -> Acting[None]:
    """Let the token's next request go, where they go one at a time; all of them, where one shows that a limit is over.

    None: the request never left.
    """
    drawn = budget.budget_of(task.settings, step.method)
    if drawn is not None and (task.probes or (drawn.rates and not step.learns)):
        passing = outcome is None or (isinstance(outcome, Failed) and outcome.fault in {Fault.RETRY, Fault.LIMITED})
        yield lambda connection: budget.answered(connection, drawn, task.delivery.id, over=not passing)
