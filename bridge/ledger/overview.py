"""What is going on, at a glance: open incidents, what waits, lanes, sources. Nothing is counted beyond MOST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, or_, select

from bridge.core.alert import Priority
from bridge.core.rules import SHADOW
from bridge.ledger.browse import TROUBLES
from bridge.ledger.queries import PAGE
from bridge.ledger.tables import NEW, OPEN, QUARANTINED, deliveries, incidents, lanes, receipts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.selectable import ScalarSelect

MOST = 999
"""Up to which is counted; one more stands for all that are more."""
PRIORITIES = tuple(one.value for one in Priority)
_DUE = deliveries.c.due_at.is_not(None)


def _count(query: Select[Any]) -> ScalarSelect[int]:
    few = query.with_only_columns(literal(1).label("one"), maintain_column_froms=True).limit(MOST + 1).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


def at_a_glance(connection: Connection) -> Mapping[str, int]:
    """Return how many incidents of each priority are open, and what waits: by name, at most MOST + 1 each."""
    counts = {name: _count(select(incidents).where(OPEN, incidents.c.priority == name)) for name in PRIORITIES}
    counts["unread"] = _count(select(receipts).where(NEW))
    counts["due"] = _count(select(deliveries).where(_DUE))
    counts["dead"] = _count(select(deliveries).where(deliveries.c.state == "dead"))
    counts["quarantine"] = _count(select(receipts).where(QUARANTINED))
    row = connection.execute(select(*(query.label(name) for name, query in counts.items()))).one()
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public spelling


def troubled(connection: Connection, ids: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Return, of some incidents, the deliveries that are in trouble, by incident."""
    columns = [deliveries.c[name] for name in ("incident", "kind", "address", "state", "reason", "last_error")]
    mine = deliveries.c.incident.in_(list(ids))
    query = select(*columns).where(mine, deliveries.c.state.in_(TROUBLES["any"]))
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(query.order_by(deliveries.c.id)):
        found.setdefault(row.incident, []).append(row)
    return found


def shadowed(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return those of some incidents that shadow mode tells of."""
    query = select(deliveries.c.incident).where(
        deliveries.c.incident.in_(list(ids)), deliveries.c.destination == SHADOW
    )
    return set(connection.execute(query).scalars())


def lane_list(
    connection: Connection, kinds: Sequence[str], after: str | None
) -> tuple[list[tuple[Any, Any]], str | None]:
    """Return a page of lanes of these kinds, by name, each with its newest delivery, and the last one's name if more.

    `backlog` of a lane counts at most MOST + 1; `since` and `last_error` are of the one whose turn it is, `due_at` says
    when the first may be told: another may wait for longer by its own fault.
    """
    mine = or_(*(lanes.c.name.startswith(f"{kind}/") for kind in kinds))
    waiting = select(deliveries).where(deliveries.c.lane == lanes.c.name, _DUE).correlate(lanes)
    turn = waiting.order_by(deliveries.c.urgency, deliveries.c.due_at).limit(1)
    query = select(
        *(lanes.c[name] for name in ("name", "holder", "ready_at", "trouble")),
        _count(waiting).label("backlog"),
        waiting.with_only_columns(func.min(deliveries.c.due_at)).scalar_subquery().label("due_at"),
        *(turn.with_only_columns(deliveries.c[name]).scalar_subquery().label(name) for name in ("since", "last_error")),
    ).where(mine)
    if after:
        query = query.where(lanes.c.name > after)
    rows = connection.execute(query.order_by(lanes.c.name).limit(PAGE + 1)).all()
    newest = select(deliveries).order_by(deliveries.c.placed_at.desc()).limit(1)
    shown = [(row, connection.execute(newest.where(deliveries.c.lane == row.name)).first()) for row in rows[:PAGE]]
    return shown, rows[PAGE - 1].name if len(rows) > PAGE else None


def last_receipts(connection: Connection, sources: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the newest receipt of each source that has one."""
    columns = [receipts.c[name] for name in ("id", "received_at", "state", "problem", "alerts")]
    newest = select(*columns).order_by(receipts.c.id.desc()).limit(1)
    found = {name: connection.execute(newest.where(receipts.c.source == name)).first() for name in sources}
    return {name: row for name, row in found.items() if row is not None}
