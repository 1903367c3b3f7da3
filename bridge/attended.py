"""For a verb that waits until something is delivered: beside a running bridge, or in its place."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.config.missing import missing_secrets
from bridge.config.problem import ConfigError
from bridge.deliver import deliverer, lock
from bridge.ledger import lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.compose import Bridge

PAUSE = 0.2
"""Seconds between two looks at what a running bridge has done."""


@contextmanager
def attended(bridge: Bridge) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give who delivers, and what lets some time pass meanwhile.

    Raises:
        ConfigError: nobody else delivers, and a secret is missing.
    """
    held = None
    try:
        if bridge.ledger.path is not None:
            held = lock(bridge.ledger, wait=False)
        running = held is None and _runs_elsewhere(bridge)
    except BlockingIOError:
        running = True
    if running:
        yield "the running bridge", lambda: _wait(PAUSE)
        return
    if missing := missing_secrets(bridge.loaded, bridge.env):
        if held is not None:
            os.close(held)
        raise ConfigError(missing)
    with deliverer(bridge, held, once=True) as delivering:
        yield "this command", delivering.round


def _runs_elsewhere(bridge: Bridge) -> bool:
    with bridge.ledger.read() as connection:
        return lanes.delivering(connection, bridge.ledger.database_now(bridge.clock.now()))


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


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
