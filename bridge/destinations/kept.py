"""Connections that are kept for further requests: few, not for long, and a closed one is seen before it is used."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bridge.destinations.line import Line

MOST: Final = 8
LONGEST: Final = 15.0
"""Seconds after which one is not used again: servers close what rests."""


class Kept:
    """The connections to one place that nobody uses right now. Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._resting: deque[tuple[Line, float]] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Line | None:
        """Take the one that was used last, if it is still open."""
        rested = time.monotonic() - LONGEST
        while True:
            with self._lock:
                if not self._resting:
                    return None
                line, since = self._resting.pop()
            if since > rested and line.is_quiet():
                return line
            line.close()

    def leave(self, line: Line, *, good: bool) -> None:
        """Leave one that is good for a further request, or that is to be closed; and close what has rested too long."""
        now = time.monotonic()
        over: list[Line] = []
        with self._lock:
            if good and not self._closed:
                self._resting.append((line, now))
            else:
                over.append(line)
            while self._resting and (len(self._resting) > MOST or self._resting[0][1] <= now - LONGEST):
                over.append(self._resting.popleft()[0])
        for each in over:
            each.close()

    def close(self) -> None:
        """Close those that rest; one that is used right now is closed when it is left."""
        with self._lock:
            self._closed = True
            over = [line for line, _ in self._resting]
            self._resting.clear()
        for line in over:
            line.close()
