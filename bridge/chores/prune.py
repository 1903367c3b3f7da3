"""Every now and then: what is older than `retention` goes, and what is over `max_storage`, the least needed first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bridge.ledger import storage
from bridge.ledger.tables import incidents, receipts

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.config.loaded import Loaded
    from bridge.ledger.ledger import Ledger

EVERY = 10.0
"""Seconds between two looks."""
MOST = 200
"""Parts of a sort that are removed at one look; of very much the rest goes at the next ones, which come soon."""
LONGEST = 1.0
"""Seconds after which a look begins no more receipts that are old, and as long again for incidents, and for what is too
much: who stops waits."""
BEGIN = 0.9
GOAL = 0.85
"""Parts of `max_storage`: above the one the oldest goes, until the other is reached."""


class Parts:
    """How much more may be removed: a number of parts, for so long; the first one always.

    `cut` says that more may be there than that.
    """

    def __init__(self, clock: Clock) -> None:
        self.left = MOST
        self.cut = False
        self._clock = clock
        self._ends: float | None = None

    def more(self) -> bool:
        """Return whether one more part may be removed."""
        now = self._clock.monotonic()
        self._ends = now + LONGEST if self._ends is None else self._ends
        self.cut = self.left <= 0 or now >= self._ends
        return not self.cut


class Uncounted(NamedTuple):
    """Rows that are gone for they were too much, and PostgreSQL may not know it: what it `knew` then, and their bytes.

    It counts at once for who owns the tables; else when it comes by, and until then as much would go at each look.
    """

    knew: float
    size: float


class Prune:
    """Looks what may go; `more` says that the last look left some of it."""

    def __init__(self, ledger: Ledger, clock: Clock, loaded: Callable[[], Loaded]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loaded = loaded
        self.more = False
        self._removed = True  # rows, or may be, since they were counted last
        self._uncounted: dict[Table, Uncounted] = {}

    def look(self) -> bool:
        """Remove what is old, then what is too much; it makes no work for lanes."""
        self.more = False
        absorbed, over, much = (Parts(self._clock) for _ in range(3))
        try:
            self._old(absorbed, over)
        finally:
            # whatever became of that: a disk must not fill up
            self._much(much)
            self.more = absorbed.cut or over.cut or much.cut
        return False

    def _old(self, absorbed: Parts, over: Parts) -> None:
        """Remove what is older than it is kept; no receipts, however many, keep incidents from it."""
        keep, now = self._loaded().settings.retention, self._clock.now()
        self._all(lambda one: storage.old_receipts(one, now - keep.receipts, now - keep.quarantine), absorbed)
        self._all(lambda one: storage.old_incidents(one, now - keep.incidents), over)

    def _all(self, remove: Callable[[Connection], int], parts: Parts) -> None:
        while parts.more() and self._ledger.write(remove):
            parts.left, self._removed = parts.left - 1, True

    def _much(self, parts: Parts) -> None:
        most, size = self._loaded().settings.max_storage, self._used()
        if size > most * BEGIN and self._removed:
            size = self._used(anew=True)
        if size > most * BEGIN:
            self._less(size, int(most * GOAL), parts)
            size = self._used(anew=self._removed)
        self._ledger.write(partial(storage.settle, size=size, now=self._clock.now()))

    def _less(self, size: int, goal: int, parts: Parts) -> None:
        """Remove what is least needed, until no more than a goal is in use."""
        over: float = size - goal
        while over > 0 and parts.more() and (freed := self._ledger.write(storage.oldest_bodies)):
            over, parts.left = over - freed, parts.left - 1
        for table, remove in ((receipts, storage.oldest_receipts), (incidents, storage.oldest_incidents)):
            with self._ledger.read() as connection:
                each = storage.share(connection, table)
                known = 0.0 if each is None else storage.counted(connection, table)
            over = self._used() - goal
            while over > 0 and parts.more() and (gone := self._ledger.write(remove)):
                parts.left, self._removed = parts.left - 1, True
                if each is None:
                    over = self._used() - goal
                    continue
                before = self._uncounted.get(table, Uncounted(known, 0))
                self._uncounted[table] = before._replace(size=before.size + gone * each)
                over -= gone * each

    def _used(self, *, anew: bool = False) -> int:
        with self._ledger.read() as connection:
            if anew:
                storage.count_anew(connection)
                self._removed = False
            for table, gone in list(self._uncounted.items()):
                if storage.counted(connection, table) != gone.knew:
                    del self._uncounted[table]
            return storage.used(connection) - int(sum(gone.size for gone in self._uncounted.values()))
