"""Deliveries: one incident at one address, with what is wanted, what we have, and when a step is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, null, or_, select, update

from bridge.ledger import timeline
from bridge.ledger.lanes import HELD_LANE
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Update
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


COLUMNS = [deliveries.c[name] for name in Delivery.__slots__]


MOMENT = timedelta(seconds=1)
"""For how long what is told of a large notification is not edited again, while more of it is to come."""
DISMISSED = "dismissed"
"""The reason of a delivery that a person let rest: nothing more is told there."""

# spelt out: a statement for many rows at once takes no IN
_waits_for_a_person = or_(deliveries.c.state == "dead", deliveries.c.state == "held")
_at_rest = or_(deliveries.c.state == "delivered", deliveries.c.state == "skipped")
_at = bindparam("at", type_=deliveries.c.due_at.type)
_NOTHING: Mapping[str, datetime] = MappingProxyType({})
_heard = bindparam("heard", type_=deliveries.c.heard_at.type)
_tried = bindparam("tried", type_=deliveries.c.attempts.type)
_due = bindparam("due", type_=deliveries.c.due_at.type)
_WAKE = Statement(
    update(deliveries)
    .where(
        deliveries.c.incident == bindparam("key_incident"),
        or_(deliveries.c.state != "skipped", func.coalesce(deliveries.c.reason, "") != DISMISSED),
        # what was told elsewhere already when its secret came back has no place of its own, what a storm tells will
        or_(
            deliveries.c.state != "skipped",
            deliveries.c.folded_into.is_not(None),
            deliveries.c.lane.not_like(f"%{HELD_LANE}%"),
        ),
        # what a storm's message tells stays there, but for what becomes a P0 on Slack
        or_(deliveries.c.folded_into.is_(None), and_(deliveries.c.kind == "slack", bindparam("level") == 0)),
    )
    .values(
        want=bindparam("version"),
        urgency=bindparam("level"),
        # what is held has been waiting all along: by that an incident comes to its fallback
        since=case((_at_rest, _at), else_=deliveries.c.since),
        heard_at=case((_at_rest, _heard), else_=deliveries.c.heard_at),
        # a dead letter stays dead and a held one held; one that waits (back-off, doubt) waits on
        due_at=case(
            (_waits_for_a_person, deliveries.c.due_at),
            (
                # who gets more urgent may have room in a budget where the less urgent has none
                or_(
                    deliveries.c.due_at.is_(None),
                    and_(deliveries.c.urgency > bindparam("level"), deliveries.c.due_at > _due),
                    # what may be on its way hears of more to come when that is due, not right behind it (`told`)
                    and_(deliveries.c.doubt.is_not(None), deliveries.c.due_at <= _at, _at < _due),
                ),
                _due,
            ),
            else_=deliveries.c.due_at,
        ),
        state=case((_at_rest, "pending"), else_=deliveries.c.state),
        reason=case((deliveries.c.state == "skipped", null()), else_=deliveries.c.reason),
        folded_into=null(),
    )
)


def wake(
    connection: Connection,
    grown: Sequence[Case],
    at: datetime,
    heard: Mapping[str, datetime] = _NOTHING,
    growing: Collection[str] = (),
) -> None:
    """Make the deliveries of incidents that changed due; `heard` says, by incident, when that was received.

    Those that are `growing`, for more of the same notification is to come, are due a moment later.
    """
    # in the order of their ids, as all who lock several
    known = sorted((case for case in grown if not case.fresh), key=lambda case: case.id)
    if known:
        rows = [_waking(case.id, case.version, case.priority, at) | {"heard": heard.get(case.id)} for case in known]
        soon = {"due": at + MOMENT}
        _WAKE.run(connection, [row | soon if row["key_incident"] in growing else row for row in rows])


def wake_all(connection: Connection, rows: Sequence[Row[Any]], at: datetime, what: str, why: str) -> None:
    """Make the deliveries of incidents (id, version, priority) due, to all of which the same was done."""
    if rows:
        ordered = sorted(rows, key=lambda row: str(row.id))
        _WAKE.run(connection, [_waking(row.id, row.version, row.priority, at) for row in ordered])
        lines = [{"incident": row.id, "at": at, "what": what, "why": why} for row in rows]
        timeline.ADD.run(connection, lines)


def _waking(incident: str, version: int, priority: str, at: datetime) -> JSON:
    return {"key_incident": incident, "version": version, "level": int(priority[1]), "at": at, "due": at, "heard": None}


def alike(connection: Connection, delivery: Delivery, *, everywhere: bool) -> list[tuple[Delivery, str, str]]:
    """Return the deliveries that may fail as this one did, of its lane, or of its kind `everywhere`.

    Each with its incident's priority and source. They have a step due, now or later; one that may be on its way (in
    doubt) hears for itself.
    """
    query = (
        select(*COLUMNS, incidents.c.priority, incidents.c.source)
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
    return first(connection, _LOAD, {"key_id": delivery_id})


def found(connection: Connection, query: Statement, values: JSON) -> list[Delivery]:
    """Return the deliveries that a query of COLUMNS finds."""
    return [Delivery(*row) for row in query.rows(connection, values)]


def first(connection: Connection, query: Statement, values: JSON) -> Delivery | None:
    """Return the first delivery that a query of COLUMNS finds, or None."""
    return next(iter(found(connection, query, values)), None)


def change(connection: Connection, delivery_id: str, **values: Any) -> None:  # noqa: ANN401 - column values
    """Set columns of one delivery."""
    change_all(connection, [(delivery_id, values)])


def change_all(connection: Connection, rows: Sequence[tuple[str, JSON]]) -> None:
    """Set columns of deliveries, of all of them the same ones."""
    if rows:
        _changing(*rows[0][1]).run(connection, [{"key_id": key, **values} for key, values in rows])


# a parameter that is named as a column would be set as well, hence `key_id`: incidents have a column `key`
_LOAD = Statement(select(*COLUMNS).where(deliveries.c.id == bindparam("key_id")))


@cache
def _changing(*names: str) -> Statement:
    return Statement(changing(*names))


def put_off(connection: Connection, delivery_id: str, at: datetime, **values: Any) -> None:  # noqa: ANN401 - `change`
    """Set when a delivery is due, and columns of it; what came to rest meanwhile stays at rest."""
    _putting_off(*values).run(connection, {"key_id": delivery_id, "at": at, **values})


@cache
def _putting_off(*names: str) -> Statement:
    return Statement(changing(*names).values(due_at=case((_still_due, _at))))


def unclaim(connection: Connection, delivery: Delivery, at: datetime) -> None:
    """Make a delivery due again that was claimed, as it was before; what came to rest meanwhile stays at rest."""
    _UNCLAIM.run(connection, {"key_id": delivery.id, "at": at, "tried": delivery.attempts})


_still_due = deliveries.c.due_at.is_not(None)
_UNCLAIM = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("key_id"))
    .values(doubt=null(), due_at=case((_still_due, _at)), attempts=case((_still_due, _tried), else_=0))
)


def changing(*names: str) -> Update:
    """Return the statement that sets these columns of a delivery, by the key `key_id`."""
    return (
        update(deliveries)
        .where(deliveries.c.id == bindparam("key_id"))
        .values({name: bindparam(name) for name in names})
    )
