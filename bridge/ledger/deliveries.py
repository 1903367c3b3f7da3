"""Deliveries: one incident at one address, with what is wanted, what we have, and when a step is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, null, or_, select, update

from bridge.ledger.tables import deliveries, history, incidents

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection, Row

    from bridge.core.cases import Case

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One incident at one address. `want` and `told` are versions of the incident; `have` is what stands there.

    `doubt` is a step that may have been sent: {step, at, ended, negatives}. `since` says how long it has been waiting,
    `heard_at` when what is to be told was received: None where no sender said it (a reminder, a link, a replay).
    `would` says what would have happened, were it not in shadow mode (`core.shadow.Would`).
    """

    id: str
    incident: str
    destination: str
    kind: str
    address: str
    lane: str
    team: str
    state: str
    urgency: int
    want: int
    told: int
    have: JSON
    doubt: JSON | None
    due_at: datetime | None
    since: datetime
    attempts: int
    failing_since: datetime | None
    last_error: str | None
    reason: str | None
    because: str | None = None
    would: JSON | None = None
    heard_at: datetime | None = None


_COLUMNS = [deliveries.c[name] for name in Delivery.__slots__]


DISMISSED = "dismissed"
"""The reason of a delivery that a person let rest: nothing more is told there."""

# spelt out: a statement for many rows at once takes no IN
_waits_for_a_person = or_(deliveries.c.state == "dead", deliveries.c.state == "held")
_at_rest = or_(deliveries.c.state == "delivered", deliveries.c.state == "skipped")
_at = bindparam("at", type_=deliveries.c.due_at.type)
_NOTHING: Mapping[str, datetime] = MappingProxyType({})
_heard = bindparam("heard", type_=deliveries.c.heard_at.type)
_WAKE = (
    update(deliveries)
    .where(
        deliveries.c.incident == bindparam("key_incident"),
        or_(deliveries.c.state != "skipped", func.coalesce(deliveries.c.reason, "") != DISMISSED),
        # what a storm's message tells stays there, but for what becomes a P0 on Slack
        or_(deliveries.c.folded_into.is_(None), and_(deliveries.c.kind == "slack", bindparam("level") == 0)),
    )
    .values(
        want=bindparam("version"),
        urgency=bindparam("level"),
        since=case((deliveries.c.due_at.is_(None), _at), else_=deliveries.c.since),
        heard_at=case((deliveries.c.due_at.is_(None), _heard), else_=deliveries.c.heard_at),
        # a dead letter stays dead and a held one held; one that waits (back-off, doubt) waits on
        due_at=case(
            (_waits_for_a_person, deliveries.c.due_at),
            (
                # who gets more urgent may have room in a budget where the less urgent has none
                or_(
                    deliveries.c.due_at.is_(None),
                    and_(deliveries.c.urgency > bindparam("level"), deliveries.c.due_at > _at),
                ),
                _at,
            ),
            else_=deliveries.c.due_at,
        ),
        state=case((_at_rest, "pending"), else_=deliveries.c.state),
        reason=case((deliveries.c.state == "skipped", null()), else_=deliveries.c.reason),
        folded_into=null(),
    )
)


def wake(connection: Connection, grown: Sequence[Case], at: datetime, heard: Mapping[str, datetime] = _NOTHING) -> None:
    """Make the deliveries of incidents that changed due; `heard` says, by incident, when that was received."""
    known = [case for case in grown if not case.fresh]
    if known:
        rows = [_waking(case.id, case.version, case.priority, at) | {"heard": heard.get(case.id)} for case in known]
        connection.execute(_WAKE, rows)


def wake_all(connection: Connection, rows: Sequence[Row[Any]], at: datetime, what: str, why: str) -> None:
    """Make the deliveries of incidents (id, version, priority) due, to all of which the same was done."""
    if rows:
        connection.execute(_WAKE, [_waking(row.id, row.version, row.priority, at) for row in rows])
        lines = [{"incident": row.id, "at": at, "what": what, "why": why} for row in rows]
        connection.execute(history.insert(), lines)


def _waking(incident: str, version: int, priority: str, at: datetime) -> JSON:
    return {"key_incident": incident, "version": version, "level": int(priority[1]), "at": at, "heard": None}


def lanes_of(connection: Connection, ids: Collection[str]) -> set[str]:
    """Name the lanes in which deliveries of these incidents are due."""
    query = select(deliveries.c.lane).where(deliveries.c.incident.in_(ids), deliveries.c.due_at.is_not(None)).distinct()
    return set(connection.execute(query).scalars())


FUTURE = timedelta(minutes=1)
"""No two hosts' clocks differ so much: what waits since later than that was written before the clock was set back."""


def _due(now: datetime) -> ColumnElement[bool]:
    overdue = or_(deliveries.c.due_at <= now, deliveries.c.since > now + FUTURE)
    return and_(deliveries.c.due_at.is_not(None), overdue)


def due_lanes(connection: Connection, now: datetime) -> list[str]:
    """Name the lanes that have a step due, the most urgent first."""
    query = (
        select(deliveries.c.lane)
        .where(_due(now))
        .group_by(deliveries.c.lane)
        .order_by(func.min(deliveries.c.urgency), func.min(deliveries.c.since))
    )
    return list(connection.execute(query).scalars())


def next_due(  # noqa: PLR0913 - a choice has these sides
    connection: Connection,
    lane: str,
    now: datetime,
    *,
    busy: Collection[str] = (),
    behind: Collection[str] = (),
    oldest: bool = False,
) -> Delivery | None:
    """Return the delivery whose turn it is: the most urgent, or the one waiting longest; P0 goes before either.

    `busy` are deliveries on their way already, `behind` incidents that are left out.
    """
    order = (deliveries.c.urgency > 0, deliveries.c.since) if oldest else (deliveries.c.urgency, deliveries.c.since)
    query = select(*_COLUMNS).where(deliveries.c.lane == lane, _due(now)).order_by(*order, deliveries.c.id).limit(1)
    if busy:
        query = query.where(deliveries.c.id.not_in(list(busy)))
    if behind:
        query = query.where(deliveries.c.incident.not_in(list(behind)))
    return _first(connection, query)


def alike(connection: Connection, delivery: Delivery, *, everywhere: bool) -> list[tuple[Delivery, str, str]]:
    """Return the deliveries that may fail as this one did, of its lane, or of its kind `everywhere`.

    Each with its incident's priority and source. They have a step due, now or later; one that may be on its way (in
    doubt) hears for itself.
    """
    query = (
        select(*_COLUMNS, incidents.c.priority, incidents.c.source)
        .join(incidents, incidents.c.id == deliveries.c.incident)
        .where(
            deliveries.c.kind == delivery.kind if everywhere else deliveries.c.lane == delivery.lane,
            deliveries.c.due_at.is_not(None),
            deliveries.c.doubt.is_(None),
            deliveries.c.id != delivery.id,
        )
    )
    found = []
    for row in connection.execute(query):
        columns = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public spelling
        priority, source = columns.pop("priority"), columns.pop("source")
        found.append((Delivery(**columns), priority, source))
    return found


def doubts(connection: Connection, lane: str) -> list[JSON]:
    """Return the steps in doubt of a lane."""
    query = select(deliveries.c.doubt).where(
        deliveries.c.lane == lane, deliveries.c.due_at.is_not(None), deliveries.c.doubt.is_not(None)
    )
    return [doubt for doubt in connection.execute(query).scalars() if doubt]


def load(connection: Connection, delivery_id: str) -> Delivery | None:
    """Return one delivery, or None."""
    return _first(connection, select(*_COLUMNS).where(deliveries.c.id == delivery_id))


def _first(connection: Connection, query: Select[Any]) -> Delivery | None:
    row = connection.execute(query).first()
    return Delivery(**row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public spelling


def change(connection: Connection, delivery_id: str, **values: Any) -> None:  # noqa: ANN401 - column values
    """Set columns of one delivery."""
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values))


def told(connection: Connection, delivery: Delivery, version: int, done: JSON, more: JSON) -> None:
    """Store a delivery that shows `version`; `done` if nothing changed meanwhile, `more` if a newer version waits."""
    # a version may grow without being wanted here (`wake_siblings`): what was told may be newer than what was asked for
    same = and_(deliveries.c.id == delivery.id, deliveries.c.want <= version)
    newer = and_(deliveries.c.id == delivery.id, deliveries.c.want > version)
    if connection.execute(update(deliveries).where(same).values(**done)).rowcount == 0:
        connection.execute(update(deliveries).where(newer).values(**more))


def wake_siblings(connection: Connection, delivery: Delivery, at: datetime) -> None:
    """Make an incident's other deliveries due: a remote that they name has come into being.

    The incident gets a new version, so that a sibling whose step is on its way right now looks again after it.
    """
    bump = update(incidents).where(incidents.c.id == delivery.incident).values(version=incidents.c.version + 1)
    version = connection.execute(bump.returning(incidents.c.version)).scalar_one()
    others = (deliveries.c.incident == delivery.incident) & (deliveries.c.id != delivery.id)
    connection.execute(update(deliveries).where(others).values(want=version))
    resting = others & (deliveries.c.state == "delivered") & deliveries.c.due_at.is_(None)
    connection.execute(update(deliveries).where(resting).values(due_at=at, since=at, heard_at=None, state="pending"))
