"""What was told: what deliveries' places show now, and who hears that a remote is there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, exists, update

from bridge.ledger.deliveries import changing
from bridge.ledger.placing import locked
from bridge.ledger.present import VERSION
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.ledger.deliveries import Delivery

JSON = dict[str, Any]
LINK = 3
"""The urgency of an edit that only adds where else it is told, a P3's: more urgent first messages go before it."""


@cache
def _told(*names: str, newer: bool) -> Statement:
    # a version may grow without being wanted here (`wake_siblings`): what was told may be newer than what was asked for
    shown = deliveries.c.want > bindparam("version") if newer else deliveries.c.want <= bindparam("version")
    again = case((deliveries.c.due_at > bindparam("again"), deliveries.c.due_at), else_=bindparam("again"))
    return Statement(changing(*names).where(shown).values({"due_at": again} if newer else {}))


@dataclass(frozen=True, slots=True)
class Told:
    """What a delivery's place shows now: a version of its incident.

    `done` is set if nothing changed meanwhile, `more` if a newer version waits. `more` says when that is due; what is
    due later already, for it is growing (`wake`), stays so.
    """

    delivery: str
    version: int
    done: JSON
    more: JSON


def told(connection: Connection, rows: Sequence[Told]) -> bool:
    """Store what deliveries' places show; return whether any waits to be told of something newer."""
    waits = len(rows)
    for names, mine in _alike(rows, lambda row: row.done):
        values = [{"key_id": row.delivery, "version": row.version, **row.done} for row in mine]
        waits -= _told(*names, newer=False).run(connection, values)
    for names, mine in _alike(rows, lambda row: row.more) if waits else ():
        more = [
            {"key_id": row.delivery, "version": row.version, **row.more, "again": row.more["due_at"]} for row in mine
        ]
        _told(*names, newer=True).run(connection, more)
    return waits > 0


def _alike(rows: Sequence[Told], which: Callable[[Told], JSON]) -> Iterable[tuple[tuple[str, ...], list[Told]]]:
    """Return them by the columns that are set of them."""
    found: dict[tuple[str, ...], list[Told]] = {}
    for row in rows:
        found.setdefault(tuple(sorted(which(row))), []).append(row)
    return found.items()


def wake_siblings(connection: Connection, those: Sequence[Delivery], at: datetime) -> bool:
    """Make the other deliveries of their incidents due: a remote that they name has come into being.

    An incident that has any gets a new version, so that a sibling whose step is on its way right now looks again after
    it; whoever adds one in this moment waits for the lock. Returns whether any is due.
    """
    if not those:
        return False
    # in the order in which absorbing locks them
    ordered = sorted(those, key=lambda one: one.incident)
    which = [{"key_id": one.id, "key_incident": one.incident, "at": at} for one in ordered]
    if connection.dialect.name != "sqlite":  # there, who writes is alone
        locked(connection, {one.incident for one in those})
    # most have no sibling: a version more would be written for nobody
    if not _BUMP.run(connection, which):
        return False
    return _WANT.run(connection, which) > 0 and _RESTING.run(connection, which) > 0


_at = bindparam("at", type_=deliveries.c.due_at.type)
_others = and_(deliveries.c.incident == bindparam("key_incident"), deliveries.c.id != bindparam("key_id"))
_BUMP = Statement(
    update(incidents)
    .where(incidents.c.id == bindparam("key_incident"), exists().where(_others))
    .values(version=incidents.c.version + 1)
)
_WANT = Statement(update(deliveries).where(_others).values(want=VERSION))
_RESTING = Statement(
    update(deliveries)
    .where(_others, deliveries.c.state == "delivered", deliveries.c.due_at.is_(None))
    .values(due_at=_at, since=_at, heard_at=None, state="pending", urgency=LINK)
)
