"""The bridge's own trouble, read from what is stored: dead letters, quarantine, stuck lanes, incidents not told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.ledger.queries import in_quarantine
from bridge.ledger.tables import alerts, deliveries, incidents, lanes, receipts

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

OWN = "bridge"
"""The source of the incidents that tell of the bridge's own trouble; never told about themselves."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The dead letters at one address: how many, the most urgent (0 for P0), since when, and the newest reason."""

    kind: str
    address: str
    number: int
    urgency: int
    since: datetime
    reason: str


def dead(connection: Connection) -> list[Dead]:
    """Return the addresses with dead letters, but for those of the bridge's own incidents."""
    query = (
        select(
            deliveries.c.kind,
            deliveries.c.address,
            func.count().label("number"),
            func.min(deliveries.c.urgency).label("urgency"),
            func.min(deliveries.c.since).label("since"),
            func.max(deliveries.c.reason).label("reason"),
        )
        .join(incidents, incidents.c.id == deliveries.c.incident)
        .where(deliveries.c.state == "dead", incidents.c.source != OWN)
        .group_by(deliveries.c.kind, deliveries.c.address)
    )
    rows = connection.execute(query)
    return [Dead(row.kind, row.address, row.number, row.urgency, row.since, row.reason or "") for row in rows]


def quarantined(connection: Connection) -> list[tuple[str, int, datetime]]:
    """Return, by source, how many bodies are in quarantine and since when."""
    query = (
        select(receipts.c.source, func.count(), func.min(receipts.c.received_at))
        .where(in_quarantine(), receipts.c.source != OWN)
        .group_by(receipts.c.source)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def troubled_lanes(connection: Connection) -> list[tuple[str, dict[str, Any], int]]:
    """Return the lanes in trouble that have steps due, with their trouble and how many wait."""
    query = (
        select(lanes.c.name, lanes.c.trouble, func.count())
        .join(deliveries, (deliveries.c.lane == lanes.c.name) & deliveries.c.due_at.is_not(None))
        .where(lanes.c.trouble.is_not(None))
        .group_by(lanes.c.name, lanes.c.trouble)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query) if row[1]]


def told_of(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return what the bridge's own open alerts say now, by fingerprint; nothing of those that a person closed."""
    query = (
        select(alerts.c.fingerprint, alerts.c.detail, incidents.c.state)
        .join(incidents, incidents.c.id == alerts.c.incident)
        .where(alerts.c.source == OWN, alerts.c.status == "firing")
    )
    return {row.fingerprint: row.detail if row.state != "closed" else {} for row in connection.execute(query)}


def untold(connection: Connection) -> list[Row[Any]]:
    """Return the deliveries of firing incidents that were never told at an address that routing chose."""
    query = (
        select(
            deliveries.c.kind,
            deliveries.c.address,
            deliveries.c.team,
            deliveries.c.state,
            deliveries.c.since,
            deliveries.c.last_error,
            deliveries.c.reason,
            incidents.c.id.label("incident"),
            incidents.c.priority,
            incidents.c.source,
            incidents.c.version,
        )
        .join(incidents, incidents.c.id == deliveries.c.incident)
        .where(
            deliveries.c.told == 0,
            deliveries.c.because.is_(None),
            deliveries.c.state.in_(("pending", "retrying", "held", "dead")),
            incidents.c.state == "firing",
        )
    )
    return list(connection.execute(query))
