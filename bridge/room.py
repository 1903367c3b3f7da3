"""Whether there is room for one more body: intake asks, so that storage stays bounded whoever delivers or doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.ledger import storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.clock import SystemClock
    from bridge.ledger.ledger import Ledger

EVERY = 2.0
"""Seconds for which an answer holds: what comes in meanwhile may be over the limit."""


class Room:
    """Looks at what is stored, at most every so often; cheap where it was looked at just now."""

    def __init__(self, ledger: Ledger, clock: SystemClock, most: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._most = most
        self._looked: float | None = None
        self._full = False

    def known(self) -> bool:
        """Return whether `full` knows without a look."""
        return self._looked is not None and 0 <= self._clock.monotonic() - self._looked < EVERY

    def full(self, *, look: bool = True) -> str:
        """Return why nothing more is stored, empty where there is room; without a `look` as it was known last."""
        if look and not self.known():
            self._looked = self._clock.monotonic()
            self._full = self._measured() >= self._most()
        if not self._full:
            return ""
        return f"max_storage ({self._most():,} bytes) is reached: raise it, or look at `bridge quarantine`"

    def _measured(self) -> int:
        try:
            with self._ledger.read() as connection:
                return storage.last_used(connection)
        except SQLAlchemyError:
            return 0  # whether it can be stored, storing will say
