"""Every now and then: what still fires by the ledger, but was not heard of for `stale_after`, is marked so."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bridge.ledger import stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.clock import Clock
    from bridge.core.rules import Rules
    from bridge.ledger.ledger import Ledger

EVERY = 10.0
"""Seconds between two looks."""


class Stale:
    """Looks for incidents that are not heard of any more."""

    def __init__(self, ledger: Ledger, clock: Clock, rules: Callable[[], Rules]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules = rules

    def look(self) -> bool:
        """Mark them; return whether there were any."""
        after = self._rules().stale_after
        if after is None:
            return False
        now = self._clock.now()
        before = now - after
        with self._ledger.read() as connection:
            found = stale.sources(connection, before)
        # of very many the rest has its turn at the next look
        marked = [self._ledger.write(partial(stale.mark, source=source, before=before, at=now)) for source in found]
        return any(marked)
