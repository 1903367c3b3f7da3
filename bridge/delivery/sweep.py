"""What no hint told of: the lanes that have work by the ledger, and that are not another process's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.ledger import due, lanes, receipts

if TYPE_CHECKING:
    from bridge.delivery.yard import Yard


def due_here(yard: Yard) -> set[str]:
    """Name the lanes with something due that nobody holds, or this process."""
    now = yard.clock.now()
    with yard.ledger.read() as connection:
        names = set(due.due_lanes(connection, now))
        names |= {f"{lanes.INTAKE}{source}" for source in receipts.sources_waiting(connection)}
        holders = lanes.holders(connection, names, yard.ledger.database_now(now)) if names else {}
    return {name for name in names if holders.get(name, yard.holder) == yard.holder}
