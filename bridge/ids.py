"""Identifiers: ULIDs that grow, so that the order of ids is the order of making within a process."""

from __future__ import annotations

import threading

from ulid import ULID

_LOCK = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a new ULID (26 characters, sortable by time), greater than every one made here before."""
    global _last  # noqa: PLW0603 - the one counter of this process
    with _LOCK:
        _last = max(int(ULID()), _last + 1)
        return str(ULID.from_int(_last))
