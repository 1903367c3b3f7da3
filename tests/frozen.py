"""A deliverer that lives and does nothing: frozen, but not while it keeps others from the database."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness import eventually

if TYPE_CHECKING:
    from harness import Bridge


def freeze_deliverer(bridge: Bridge) -> int:
    """Freeze a bridge's deliverer outside of a write; its pid, for SIGCONT."""
    (pid,) = eventually(lambda: bridge.metric("bridge_deliverer_up") and bridge.process.children()["deliverer"])
    eventually(lambda: _frozen_outside_a_write(pid, bridge.folder / "bridge.db"), "frozen outside of a write")
    return int(pid)


def _frozen_outside_a_write(pid: int, database: Path) -> bool:
    """Freeze a process; where it happens to hold its turn or SQLite's lock, let it go on and say no."""
    os.kill(pid, signal.SIGSTOP)
    # a thread in line for a lock may take it once more before it stops, and then holds it for as long as it is frozen
    eventually(lambda: _states(pid) == {"T"}, "stopped")
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection, ExitStack() as held:
        try:
            for turn in "next", "turn":
                lock = held.enter_context(database.with_name(f"{database.name}.{turn}.lock").open("rb"))
                # others hold it for milliseconds; whoever is frozen holds it for ever
                eventually(partial(_free, lock), patience=2)
            connection.execute("BEGIN IMMEDIATE")
        except (AssertionError, sqlite3.OperationalError):
            os.kill(pid, signal.SIGCONT)
            return False
        connection.execute("ROLLBACK")
    return True


def _states(pid: int) -> set[str]:
    """The states of a process's threads: `T` is stopped; none where one of them ends just then."""
    try:
        return {stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}
    except OSError:
        return set()


def _free(lock: IO[bytes]) -> bool:
    """Take the lock, if nobody holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
