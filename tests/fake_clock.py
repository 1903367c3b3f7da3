"""Time that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FakeClock:
    """A clock advanced by hand: `now` and `monotonic` go together."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def ahead(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float = 0.0, **more: float) -> None:
        """Let time pass: seconds, or `minutes=…`, `hours=…`."""
        passed = timedelta(seconds=seconds, **more)
        self._now += passed
        self._monotonic += passed.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def set_back(self, **by: float) -> None:
        """Set the wall clock back, as a person or NTP does; monotonic time goes on."""
        self._now -= timedelta(**by)
