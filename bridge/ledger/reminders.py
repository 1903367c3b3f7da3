"""Deliveries whose place may have to be told again that something still fires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from bridge.ledger.present import URGENCY
from bridge.ledger.tables import deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

PAGE = 500


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery that shows the truth, of an incident that fires."""

    id: str
    team: str
    priority: str
    have: dict[str, Any]


def told(connection: Connection, priorities: Sequence[str], before: datetime, after: str) -> list[Told]:
    """Return Slack's deliveries of incidents of some priorities that opened before a time; a page, after an id."""
    query = (
        select(deliveries.c.id, deliveries.c.team, incidents.c.priority, deliveries.c.have)
        .join(incidents, incidents.c.id == deliveries.c.incident)
        .where(
            incidents.c.state == "firing",
            incidents.c.priority.in_(priorities),
            incidents.c.opened_at <= before,
            deliveries.c.kind == "slack",
            deliveries.c.state == "delivered",
            deliveries.c.due_at.is_(None),
            deliveries.c.id > after,
        )
        .order_by(deliveries.c.id)
        .limit(PAGE)
    )
    return [Told(*row) for row in connection.execute(query)]


def wake(connection: Connection, ids: Sequence[str], at: datetime) -> None:
    """Make deliveries due that still show the truth: their next step is to say it again."""
    resting = deliveries.c.id.in_(ids) & (deliveries.c.state == "delivered") & deliveries.c.due_at.is_(None)
    due = {"state": "pending", "due_at": at, "since": at, "heard_at": None, "urgency": URGENCY}
    connection.execute(update(deliveries).where(resting).values(**due))
