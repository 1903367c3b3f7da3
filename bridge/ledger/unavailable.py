"""What a writer's asker hears where something could not be stored, and what an error of the database's means."""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

AWAY = "the database can't be reached"
_FULL = "the disk is full: make room, then try again"
_FAULTY = "the disk refuses the database's file (I/O error): look at the disk, quotas, and limits of a file's size"
_DAMAGED = "the database is damaged: stop the bridge, and restore a backup"
_LOCKED = "the database is locked by another program"
_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FAULTY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: "the database can't be written: check the file's owner and mode",
}
"""By SQLite's primary error codes: of a full disk it says FULL for ENOSPC only, IOERR for a quota, a limit, a fault."""
_POSTGRESQL = {
    "53100": _FULL,
    "58030": _FAULTY,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "25006": "the database server takes no writes (a standby, or set to read only): give the address of one that does",
    "42501": "the database's user may not do this: grant it all rights on the bridge's tables, or make it their owner",
}
"""By `sqlstate`."""


_UNREACHED = {
    "Connection refused": "nobody listens at its host and port: is PostgreSQL running, and is the address right?",
    "No such file or directory": "there is no such socket: is PostgreSQL running, and is the address right?",
    "resolve host": "its host's name is not known: mend the address",
    "translate host": "its host's name is not known: mend the address",
    "timeout": "its host does not answer: is it running, and may this machine reach it?",
    "database … does not exist": "its server has no such database: make it by CREATE DATABASE, or mend the address",
    "role … does not exist": "its server does not know the user: make it by CREATE ROLE, or mend the address",
    "database system is": "its server is starting or stopping: try again in a moment",
    "password": "its server refuses the user or the password: mend the address",
    "pg_hba": "its server lets this user in from elsewhere only: add a line to its pg_hba.conf, or mend the address",
}
"""By what is in libpq's text, the first that is: of a connection that fails it gives no code."""
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


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
    """Say why by its code, in words without values: a driver's message may quote them, and name hosts and databases."""
    told = getattr(error, "orig", error)
    if isinstance(told, sqlite3.Error):
        return _SQLITE.get(getattr(told, "sqlite_errorcode", 0) & 0xFF, AWAY)
    return _POSTGRESQL.get(getattr(told, "sqlstate", None) or "", AWAY)


def unreached(error: Exception) -> str:
    """Say why a database can't be reached, and what to do; not in the driver's words, which name hosts and users."""
    told = getattr(error, "orig", error)
    if getattr(told, "sqlite_errorcode", None) == sqlite3.SQLITE_CANTOPEN:
        return f"{AWAY}: its file can't be opened: check its owner and mode, and its folder's"
    said = _QUOTED.sub("…", str(told)) if isinstance(error, OperationalError) else ""
    why = next((why for part, why in _UNREACHED.items() if part in said), None)
    unknown = f"the database can't be read ({type(error).__name__}): is it there, and is it ours?"
    return f"{AWAY}: {why}" if why else unknown
