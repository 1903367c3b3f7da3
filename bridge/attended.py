"""For a verb that waits until something is delivered: beside a running bridge, or in its place."""

from __future__ import annotations

import math
import os
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from bridge.config.missing import missing_secrets
from bridge.config.problem import ConfigError, Level
from bridge.deliver import deliverer, lock
from bridge.ledger import lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.compose import Bridge
    from bridge.delivery.local import Deliverer

PAUSE = 0.2
"""Seconds between two looks at what a running bridge has done."""
GAP = 2.0
"""Seconds without a deliverer until its place is taken: one that reads its configuration anew is back by then."""


class Attendance:
    """Who delivers: a running bridge, and once there is none, this process."""

    def __init__(self, bridge: Bridge, ends: ExitStack) -> None:
        self.by = "the running bridge"
        self._bridge = bridge
        self._ends = ends
        self._delivering: Deliverer | None = None
        self._alone_since = math.inf

    def begin(self) -> None:
        """Deliver, where nobody else does.

        Raises:
            ConfigError: a secret is missing.
        """
        alone, held = _alone(self._bridge)
        if alone:
            self._deliver(held)

    def pass_time(self) -> None:
        """Let some time pass; where whoever delivered has ended meanwhile, it is done here from then on."""
        if self._delivering is not None:
            self._delivering.round()
            return
        threading.Event().wait(PAUSE)
        alone, held = _alone(self._bridge)
        now = self._bridge.clock.monotonic()
        self._alone_since = min(self._alone_since, now) if alone else math.inf
        if now - self._alone_since >= GAP:
            with suppress(ConfigError):  # a bridge may come back that has the secret
                self._deliver(held)
        elif held is not None:
            os.close(held)

    def _deliver(self, held: int | None) -> None:
        missing = missing_secrets(self._bridge.loaded, self._bridge.env)
        if any(one.level is Level.ERROR for one in missing):
            if held is not None:
                os.close(held)
            raise ConfigError(missing)
        self._delivering = self._ends.enter_context(deliverer(self._bridge, held, once=True))
        self.by = "this command"


@contextmanager
def attended(bridge: Bridge) -> Iterator[Attendance]:
    """Give who delivers, and what lets some time pass meanwhile.

    Raises:
        ConfigError: nobody else delivers, and a secret is missing.
    """
    with ExitStack() as ends:
        attendance = Attendance(bridge, ends)
        attendance.begin()
        yield attendance


def _alone(bridge: Bridge) -> tuple[bool, int | None]:
    """Return whether nobody else delivers; for an SQLite file with the lock that makes sure of it."""
    if bridge.ledger.path is None:
        with bridge.ledger.read() as connection:
            return not lanes.delivering(connection, bridge.ledger.database_now(bridge.clock.now())), None
    try:
        return True, lock(bridge.ledger, wait=False)
    except BlockingIOError:
        return False, None


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Give whether Ctrl-C was pressed; a second time it acts at once.

    An exception in the middle of a query would leave that open, and SQLite refuses to write beside it.
    """
    pressed: list[int] = []

    def hear(number: int, _frame: object) -> None:
        pressed.append(number)
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
