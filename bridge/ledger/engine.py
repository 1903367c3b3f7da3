"""Connections: an engine for a database URL, with what durability needs in force and checked."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from bridge.ledger import driver

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.engine import URL, Connection

FULL = 2
PATIENCE = 2.0
"""Seconds that opening an SQLite file waits for another process that opens it for the first time."""
LOG = 64 * 1024 * 1024
"""Bytes of an SQLite file's write-ahead log that stay on the disk once it is copied into the file."""
POOL = 8
FROZEN = 6
"""Seconds that a transaction may be idle: shorter than a lease, longer than anything between two statements."""
CONNECTION: dict[str, Any] = {
    "client_encoding": "utf8",
    "connect_timeout": 2,
    "prepare_threshold": None,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Of every connection to PostgreSQL: all characters go over it, whatever encoding is set for the role; no prepared
statements (a pooler mixes them up); and a host that is gone without a word, or out of reach, is noticed within 10 s,
not after a quarter of an hour."""


class NotDurableError(RuntimeError):
    """The database does not keep what it is given: no synchronous=FULL, no WAL, not every character. We don't start."""


class AddressError(ValueError):
    """What is given as the database's address is none that we know."""


def database_url(text: str) -> URL:
    """Return a checked URL; PostgreSQL always through psycopg 3.

    Raises:
        AddressError: for other databases, naming the two that there are, and for what is no address; it shows nothing
            of it, for it may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise AddressError(
            "BRIDGE_DATABASE_URL is no database's address: write sqlite:///bridge.db or postgresql://user:password@host/"
            "name, with special characters in the password percent-encoded"
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if sqlite_path(url) is None:
            raise AddressError("BRIDGE_DATABASE_URL names no file, and memory keeps nothing: write sqlite:///bridge.db")
        return url
    raise AddressError(
        f"BRIDGE_DATABASE_URL: {url.get_backend_name()} is not known; use sqlite:///bridge.db or postgresql://…"
    )


def sqlite_path(url: URL) -> Path | None:
    """Return the file of an SQLite URL, None for PostgreSQL or a database in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()


def open_engine(url: URL) -> Engine:
    """Return an engine whose connections are durable: SQLite in WAL with synchronous=FULL, PostgreSQL as it commits.

    SQLite's own busy wait is off (0 ms): writers take turns by `ledger.writer`, and a lock held by a stranger is waited
    for there. Connections are few: one writer a process and one reader a thread. No error shows a statement's values:
    it may end up in the log.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=64,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": 0},
        )
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _begin_by_hand)
        return engine
    engine = create_engine(
        url,
        pool_size=POOL,
        max_overflow=8,
        hide_parameters=True,
        pool_pre_ping=False,
        pool_recycle=300,
        pool_timeout=2,
        connect_args={"application_name": "bridge", **CONNECTION},
    )
    event.listen(engine, "connect", _durable_postgresql)
    return engine


def _durable_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg.Connection
    # said by the server as the connection was made; SQL_ASCII takes any bytes as they are
    encoding = connection.info.parameter_status("server_encoding") or "UTF8"
    if encoding not in {"UTF8", "SQL_ASCII"}:
        raise NotDurableError(
            f"the database's encoding is {encoding}, in which not every character can be stored: make one by "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and give its address"
        )
    # a process frozen in the middle of a transaction, or gone with its host, must not keep its rows locked: whoever
    # takes over its lanes would wait for it. Not by `options`: poolers refuse connections that bring it.
    frozen = f"SET idle_in_transaction_session_timeout = '{FROZEN}s'"
    # for a database or a role it may be off: then a crash of the server loses what was confirmed
    commits = (
        "SELECT set_config(name, 'on', false) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off'"
    )
    connection.autocommit = True
    connection.execute(f"{frozen}; {commits}")
    connection.autocommit = False


def _durable_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3.Connection, behind SQLAlchemy
    # isolation_level None: sqlite3 begins nothing by itself, `_begin_by_hand` and the writer do
    connection.isolation_level = None
    cursor = connection.cursor()
    mode = _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # of pages that the system has in memory as well; each connection would keep 2 MB of its own
    cursor.execute("PRAGMA cache_size=-512")
    # a large transaction makes the log large; after that it is given back
    cursor.execute(f"PRAGMA journal_size_limit={LOG}")
    in_force = cursor.execute("PRAGMA synchronous").fetchone()[0]
    cursor.close()
    if mode not in {"wal", "memory"} or in_force != FULL:
        raise NotDurableError(
            f"SQLite gave journal_mode={mode}, synchronous={in_force}; the ledger needs WAL and FULL on a local disk"
        )


def _write_ahead(cursor: Any) -> str:  # noqa: ANN401 - sqlite3.Cursor
    # the first one to open a file changes its mode under a lock; SQLite's busy wait does not cover that
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            # of a file that is there nothing would change, but while somebody writes it, it would be waited for
            if not cursor.execute("PRAGMA page_count").fetchone()[0]:
                cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            return str(cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.01)


def _begin_by_hand(connection: Any) -> None:  # noqa: ANN401 - sqlalchemy.Connection
    # readers take a snapshot; the writer asks for the lock at once
    options = connection.get_execution_options()
    if not options.get("alone", False):
        driver.begin(connection, "BEGIN IMMEDIATE" if options.get("immediate", False) else "BEGIN")


def alone(engine: Engine) -> Engine:
    """Return an engine on whose connections each statement is a transaction by itself, without a BEGIN and a COMMIT."""
    embedded = engine.dialect.name == "sqlite"
    return engine.execution_options(alone=True) if embedded else engine.execution_options(isolation_level="AUTOCOMMIT")


def inserting(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that can say what to do about a row that is there: each database spells it for itself."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - on SQLite nobody pays for it

    return insert(table)


class Kept:
    """A connection that is kept: to take one from the pool costs as much as to store a row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def get(self) -> Connection:
        """Return the connection, a new one where there is none."""
        self._connection = connection = self._connection or self._engine.connect()
        return connection

    def hang_up(self) -> None:
        """Give the connection back, after an error for what it may have done to it; the next transaction takes one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
