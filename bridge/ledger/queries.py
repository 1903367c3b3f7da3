"""Reading for people and programs: receipts, incidents, deliveries, paged by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, overload

from sqlalchemy import func, select

from bridge.ledger.receipts import load
from bridge.ledger.tables import QUARANTINED, alerts, deliveries, history, incident_teams, incidents, receipts

if TYPE_CHECKING:
    from datetime import datetime

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


@overload
def stamp(moment: datetime) -> str: ...
@overload
def stamp(moment: datetime | None) -> str | None: ...
def stamp(moment: datetime | None) -> str | None:
    """Return a time as the API shows it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


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


def body(connection: Connection, receipt_id: str) -> str | None:
    """Return the start of a receipt's body for people to read; None where it is not kept any more."""
    found = load(connection, receipt_id)
    return found.body[:SHOWN].decode("utf-8", "replace") if found and found.body else None


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
    told = select(history).where(history.c.incident == incident_id).order_by(history.c.id.desc()).limit(most)
    lines = reversed(connection.execute(told).all())
    at = select(deliveries).where(deliveries.c.incident == incident_id).order_by(deliveries.c.id)
    return {
        **_incident(row),
        "alerts": [_alert(member) for member in members],
        "deliveries": [_delivery(one) for one in connection.execute(at)],
        "timeline": [{"at": stamp(line.at), "what": line.what, "why": line.why} for line in lines],
    }


def _alert(row: Row[Any]) -> AlertShape:
    detail = row.detail
    return {
        "fingerprint": row.fingerprint,
        "status": row.status,
        "labels": detail.get("labels", {}),
        "annotations": detail.get("annotations", {}),
        "values": {value["name"]: value["number"] for value in detail.get("values", ())},
        "starts_at": stamp(row.starts_at),
        "ends_at": stamp(row.ends_at),
    }


def _delivery(row: Row[Any]) -> DeliveryShape:
    have = row.have or {}
    shown = ("url", "ts", "channel", "number")
    return {
        "id": row.id,
        "incident": row.incident,
        "destination": row.destination,
        "kind": row.kind,
        "address": row.address,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": stamp(row.due_at),
        "last_error": row.last_error,
        "reason": row.reason,
        "remote": cast("RemoteShape", {name: have[name] for name in shown if have.get(name) is not None}),
    }


def delivery_list(connection: Connection, state: str | None, cursor: str | None) -> Page[DeliveryShape]:
    """Return a page of deliveries, in one state or in all."""
    query = select(deliveries)
    if state:
        query = query.where(deliveries.c.state == state)
    rows, after = _paged(connection, query, deliveries.c.id, cursor)
    return {"items": [_delivery(row) for row in rows], "next": after}


def titles(connection: Connection, page: Page[DeliveryShape]) -> dict[str, str]:
    """Return the titles of the incidents that a page of deliveries belongs to."""
    ids = {one["incident"] for one in page["items"]}
    query = select(incidents.c.id, incidents.c.title).where(incidents.c.id.in_(ids))
    return {row.id: row.title for row in connection.execute(query)}


def backlog(connection: Connection) -> JSON:
    """Return how much waits: receipts to absorb, steps due by kind, dead letters, quarantine."""
    due = connection.execute(
        select(deliveries.c.kind, func.count()).where(deliveries.c.due_at.is_not(None)).group_by(deliveries.c.kind)
    )
    waiting = {
        state: connection.execute(select(func.count()).where(receipts.c.state == state)).scalar_one()
        for state in ("new", "quarantined")
    }
    dead = connection.execute(select(func.count()).where(deliveries.c.state == "dead")).scalar_one()
    return {"receipts": waiting, "deliveries": {row[0]: row[1] for row in due}, "dead": dead}
