"""Where an incident is told already, so that nobody is told there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from bridge.ledger.lanes import LEFT_LANE
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

    from bridge.ledger.placing import Placement

SECRETS = ("key ", "webhook ")
"""How addresses begin that are known by the digest of a secret (`address` of PagerDuty's and Slack's)."""


class Told:
    """Where an incident is told already.

    Two names that lead to the same place are one address; and a destination keeps its address when its token is
    replaced, although its lane then has another name. Where the secret is the address (a routing key, a webhook), one
    that is replaced leads a team to another address, and whoever is told by it is told already.
    """

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()

    def add(self, kind: str, address: str, lane: str, destination: str, team: str = "") -> None:
        """Count an address as told; with a `team`, also where its secret is replaced."""
        self._known |= _known_by(kind, address, lane, destination, team)

    def has(self, kind: str, address: str, lane: str, destination: str, team: str = "") -> bool:
        """Return whether an address is told already."""
        return not self._known.isdisjoint(_known_by(kind, address, lane, destination, team))

    def takes(self, placement: Placement) -> bool:
        """Count a placement as told; return whether it was not before."""
        where = self._where(placement)
        fresh = not self.has(*where)
        self.add(*where)
        return fresh

    def lacks(self, placement: Placement) -> bool:
        """Return whether a placement is not told yet."""
        return not self.has(*self._where(placement))

    def _where(self, placement: Placement) -> tuple[str, str, str, str, str]:
        team = placement.team if placement.one_secret else ""
        kind, lane, destination = placement.kind, placement.lane, placement.destination
        if placement.named and self.has(kind, placement.named, lane, destination, team):
            # its secret is missing: told all the same under this name, or by the secret of before
            return kind, placement.named, lane, destination, team
        return kind, placement.address, lane, destination, team


def _known_by(kind: str, address: str, lane: str, destination: str, team: str) -> set[tuple[str, ...]]:
    known: set[tuple[str, ...]] = {("lane", lane, address), ("name", kind, address, destination)}
    if team and address.startswith(SECRETS):
        known.add(("secret", kind, destination, team))
    return known


_SIDES = [deliveries.c[name] for name in ("incident", "kind", "address", "lane", "destination", "team", "state")]
_TOLD_AT = Statement(select(*_SIDES).where(deliveries.c.incident.in_(bindparam("ids", expanding=True))))


def told_at(connection: Connection, ids: Collection[str], *, going_on: bool = False) -> dict[str, Told]:
    """Return, by incident, where each of these is told already; `going_on`: and nobody has to mend that first."""
    found = {incident: Told() for incident in ids}
    if not ids:
        return found
    for row in _TOLD_AT.rows(connection, {"ids": list(ids)}):
        if going_on and (row.state == "dead" or (row.state == "skipped" and LEFT_LANE not in row.lane)):
            continue
        team = row.team if row.state != "dead" else ""  # it may have died of the secret that was replaced
        lane = row.lane.partition(LEFT_LANE)[2] or row.lane
        found[row.incident].add(row.kind, row.address, lane, row.destination, team)
    return found
