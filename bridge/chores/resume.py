"""Held deliveries go on when what they lack is back: a destination that is configured again, a secret that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.alert import Priority
from bridge.delivery.yard import HeldError
from bridge.effective import moved
from bridge.ledger import holding, placing
from bridge.ledger.lanes import HELD_LANE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.effective import Effective
    from bridge.ledger.holding import Held
    from bridge.ledger.ledger import Ledger

EVERY = 10.0
"""Seconds between two looks."""


class Resume:
    """Looks whether held deliveries have what they need again."""

    def __init__(self, ledger: Ledger, clock: Clock, effective: Effective) -> None:
        self._ledger = ledger
        self._clock = clock
        self._effective = effective

    def look(self) -> bool:
        """Make those due that can be told now; return whether there were any."""
        places: dict[tuple[str, ...], tuple[str, str] | None] = {}
        resumed, after = False, ""
        while page := self._page(after):
            after = page[-1].id
            found = []
            for one in page:
                who = (one.destination, one.kind, one.address, one.lane, one.team, one.priority, one.source)
                if who not in places:
                    places[who] = self._place(one)
                if (place := places[who]) is not None:
                    found.append((one, place))
            resumed |= self._resume(found)
        return resumed

    def _page(self, after: str) -> list[Held]:
        with self._ledger.read() as connection:
            return holding.held(connection, after)

    def _resume(self, found: list[tuple[Held, tuple[str, str]]]) -> bool:
        now = self._clock.now()

        def write(connection: Connection) -> None:
            placing.locked(connection, {one.incident for one, _ in found})
            for one, (address, lane) in found:
                one_secret = self._effective.one_secret(one.destination, one.team)
                holding.resume(connection, one, address, lane, now, one_secret=one_secret)

        if found:
            self._ledger.write(write)
        return bool(found)

    def _place(self, one: Held) -> tuple[str, str] | None:
        """Return the address and lane at which a delivery goes on, None while it can't be told."""
        try:
            target = self._effective.target(one, Priority(one.priority), one.source)
            address = self._effective.address(target)
            self._effective.connect(target).close()
        except HeldError:
            return None
        # routed when its secret was missing, or to a place of another sort: only now is it known where it leads to
        anew = HELD_LANE in one.lane or moved(target, one)
        return (address.text, address.lane) if anew else (one.address, one.lane)
