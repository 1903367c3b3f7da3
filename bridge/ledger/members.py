"""The members of an incident: the first ones loaded with their details, the others counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BindParameter, Text, bindparam, case, func, select, type_coerce, union

from bridge.core.alert import Links, Priority, Status, Value
from bridge.core.episodes import told_end
from bridge.core.incident import Member
from bridge.ledger.statements import Statement
from bridge.ledger.tables import alerts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection, Row

SHOWN = 500
"""Members of one incident that are loaded with their details: the firing ones first, the most urgent first."""
NEWEST = 50
"""Of those that fire beyond them the newest are loaded too: who joined last must be known by name."""
_GONE = case((alerts.c.ended.in_(("moved", "superseded")), 1), else_=0)
_FIRES = (_GONE == 0) & (alerts.c.status == Status.FIRING.value)
_OVER = (_GONE == 0) & (alerts.c.status != Status.FIRING.value)
_NO_RECOVERY = func.coalesce(alerts.c.reason, "") != ""
# a label of this name is a text, never null; looked for only where there are more members than are loaded
_MEASURED = type_coerce(alerts.c.detail, Text).contains('"no_data":null')
# built once: to build a statement takes four times as long as to run it
_KEYS: BindParameter[list[str]] = bindparam("keys", expanding=True)
# of one fingerprint only the newest episode is a member; what moved to another team is none of this one's
_MINE = alerts.c.id.in_(
    select(func.max(alerts.c.id)).where(alerts.c.incident.in_(_KEYS)).group_by(alerts.c.incident, alerts.c.fingerprint)
)
_FIRST = Statement(
    select(alerts).where(_MINE).order_by(_GONE, alerts.c.status, alerts.c.priority, alerts.c.id).limit(SHOWN)
)


def _number(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((which, 1), else_=0))


_COUNTED = select(
    _number(_FIRES).label("firing"),
    _number(_FIRES & ~_MEASURED).label("unsure"),
    _number(_OVER & _NO_RECOVERY).label("ended"),
    func.sum(1 - _GONE).label("staying"),
    func.count().label("everybody"),
).where(_MINE)
_LAST = Statement(select(alerts).where(_MINE, _FIRES).order_by(alerts.c.id.desc()).limit(NEWEST))

# one list of ids: of alternatives that are joined by OR PostgreSQL makes a look at each alert that there is
_ENDS = union(
    *(
        select(end(alerts.c.id)).where(alerts.c.incident.in_(_KEYS)).group_by(alerts.c.incident)
        for end in (func.min, func.max)
    )
)
_FIRST_AND_LAST = Statement(
    select(alerts.c.incident, alerts.c.detail, alerts.c.links).where(alerts.c.id.in_(_ENDS)).order_by(alerts.c.id)
)


class Members(NamedTuple):
    """What `Incident` holds of its members: those that are loaded, and how many more there are of which kind."""

    members: tuple[Member, ...]
    more_firing: int = 0
    more_unsure: int = 0
    more_over: int = 0
    more_ended: int = 0


def members_of(connection: Connection, ids: Sequence[str]) -> dict[str, Members]:
    """Return the members of incidents, by their ids."""
    rows: dict[str, list[Any]] = {one: [] for one in ids}
    found = _FIRST.rows(connection, {"keys": list(ids)})
    if len(found) == SHOWN:  # of all together: there may be more of each
        return {one: _counted(connection, one, found if len(ids) == 1 else None) for one in ids}
    for row in found:
        rows[row.incident].append(row)
    return {one: Members(_staying(mine)) for one, mine in rows.items()}


def first_and_last(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """Return the labels and links of the first and the newest alert of incidents, by their ids: few of very many."""
    found: dict[str, list[Row[Any]]] = {one: [] for one in ids}
    for start in range(0, len(ids), SHOWN):
        for row in _FIRST_AND_LAST.rows(connection, {"keys": list(ids[start : start + SHOWN])}):
            found[row.incident].append(row)
    return found


def _counted(connection: Connection, incident_id: str, first: Sequence[Any] | None) -> Members:
    key = {"keys": [incident_id]}
    rows = {row.id: row for row in first or _FIRST.rows(connection, key)}
    if len(rows) < SHOWN:
        return Members(_staying(list(rows.values())))
    all_ = connection.execute(_COUNTED, key).one()
    rows |= {row.id: row for row in _LAST.rows(connection, key)}
    members = _staying(list(rows.values()))
    firing = [member for member in members if member.status is Status.FIRING]
    over = [member for member in members if member.status is not Status.FIRING]
    return Members(
        members,
        more_firing=int(all_.firing) - len(firing),
        more_unsure=int(all_.unsure) - sum(bool(member.no_data) for member in firing),
        more_over=int(all_.staying or all_.everybody) - int(all_.firing) - len(over),
        more_ended=int(all_.ended) - sum(bool(member.reason) for member in over) if all_.staying else 0,
    )


def _staying(rows: list[Any]) -> tuple[Member, ...]:
    staying = [row for row in rows if row.ended not in {"moved", "superseded"}] or rows
    return tuple(_member(row) for row in staying)


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
        ends_at=told_end(row.ends_at, row.resolved_at),
        resolved_at=row.resolved_at,
        values=tuple(
            Value(value["name"], value["number"], value.get("labels", {}), value.get("kind", ""))
            for value in detail.get("values", ())
        ),
        links=Links(**{**links, "dropped": tuple(links.get("dropped", ()))}),
        reason=row.reason,
        no_data=detail.get("no_data"),
        failure_threshold=detail.get("failure_threshold"),
        job_count=detail.get("job_count"),
        priority_word=detail.get("priority_word"),
        again=row.again,
    )
