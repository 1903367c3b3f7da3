"""What happened to an incident, a line each: from the receipt that opened it to each step at each address.

A delivery keeps at most `MOST` lines, the first and the last ones, and tries that failed alike count as one: trouble
that lasts a day, or values that wobble for a month, fill no disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, delete, func, select, update

from bridge.ledger.columns import stamp
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries, history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.shapes import EventShape

JSON = dict[str, Any]
MOST = 100
FIRST = 20
"""Lines that a delivery keeps at most, and how many of them are its first ones."""
RETRYING = "retrying"
ADD = Statement(history.insert())
"""Adds lines, each with the same columns."""
# those of one incident are side by side in the index, its own, which have no delivery, before them
_FULL = Statement(
    select(history.c.incident, history.c.delivery)
    .where(history.c.incident.in_(bindparam("keys", expanding=True)), history.c.delivery > "")
    .group_by(history.c.incident, history.c.delivery)
    .having(func.count() > MOST)
)
_LAST = Statement(
    select(history.c.id, history.c.what, history.c.why, history.c.detail)
    .where(history.c.incident == bindparam("key_incident"), history.c.delivery == bindparam("key_id"))
    .order_by(history.c.id.desc())
    .limit(1)
)
_STEP = ("method", "request", "ms", "status", "retry_after", "until", "times", "last")
"""What of a line's detail is shown with it, beside the receipt and the decision."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a delivery in its incident's history.

    Attributes:
        delivery: whose line it is.
        at: when it happened.
        what: a word or two.
        why: a sentence for people.
        detail: what is known of the step: method, request (the destination's id of it), ms (its duration), status (of
            the answer), retry_after (seconds asked for), until (when it is tried again). What is None is left out.
    """

    delivery: Delivery
    at: datetime
    what: str
    why: str
    detail: Mapping[str, object]

    def known(self) -> JSON:
        """Return what is known of the step."""
        return {name: value for name, value in self.detail.items() if value is not None and value != ""}


def note(connection: Connection, delivery: Delivery, at: datetime, what: str, *, why: str, **detail: object) -> None:
    """Add a line of a delivery to its incident's history (`Line`)."""
    line = Line(delivery, at, what, why, detail)
    if what != RETRYING or not _counted(connection, delivery, at, why, line.known()):
        notes(connection, [line])


def notes(connection: Connection, added: Sequence[Line]) -> None:
    """Add lines, each of another delivery."""
    rows = [
        {
            "incident": line.delivery.incident,
            "delivery": line.delivery.id,
            "at": line.at,
            "what": line.what,
            "why": line.why,
            "detail": line.known() or None,
        }
        for line in added
    ]
    ADD.run(connection, rows)
    for row in _FULL.rows(connection, {"keys": [line.delivery.incident for line in added]}):
        mine = (history.c.incident == row.incident) & (history.c.delivery == row.delivery)
        first = select(history.c.id).where(mine).order_by(history.c.id).offset(FIRST).limit(1).scalar_subquery()
        connection.execute(delete(history).where(history.c.id == first))


def _counted(connection: Connection, delivery: Delivery, at: datetime, why: str, detail: JSON) -> bool:
    """Count a try with the line before it, where that failed alike; else say that it needs a line of its own."""
    last = _LAST.first(connection, {"key_incident": delivery.incident, "key_id": delivery.id})
    if last is None or (last.what, last.why) != (RETRYING, why):
        return False
    before = last.detail or {}
    told = {**before, "times": before.get("times", 1) + 1, "last": {"at": stamp(at), **detail}}
    connection.execute(update(history).where(history.c.id == last.id).values(detail=told))
    return True


def lines(connection: Connection, incident: str, most: int | None = None) -> list[EventShape]:
    """Return an incident's history, or its `most` recent lines and the last that says why it went where it did.

    The receipts that changed it stand before what they changed.
    """
    places = select(deliveries.c.id, deliveries.c.destination, deliveries.c.kind, deliveries.c.address)
    named = {row.id: row for row in connection.execute(places.where(deliveries.c.incident == incident))}
    found: list[JSON] = []
    seen: set[str] = set()
    query = select(history).where(history.c.incident == incident).order_by(history.c.id.desc()).limit(most)
    rows = list(reversed(connection.execute(query).all()))
    if most and not any(_decides(row) for row in rows):
        older = select(history).where(history.c.incident == incident, history.c.delivery.is_(None))
        why = next((row for row in connection.execute(older.order_by(history.c.id.desc())) if _decides(row)), None)
        rows[:0] = [why] if why else []
    for row in rows:
        receipt = (row.detail or {}).get("receipt")
        if receipt and receipt not in seen:
            seen.add(receipt)
            said = {"at": row.detail.get("received"), "what": "received", "why": f"receipt {receipt}"}
            found.append({**said, "receipt": receipt})
        found.append(_line(row, named))
    return cast("list[EventShape]", found)


def _decides(row: Row[Any]) -> bool:
    return "decision" in (row.detail or {})


def _line(row: Row[Any], named: Mapping[str, Row[*tuple[Any, ...]]]) -> JSON:
    detail = row.detail or {}
    line: JSON = {"at": stamp(row.at), "what": row.what, "why": row.why}
    if row.delivery:
        line["delivery"] = row.delivery
        if row.delivery in named:
            place = named[row.delivery]
            line |= {name: getattr(place, name) for name in ("destination", "kind", "address")}
    return line | {name: detail[name] for name in (*_STEP, "decision") if name in detail}
