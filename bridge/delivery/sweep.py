"""What no hint told of: the lanes that have work by the ledger, and that are not another process's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.ledger import due, lanes, receipts

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.delivery.yard import Yard


class Sweep:
    """The look each second; on SQLite it asks nothing where nothing was committed since, and nothing has become due."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._state: object = None
        self._looked_at: datetime | None = None
        self._due_at: datetime | None = None

    def due_here(self) -> set[str]:
        """Name the lanes with something due that nobody holds, or this process."""
        # asked before the look, so that what is committed meanwhile is seen the next time
        now, state = self._yard.clock.now(), self._yard.ledger.state()
        if state is not None and state == self._state and self._nothing_at(now):
            return set()
        with self._yard.ledger.read() as connection:
            names = set(due.due_lanes(connection, now))
            names |= {f"{lanes.INTAKE}{source}" for source in receipts.sources_waiting(connection)}
            if names:
                holders = lanes.holders(connection, names, self._yard.ledger.database_now(now))
                self._state = None  # whoever holds one may let its lease run out, and writes nothing then
                return {name for name in names if holders.get(name, self._yard.holder) == self._yard.holder}
            if state is not None:
                self._state, self._looked_at, self._due_at = state, now, due.next_at(connection)
        return set()

    def _nothing_at(self, now: datetime) -> bool:
        """Whether, by what was seen last, nothing is due yet; by a clock that was set back, nobody can say."""
        if self._looked_at is None or now < self._looked_at:
            return False
        return self._due_at is None or now < self._due_at
