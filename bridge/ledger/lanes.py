"""Lanes: who works them, until when, and what of their state outlives their holder.

A lease alone is no proof (a frozen process wakes up and believes in it); so every write of a holder carries its fence,
and a fence that is not the newest writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, or_, select, text, type_coerce, update

from bridge.ledger.engine import inserting
from bridge.ledger.statements import Statement
from bridge.ledger.tables import lanes

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

JSON = dict[str, Any]
LEASE = 12.0
"""Seconds: longer than a step's total deadline of 8 s, so that a step begun under a lease ends under it."""
_LEASE = int(LEASE * 1_000_000)

INTAKE = "intake/"
"""How the names of the lanes begin that absorb what came in, one a source."""
HELD_LANE = "/held/"
"""In the lane's name of a delivery whose place could not be told from its settings, for a secret was missing."""
LEFT_LANE = f"{HELD_LANE}left/"
"""In the lane's name, before that of its old one, of a delivery that left its place: it is told by another one."""


class LostLeaseError(RuntimeError):
    """Another process works this lane now; what this one was about to store is not true any more."""


_until = type_coerce(lanes.c.lease_until, BigInteger)


@dataclass(frozen=True, slots=True)
class Held:
    """A lane that we hold: its fence, and the state that its last holder left."""

    name: str
    fence: int
    ready_at: datetime | None
    trouble: JSON | None
    place: JSON


def acquire(connection: Connection, name: str, holder: str, now: ColumnElement[int]) -> Held | None:
    """Take a lane that nobody holds, or whose holder let its lease run out; None while another one holds it."""
    insert = inserting(connection.dialect.name, lanes)
    connection.execute(insert.values(name=name).on_conflict_do_nothing())
    # a lease far in the future was written before the clock was set back
    free = or_(
        lanes.c.holder.is_(None),
        lanes.c.holder == holder,
        _until < now,
        _until > now + 5 * _LEASE,
    )
    row = connection.execute(
        update(lanes)
        .where(lanes.c.name == name, free)
        .values(holder=holder, fence=lanes.c.fence + 1, lease_until=now + _LEASE)
        .returning(lanes.c.fence, lanes.c.ready_at, lanes.c.trouble, lanes.c.place)
    ).first()
    if row is None:
        return None
    return Held(name, row.fence, row.ready_at, row.trouble, row.place or {})


def renew(connection: Connection, holder: str, names: Collection[str], now: ColumnElement[int]) -> dict[str, int]:
    """Prolong the leases of all these lanes; return the fences of those that are still ours."""
    rows = connection.execute(
        update(lanes)
        .where(lanes.c.name.in_(list(names)), lanes.c.holder == holder)
        .values(lease_until=now + _LEASE)
        .returning(lanes.c.name, lanes.c.fence)
    )
    return {row.name: row.fence for row in rows}


def fenced(connection: Connection, name: str, fence: int, **values: Any) -> None:  # noqa: ANN401 - column values
    """Check that we still hold a lane, and set columns of it; the first statement of every write of a holder.

    Raises:
        LostLeaseError: it has another holder; the transaction must not go on.
    """
    values = values or {"fence": fence}
    if _fenced(*values).run(connection, {"key_id": name, "ours": fence, **values}) != 1:
        raise LostLeaseError(f"lane {name}: another process holds it now")


@cache
def _fenced(*names: str) -> Statement:
    mine = (lanes.c.name == bindparam("key_id")) & (lanes.c.fence == bindparam("ours"))
    return Statement(update(lanes).where(mine).values({name: bindparam(name) for name in names}))


def release(connection: Connection, holder: str, names: Collection[str]) -> None:
    """Give lanes back at once, so that nobody waits for the leases' end."""
    connection.execute(
        update(lanes)
        .where(lanes.c.name.in_(list(names)), lanes.c.holder == holder)
        .values(holder=None, lease_until=None)
    )


def release_all(connection: Connection) -> None:
    """Free every lane: for the only deliverer of a machine, which knows that its forerunner is dead."""
    connection.execute(update(lanes).where(lanes.c.holder.is_not(None)).values(holder=None, lease_until=None))


def learn(connection: Connection, name: str, facts: JSON) -> None:
    """Keep facts about the place, instead of those known."""
    connection.execute(update(lanes).where(lanes.c.name == name).values(place=facts))


PULSE = "deliverer"
"""The name of the row that a live deliverer keeps renewing: no lane, but proof that somebody delivers."""
BEAT = 6.0
"""Seconds between two renewals of it by a deliverer that has no lane to renew."""


def live(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a row's holder is alive."""
    return _until >= now


def pulse(connection: Connection, holder: str, now: ColumnElement[int]) -> None:
    """Say that a deliverer lives."""
    insert = inserting(connection.dialect.name, lanes)
    row = {"holder": holder, "lease_until": now + _LEASE}
    connection.execute(insert.values(name=PULSE, **row).on_conflict_do_update(index_elements=[lanes.c.name], set_=row))


def delivering(connection: Connection, now: ColumnElement[int]) -> bool:
    """Return whether a live deliverer exists."""
    alive = (lanes.c.name == PULSE) & live(now)
    return connection.execute(select(lanes.c.holder).where(alive)).first() is not None


PROBE = "probe"
"""The name of the row that is written to see whether anything can be."""
# as text, on both databases the same: a web process has no other use for what builds and compiles such a statement
_PROBE = text(
    "INSERT INTO lanes (name, fence) VALUES (:name, 0) ON CONFLICT (name) DO UPDATE SET fence = lanes.fence + 1"
)


def probe(connection: Connection) -> None:
    """Write something, as an accept would: it takes the lock, space on the disk, and a commit."""
    connection.execute(_PROBE, {"name": PROBE})


def holders(connection: Connection, names: Collection[str], now: ColumnElement[int]) -> dict[str, str]:
    """Say who holds these lanes now, for those that somebody holds."""
    held = _until.between(now, now + 5 * _LEASE)
    rows = connection.execute(select(lanes.c.name, lanes.c.holder).where(lanes.c.name.in_(list(names)), held))
    return {row.name: row.holder for row in rows if row.holder is not None}
