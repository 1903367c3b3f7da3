"""The bridge's own trouble, read from what is stored: dead letters, quarantine, stuck lanes, incidents not told.

Statements are built once, for all is asked every few seconds: to build one takes several times as long as to run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select

from bridge.core.rules import OWN, SHADOW, STORM, TEST
from bridge.ledger.paging import LEFT_OPEN, PAGER
from bridge.ledger.tables import (
    OPEN_STATES,
    QUARANTINED,
    alerts,
    deliveries,
    history,
    incidents,
    lanes,
    receipts,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

UNTOLD = (OWN, TEST)
"""Of whose incidents the operators aren't told: the bridge's own, and a test's, whose sender is told."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The dead letters at one address: how many, the most urgent (0 for P0), and a reason."""

    kind: str
    address: str
    number: int
    urgency: int
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a destination: how many, the most urgent (0 for P0), and a reason."""

    destination: str
    number: int
    urgency: int
    reason: str


_DEAD = (
    select(
        deliveries.c.kind,
        deliveries.c.address,
        func.count().label("number"),
        func.min(incidents.c.priority).label("priority"),
        func.max(deliveries.c.reason).label("reason"),
    )
    .join(incidents, incidents.c.id == deliveries.c.incident)
    .where(deliveries.c.state == "dead", incidents.c.source.not_in(UNTOLD))
    .group_by(deliveries.c.kind, deliveries.c.address)
)


def dead(connection: Connection) -> list[Dead]:
    """Return the addresses with dead letters, but for those of the bridge's own incidents."""
    rows = connection.execute(_DEAD)
    return [Dead(row.kind, row.address, row.number, int(row.priority[1]), row.reason or "") for row in rows]


# what needs only to be led to another place is held no longer than that, beginning with its news
_waits = func.coalesce(deliveries.c.heard_at, deliveries.c.placed_at, deliveries.c.since) < bindparam("before")
_HELD = (
    select(
        deliveries.c.destination,
        func.count().label("number"),
        func.min(incidents.c.priority).label("priority"),
        func.max(deliveries.c.reason).label("reason"),
    )
    .join(incidents, incidents.c.id == deliveries.c.incident)
    .where(
        deliveries.c.state.in_(("held", "retrying")),
        incidents.c.source.not_in(UNTOLD),
        # the page of what is over may still be open; what retries although its place can't be asked says why
        or_(
            (deliveries.c.state == "held") & _waits & or_(incidents.c.state.in_(OPEN_STATES), LEFT_OPEN),
            (deliveries.c.state == "retrying") & deliveries.c.reason.is_not(None),
        ),
    )
    .group_by(deliveries.c.destination)
)


def held(connection: Connection, before: datetime) -> list[Held]:
    """Return destinations that open incidents waited for `before`, or pages of what is over; none of our own."""
    rows = connection.execute(_HELD, {"before": before})
    return [Held(row.destination, row.number, int(row.priority[1]), row.reason or "") for row in rows]


# an expression, by which no index is in order: SQLite would count its way through the one of all receipts by source
_SOURCE = receipts.c.source.concat("")
_QUARANTINED = select(_SOURCE, func.count()).where(QUARANTINED, receipts.c.source != OWN).group_by(_SOURCE)


def quarantined(connection: Connection) -> list[tuple[str, int]]:
    """Return, by source, how many bodies are in quarantine."""
    return [(row[0], row[1]) for row in connection.execute(_QUARANTINED)]


_TROUBLED = (
    select(lanes.c.name, lanes.c.trouble, func.count(), func.min(deliveries.c.due_at))
    .join(deliveries, (deliveries.c.lane == lanes.c.name) & deliveries.c.due_at.is_not(None))
    .where(lanes.c.trouble.is_not(None))
    .group_by(lanes.c.name, lanes.c.trouble)
)


def troubled_lanes(connection: Connection) -> list[tuple[str, dict[str, Any], int, float]]:
    """Return the lanes in trouble that have steps due: their trouble, how many wait, the first since when."""
    return [(row[0], row[1], row[2], row[3].timestamp()) for row in connection.execute(_TROUBLED) if row[1]]


CONFIG = "config/"
"""What the names of rows begin with that hold what is wrong with a configuration, by host and file."""
RENEWED = timedelta(hours=1)
"""How often a host says again that its configuration is wrong."""
GONE = timedelta(days=1)
"""How long after that a host is gone for good, a container that was made anew, and its configuration wrong no more."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a host's configuration: why it is refused, and what of it is broken and does not hold."""

    refused: list[str]
    broken: list[str]

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.refused or self.broken)


def note_wrong(connection: Connection, where: str, wrong: Wrong, now: datetime) -> None:
    """Keep what is wrong with a host's configuration, nothing where it is good; and forget hosts that are gone."""
    name = f"{CONFIG}{where}"[:300]
    gone = lanes.c.name.startswith(CONFIG) & or_(lanes.c.ready_at.is_(None), lanes.c.ready_at < now - GONE)
    connection.execute(delete(lanes).where(or_(lanes.c.name == name, gone)))
    if wrong:
        place = {"problems": wrong.refused, "broken": wrong.broken}
        connection.execute(lanes.insert().values(name=name, place=place, ready_at=now))


def noted(connection: Connection, where: str, now: datetime) -> Wrong | None:
    """Return what was wrong with a host's configuration when read last; None where it is time to say it again."""
    row = connection.execute(
        select(lanes.c.place, lanes.c.ready_at).where(lanes.c.name == f"{CONFIG}{where}"[:300])
    ).first()
    if row is None:
        return Wrong([], [])
    fresh = row.ready_at is not None and abs(now - row.ready_at) < RENEWED
    return _wrong(row.place) if fresh else None


_wrong_since = lanes.c.ready_at > bindparam("since", type_=lanes.c.ready_at.type)
_WRONG = select(lanes.c.name, lanes.c.place).where(lanes.c.name.startswith(CONFIG), _wrong_since)


def wrong(connection: Connection, now: datetime) -> list[tuple[str, Wrong]]:
    """Return the configurations that something is wrong with: where, and what."""
    rows = connection.execute(_WRONG, {"since": now - GONE})
    return [(row.name.removeprefix(CONFIG), _wrong(row.place)) for row in rows]


def _wrong(place: dict[str, Any] | None) -> Wrong:
    found = place or {}
    return Wrong(found.get("problems", []), found.get("broken", []))


_TOLD_OF = (
    select(alerts.c.fingerprint, alerts.c.detail, incidents.c.state)
    .join(incidents, incidents.c.id == alerts.c.incident)
    .where(alerts.c.source == OWN, alerts.c.status == "firing")
)


def told_of(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return what the bridge's own open alerts say now, by fingerprint; nothing of those that a person closed."""
    return {row.fingerprint: row.detail if row.state != "closed" else {} for row in connection.execute(_TOLD_OF)}


def firing_tests(connection: Connection, before: datetime) -> list[str]:
    """Return the fingerprints of tests that fire, and were heard of before a time."""
    mine = (alerts.c.source == TEST, alerts.c.status == "firing", alerts.c.received_at < before)
    return list(connection.execute(select(alerts.c.fingerprint).where(*mine)).scalars())


_RISES = [(old, new) for old in range(4) for new in range(old)]
"""From which priority to which more urgent one."""


_news = (history.c.incident == incidents.c.id) & (history.c.at >= deliveries.c.since)
_rises = [(history.c.why == f"P{old} → P{new}") & (incidents.c.priority == f"P{new}") for old, new in _RISES]
_louder = or_(history.c.what == "fires again", (history.c.what == "priority") & or_(*_rises))
# what joins a storm's message is an incident of its own, and is told nowhere else
_joins = (alerts.c.incident == incidents.c.id) & (alerts.c.status == "firing")
_joins &= alerts.c.joined_at >= func.coalesce(deliveries.c.heard_at, deliveries.c.since)
_folds = and_(incidents.c.source == STORM, deliveries.c.kind != PAGER, exists().where(_joins))
_sure = or_(deliveries.c.state == "dead", deliveries.c.told == 0, exists().where(_news, _louder), _folds)
_elsewhere = deliveries.alias()
_joined = and_(
    deliveries.c.kind == PAGER,
    exists().where(_news, history.c.what == "member joined"),
    # who was told at its fallback hears there who joins
    ~exists().where(_elsewhere.c.incident == incidents.c.id, _elsewhere.c.because.is_not(None)),
)
_UNTOLD = (
    select(
        *(deliveries.c[name] for name in ("id", "kind", "address", "lane", "team", "destination")),
        *(deliveries.c[name] for name in ("state", "since", "have", "last_error", "reason")),
        _sure.label("sure"),
        incidents.c.id.label("incident"),
        incidents.c.priority,
        incidents.c.source,
    )
    .join(incidents, incidents.c.id == deliveries.c.incident)
    .where(
        deliveries.c.because.is_(None),
        deliveries.c.destination != SHADOW,
        deliveries.c.state.in_(("pending", "retrying", "held", "dead")),
        or_(_sure, _joined),
        incidents.c.state == "firing",
        incidents.c.source != TEST,
    )
)


def untold(connection: Connection) -> list[Row[Any]]:
    """Return the deliveries of firing incidents that are dead at an address that routing chose, or wait to be told.

    What shadow mode tells has no fallback, for that would be told to people, and a test has none. Those that wait were
    never told there, or since then it fires again, became more urgent, or tells a storm that grew. Of those that are
    not `sure` an alert joined what was paged: whether that is to page anew its service's settings say.
    """
    return list(connection.execute(_UNTOLD))
