"""Placing an incident's deliveries: at which addresses it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from bridge.core.rules import SHADOW
from bridge.core.shadow import Would
from bridge.ledger import timeline
from bridge.ledger.deliveries import change
from bridge.ledger.statements import Statement
from bridge.ledger.tables import OPEN_STATES, deliveries, incidents
from bridge.ledger.told import Told, told_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bridge.core.cases import Case

    Fold = Callable[[Connection, list[dict[str, Any]], datetime], None]

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """An address that an incident is to be told at, under which name and for which team, and why.

    `because` is a sentence for its readers where routing did not send it there: another address could not be told.
    `would` says what would have happened, where shadow mode tells it in the stead of others. `one_secret` says whether
    a secret that is the address is one for all priorities and sources: another one has replaced it then. `named` is
    what the place is called by its settings alone, where `address` stands in for it while a secret is missing.
    """

    destination: str
    kind: str
    address: str
    lane: str
    team: str
    why: str
    because: str | None = None
    would: Would | None = None
    one_secret: bool = False
    named: str = ""


def instead_of(kind: str, address: str, why: str) -> str:
    """Say why an incident is told at a place that stands in for another one."""
    return f"Told here because {kind} {address} could not be told: {why}"


_PLACE = Statement(deliveries.insert())


def place(  # noqa: PLR0913, PLR0917 - a commit's incidents have these sides
    connection: Connection,
    cases: Mapping[str, Case],
    wanted: Mapping[str, Sequence[Placement]],
    new_id: Callable[[], str],
    at: datetime,
    fold: Fold | None = None,
    heard: Mapping[str, datetime] = MappingProxyType({}),
) -> set[str]:
    """Add the addresses that incidents are not told at yet; while an incident is open none is withdrawn.

    `fold` may set some of the rows aside, to be told together; `heard` says, by incident, when it was received.

    Returns:
        The lanes in which something is due that was added.
    """
    fresh = {incident: Told() for incident in wanted if cases[incident].fresh}
    told = fresh | told_at(connection, wanted.keys() - fresh.keys())
    wanted = {incident: _joined(placements) for incident, placements in wanted.items()}
    _join_stored(connection, wanted, at)
    rows = [
        _row(placement, incident, cases[incident].version, cases[incident].priority)
        | {"id": new_id(), "heard_at": heard.get(incident)}
        for incident, placements in wanted.items()
        for placement in placements
        if told[incident].takes(placement)
    ]
    if fold:
        fold(connection, rows, at)
    _add(connection, rows, at)
    return {row["lane"] for row in rows if row["state"] == "pending"}


def _joined(placements: Sequence[Placement]) -> list[Placement]:
    """Let shadow mode tell an incident once, with all that its alerts would have done."""
    if not any(one.would for one in placements):
        return list(placements)
    found: dict[tuple[str, ...], Placement] = {}
    for number, one in enumerate(placements):
        key = (one.lane, one.address) if one.would else (str(number),)
        first = found.get(key)
        if first and first.would and one.would:
            found[key] = replace(first, would=first.would.joined(one.would))
        else:
            found[key] = one
    return list(found.values())


def _join_stored(connection: Connection, wanted: Mapping[str, Sequence[Placement]], at: datetime) -> None:
    """Add what more would have happened to what shadow mode tells already, and make that due."""
    shadows = {
        (incident, one.lane, one.address): one.would for incident, all_ in wanted.items() for one in all_ if one.would
    }
    if not shadows:
        return
    columns = [deliveries.c[name] for name in ("id", "incident", "lane", "address", "state", "would")]
    mine = deliveries.c.incident.in_({incident for incident, _, _ in shadows}) & (deliveries.c.destination == SHADOW)
    for row in connection.execute(select(*columns).where(mine)).all():
        more = shadows.get((row.incident, row.lane, row.address))
        known = Would.from_json(row.would or {})
        if more is None or (both := known.joined(more)) == known:
            continue
        due = {"state": "pending", "due_at": at, "since": at} if row.state == "delivered" else {}
        change(connection, row.id, would=both.as_json(), **due)


def place_one(  # noqa: PLR0913, PLR0917 - an incident has these sides
    connection: Connection,
    incident: str,
    placements: Sequence[Placement],
    new_id: Callable[[], str],
    at: datetime,
    fold: Fold | None = None,
    *,
    over: bool = False,
) -> None:
    """Add addresses to one incident, unless it is over by now (but for `over`), or told there meanwhile."""
    known = locked(connection, [incident]).get(incident)
    if known is None or (known.state not in OPEN_STATES and not over):
        return
    told = told_at(connection, [incident])[incident]
    missing = [one for one in placements if told.takes(one)]
    rows = [_row(one, incident, known.version, known.priority) | {"id": new_id()} for one in missing]
    if fold:
        fold(connection, rows, at)
    _add(connection, rows, at)


def locked(connection: Connection, ids: Collection[str]) -> dict[str, Row[Any]]:
    """Return incidents as they are now: nobody changes one, and wakes who is told of it, until this is committed.

    Who adds or sets free a delivery without it may do so unseen by the one who changes the incident in this moment.
    """
    return {row.id: row for row in _LOCKED.rows(connection, {"ids": sorted(ids)})}


_LOCKED = Statement(
    select(*(incidents.c[name] for name in ("id", "version", "priority", "state")))
    .where(incidents.c.id.in_(bindparam("ids", expanding=True)))
    # in the order in which absorbing locks them
    .order_by(incidents.c.id)
    .with_for_update(key_share=True)
)


def _row(placement: Placement, incident: str, version: int, priority: str) -> JSON:
    return {
        "incident": incident,
        "destination": placement.destination,
        "kind": placement.kind,
        "address": placement.address,
        "lane": placement.lane,
        "team": placement.team,
        "state": "pending",
        "reason": None,
        "folded_into": None,
        "heard_at": None,
        "urgency": int(priority[1]),
        "want": version,
        "have": {},
        "because": placement.because,
        "would": placement.would.as_json() if placement.would else None,
        "why": placement.because or placement.why,
    }


def _add(connection: Connection, rows: list[JSON], at: datetime) -> None:
    if not rows:
        return
    lines = [
        {
            "incident": row["incident"],
            "delivery": row["id"],
            "at": at,
            "what": "addressed",
            "why": f"{row['kind']} {row['address']}: {row.pop('why')}",
        }
        for row in rows
    ]
    times = {"since": at, "placed_at": at}
    made = [{**row, **times, "due_at": at if row["state"] == "pending" else None} for row in rows]
    _PLACE.run(connection, made)
    timeline.ADD.run(connection, lines)
