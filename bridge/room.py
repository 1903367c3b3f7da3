"""Whether there is room for one more body: intake asks, so that storage stays bounded whoever delivers or doesn't.

And whether an SQLite file is still the one that is written: what comes into one that was deleted or replaced is lost.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.ledger import storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from bridge.clock import SystemClock
    from bridge.ledger.ledger import Ledger

EVERY = 2.0
"""Seconds for which an answer holds: what comes in meanwhile may be over the limit."""
MOVED = "the database's file was moved, replaced or deleted: put it back, or restart the bridge"
PATIENCE = 1.0
"""Seconds that a sender waits for a look; a database that hangs would have it wait for ever."""


class Room:
    """Looks at what is stored, at most every so often; cheap where it was looked at just now."""

    def __init__(self, ledger: Ledger, clock: SystemClock, most: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._most = most
        self._looked: float | None = None
        self._looking: threading.Thread | None = None
        self._full = self._moved = False
        self._opened = _file(ledger.path)
        self._measured: tuple[float, int] | None = None

    def known(self) -> bool:
        """Return whether `full` knows without a look."""
        return self._looked is not None and 0 <= self._clock.monotonic() - self._looked < EVERY

    def full(self, *, look: bool = True) -> str:
        """Return why nothing more is stored, empty where there is room; without a `look` as it was known last."""
        if look and not self.known():
            self._looked = self._clock.monotonic()
            self._look()
        if self._moved:
            return MOVED
        if not self._full:
            return ""
        return f"max_storage ({self._most():,} bytes) is reached: raise it, or look at `bridge quarantine`"

    def _look(self) -> None:
        """Look, in a thread that goes on where it takes long; while one does, as it was known last."""
        if self._looking is not None and self._looking.is_alive():
            return
        looking = threading.Thread(target=self._measure, name="room", daemon=True)
        with suppress(RuntimeError):  # no thread to be had
            looking.start()
            self._looking = looking
            looking.join(PATIENCE)

    def _measure(self) -> None:
        with suppress(OSError):  # who may not look there any more has it open all the same
            self._moved = self._opened is not None and _file(self._ledger.path) != self._opened
        try:
            with self._ledger.read() as connection:
                self._full = self._used(connection) >= self._most()
        except (SQLAlchemyError, sqlite3.Error):
            self._full = False  # whether it can be stored, storing will say

    def _used(self, connection: Connection) -> int:
        """Return the bytes in use as who prunes has measured them; where nobody does, as we do ourselves."""
        lately = storage.used_lately(connection, self._clock.now())
        if lately is not None:
            return lately
        at = self._clock.monotonic()
        if self._measured is None or at - self._measured[0] >= storage.LATELY:
            self._measured = at, storage.used(connection)
        return self._measured[1]


def _file(path: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from others that have had, or will have, its name; None where there is none."""
    try:
        found = path.stat() if path else None
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found else None
