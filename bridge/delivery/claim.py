"""Claiming a step: it is written down in doubt, where the token that it is sent with has room for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.delivery import budget
from bridge.delivery.turns import Rest, write_doubt
from bridge.ledger import deliveries

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Acting, Task
    from bridge.destinations.base import Step

BRIEF = 2.0
"""Seconds for which a whole lane waits for its token's budget."""


def claim(task: Task, step: Step, now: datetime) -> Acting[tuple[bool, Rest | None]]:
    """Write a step down in doubt where its token's budget has room; else say that it waits, and how the lane rests.

    All in the lane wait for a fact about the place, and for a moment's pace; else the delivery waits alone, for a more
    urgent one may still have room.
    """
    drawn = budget.budget_of(task.settings, step.method)
    soon = now + timedelta(seconds=BRIEF)

    def write(connection: Connection) -> tuple[bool, Rest | None]:
        until = budget.take(connection, drawn, task.delivery, now, counts=not step.learns) if drawn else None
        if until is None:
            write_doubt(connection, task, step, now)
            return False, None
        if step.learns or (until <= soon and drawn and drawn.rates):
            return True, Rest(until)
        deliveries.change(connection, task.delivery.id, due_at=until)
        return True, None

    claimed: tuple[bool, Rest | None] = yield write
    return claimed


def take_back(lane: HeldLane, task: Task, step: Step) -> Acting[None]:
    """Undo a claim: the request never left."""
    now = lane.yard.clock.now()

    def write(connection: Connection) -> None:
        attempts = task.delivery.attempts
        deliveries.change(connection, task.delivery.id, doubt=None, due_at=now, attempts=attempts)

    yield write
    yield from answered(task, step)


def answered(task: Task, step: Step) -> Acting[None]:
    """Let the token's next request go, where they go one at a time."""
    drawn = budget.budget_of(task.settings, step.method)
    if drawn is not None and drawn.rates and not step.learns:
        yield lambda connection: budget.answered(connection, drawn, task.delivery.id)
