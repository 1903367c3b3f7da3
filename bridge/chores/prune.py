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
BEGIN = 0.9
GOAL = 0.85
"""Parts of `max_storage`: above the one the oldest goes, until the other is reached."""


class Prune:
    """Looks what may go."""

    def __init__(self, ledger: Ledger, clock: Clock, loaded: Callable[[], Loaded]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loaded = loaded

    def look(self) -> bool:
        """Remove what is old, then what is too much; it makes no work for lanes."""
        parts = MOST
        try:
            parts -= self._old(MOST)
        finally:
            # whatever became of that: a disk must not fill up
            self._much(parts)
        return False

    def _old(self, parts: int) -> int:
        """Remove what is older than it is kept; return how many parts that took."""
        keep, now = self._loaded().settings.retention, self._clock.now()
        taken = self._all(lambda one: storage.old_receipts(one, now - keep.receipts, now - keep.quarantine), parts)
        return taken + self._all(lambda one: storage.old_incidents(one, now - keep.incidents), parts - taken)

    def _all(self, remove: Callable[[Connection], int], parts: int) -> int:
        taken = 0
        while taken < parts and self._ledger.write(remove):
            taken += 1
        return taken

    def _much(self, parts: int) -> None:
        most, size = self._loaded().settings.max_storage, self._used()
        if size > most * BEGIN:
            over = size - int(most * GOAL)
            while parts > 0 and over > 0 and (freed := self._ledger.write(storage.oldest_bodies)):
                over, parts = over - freed, parts - 1
            for remove in (storage.oldest_receipts, storage.oldest_incidents):
                while parts > 0 and over > 0 and self._ledger.write(remove):
                    parts, over = parts - 1, self._used() - int(most * GOAL)
            size = self._used()
        self._ledger.write(partial(storage.settle, size=size, now=self._clock.now()))

    def _used(self) -> int:
        with self._ledger.read() as connection:
            return storage.used(connection)
