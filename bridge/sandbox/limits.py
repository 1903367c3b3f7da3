"""Rate limits as the destinations keep them: a sliding window, and a bucket of tokens, on the caller's clock."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Window:
    """At most so many requests in any stretch of `seconds`, counted apart for each key."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._taken: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def wait(self, key: Hashable, limit: int, now: float) -> float:
        """Says how many seconds until the key has room for one more, 0 where it has; takes nothing."""
        taken = self._taken[key]
        while taken and taken[0] <= now - self.seconds:
            taken.popleft()
        if len(taken) < limit:
            return 0.0
        return taken[len(taken) - limit] + self.seconds - now if limit else self.seconds

    def take(self, key: Hashable, now: float) -> None:
        """Counts one request at the time `now` (unix seconds)."""
        self._taken[key].append(now)

    def used(self, key: Hashable, now: float) -> int:
        """How many requests of the key lie in the window that ends now."""
        self.wait(key, 1, now)
        return len(self._taken[key])


class Bucket:
    """So many requests a second, and a burst that refills at that rate, apart for each key."""

    def __init__(self) -> None:
        self._level: dict[Hashable, tuple[float, float]] = {}

    def wait(self, key: Hashable, rate: float, burst: int, now: float) -> float:
        """Takes one token and answers 0, or takes none and says how many seconds until there is one."""
        level, at = self._level.get(key, (float(burst), now))
        level = min(float(burst), level + (now - at) * rate)
        room = level >= 1 - 1e-9
        self._level[key] = (level - 1 if room else level, now)
        return 0.0 if room else (1 - level) / rate


def whole_seconds(seconds: float) -> str:
    """A `Retry-After` value: rounded up, and at least 1."""
    return str(max(1, math.ceil(seconds - 1e-6)))
