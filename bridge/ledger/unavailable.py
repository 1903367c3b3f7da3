"""What a writer's asker hears where something could not be stored, and what an error of the database's means."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

AWAY = "the database can't be reached"


class UnavailableError(RuntimeError):
    """It could not be stored: disk full, database away, locked, or overloaded."""


class RefusedError(UnavailableError):
    """The database is there but refuses these very values (a constraint, a type): trying again does not mend it."""


def passes(error: OperationalError) -> bool:
    """Whether the same transaction may succeed in a moment.

    A stranger (a shell, a backup) holds SQLite's lock: we wait for it here, never in SQLite. On PostgreSQL two writers
    may meet in a deadlock, of which it ends one.
    """
    return "locked" in str(error.orig) or getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def everybodys(error: Exception) -> bool:
    """Whether each would fail alike, and wait for it: there is no database, or a stranger holds it."""
    if isinstance(error, OperationalError):
        return error.connection_invalidated or error.statement is None or passes(error)
    return isinstance(error, PoolTimeoutError)


def reason(error: Exception) -> str:
    """Say why in words without values: a driver's message may quote them, and name hosts and databases."""
    text = str(getattr(error, "orig", error)).lower()
    if "is full" in text or "no space" in text:
        return "the disk is full: make room, then try again"
    if "is locked" in text or "is busy" in text:
        return "the database is locked by another program"
    if "readonly database" in text or "read-only " in text:
        return "the database can't be written: check the file's owner and mode"
    return AWAY
