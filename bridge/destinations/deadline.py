"""A total deadline for one exchange, on the monotonic clock."""

from __future__ import annotations

import time


class LostError(Exception):
    """An exchange came to nothing: {code}, in words that hold no address and no header."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Deadline:
    """A point on the monotonic clock, `seconds` from now; a machine that sleeps or sets its clock doesn't move it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self._end - time.monotonic()

    def share(self, passed: str) -> float:
        """Seconds that a call may take which is to end in time.

        Raises:
            LostError: none are left; `passed` is its code.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise LostError(passed)
        return left
