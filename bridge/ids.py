"""Identifiers: ULIDs that grow, so that the order of ids is the order of making within a process."""

from __future__ import annotations

import os
import threading
import time

_LOCK = threading.Lock()
_RANDOM_BITS = 80
"""Of the 128 bits; those before them are milliseconds since 1970."""
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(120, -1, -10)
_last = 0


def new_id() -> str:
    """Return a new ULID (26 characters, sortable by time), greater than every one made here before."""
    global _last  # noqa: PLW0603 - the one counter of this process
    with _LOCK:
        now = time.time_ns() // 1_000_000
        if now > _last >> _RANDOM_BITS:
            _last = now << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
        else:
            _last += 1  # another one of the same millisecond, or the clock was set back
        made = _last
    # two digits at once: several ids are made for each alert
    return "".join([_PAIRS[made >> shift & 1023] for shift in _SHIFTS])
