"""Deliveries that a storm's one message tells in their place: set aside when they are placed, told apart again later.

A fold is a team's place in a storm: (kind, lane, team). What it tells is an incident of the source `bridge.storm`, one
alert for each incident that is folded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, update

from bridge.core.episodes import APART
from bridge.core.rules import STORM
from bridge.ledger.deliveries import DISMISSED
from bridge.ledger.placing import locked
from bridge.ledger.present import URGENCY, VERSION
from bridge.ledger.statements import Statement
from bridge.ledger.tables import OPEN_STATES, alerts, deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection, Row

    from bridge.core.rules import Folding

FOLDED = "in digest"
TIMES = "Times"
"""The annotation that says how often what is folded has fired, where it was more than once."""
MOST = 5_000
"""Open incidents of one fold that are looked at, beside those that are told of."""
CHUNK = 500
"""Ids of one statement."""
LAST = 2
"""Messages of a fold that can be of what was folded lately: one that is over, and the one that follows it."""
LATELY = timedelta(days=7)
"""How long ago at most that was set aside which is told though it was over before that: what an older release left
untold is no news."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A team's place whose incidents are told together."""

    id: str
    kind: str
    lane: str
    team: str
    destination: str
    address: str


def fold_id(kind: str, lane: str, team: str) -> str:
    """Return what a fold is known by, the same for a place and team."""
    return hashlib.sha256(f"{kind}\n{lane}\n{team}".encode()).hexdigest()[:26]


def aside(
    connection: Connection, rows: Sequence[dict[str, Any]], at: datetime, limit: Callable[[str], Folding | None]
) -> None:
    """Set aside what is one too many of a team's place within its time: new deliveries, not yet stored.

    On Slack a P0 is always told by itself.
    """
    placed: dict[tuple[str, str], int] = {}
    for row in rows:
        folding, place = limit(row["kind"]), (row["lane"], row["team"])
        if folding is None:
            continue
        if place not in placed:
            placed[place] = recent(connection, *place, at - folding.within, at)
        placed[place] += 1
        if placed[place] > folding.most and not (row["kind"] == "slack" and row["urgency"] == 0):
            row |= {"state": "skipped", "reason": FOLDED, "folded_into": fold_id(row["kind"], *place)}


def recent(connection: Connection, lane: str, team: str, since: datetime, now: datetime) -> int:
    """Count the incidents that were placed at a team's place since a time; what is yet to come was long ago."""
    values = {"lane": lane, "team": team, "since": since, "last": now + APART}
    return int(_RECENT.rows(connection, values)[0][0])


_RECENT = Statement(
    select(func.count()).where(
        deliveries.c.lane == bindparam("lane"),
        deliveries.c.team == bindparam("team"),
        deliveries.c.placed_at.between(bindparam("since"), bindparam("last")),
    )
)
_columns = [deliveries.c[name] for name in ("folded_into", "kind", "lane", "team", "destination", "address")]


def _unsaid(since: datetime | ColumnElement[Any]) -> ColumnElement[bool]:
    """What was set aside since a time and stands in no message yet; of what never fired nobody is told."""
    late = deliveries.c.placed_at >= since
    return and_(deliveries.c.reason == FOLDED, late, incidents.c.never_fired.is_(False))


_told = select(func.substr(incidents.c.rule_key, len("uid:") + 1)).where(
    incidents.c.source == STORM, incidents.c.state.in_(OPEN_STATES)
)
_PRESENT = Statement(
    select(*_columns)
    .join(incidents, incidents.c.id == deliveries.c.incident)
    .where(
        deliveries.c.folded_into.is_not(None),
        or_(
            incidents.c.state.in_(OPEN_STATES),
            deliveries.c.folded_into.in_(_told),
            _unsaid(bindparam("since", type_=deliveries.c.placed_at.type)),
        ),
    )
    .distinct()
)


def present(connection: Connection, now: datetime) -> list[Fold]:
    """Return the folds with an incident that is open, or not told of yet, or a message that is open."""
    found = {row.folded_into: Fold(*row) for row in _PRESENT.rows(connection, {"since": now - LATELY})}
    return list(found.values())


def folded(connection: Connection, fold: Fold, told: AbstractSet[str], now: datetime) -> Sequence[Row[Any]]:
    """Return the incidents of a fold that are open, `told` of, or in no message yet, the newest last.

    Each comes with its delivery. What is in no message may be over by now: it is told of all the same.
    """
    names = ("id", "title", "priority", "state", "state_reason", "opened_at", "resolved_at", "times")
    query: Select[Any] = (
        select(
            *(incidents.c[name] for name in names),
            deliveries.c.id.label("delivery"),
            deliveries.c.placed_at,
            deliveries.c.would,
            deliveries.c.because,
        )
        .join(deliveries, deliveries.c.incident == incidents.c.id)
        .where(deliveries.c.folded_into == fold.id)
    )
    found: dict[str, Row[Any]] = {}
    for which in (incidents.c.state.in_(OPEN_STATES), _unsaid(now - LATELY)):
        newest = query.where(which).order_by(incidents.c.id.desc()).limit(MOST)
        found |= {row.id: row for row in connection.execute(newest)}
    rest = sorted(told - found.keys())
    for start in range(0, len(rest), CHUNK):
        more = query.where(incidents.c.id.in_(rest[start : start + CHUNK]))
        found |= {row.id: row for row in connection.execute(more)}
    return [found[one] for one in sorted(found)]


def digest(connection: Connection, fold: Fold) -> Row[Any] | None:
    """Return the incident that tells of a fold, with its state, how many places it has, and how many are dismissed.

    That is the one that is open; before it, one that is over though it has what isn't named yet, or was dismissed, for
    it might be reopened.
    """
    mine = select(func.count()).where(deliveries.c.incident == incidents.c.id)
    places = mine.scalar_subquery()
    dismissed = mine.where(deliveries.c.state == "skipped", deliveries.c.reason == DISMISSED).scalar_subquery()
    query: Select[Any] = (
        select(incidents.c.id, incidents.c.state, places.label("places"), dismissed.label("dismissed"))
        .where(incidents.c.source == STORM, incidents.c.rule_key == f"uid:{fold.id}")
        .order_by(incidents.c.id.desc())
        .limit(LAST)
    )
    for row in reversed(connection.execute(query).all()):
        let_rest = row.state == "resolved" and 0 < row.places == row.dismissed
        if row.state in OPEN_STATES or let_rest or _unnamed(connection, fold, row.id):
            return row
    return None


def _unnamed(connection: Connection, fold: Fold, incident: str) -> dict[str, str]:
    """Return the incidents that a storm's message has a line of and that don't say so yet, by their deliveries."""
    bare = (deliveries.c.folded_into == fold.id) & (deliveries.c.reason == FOLDED)
    rows = connection.execute(select(deliveries.c.id, deliveries.c.incident).where(bare)).all()
    if not rows:
        return {}
    # compared here: a database that knows nothing of the tables yet takes each with each
    said = set(connection.execute(select(alerts.c.fingerprint).where(alerts.c.incident == incident)).scalars())
    return {row.id: row.incident for row in rows if fingerprint(fold, row.incident) in said}


def closed(connection: Connection, fold: Fold) -> dict[str, str]:
    """Return what still fired in a fold's messages when people closed them, and how often it had by then (TIMES).

    Of these no more is told, but for what fires anew.
    """
    query = (
        select(alerts.c.fingerprint, alerts.c.detail)
        .join(incidents, incidents.c.id == alerts.c.incident)
        .where(incidents.c.source == STORM, incidents.c.rule_key == f"uid:{fold.id}", incidents.c.state == "closed")
        .where(alerts.c.status == "firing")
        .order_by(alerts.c.id)
    )
    found = {row.fingerprint.partition("-")[2]: row.detail for row in connection.execute(query)}
    return {one: str(detail.get("annotations", {}).get(TIMES, "1")) for one, detail in found.items()}


def told(connection: Connection, incident: str) -> dict[str, dict[str, Any]]:
    """Return what an open storm's message says of the incidents in it, by their ids."""
    query = select(alerts.c.fingerprint, alerts.c.detail).where(
        alerts.c.incident == incident, alerts.c.status == "firing"
    )
    return {row.fingerprint.partition("-")[2]: row.detail for row in connection.execute(query)}


def fingerprint(fold: Fold, incident: str) -> str:
    """Return what an incident is called in a fold: it may be in several."""
    return f"{fold.id[:8]}-{incident}"


def name_digest(connection: Connection, fold: Fold, incident: str) -> set[str]:
    """Say at what is folded which incident tells it, where that one has a line of it; return the incidents of these."""
    found = _unnamed(connection, fold, incident)
    ids = sorted(found)
    for start in range(0, len(ids), CHUNK):
        mine = deliveries.c.id.in_(ids[start : start + CHUNK]) & (deliveries.c.reason == FOLDED)
        connection.execute(update(deliveries).where(mine).values(reason=f"{FOLDED} {incident}"))
    return set(found.values())


def routed(connection: Connection, incident: str) -> None:
    """Say no more why a storm's message is told at its place: by now it tells what was routed there as well."""
    mine = (deliveries.c.incident == incident) & deliveries.c.because.is_not(None)
    connection.execute(update(deliveries).where(mine).values(because=None))


def unfold(connection: Connection, rows: Sequence[Row[Any]], at: datetime) -> None:
    """Let deliveries of `folded` be told by themselves, as their incidents are now: of what changed none was woken."""
    locked(connection, [row.id for row in rows])
    mine = deliveries.c.id.in_([row.delivery for row in rows]) & (deliveries.c.state == "skipped")
    due = {"state": "pending", "due_at": at, "since": at, "heard_at": None, "reason": None, "folded_into": None}
    told = {"want": VERSION, "urgency": URGENCY}
    connection.execute(update(deliveries).where(mine).values(**due, **told))
