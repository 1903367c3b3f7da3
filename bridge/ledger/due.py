"""Which delivery's turn it is, and which lanes have one.

Each statement is built once: to build one takes four times as long as to run it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, or_, select, update

from bridge.core.alert import Priority
from bridge.ledger.deliveries import COLUMNS, first, found
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.ledger.deliveries import Delivery

FUTURE = timedelta(minutes=1)
"""No two hosts' clocks differ so much: what waits since later than that was written before the clock was set back."""
AHEAD = timedelta(seconds=2)
"""What waits since later than that was written by another host's clock: what was due at once by that one, is here.
Up to so much later, others of this host write while one looks."""
_DUE = and_(
    deliveries.c.due_at.is_not(None),
    or_(
        deliveries.c.due_at <= bindparam("now"),
        and_(deliveries.c.since > bindparam("ahead"), deliveries.c.due_at <= deliveries.c.since),
        deliveries.c.since > bindparam("future"),
    ),
)


def _later(now: datetime) -> dict[str, datetime]:
    return {"ahead": now + AHEAD, "future": now + FUTURE}


_LANES_OF = Statement(
    select(deliveries.c.lane)
    .where(deliveries.c.incident.in_(bindparam("ids", expanding=True)), deliveries.c.due_at.is_not(None))
    .distinct()
)
_DUE_LANES = Statement(
    select(deliveries.c.lane)
    .where(_DUE)
    .group_by(deliveries.c.lane)
    .order_by(func.min(deliveries.c.urgency), func.min(deliveries.c.since))
)
_NEXT_AT = Statement(select(func.min(deliveries.c.due_at)).where(deliveries.c.due_at.is_not(None)))

_DUE_AT = Statement(
    select(deliveries.c.incident, deliveries.c.lane).where(deliveries.c.due_at == bindparam("was")).distinct()
)
_MOVE = Statement(
    update(deliveries)
    .where(
        deliveries.c.incident == bindparam("key_incident"),
        deliveries.c.due_at.between(bindparam("first"), bindparam("last")),
        deliveries.c.doubt.is_(None),
        deliveries.c.attempts == 0,
    )
    .values(due_at=bindparam("due", type_=deliveries.c.due_at.type))
)


def lanes_of(connection: Connection, ids: Collection[str]) -> set[str]:
    """Name the lanes in which deliveries of these incidents are due."""
    return {row.lane for row in _LANES_OF.rows(connection, {"ids": list(ids)})} if ids else set()


def due_lanes(connection: Connection, now: datetime) -> list[str]:
    """Name the lanes that have a step due, the most urgent first."""
    return [row.lane for row in _DUE_LANES.rows(connection, {"now": now, **_later(now)})]


def next_at(connection: Connection) -> datetime | None:
    """Return when the next step is due, or was, None where none is to come."""
    found: datetime | None = _NEXT_AT.rows(connection)[0][0]
    return found


def move(connection: Connection, ids: Collection[str], times: tuple[datetime, datetime], to: datetime) -> None:
    """Let what of incidents is due between two times be due at another one; what was tried keeps its own time."""
    # in the order of their ids, as all who lock several
    first, last = times
    _MOVE.run(connection, [{"key_incident": one, "first": first, "last": last, "due": to} for one in sorted(ids)])


def bring_forward(connection: Connection, was: datetime, at: datetime) -> set[str]:
    """Let what was put off until a time be due now; return its lanes."""
    found = _DUE_AT.rows(connection, {"was": was})
    move(connection, {row.incident for row in found}, (was, was), at)
    return {row.lane for row in found}


def next_due(  # noqa: PLR0913 - a choice has these sides
    connection: Connection,
    lane: str,
    now: datetime,
    *,
    most: int = 1,
    busy: Collection[str] = (),
    behind: Collection[str] = (),
    oldest: bool = False,
) -> list[Delivery]:
    """Return the deliveries whose turn it is, at `most` so many: the most urgent first.

    With `oldest`, the one waiting longest comes before them, but for a P0. `busy` are deliveries on their way already,
    `behind` incidents that are left out.
    """
    left_out = {name: list(ids) for name, ids in (("busy", busy), ("behind", behind)) if ids}
    values = {"lane": lane, "now": now, **_later(now), "most": most, **left_out}
    chosen = found(connection, _next_due(*left_out), values)
    if not chosen or not oldest or chosen[0].urgency == 0:
        return chosen
    # each level's first is found by the index; all of them by their age are not
    of_level, less_urgent = _next_due(*left_out, of_level=True), range(chosen[0].urgency + 1, len(Priority))
    heads = [first(connection, of_level, {**values, "level": level, "most": 1}) for level in less_urgent]
    longest = min([chosen[0], *filter(None, heads)], key=lambda one: (one.since, one.id))
    return [longest, *(one for one in chosen if one.id != longest.id)][:most]


@cache
def _next_due(*left_out: str, of_level: bool = False) -> Statement:
    columns = {"busy": deliveries.c.id, "behind": deliveries.c.incident}
    query = (
        select(*COLUMNS)
        .where(deliveries.c.lane == bindparam("lane"), _DUE)
        .where(*(columns[name].not_in(bindparam(name, expanding=True)) for name in left_out))
        .order_by(deliveries.c.urgency, deliveries.c.since, deliveries.c.id)
        .limit(bindparam("most"))
    )
    return Statement(query.where(deliveries.c.urgency == bindparam("level")) if of_level else query)
