"""What people do to what is stored: close an incident, replay or dismiss a dead letter, replay or dismiss a receipt.

Each is a function of a connection, ids, who does it and when; it returns the ids that it was true for, and writes down
who it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, select, true, update
from sqlalchemy.engine import Connection

from bridge.core.cases import CLOSED_BY
from bridge.ledger.columns import Instant, stamp
from bridge.ledger.deliveries import DISMISSED, wake_all
from bridge.ledger.present import URGENCY
from bridge.ledger.tables import QUARANTINED, deliveries, history, incidents, receipts
from bridge.ledger.unavailable import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Row

    from bridge.ledger.ledger import Ledger
    from bridge.ledger.queries import JSON

Act = Callable[[Connection, Sequence[str], str, datetime], list[str]]
TOGETHER = 500
"""How many are acted on in one commit."""


class HalfDoneError(UnavailableError):
    """Some are done, and the rest could not be stored; the sentence says how many, and why."""


def carry_out(ledger: Ledger, act: Act, ids: Sequence[str], who: str, at: datetime) -> Iterator[list[str]]:
    """Act on ids, some hundred a commit, so that no writer waits long; give, after each, those that it was true for.

    Raises:
        HalfDoneError, UnavailableError: the rest, or all, could not be stored.
    """
    done = 0
    for start in range(0, len(ids), TOGETHER):
        try:
            some = ledger.write(_on(act, ids[start : start + TOGETHER], who, at))
        except UnavailableError as error:
            if not done:
                raise
            raise HalfDoneError(f"{done} of {len(ids)} are done, do it again for the rest: {error}") from error
        done += len(some)
        yield some


def _on(act: Act, ids: Sequence[str], who: str, at: datetime) -> Callable[[Connection], list[str]]:
    return lambda connection: act(connection, ids, who, at)


def close(connection: Connection, ids: Sequence[str], who: str, at: datetime) -> list[str]:
    """Close incidents for good; those that were open or resolved until now."""
    rows = connection.execute(
        update(incidents)
        .where(incidents.c.id.in_(ids), incidents.c.state != "closed")
        .values(
            state="closed",
            state_reason=f"{CLOSED_BY}{who}",
            closed_by=who,
            settled_at=at,
            resolved_at=func.coalesce(incidents.c.resolved_at, literal(at, Instant)),
            version=incidents.c.version + 1,
        )
        .returning(incidents.c.id, incidents.c.version, incidents.c.priority)
    ).all()
    wake_all(connection, rows, at, "closed", f"by {who}")
    return [row.id for row in rows]


def dead_letters(connection: Connection) -> list[str]:
    """Return the ids of all dead letters."""
    return list(connection.execute(select(deliveries.c.id).where(deliveries.c.state == "dead")).scalars())


def replay(connection: Connection, ids: Sequence[str], who: str, at: datetime) -> list[str]:
    """Make dead letters due again: what is told is the present truth; those that were dead."""
    rows = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == "dead")
        .values(
            state="pending",
            urgency=URGENCY,
            due_at=at,
            since=at,
            heard_at=None,
            attempts=0,
            failing_since=None,
            reason=None,
            last_error=None,
        )
        .returning(deliveries.c.id, deliveries.c.incident)
    ).all()
    _note(connection, rows, "replayed", who, at)
    return [row.id for row in rows]


def dismiss(connection: Connection, ids: Sequence[str], who: str, at: datetime) -> list[str]:
    """Let dead letters rest, and what is held for a place that never comes back: nothing more is told there."""
    rows = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state.in_(("dead", "held")))
        .values(state="skipped", due_at=None, reason=DISMISSED)
        .returning(deliveries.c.id, deliveries.c.incident)
    ).all()
    _note(connection, rows, "dismissed", who, at)
    return [row.id for row in rows]


def _note(connection: Connection, rows: Sequence[Row[Any]], what: str, who: str, at: datetime) -> None:
    lines = [{"incident": row.incident, "delivery": row.id, "at": at, "what": what, "why": f"by {who}"} for row in rows]
    if lines:
        connection.execute(history.insert(), lines)


def quarantined(connection: Connection) -> list[str]:
    """Return the ids of all receipts in quarantine, whole or in part."""
    return list(connection.execute(select(receipts.c.id).where(QUARANTINED)).scalars())


def replay_receipts(connection: Connection, ids: Sequence[str], who: str, at: datetime) -> list[str]:
    """Put quarantined receipts back to be absorbed, those partly absorbed too; those that were."""
    again = {"state": "new", "problem": None, "progress": 0}
    return _act(connection, ids, receipts.c.body.is_not(None), again, _line("replayed", who, at))


def dismiss_receipts(connection: Connection, ids: Sequence[str], who: str, at: datetime) -> list[str]:
    """Let quarantined receipts rest; those that were in quarantine."""
    return _act(connection, ids, true(), {"state": "dismissed"}, _line("dismissed", who, at))


def _line(what: str, who: str, at: datetime) -> JSON:
    return {"at": stamp(at), "what": what, "who": who}


def _act(
    connection: Connection,
    ids: Sequence[str],
    also: ColumnElement[bool],
    values: Mapping[str, Any],
    line: Mapping[str, str | None],
) -> list[str]:
    mine = select(receipts.c.id, receipts.c.acts).where(receipts.c.id.in_(ids), QUARANTINED, also)
    rows = connection.execute(mine.with_for_update()).all()
    for row in rows:
        changed = {**values, "acts": [*(row.acts or ()), line]}
        connection.execute(update(receipts).where(receipts.c.id == row.id).values(changed))
    return [row.id for row in rows]


ACTS: Mapping[tuple[str, str], tuple[Act, str]] = {
    ("incidents", "close"): (close, "there is no such incident, or it is closed already"),
    ("deliveries", "replay"): (replay, "there is no such dead letter"),
    ("deliveries", "dismiss"): (dismiss, "there is no such dead letter or held delivery"),
    ("receipts", "replay"): (replay_receipts, "there is no such receipt in quarantine"),
    ("receipts", "dismiss"): (dismiss_receipts, "there is no such receipt in quarantine"),
}
"""By what is acted on and what is done to it; and what is said where there is nothing to do it to."""
