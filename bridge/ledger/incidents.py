"""Reading an incident whole, as the values that rendering and the API work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bridge.core.alert import Links, Priority, Status, Value
from bridge.core.incident import Incident, Member, Previous, State
from bridge.ledger.tables import alerts, deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

SHOWN = 500
"""Members of one incident that are loaded with their details: the firing ones first, the most urgent first."""


def load(connection: Connection, incident_id: str) -> Incident | None:
    """Return an incident with its members and the remotes of its deliveries, or None."""
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
    if row is None:
        return None
    members, partial = _members(connection, incident_id)
    return Incident(
        id=row.id,
        source=row.source,
        org=row.org,
        rule_key=row.rule_key,
        key=row.key,
        title=row.title,
        teams=tuple(row.teams),
        priority=Priority(row.priority),
        state=State(row.state),
        opened_at=row.opened_at,
        version=row.version,
        state_reason=row.state_reason,
        resolved_at=row.resolved_at,
        members=members,
        partial=partial,
        times=row.times,
        previous=_previous(connection, row.previous) if row.previous else None,
        team_said=row.facts.get("team_said", True),
        unknown_teams=tuple(row.facts.get("unknown_teams", ())),
        priority_word=row.facts.get("priority_word"),
        truncated=row.facts.get("truncated", 0),
        external_url=row.facts.get("external_url", ""),
        receiver=row.facts.get("receiver", ""),
        test=row.test,
        never_fired=row.never_fired,
        remotes=_remotes(connection, incident_id),
    )


def _members(connection: Connection, incident_id: str) -> tuple[tuple[Member, ...], bool]:
    """Return the members that are shown, and whether there are more."""
    query = (
        select(alerts)
        .where(alerts.c.incident == incident_id)
        .order_by(alerts.c.status, alerts.c.priority, alerts.c.id)
        .limit(SHOWN)
    )
    rows = connection.execute(query).all()
    # of one fingerprint only the newest episode is a member; what moved to another team is none of this one's
    newest: dict[str, str] = {}
    for row in rows:
        newest[row.fingerprint] = max(row.id, newest.get(row.fingerprint, ""))
    shown = [row for row in rows if newest[row.fingerprint] == row.id]
    staying = [row for row in shown if row.ended not in {"moved", "superseded"}] or shown
    return tuple(_member(row) for row in staying), len(rows) == SHOWN


def _member(row: Any) -> Member:  # noqa: ANN401 - a row of alerts
    detail = row.detail
    links = row.links
    return Member(
        id=row.id,
        fingerprint=row.fingerprint,
        status=Status(row.status),
        labels=detail.get("labels", {}),
        annotations=detail.get("annotations", {}),
        since=row.since,
        priority=Priority(row.priority),
        received_at=row.received_at,
        joined_at=row.joined_at or row.since,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        resolved_at=row.resolved_at,
        values=tuple(
            Value(value["name"], value["number"], value.get("labels", {})) for value in detail.get("values", ())
        ),
        links=Links(**{**links, "dropped": tuple(links.get("dropped", ()))}),
        reason=row.reason,
        no_data=detail.get("no_data"),
        failure_threshold=detail.get("failure_threshold"),
        job_count=detail.get("job_count"),
        again=row.again,
    )


def _previous(connection: Connection, incident_id: str) -> Previous | None:
    row = connection.execute(
        select(incidents.c.id, incidents.c.opened_at, incidents.c.resolved_at, incidents.c.times).where(
            incidents.c.id == incident_id
        )
    ).first()
    if row is None:
        return None
    seconds = (row.resolved_at - row.opened_at).total_seconds() if row.resolved_at else None
    return Previous(row.id, row.resolved_at, seconds, row.times, _remotes(connection, incident_id))


def _remotes(connection: Connection, incident_id: str) -> Mapping[str, Mapping[str, object]]:
    """Return the first remote of each kind: where people can look at it, and its name."""
    query = (
        select(deliveries.c.kind, deliveries.c.address, deliveries.c.have)
        .where(deliveries.c.incident == incident_id)
        .order_by(deliveries.c.id)
    )
    found: dict[str, Mapping[str, object]] = {}
    for row in connection.execute(query):
        url = row.have.get("url")
        if url and row.kind not in found:
            number = f"#{row.have['number']}" if row.have.get("number") else ""
            found[row.kind] = {"url": url, "text": f"{row.address}{number}"}
    return found
