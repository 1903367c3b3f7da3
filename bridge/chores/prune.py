"""Every now and then: what is older than `retention` goes, and what is over `max_storage`, the least needed first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bridge.ledger import storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.config.loaded import Loaded
    from bridge.ledger.ledger import Ledger

EVERY = 10.0
"""Seconds between two looks."""
MOST = 200
"""Parts that are removed at one look; of very much the rest goes at the next ones."""
LONGEST = 1.0
"""Seconds after which a look begins no more of what is old, and as long again of what is too much: who stops waits."""
BEGIN = 0.9
GOAL = 0.85
"""Parts of `max_storage`: above the one the oldest goes, until the other is reached."""


class Parts:
    """How much more may be removed: a number of parts, for so long; the first one always."""

    def __init__(self, clock: Clock, left: int) -> None:
        self.left = left
        self._clock = clock
        self._ends: float | None = None

    def more(self) -> bool:
        """Return whether one more part may be removed."""
        now = self._clock.monotonic()
        self._ends = now + LONGEST if self._ends is None else self._ends
        return self.left > 0 and now < self._ends


class Prune:
    """Looks what may go."""

    def __init__(self, ledger: Ledger, clock: Clock, loaded: Callable[[], Loaded]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loaded = loaded

    def look(self) -> bool:
        """Remove what is old, then what is too much; it makes no work for lanes."""
        parts = Parts(self._clock, MOST)
        try:
            self._old(parts)
        finally:
            # whatever became of that: a disk must not fill up
            self._much(Parts(self._clock, parts.left))
        return False

    def _old(self, parts: Parts) -> None:
        """Remove what is older than it is kept."""
        keep, now = self._loaded().settings.retention, self._clock.now()
        self._all(lambda one: storage.old_receipts(one, now - keep.receipts, now - keep.quarantine), parts)
        self._all(lambda one: storage.old_incidents(one, now - keep.incidents), parts)

    def _all(self, remove: Callable[[Connection], int], parts: Parts) -> None:
        while parts.more() and self._ledger.write(remove):
            parts.left -= 1

    def _much(self, parts: Parts) -> None:
        most, size = self._loaded().settings.max_storage, self._used()
        if size > most * BEGIN:
            over = size - int(most * GOAL)
            while over > 0 and parts.more() and (freed := self._ledger.write(storage.oldest_bodies)):
                over, parts.left = over - freed, parts.left - 1
            for remove in (storage.oldest_receipts, storage.oldest_incidents):
                while over > 0 and parts.more() and self._ledger.write(remove):
                    parts.left, over = parts.left - 1, self._used() - int(most * GOAL)
            size = self._used()
        self._ledger.write(partial(storage.settle, size=size, now=self._clock.now()))

    def _used(self) -> int:
        with self._ledger.read() as connection:
            return storage.used(connection)
