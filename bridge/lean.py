"""Memory that nobody here needs: what libraries import besides, what the allocator keeps for each thread, and copies.

Processes that are forked share all pages until one of them writes. What they write is spread over the pages that hold
what was there before, for allocators give out the holes among it first, and each such page is copied.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARENA_MAX = -8
"""The GNU C library's `M_ARENA_MAX`."""
_SIZES = (*(2**n for n in range(16, 10, -1)), *range(1_032, 23, -16))
"""Bytes of the blocks that fill holes: large ones first, then each size that the library may have put aside."""
_MOST = 1_048_576
"""Bytes of one size at most: there are fewer holes, and another allocator may stand in for the library's."""


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


def leave_no_holes() -> None:
    """Take all that is free among what is there: what the processes to come allocate is on pages of their own.

    For who has a single thread. Nothing is written to what is taken, and so it costs nothing that was not there before.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version()  # another C library than GNU's has other holes
        library.malloc.restype, library.malloc.argtypes = ctypes.c_size_t, (ctypes.c_size_t,)
        library.sbrk.restype, library.sbrk.argtypes = ctypes.c_size_t, (ctypes.c_ssize_t,)
        library.malloc_trim(0)
        end = library.sbrk(0)
        for size in _SIZES:
            for _ in range(_MOST // size):
                if library.malloc(size) > end:
                    break
