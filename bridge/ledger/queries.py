"""Reading for people and programs: receipts, incidents, deliveries, paged by key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import func, select

from bridge.core.episodes import told_end
from bridge.ledger import timeline
from bridge.ledger.columns import stamp
from bridge.ledger.paging import paging
from bridge.ledger.receipts import load
from bridge.ledger.tables import (
    NEW,
    OPEN_STATES,
    QUARANTINED,
    alerts,
    deliveries,
    incident_teams,
    incidents,
    lanes,
    receipts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Select
    from sqlalchemy.engine import Connection, Row

    from bridge.ledger.shapes import (
        AlertShape,
        DeliveryShape,
        IncidentShape,
        Page,
        ReceiptShape,
        RemoteShape,
        WholeIncident,
    )

JSON = dict[str, Any]
PAGE = 50
"""Items of a page."""
SHOWN = 100_000
"""Bytes of a body that people are shown."""


def _paged(
    connection: Connection, query: Select[Any], key: Column[str], cursor: str | None
) -> tuple[list[Row[Any]], str | None]:
    """Return one page, newest first, and the cursor of the next one."""
    if cursor:
        query = query.where(key < cursor)
    rows = list(connection.execute(query.order_by(key.desc()).limit(PAGE + 1)))
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None


_RECEIPT = [
    receipts.c[name] for name in ("id", "source", "received_at", "state", "problem", "alerts", "incidents", "acts")
]


def _receipt(row: Row[Any]) -> ReceiptShape:
    return {
        "id": row.id,
        "source": row.source,
        "received_at": stamp(row.received_at),
        "state": row.state,
        "problem": row.problem,
        "alerts": row.alerts,
        "incidents": row.incidents or [],
        "acts": row.acts or [],
    }


def receipt(connection: Connection, receipt_id: str) -> ReceiptShape | None:
    """Return one receipt as the API shows it."""
    row = connection.execute(select(*_RECEIPT).where(receipts.c.id == receipt_id)).first()
    return _receipt(row) if row is not None else None


def body(connection: Connection, receipt_id: str) -> tuple[str, str]:
    """Return the start of a receipt's body for people to read, and why there is none, a sentence, where that is so."""
    found = load(connection, receipt_id)
    if found is None or found.unreadable:
        return "", found.unreadable if found else ""
    return found.body[:SHOWN].decode("utf-8", "replace"), ""


def receipt_list(connection: Connection, state: str | None, cursor: str | None) -> Page[ReceiptShape]:
    """Return a page of receipts, in one state or in all."""
    query = select(*_RECEIPT)
    if state == "quarantined":
        query = query.where(QUARANTINED)
    elif state:
        query = query.where(receipts.c.state == state)
    rows, after = _paged(connection, query, receipts.c.id, cursor)
    return {"items": [_receipt(row) for row in rows], "next": after}


def incident_list(
    connection: Connection, *, state: str | None, team: str | None, priority: str | None, cursor: str | None
) -> Page[IncidentShape]:
    """Return a page of incidents, without their alerts and deliveries."""
    query = select(incidents)
    if state:
        query = query.where(incidents.c.state == state)
    if priority:
        query = query.where(incidents.c.priority == priority.upper())
    if team:
        query = query.join(incident_teams, incident_teams.c.incident == incidents.c.id)
        query = query.where(incident_teams.c.team == team.lower())
    rows, after = _paged(connection, query, incidents.c.id, cursor)
    return {"items": [_incident(row) for row in rows], "next": after}


def _incident(row: Row[Any]) -> IncidentShape:
    return {
        "id": row.id,
        "source": row.source,
        "title": row.title,
        "teams": row.teams,
        "priority": row.priority,
        "state": row.state,
        "state_reason": row.state_reason,
        "opened_at": stamp(row.opened_at),
        "resolved_at": stamp(row.resolved_at),
        "previous": row.previous,
        "times": row.times,
    }


def incident(connection: Connection, incident_id: str, most: int | None = None) -> WholeIncident | None:
    """Return one incident as the API shows it: whole, or with its `most` urgent alerts and its `most` recent events."""
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
    if row is None:
        return None
    of_it = select(alerts).where(alerts.c.incident == incident_id)
    urgent = (alerts.c.status, alerts.c.priority) if most else ()
    members = connection.execute(of_it.order_by(*urgent, alerts.c.id).limit(most))
    mine = _DELIVERIES.where(deliveries.c.incident == incident_id).order_by(deliveries.c.id)
    places, happened = connection.execute(mine).all(), timeline.lines(connection, incident_id, most)
    decision = next((line["decision"] for line in reversed(happened) if "decision" in line), None)
    return {
        **_incident(row),
        "paging": paging(connection, places, decision, over=row.state not in OPEN_STATES),
        "alerts": [_alert(member) for member in members],
        "deliveries": [_delivery(one) for one in places],
        "timeline": happened,
    }


def firing(connection: Connection, incident_id: str) -> Mapping[str, int]:
    """Return how many of an incident's alerts fire, and how many are over."""
    query = select(alerts.c.status, func.count()).where(alerts.c.incident == incident_id).group_by(alerts.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}


def _alert(row: Row[Any]) -> AlertShape:
    detail = row.detail
    return {
        "fingerprint": row.fingerprint,
        "status": row.status,
        "labels": detail.get("labels", {}),
        "annotations": detail.get("annotations", {}),
        "values": {value["name"]: value["number"] for value in detail.get("values", ())},
        "links": {name: url for name, url in row.links.items() if isinstance(url, str)},
        "starts_at": stamp(row.starts_at),
        "ends_at": stamp(told_end(row.ends_at, row.resolved_at)),
    }


_DELIVERIES = select(deliveries, lanes.c.trouble).join(lanes, lanes.c.name == deliveries.c.lane, isouter=True)


def _next(row: Row[Any]) -> datetime | None:
    """Return when a delivery is tried next: not before its place is asked again, where that is in trouble."""
    due: datetime | None = row.due_at
    return max(due, datetime.fromtimestamp(row.trouble["until"], UTC)) if due and row.trouble else due


def _delivery(row: Row[Any]) -> DeliveryShape:
    have = row.have or {}
    if pages := have.get("pages"):
        have = {**have, "dedup_key": pages[-1].get("key")}
    shown = ("url", "ts", "channel", "number", "dedup_key")
    return {
        "id": row.id,
        "incident": row.incident,
        "destination": row.destination,
        "kind": row.kind,
        "address": row.address,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": stamp(_next(row)),
        "last_error": row.last_error,
        "reason": row.reason,
        "remote": cast("RemoteShape", {name: have[name] for name in shown if have.get(name) is not None}),
    }


def delivery_list(connection: Connection, state: str | None, cursor: str | None) -> Page[DeliveryShape]:
    """Return a page of deliveries, in one state or in all."""
    query = _DELIVERIES
    if state:
        query = query.where(deliveries.c.state == state)
    rows, after = _paged(connection, query, deliveries.c.id, cursor)
    return {"items": [_delivery(row) for row in rows], "next": after}


def titles(connection: Connection, page: Page[DeliveryShape]) -> dict[str, str]:
    """Return the titles of the incidents that a page of deliveries belongs to."""
    ids = {one["incident"] for one in page["items"]}
    query = select(incidents.c.id, incidents.c.title).where(incidents.c.id.in_(ids))
    return {row.id: row.title for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits: receipts by state, steps due and dead letters by kind; the oldest receipt and step by urgency."""

    receipts: Mapping[str, int]
    due: Mapping[str, int]
    dead: Mapping[str, int]
    oldest: Mapping[int, datetime]
    oldest_receipt: datetime | None


def backlog(connection: Connection) -> Backlog:
    """Return how much waits."""
    columns = (deliveries.c.kind, deliveries.c.urgency, func.count(), func.min(deliveries.c.since))
    waiting = select(*columns).where(deliveries.c.due_at.is_not(None)).group_by(*columns[:2])
    due: Counter[str] = Counter()
    oldest: dict[int, datetime] = {}
    for kind, urgency, number, since in connection.execute(waiting):
        due[kind] += number
        oldest[urgency] = min(since, oldest.get(urgency, since))
    states = {"new": NEW, "quarantined": QUARANTINED}
    found = {
        state: connection.execute(select(func.count()).select_from(receipts).where(which)).scalar_one()
        for state, which in states.items()
    }
    buried = select(deliveries.c.kind, func.count()).where(deliveries.c.state == "dead").group_by(deliveries.c.kind)
    dead = {row[0]: row[1] for row in connection.execute(buried)}
    receipt = connection.execute(select(func.min(receipts.c.received_at)).where(states["new"])).scalar_one()
    return Backlog(found, due, dead, oldest, receipt)
