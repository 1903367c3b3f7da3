"""Memory: what is allocated after the holes were taken is behind all that was there, and so on pages of its own."""

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, json
from bridge.lean import leave_no_holes, one_arena

one_arena()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_size_t, (ctypes.c_size_t,)
library.free.argtypes = (ctypes.c_size_t,)
library.sbrk.restype, library.sbrk.argtypes = ctypes.c_size_t, (ctypes.c_ssize_t,)
sizes = (24, 72, 200, 600, 3_000, 20_000, 60_000)
blocks = [library.malloc(size) for _ in range(50) for size in sizes]
for block in blocks[::2]:
    library.free(block)
end = library.sbrk(0)
if {filled}:
    leave_no_holes()
print(json.dumps([library.malloc(size) < end for size in sizes for _ in range(10)]).count("true"))
"""


def in_holes(*, filled):
    program = PROGRAM.replace("{filled}", str(filled))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="another C library")
def test_what_is_allocated_once_the_holes_are_taken_is_on_pages_of_its_own():
    assert in_holes(filled=False) > 20
    assert in_holes(filled=True) <= 2  # what the heap has left at its end
