"""What a web process counts, kept in the ledger every few seconds: nobody who posts waits for it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.ledger import counts
from bridge.ledger.unavailable import RefusedError, UnavailableError
from bridge.log import log
from bridge.metrics import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.ledger.counts import Key
    from bridge.ledger.ledger import Ledger

EVERY = 3.0
"""Seconds that a count may wait; so much is lost where the process is killed."""


class Kept(Tally):
    """A tally that keeps itself: some seconds after the first count that is not kept; one commit for all till then."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self._timer: threading.Timer | None = None
        self._timing = threading.Lock()
        self._closed = False

    def more(self, counted: Mapping[Key, int]) -> None:
        """Add counts."""
        super().more(counted)
        with self._timing:
            if self._timer is None and not self._closed:
                timer = threading.Timer(EVERY, self.keep)
                timer.daemon = True
                with suppress(RuntimeError):  # no thread to be had: the next count asks again
                    timer.start()
                    self._timer = timer

    def keep(self) -> None:
        """Write down what was counted; what can't be written now is tried again."""
        with self._timing:
            self._timer = None
        counted = self.drain()
        if not counted:
            return
        try:
            self._ledger.write(lambda connection: counts.add(connection, counted))
        except RefusedError as error:
            log.error("counts that the database refuses are lost", error=str(error.__cause__))
        except UnavailableError:
            self.more(counted)

    def close(self) -> None:
        """Keep what waits, and begin no more."""
        with self._timing:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self.keep()
