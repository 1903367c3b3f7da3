"""Held deliveries go on when what they lack is back: a destination that is configured again, a secret that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.delivery.yard import HeldError
from bridge.ledger import placing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.core.rules import Rules
    from bridge.effective import Effective
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.placing import Held

EVERY = 10.0
"""Seconds between two looks."""


class Resume:
    """Looks whether held deliveries have what they need again."""

    def __init__(self, ledger: Ledger, clock: Clock, rules: Callable[[], Rules], effective: Effective) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules = rules
        self._effective = effective

    def look(self) -> bool:
        """Make those due that can be told now; return whether there were any."""
        with self._ledger.read() as connection:
            found = [(one, place) for one in placing.held(connection) if (place := self._place(one)) is not None]
        if not found:
            return False
        now = self._clock.now()

        def write(connection: Connection) -> None:
            for one, (address, lane) in found:
                placing.resume(connection, one, address, lane, now)

        self._ledger.write(write)
        return True

    def _place(self, one: Held) -> tuple[str, str] | None:
        """Return the address and lane of a held delivery, None while it can't be told."""
        rules = self._rules()
        target = target_at(rules, one.destination, one.team, Priority(one.priority), one.source)
        if isinstance(target, str):
            return None
        try:
            address = self._effective.address(target)
            self._effective.connectable(target)
        except HeldError:
            return None
        # routed when its secret was missing: only now is it known where it leads to
        return (address.text, address.lane) if placing.HELD_LANE in one.lane else (one.address, one.lane)
