"""Receipts: what was said, as it was said, before anybody thinks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, exists, func, select, update

from bridge.core.rules import ITS_OWN
from bridge.ledger.appending import Appending
from bridge.ledger.columns import to_micros, to_text
from bridge.ledger.packed import DamagedError, packed, unpacked
from bridge.ledger.statements import Statement
from bridge.ledger.tables import BEGUN, NEW, receipts
from bridge.ledger.unavailable import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.ledger.appending import Row
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.write import Write

ROOM = 16 * 1024 * 1024
"""Bytes of bodies that are read at once, unpacked; always at least one body."""
AT_HAND = 262_144
"""Bytes of a stored body up to which it is read with its row; larger ones are read one by one, while there is room."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One stored request. `progress` counts the alerts of a large group that are absorbed already.

    `replayed` says that a person sent it once more: its age tells nothing. `damaged` says why the body, which is then
    as it is stored, can't be read.
    """

    id: str
    source: str
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    progress: int = 0
    incidents: tuple[str, ...] = ()
    replayed: bool = False
    damaged: str = ""

    @property
    def unreadable(self) -> str:
        """A sentence for people that says why there is nothing to read; empty where there is."""
        if self.damaged:
            return f"This receipt can't be read: {self.damaged}."
        return "" if self.body else "The body of this receipt is no longer kept."


_COLUMNS = ("id", "source", "received_at", "headers", "body", "encoding", "state", "signature")
_INTO = Appending(receipts, _COLUMNS)
_WAITING = Statement(select(receipts.c.source).where(NEW).distinct())
_AS_STORED = func.coalesce(func.length(receipts.c.body), 0)
_NEXT = Statement(
    select(
        *(one for one in receipts.c if one is not receipts.c.body),
        case((_AS_STORED <= AT_HAND, receipts.c.body)).label("body"),
        _AS_STORED.label("stored"),
    )
    .where(receipts.c.source == bindparam("key_id"), NEW)
    .order_by(BEGUN, receipts.c.id)
    .limit(bindparam("most"))
)
_BODY = Statement(select(receipts.c.body).where(receipts.c.id == bindparam("key_id")))
_BEHIND = Statement(
    select(receipts.c.id)
    .where(NEW, receipts.c.received_at < bindparam("before", type_=receipts.c.received_at.type))
    # last: it stands behind the body
    .where(receipts.c.source.not_in(sorted(ITS_OWN)), receipts.c.acts.is_(None))
    .limit(1)
)
_SETTLE = Statement(
    update(receipts)
    .where(and_(receipts.c.id == bindparam("key_id"), receipts.c.state == "new"))
    .values({name: bindparam(name) for name in ("state", "problem", "alerts", "progress", "incidents")})
)


def to_store(ledger: Ledger, receipt: Receipt) -> Write:
    """Return what a sender sent as something to be written: nobody has heard of it yet (`Ledger.append`)."""
    return ledger.row(_INTO, _row(receipt))


def append(ledger: Ledger, receipt: Receipt) -> Write:
    """Have what a sender sent stored: with all receipts that wait, by one statement."""
    write = to_store(ledger, receipt)
    ledger.append([write])
    return write


def once(ledger: Ledger, receipt: Receipt, signature: str, since: datetime | None, *, unstamped: bool = False) -> str:
    """Store a signed request; return its id, or where the same was stored already after `since`, the first one's.

    One whose signature holds no time is the same only until another of its source is stored: what fires, is over and
    fires again may say so in the same bytes.

    Raises:
        UnavailableError: it could not be stored.
    """
    row = _row(receipt, signature)

    def store(connection: Connection) -> str:
        return _unless_repeated(connection, row, signature, since, unstamped=unstamped)

    try:
        return ledger.write(store)
    except RefusedError:
        return ledger.write(store)  # another host stored the same in this very moment: now it is there to be found


def insert(connection: Connection, receipt: Receipt) -> str:
    """Store a receipt and return its id."""
    _INTO.store(connection, [_row(receipt)])
    return receipt.id


def _unless_repeated(
    connection: Connection, row: Row, signature: str, since: datetime | None, *, unstamped: bool
) -> str:
    mine = receipts.c.signature == signature
    first = connection.execute(select(receipts.c.id, receipts.c.received_at).where(mine)).first()
    if first is not None:
        good = since is None or first.received_at >= since
        if good and not (unstamped and _followed(connection, str(row[1]), first.id)):
            return str(first.id)
        connection.execute(update(receipts).where(mine).values(signature=None))
    _INTO.store(connection, [row])
    return str(row[0])


def _followed(connection: Connection, source: str, receipt: str) -> bool:
    """Return whether anything of the source was stored after a receipt."""
    later = exists().where(receipts.c.source == source, receipts.c.id > receipt)
    return bool(connection.execute(select(later)).scalar_one())


def _row(receipt: Receipt, signature: str | None = None) -> Row:
    # the body is compressed here: not by the writer, for whom all wait
    encoding, body = packed(receipt.body)
    at, headers = to_micros(receipt.received_at), to_text(dict(receipt.headers))
    return (receipt.id, receipt.source, at, headers, body, encoding, "new", signature)


def sources_waiting(connection: Connection) -> list[str]:
    """Name the sources that have receipts to absorb."""
    return [row.source for row in _WAITING.rows(connection)]


def behind(connection: Connection, before: datetime) -> bool:
    """Return whether what was received before a time waits to be absorbed; what a person sent once more counts not."""
    return bool(_BEHIND.rows(connection, {"before": before}))


def waiting(connection: Connection, source: str, limit: int, read: str = "") -> tuple[list[Receipt], bool]:
    """Return receipts to absorb, in the order of arrival, and whether these are all; begun ones come after all others.

    The body of the one that was `read` before comes empty where it is large.

    A large group goes on after the small receipts that came meanwhile; within one source's episodes the rules of
    `core.episodes` make the order of arrival irrelevant to the end.
    """
    found: list[Receipt] = []
    room = ROOM
    rows = _NEXT.rows(connection, {"key_id": source, "most": limit})
    for row in rows:
        if room <= 0:
            return found, False
        body = row.body
        if row.stored > AT_HAND and row.id != read:
            body = _BODY.rows(connection, {"key_id": row.id})[0].body
        found.append(_receipt(row, body))
        room -= len(found[-1].body)
    return found, len(rows) < limit


def load(connection: Connection, receipt_id: str) -> Receipt | None:
    """Return one receipt with its body, or None."""
    row = connection.execute(select(receipts).where(receipts.c.id == receipt_id)).first()
    return _receipt(row, row.body) if row is not None else None


def _receipt(row: Any, stored: bytes | None) -> Receipt:  # noqa: ANN401 - a row of receipts
    body, damaged = stored or b"", ""
    try:
        body = unpacked(row.encoding, body)
    except DamagedError as error:
        damaged = str(error)
    return Receipt(
        id=row.id,
        source=row.source,
        received_at=row.received_at,
        headers=row.headers,
        body=body,
        progress=row.progress,
        incidents=tuple(row.incidents or ()),
        replayed=bool(row.acts),
        damaged=damaged,
    )


def settle(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store how far receipts are: each row {id, state, problem, alerts, progress, incidents}."""
    values = [{"key_id": row["id"], **{k: v for k, v in row.items() if k != "id"}} for row in rows]
    if values:
        _SETTLE.run(connection, values)


def count(connection: Connection, state: str) -> int:
    """Return how many receipts are in a state."""
    return connection.execute(select(func.count()).where(receipts.c.state == state)).scalar_one()
