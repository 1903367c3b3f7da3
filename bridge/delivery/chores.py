"""What a deliverer does every now and then beside its lanes: watching the bridge itself, care of what is stored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


THREADS = 64
"""Chores at once, or lists of them: who hangs keeps no other from being done."""


@dataclass(slots=True)
class Chore:
    """Something to be done every so many seconds; `act` says whether it made work for the lanes.

    Then `again` says whether so much was left that it is due again soon.
    """

    every: float
    act: Callable[[], object]
    due: float = 0.0
    doing: threading.Lock = field(default_factory=threading.Lock)
    again: Callable[[], bool] = lambda: False


class Chores:
    """Does chores, each one never twice at once, in whatever thread `do` is called from.

    What is due together is done one after another: threads that start at once only wait for each other.
    """

    def __init__(self, chores: tuple[Chore, ...], made_work: Callable[[], None], report: Callable[..., None]) -> None:
        self._chores = chores
        self._made_work = made_work
        self._report = report
        self._pool = ThreadPoolExecutor(THREADS)
        self._stopping = False

    def start(self, monotonic: float) -> None:
        """Do what is due, in a thread."""
        if due := self.due(monotonic):
            self._pool.submit(self.do, due)

    def stop(self) -> None:
        """Begin no more."""
        self._stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self) -> None:
        """Wait for what was begun."""
        self._pool.shutdown(wait=True)

    def due(self, monotonic: float) -> list[Chore]:
        """Return the chores that are due, and set when they are due again."""
        due = [chore for chore in self._chores if monotonic >= chore.due]
        for chore in due:
            chore.due = monotonic + chore.every
        return due

    def do(self, chores: list[Chore]) -> None:
        """Do chores, but for those that are being done: they will be due again."""
        for chore in chores:
            if not self._stopping:
                self._do(chore)

    def _do(self, chore: Chore) -> None:
        if not chore.doing.acquire(blocking=False):
            return
        try:
            if chore.act():
                self._made_work()
        except Exception as error:  # noqa: BLE001 - the next time may do
            self._report("chore", None, error)
        finally:
            again = chore.again()
            chore.doing.release()
        if again:
            chore.due = 0.0  # by the next round, a second later
