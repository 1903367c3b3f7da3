"""How much senders bring just now, known to all processes that one server forks.

Where senders bring more than a process tells anyhow, to take it in goes before to tell of it. Below that nobody makes
room: each pause would cost telling more than it brings them. How much that is depends on the machine, but here it is
fixed.
"""

from __future__ import annotations

import mmap
import os
import time

MANY = 500.0
"""Requests a second from which on telling makes room: more than a deliverer tells (300 to 400 on two cores)."""
WINDOW = 0.05
"""Seconds over which they are counted, at least."""
SLOTS = 64
"""Counters: a process adds to one of them, so that no two that live at once are likely to overwrite each other's."""


class Pressure:
    """Counts what is brought; made before the fork, it is one for all processes."""

    def __init__(self) -> None:
        # aligned, and each as wide as a register: what is read was written whole
        self._brought = memoryview(mmap.mmap(-1, 8 * SLOTS)).cast("q")
        self._since = self._before = 0.0
        self._high = False

    def add(self, requests: int) -> None:
        """Say that so many were brought to this process."""
        # two threads at once may lose a few: it is a measure, not a count
        self._brought[os.getpid() % SLOTS] += requests

    def high(self, now: float | None = None) -> bool:
        """Return whether many have been brought lately, to all; `now` are seconds of the monotonic clock.

        For one thread at a time: what is counted is counted since it was asked last.
        """
        now = time.monotonic() if now is None else now
        if now - self._since >= WINDOW:
            brought = sum(self._brought)
            self._high = brought - self._before > MANY * (now - self._since)
            self._since, self._before = now, brought
        return self._high
