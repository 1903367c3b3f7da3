"""Time at the edge: the only place, with the ledger's own clock, where wall-clock time enters."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """What the deliverer and intake ask of time; a simulator brings its own."""

    def now(self) -> datetime:
        """Return the present time, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back and count while the machine sleeps, for leases and deadlines."""
        ...

    def ahead(self) -> float:
        """Return the seconds by which `now` is ahead of the machine's own time, since that was set back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        ...


def passed() -> float:
    """Return seconds that never go back, with those in which the machine was suspended, where its system counts them.

    By what stands still meanwhile (`time.monotonic` on Linux) who wakes up would take a lease for his that ran out.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SystemClock:
    """The machine's time, made to never go back.

    A wall clock that is set back (a person, NTP, a restored VM) would put everything that is due into the future; here
    time then goes on from where it was, at the monotonic pace, until the wall clock has caught up.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the edge itself
        monotonic: Callable[[], float] = passed,
    ) -> None:
        self._lock = threading.Lock()
        self._read_wall, self._read_monotonic = wall, monotonic
        self._wall, self._mono = wall(), monotonic()

    def now(self) -> datetime:
        """Return the present time, aware UTC, never before an earlier answer."""
        with self._lock:
            mono, wall = self._read_monotonic(), self._read_wall()
            self._wall = max(wall, self._wall + (mono - self._mono)) if wall < self._wall else wall
            self._mono = mono
            return datetime.fromtimestamp(self._wall, UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back and count while the machine sleeps."""
        return self._read_monotonic()

    def ahead(self) -> float:
        """Return the seconds by which `now` is ahead of the machine's own time, since that was set back."""
        return max(self.now().timestamp() - self._read_wall(), 0.0)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, in this thread."""
        time.sleep(seconds)
