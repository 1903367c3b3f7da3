"""How much is stored, and what of it may go: what is open, here or as a page, unabsorbed or dead never does.

Each function takes a small part, so that no writer waits long for it; it returns how much it was.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from sqlalchemy import Table, delete, exists, func, literal, select, text, true, update

from bridge.ledger import counts
from bridge.ledger.paging import LEFT_OPEN
from bridge.ledger.tables import (
    OPEN_STATES,
    QUARANTINED,
    alerts,
    deliveries,
    history,
    incidents,
    metadata,
    receipts,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select, Subquery, TextClause
    from sqlalchemy.engine import Connection

BATCH = 200
MEMBERS = 2_000
"""Rows that go with the incidents of one part, about; one incident that has more of them goes alone."""
METRIC = "storage_bytes"
_MEASURED_AT = "storage_measured_at"
LATELY = 60.0
"""Seconds for which what was measured holds; while anybody prunes it is measured every ten."""
PAGES = 1_000
KEPT = 1_000
"""Free pages of an SQLite file that are given back at once, and that it keeps: it will need them."""
_READ = (receipts.c.state == "absorbed") & receipts.c.problem.is_(None)
_BELONGS = [one for one in metadata.sorted_tables if any(key.column.table is incidents for key in one.foreign_keys)]
"""Tables whose rows go with their incident."""
_WAITING = ("pending", "retrying", "dead")
"""States of a delivery that keep its incident: somebody is still to be told of it. A page that is held and open keeps
it too: nobody else would end it, and it wakes people."""


def used(connection: Connection) -> int:
    """Measure the bytes in use.

    SQLite counts its pages. On PostgreSQL, which gives freed room back to itself only, it is reckoned: the bodies'
    stored sizes, and of the other tables rows times their average width (`pg_stats`), without indices.
    """
    if connection.dialect.name == "sqlite":
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    bodies = connection.execute(select(func.coalesce(func.sum(func.pg_column_size(receipts.c.body)), 0))).scalar_one()
    return int(bodies) + int(sum(number * width for number, width in _reckoned(connection).values()))


def share(connection: Connection, table: Table) -> float | None:
    """Return the bytes that a receipt has without its body, or an incident with all that belongs to it, on average.

    So `used` reckons on PostgreSQL, which counts rows only every now and then; None on SQLite, which is measured.
    """
    if connection.dialect.name == "sqlite":
        return None
    known = _reckoned(connection)
    number, width = known.get(table.name, (0.0, 0.0))
    others = (
        sum(known[one.name][0] * known[one.name][1] for one in _BELONGS if one.name in known)
        if table is incidents
        else 0.0
    )
    return width + others / max(number, 1)


def count_anew(connection: Connection) -> None:
    """Let PostgreSQL count the rows that it has, after many were removed: by itself it does so minutes later.

    For who does not own the tables it does nothing but warn.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"ANALYZE {', '.join(one.name for one in (receipts, incidents, *_BELONGS))}"))


def counted(connection: Connection, table: Table) -> float:
    """Return how many rows PostgreSQL counted last: another number than before says that it has counted since."""
    return _reckoned(connection).get(table.name, (0.0, 0.0))[0]


_RECKONED = text(
    "SELECT c.relname, greatest(c.reltuples, 0) AS number, w.width FROM unnest(CAST(:names AS text[])) AS name"
    # the table that a statement would find by that name: in other schemas there may be others
    " JOIN pg_class c ON c.oid = to_regclass(name) JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN (SELECT schemaname, tablename, sum(avg_width) AS width FROM pg_stats WHERE attname <> 'body'"
    " GROUP BY schemaname, tablename) w ON w.schemaname = n.nspname AND w.tablename = c.relname WHERE c.relkind = 'r'"
)


def _reckoned(connection: Connection) -> dict[str, tuple[float, float]]:
    """Return, by table, how many rows PostgreSQL knew of when it counted them last, and their average width."""
    names = [table.name for table in metadata.sorted_tables]
    rows = connection.execute(_RECKONED, {"names": names})
    return {row.relname: (float(row.number), float(row.width)) for row in rows}


def last_used(connection: Connection) -> int:
    """Return the bytes in use as cheaply as can be: measured on SQLite, else as they were last measured."""
    if connection.dialect.name == "sqlite":
        return used(connection)
    return counts.all_of(connection).get(counts.key(METRIC), 0)


def used_lately(connection: Connection, now: datetime) -> int | None:
    """Return what `last_used` does; None where that is no news any more, for nobody prunes."""
    if connection.dialect.name == "sqlite":
        return used(connection)
    known = counts.all_of(connection)
    # of another host, whose clock may be ahead of ours
    lately = abs(now.timestamp() - known.get(counts.key(_MEASURED_AT), 0)) < LATELY
    return known.get(counts.key(METRIC)) if lately else None


def settle(connection: Connection, size: int, now: datetime) -> None:
    """Keep what was measured, for the metrics and for intake; give free pages back to the disk."""
    counts.put(connection, counts.key(METRIC), size)
    counts.put(connection, counts.key(_MEASURED_AT), int(now.timestamp()))
    _give_back(connection)


def old_receipts(connection: Connection, absorbed: datetime, unread: datetime) -> int:
    """Remove absorbed receipts that came before a time, and before another what is or was in quarantine."""
    at = receipts.c.received_at
    gone = _remove(connection, receipts, _READ, at < absorbed)
    gone += _remove(connection, receipts, QUARANTINED, at < unread)
    return gone + _remove(connection, receipts, receipts.c.state == "dismissed", at < unread)


def old_incidents(connection: Connection, before: datetime) -> int:
    """Remove incidents that were over before a time, with all that belongs to them; of open ones what was over then.

    That is when the bridge heard so: a sender's times may lie years back, and what comes again is known only as long as
    it is kept. One that a person closed goes only once its sender repeats it no more, too: else it would open anew.
    """
    ended = func.coalesce(incidents.c.settled_at, incidents.c.heard_at)
    gone = _remove(connection, incidents, _over("resolved"), ended < before)
    gone += _remove(connection, incidents, _over("closed") & (incidents.c.heard_at < before) & (ended < before), true())
    lasting = select(incidents.c.id).where(incidents.c.state.in_(OPEN_STATES), incidents.c.opened_at < before)
    mine = alerts.c.incident.in_(lasting) & (alerts.c.status == "resolved")
    gone += _remove(connection, alerts, mine, alerts.c.received_at < before)
    return gone + _remove(connection, history, history.c.incident.in_(lasting), history.c.at < before)


def oldest_bodies(connection: Connection) -> int:
    """Empty the oldest absorbed receipts of their bodies; return the bytes."""
    mine = _READ & receipts.c.body.is_not(None)
    chosen = select(receipts.c.id, func.length(receipts.c.body)).where(mine).order_by(receipts.c.id).limit(BATCH)
    rows = connection.execute(chosen).all()
    if rows:
        connection.execute(update(receipts).where(receipts.c.id.in_([row[0] for row in rows])).values(body=None))
    return sum(int(row[1]) for row in rows) + len(rows)


def oldest_receipts(connection: Connection) -> int:
    """Remove the oldest receipts that are absorbed or dismissed."""
    return _remove(connection, receipts, _READ | (receipts.c.state == "dismissed"), true())


def oldest_incidents(connection: Connection) -> int:
    """Remove the oldest incidents that are over; those that a person closed, and may still fire, go last."""
    gone = _remove(connection, incidents, _over("resolved"), true())
    return gone or _remove(connection, incidents, _over("closed"), true())


def _give_back(connection: Connection) -> None:
    """Give freed pages of an SQLite file back to the disk, where it was made so that it can."""
    if connection.dialect.name != "sqlite":
        return
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    for _ in range(min(free - KEPT, PAGES)):
        # Python's driver takes one step of a statement without columns, and that is one page
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")


def _over(state: str) -> ColumnElement[bool]:
    waits = deliveries.c.state.in_(_WAITING) | LEFT_OPEN
    waiting = exists().where(deliveries.c.incident == incidents.c.id, waits)
    return (incidents.c.state == state) & ~waiting


def _remove(
    connection: Connection, table: Table, which: ColumnElement[bool] | TextClause, old: ColumnElement[bool]
) -> int:
    """Remove those of the oldest rows that are old: ids go with time, so the first few tell whether there are any."""
    chosen = select(table.c.id).where(which).order_by(table.c.id).limit(BATCH)
    if table is incidents:
        chosen = _first(chosen.subquery())
    return connection.execute(delete(table).where(table.c.id.in_(chosen), old)).rowcount


def _first(chosen: Subquery) -> Select[tuple[str]]:
    """Return the first ones of incidents: no further one after `MEMBERS` rows that go with them."""
    counts = []
    for table in _BELONGS:
        mine = select(literal(1).label("one")).where(table.c.incident == chosen.c.id)
        # of one that has very many, no more are counted than matter
        some = mine.correlate(chosen).limit(MEMBERS).subquery()
        counts.append(select(func.count()).select_from(some).correlate(chosen).scalar_subquery())
    sized = select(chosen.c.id, reduce(add, counts).label("members")).subquery()
    before = func.sum(sized.c.members).over(order_by=sized.c.id) - sized.c.members
    summed = select(sized.c.id, before.label("before")).subquery()
    return select(summed.c.id).where(summed.c.before < MEMBERS)
