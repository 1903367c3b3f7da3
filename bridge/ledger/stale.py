"""Incidents that fire and are not heard of any more: marked stale, never called resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select, update

from bridge.core.rules import ITS_OWN
from bridge.ledger.deliveries import wake_all
from bridge.ledger.lanes import INTAKE
from bridge.ledger.tables import NEW, alerts, incidents, lanes, receipts

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

MOST = 200
"""Incidents marked in one transaction."""


def _silent(before: datetime) -> ColumnElement[bool]:
    """Of the bridge's own incidents nothing is heard while nothing changes: they are never stale; nor are tests.

    Nor is anything of a source whose notifications wait to be absorbed: they may say that it fires.
    """
    heard = exists().where(
        alerts.c.incident == incidents.c.id, alerts.c.status == "firing", alerts.c.received_at >= before
    )
    own = incidents.c.source.not_in(sorted(ITS_OWN))
    waiting = exists().where(receipts.c.source == incidents.c.source, NEW)
    return (incidents.c.state == "firing") & (incidents.c.heard_at < before) & own & ~heard & ~waiting


def sources(connection: Connection, before: datetime) -> list[str]:
    """Name the sources with firing incidents that were last heard of before a time."""
    return list(connection.execute(select(incidents.c.source).where(_silent(before)).distinct()).scalars())


def mark(connection: Connection, source: str, before: datetime, at: datetime) -> int:
    """Mark a source's incidents stale; return how many were."""
    # whoever absorbs of this source holds its lane's row: what is being heard right now is waited for
    connection.execute(select(lanes.c.name).where(lanes.c.name == f"{INTAKE}{source}").with_for_update()).first()
    due = select(incidents.c.id).where(_silent(before), incidents.c.source == source).limit(MOST)
    rows = connection.execute(
        update(incidents)
        .where(incidents.c.id.in_(due))
        .values(state="stale", version=incidents.c.version + 1)
        .returning(incidents.c.id, incidents.c.version, incidents.c.priority)
    ).all()
    wake_all(connection, rows, at, "stale", f"not heard of since {before:%Y-%m-%d %H:%M} UTC")
    return len(rows)
