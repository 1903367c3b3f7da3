"""What people do to what is stored: close an incident, replay or dismiss a dead letter, replay or dismiss a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from bridge.ledger.deliveries import DISMISSED, wake_one
from bridge.ledger.queries import in_quarantine
from bridge.ledger.tables import deliveries, history, incidents, receipts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection


def close(connection: Connection, incident_id: str, who: str, at: datetime) -> bool:
    """Close an incident for good; returns whether it was open or resolved until now."""
    mine = (incidents.c.id == incident_id) & (incidents.c.state != "closed")
    row = connection.execute(
        update(incidents)
        .where(mine)
        .values(
            state="closed",
            state_reason=f"closed by {who}",
            closed_by=who,
            settled_at=at,
            version=incidents.c.version + 1,
        )
        .returning(incidents.c.version, incidents.c.resolved_at, incidents.c.priority)
    ).first()
    if row is None:
        return False
    if row.resolved_at is None:
        connection.execute(update(incidents).where(incidents.c.id == incident_id).values(resolved_at=at))
    wake_one(connection, incident_id, row.version, row.priority, at)
    line = {"incident": incident_id, "at": at, "what": "closed", "why": f"by {who}"}
    connection.execute(history.insert(), line)
    return True


def dead_letters(connection: Connection) -> list[str]:
    """Return the ids of all dead letters."""
    return list(connection.execute(select(deliveries.c.id).where(deliveries.c.state == "dead")).scalars())


def replay(connection: Connection, ids: Sequence[str], at: datetime) -> list[str]:
    """Make dead letters due again: what is told is the present truth; returns those that were dead."""
    rows = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == "dead")
        .values(state="pending", due_at=at, since=at, attempts=0, failing_since=None, reason=None, last_error=None)
        .returning(deliveries.c.id, deliveries.c.incident)
    ).all()
    _note(connection, rows, at, "replayed")
    return [row.id for row in rows]


def dismiss(connection: Connection, ids: Sequence[str], at: datetime) -> list[str]:
    """Let dead letters rest: nothing more is told there; returns those that were dead."""
    rows = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == "dead")
        .values(state="skipped", due_at=None, reason=DISMISSED)
        .returning(deliveries.c.id, deliveries.c.incident)
    ).all()
    _note(connection, rows, at, "dismissed")
    return [row.id for row in rows]


def _note(connection: Connection, rows: Sequence[object], at: datetime, what: str) -> None:
    lines = [{"incident": row.incident, "delivery": row.id, "at": at, "what": what} for row in rows]  # type: ignore[attr-defined]
    if lines:
        connection.execute(history.insert(), lines)


def quarantined(connection: Connection) -> list[str]:
    """Return the ids of all receipts in quarantine, whole or in part."""
    return list(connection.execute(select(receipts.c.id).where(in_quarantine())).scalars())


def replay_receipts(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Put quarantined receipts back to be absorbed, those partly absorbed too; returns those that were."""
    return list(
        connection.execute(
            update(receipts)
            .where(receipts.c.id.in_(ids), in_quarantine(), receipts.c.body.is_not(None))
            .values(state="new", problem=None, progress=0)
            .returning(receipts.c.id)
        ).scalars()
    )


def dismiss_receipts(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Let quarantined receipts rest; returns those that were in quarantine."""
    return list(
        connection.execute(
            update(receipts)
            .where(receipts.c.id.in_(ids), in_quarantine())
            .values(state="dismissed")
            .returning(receipts.c.id)
        ).scalars()
    )
