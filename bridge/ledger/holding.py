"""Held deliveries: those that wait for what they lack, and where they go on once it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from bridge.ledger.deliveries import change
from bridge.ledger.lanes import HELD_LANE, LEFT_LANE
from bridge.ledger.present import URGENCY, VERSION
from bridge.ledger.tables import deliveries, incidents
from bridge.ledger.told import told_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

_KEPT = frozenset({"steps", "delivery", "plain", "bare"})


@dataclass(frozen=True, slots=True)
class Held:
    """A held delivery: what decides whether it can go on."""

    id: str
    incident: str
    destination: str
    kind: str
    address: str
    lane: str
    team: str
    priority: str
    source: str


def kept(have: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of what we have still holds at another place."""
    return {name: fact for name, fact in have.items() if name in _KEPT}


def held(connection: Connection, after: str = "") -> list[Held]:
    """Return the held deliveries, the oldest first, a thousand at once; the next ones come `after` the last id."""
    mine = [deliveries.c[name] for name in ("id", "incident", "destination", "kind", "address", "lane", "team")]
    query = (
        select(*mine, incidents.c.priority, incidents.c.source)
        .join(incidents, incidents.c.id == deliveries.c.incident)
        .where(deliveries.c.state == "held", deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(1000)
    )
    return [Held(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public spelling


def resume(  # noqa: PLR0913 - a place has these sides
    connection: Connection, one: Held, address: str, lane: str, at: datetime, *, one_secret: bool
) -> None:
    """Make a held delivery due, at its address; where the incident is told there already, it is skipped.

    The caller has the incident locked; `one_secret` is as a `Placement` says it.
    """
    still = select(deliveries.c.have).where(deliveries.c.id == one.id, deliveries.c.state == "held").with_for_update()
    if (row := connection.execute(still).first()) is None:
        return
    told = told_at(connection, [one.incident])[one.incident]
    team = one.team if one_secret else ""
    # what stays at its address was placed there: only what is led to another may come to where its incident is told
    if lane != one.lane and told.has(one.kind, address, lane, one.destination, team):
        going_on = told_at(connection, [one.incident], going_on=True)[one.incident]
        if HELD_LANE not in one.lane and not going_on.has(one.kind, address, lane, one.destination, team):
            return  # who tells there is dead: where the settings are taken back, it goes on from here
        left = one.lane if HELD_LANE in one.lane else f"{one.kind}{LEFT_LANE}{one.lane}"
        change(connection, one.id, state="skipped", reason=f"told at {address} already", lane=left)
        _return(connection, one, address, lane, at)
        return
    values: dict[str, Any] = {"state": "pending", "reason": None, "address": address, "lane": lane}
    if lane != one.lane:
        # whatever was told stays where it was: here it begins anew, under fresh marks
        values |= {"have": kept(row.have), "told": 0, "doubt": None}
    change(connection, one.id, due_at=at, since=at, heard_at=None, **values)


def _return(connection: Connection, one: Held, address: str, lane: str, at: datetime) -> None:
    """Let who tells this incident at an address go on there, where it had left that: its settings are as before."""
    left = update(deliveries).where(
        deliveries.c.incident == one.incident,
        deliveries.c.lane == f"{one.kind}{LEFT_LANE}{lane}",
        deliveries.c.address == address,
        deliveries.c.state == "skipped",
    )
    due = {"want": VERSION, "urgency": URGENCY, "due_at": at, "since": at}
    connection.execute(left.values(state="pending", reason=None, lane=lane, **due))
