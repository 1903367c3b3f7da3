"""The dead letters, as the bridge tells those who run it of them: by the place, or by what ails many places alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bridge.ledger.tables import deliveries, incidents
from bridge.ledger.troubles import UNTOLD

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Dead:
    """The dead letters at one address, or of a destination: how many, the most urgent (0 for P0), and a reason."""

    kind: str
    address: str
    number: int
    urgency: int
    reason: str


_DEAD = (
    select(
        deliveries.c.kind,
        deliveries.c.address,
        deliveries.c.destination,
        # the sentence names the delivery to replay: without that it is the same for all that died together
        func.replace(deliveries.c.reason, deliveries.c.id, "").label("cause"),
        func.count().label("number"),
        func.min(deliveries.c.urgency).label("urgency"),
        func.max(deliveries.c.reason).label("reason"),
    )
    .join(incidents, incidents.c.id == deliveries.c.incident)
    .where(deliveries.c.state == "dead", incidents.c.source.not_in(UNTOLD))
    .group_by(deliveries.c.kind, deliveries.c.address, deliveries.c.destination, "cause")
)


def dead(connection: Connection) -> list[Dead]:
    """Return the addresses with dead letters, but for those of the bridge's own incidents.

    What died at many addresses of a destination for one and the same reason, as of a token that was revoked, is one.
    """
    rows = connection.execute(_DEAD).all()
    alike: dict[tuple[str, str, str | None], set[str]] = {}
    for row in rows:
        alike.setdefault((row.kind, row.destination, row.cause), set()).add(row.address)
    found: dict[tuple[str, str], Dead] = {}
    for row in rows:
        many = len(alike[row.kind, row.destination, row.cause]) > 1
        place = f"destination {row.destination}" if many else row.address
        one = found.get((row.kind, place)) or Dead(row.kind, place, 0, row.urgency, "")
        number, urgency = one.number + row.number, min(one.urgency, row.urgency)
        found[row.kind, place] = Dead(row.kind, place, number, urgency, max(one.reason, row.reason or ""))
    return list(found.values())
