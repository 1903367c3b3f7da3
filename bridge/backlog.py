"""What waited while nobody absorbed is told once all of it is absorbed: what fires in it may be over by its end.

Meanwhile it is due a little later. That ends by itself: a deliverer that dies on the way keeps nothing back for good.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.ledger import due
from bridge.ledger.deliveries import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.receipts import Receipt
    from bridge.parts import Part

AWAY = timedelta(minutes=1)
"""What waited longer when a lane is taken did so because nobody was there: a burst, which is told from its beginning,
takes less. No two hosts' clocks differ so much."""
HOLD = timedelta(seconds=15)
"""For how long what is told is put off at most, from when the first of it was absorbed."""


class Backlog:
    """The receipts of a source that wait when its deliverers come back: when its lane is taken."""

    def __init__(self, ledger: Ledger, clock: Clock, wake: Callable[[Iterable[str]], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._wake = wake
        self._until: datetime | None = None
        self._goes_on = False
        self._first = True  # who has the lane, and is behind, is no deliverer that comes back

    def look(self, waiting: Sequence[Receipt], *, whole: bool) -> bool:
        """Take note of what waits, and whether a commit is to absorb the `whole`; return whether more may be left."""
        now = self._clock.now()
        may = self._first or self._until is not None
        self._first = self._first and all(one.replayed for one in waiting)
        self._goes_on = may and not whole and any(self._of_it(one, now) for one in waiting)
        if self._goes_on and self._until is None:
            self._until = now + HOLD
        return self._goes_on

    def put_off(self, connection: Connection, parts: Sequence[Part], at: datetime) -> None:
        """Put off what a commit made due, where more is to come."""
        if self._goes_on and self._until and at < self._until:
            touched = {one for part in parts if self._of_it(part.receipt, at) for one in part.incidents}
            due.move(connection, touched, (at, at + MOMENT), self._until)

    def end(self) -> None:
        """Let what was put off be told now."""
        if self._until and (now := self._clock.now()) < self._until:
            self._wake(self._ledger.write(partial(due.bring_forward, was=self._until, at=now)))
        self._until, self._first = None, False

    def _of_it(self, receipt: Receipt, now: datetime) -> bool:
        """Return whether a receipt came before it began to be absorbed; what a person sent once more is none of it."""
        before = now - AWAY if self._until is None else self._until - HOLD
        return receipt.received_at < before and not receipt.replayed
