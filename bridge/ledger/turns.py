"""Turns of the processes that write to one SQLite file."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FileTurns:
    """A lock between processes that goes round by turns: who waits holds the place in the queue.

    Two locks: only the holder of `next` may wait for `turn`. A process that has just written must queue behind the one
    that waits already, so nobody writes twice while another waits. The kernel frees both when a process dies.
    """

    def __init__(self, path: Path) -> None:
        self._next = os.open(f"{path}.next.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = os.open(f"{path}.turn.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        self.leave()

    def at_once(self) -> bool:
        """Take the turn where nobody has it and nobody waits for it; return whether it was taken."""
        try:
            # who waits may not have noticed yet that the turn is free, and must not be overtaken
            fcntl.flock(self._next, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        return True

    def leave(self) -> None:
        """Give the turn to who waits for it."""
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the files back."""
        os.close(self._next)
        os.close(self._turn)


class NoTurns:
    """PostgreSQL orders its writers itself."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def at_once(self) -> bool:
        """Return that there is none to be had: whoever asks PostgreSQL waits for its answer."""
        return False

    def leave(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
