"""Identifiers: ULIDs that grow, so that the order of ids is the order of making within a process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ulid import ULID

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCK = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a new ULID (26 characters, sortable by time), greater than every one made here before."""
    global _last  # noqa: PLW0603 - the one counter of this process
    with _LOCK:
        _last = max(int(ULID()), _last + 1)
        return str(ULID.from_int(_last))


def follow(known: Iterable[str]) -> None:
    """Let all that are made here from now on be greater than these: who made them may have had a clock ahead of ours.

    They begin a millisecond later, at a random one: no two processes that follow the same make the same.
    """
    global _last  # noqa: PLW0603 - as above
    with _LOCK:
        _last = max([_last, *(int(ULID.from_timestamp(ULID.from_str(one).milliseconds + 1)) for one in known)])
