"""What was stored lately, as the alerts that it was made of: to see where another configuration would bring it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bridge.core.alert import Alert, Status, Value
from bridge.core.rules import STORM
from bridge.ledger.tables import alerts, incidents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.engine import Connection

MEMBERS = 10
"""Alerts of one incident that are looked at: the firing ones first, the most urgent first."""
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Past:
    """One stored incident with its alerts."""

    id: str
    source: str
    title: str
    teams: tuple[str, ...]
    alerts: tuple[Alert, ...]


def recent(connection: Connection, since: datetime, most: int) -> Iterator[Past]:
    """Yield the incidents that were heard of since then, the newest first; but for those that stand for others."""
    mine = select(*(incidents.c[name] for name in ("id", "source", "title", "teams"))).where(
        incidents.c.heard_at >= since, incidents.c.source != STORM
    )
    rows = connection.execute(mine.order_by(incidents.c.id.desc()).limit(most)).all()
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        members = _members(connection, [row.id for row in chunk])
        yield from (
            Past(row.id, row.source, row.title, tuple(row.teams), tuple(members.get(row.id, ()))) for row in chunk
        )


def _members(connection: Connection, ids: list[str]) -> dict[str, list[Alert]]:
    rank = func.row_number().over(
        partition_by=alerts.c.incident, order_by=(alerts.c.status, alerts.c.priority, alerts.c.id)
    )
    names = ("incident", "status", "fingerprint", "starts_at", "ends_at", "org", "detail", "id")
    columns = [alerts.c[name] for name in names]
    ranked = select(*columns, rank.label("rank")).where(alerts.c.incident.in_(ids)).subquery()
    found: dict[str, list[Alert]] = {}
    for row in connection.execute(select(ranked).where(ranked.c.rank <= MEMBERS).order_by(ranked.c.id)):
        found.setdefault(row.incident, []).append(_alert(row))
    return found


def _alert(row: Row[Any]) -> Alert:
    detail = row.detail
    return Alert(
        status=Status(row.status),
        fingerprint=row.fingerprint,
        labels=detail.get("labels", {}),
        annotations=detail.get("annotations", {}),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        values=tuple(Value(one["name"], one["number"], one.get("labels", {})) for one in detail.get("values", ())),
        org=row.org,
    )
