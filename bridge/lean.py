"""Memory that nobody here needs: what libraries import besides, and what the allocator keeps for each thread."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARENA_MAX = -8
"""The GNU C library's `M_ARENA_MAX`."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let what is imported meanwhile find some modules missing, which it would take along for no use of ours."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type] # None is how a module is marked as missing
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def one_arena() -> None:
    """Have all threads to come take memory from one place: Python runs one at a time, and parts of its own add up."""
    with suppress(OSError, AttributeError):  # another C library than GNU's does as it does
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
