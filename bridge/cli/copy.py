"""An online copy of an SQLite file, through SQLite's own backup: one moment's truth, whoever writes meanwhile."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BUSY = 10.0
"""Seconds to wait for a lock; only a checkpoint that ends takes one that a reader minds."""


class CopyError(RuntimeError):
    """There is no copy; the sentence says why."""


def copy(source: Path, target: Path, *, replace: bool) -> int:
    """Copy a database into one file of its own, readable by its owner only; return its size in bytes.

    Raises:
        CopyError: nothing stands under the target's name that did not stand there before.
    """
    if not source.exists():
        raise CopyError(f"there is no {source.name} here: go to the bridge's folder, or set BRIDGE_DATABASE_URL")
    if target.exists():
        if source.samefile(target):
            raise CopyError(f"{target} is the ledger itself: name another file")
        if not replace:
            raise CopyError(f"{target} is there already: name another file, or give --force")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copied(source, draft)
        _kept(draft)
        # of what stood there before: SQLite would take them for the copy's
        _without(target, "-wal", "-shm", "-journal")
        draft.replace(target)
        _kept(target.absolute().parent)
    except (sqlite3.Error, OSError) as error:
        raise CopyError(f"{target} could not be written: {_reason(error)}") from None
    finally:
        with suppress(OSError):
            _without(draft, "", "-journal")
    return target.stat().st_size


def _copied(source: Path, draft: Path) -> None:
    """Copy all pages in one turn, which is one snapshot, then make it a single file and check it."""
    uri = f"{source.as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY)) as ledger, closing(sqlite3.connect(draft)) as made:
        ledger.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")
        found = made.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged, and so may be the ledger: {found}")


def _without(path: Path, *ends: str) -> None:
    """Remove the files whose names are a file's with something at the end, where they are there."""
    for end in ends:
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)


def _kept(path: Path) -> None:
    """Make sure that it outlives a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return error.strerror or "an unknown fault" if isinstance(error, OSError) else str(error)
