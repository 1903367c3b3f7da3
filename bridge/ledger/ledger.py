"""The ledger as one thing: an engine to read with, a writer to write with."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import sqlalchemy
from sqlalchemy import BigInteger, func, literal
from sqlalchemy.exc import SQLAlchemyError

from bridge.ledger import migrate
from bridge.ledger.columns import to_micros
from bridge.ledger.engine import Kept, alone, database_url, open_engine, sqlite_path
from bridge.ledger.write import PATIENCE, Write
from bridge.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection, Engine

    from bridge.ledger.appending import Appending, Row
    from bridge.ledger.pressure import Pressure

T = TypeVar("T")


class Ledger:
    """Everything stored. `read` gives a connection to ask with; `write` runs a function in a shared commit."""

    def __init__(self, engine: Engine, writer: Writer, path: Path | None) -> None:
        self.engine = engine
        self.writer = writer
        self.path = path
        self.patience = PATIENCE
        # PostgreSQL shows each statement its own moment anyhow: a transaction would be two round trips more
        self._reader = engine.execution_options(immediate=False) if self.embedded else alone(engine)
        self._asking = Kept(alone(engine))

    @property
    def embedded(self) -> bool:
        """Whether it is an SQLite file: one machine, one deliverer."""
        return self.engine.dialect.name == "sqlite"

    def state(self) -> object:
        """Return what equals its last answer where nothing was committed since; None where that is not known.

        So SQLite says (`PRAGMA data_version`) of what other connections commit, and this one is for asking only.
        """
        if not self.embedded:
            return None
        try:
            driver = cast("sqlite3.Connection", self._asking.get().connection.driver_connection)
            return driver.execute("PRAGMA data_version").fetchone()
        except (sqlite3.Error, SQLAlchemyError):
            self._asking.hang_up()
            return None  # whoever looks at the database next meets it again

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading: what is read is of one moment; on PostgreSQL, what one statement reads."""
        with self._reader.connect() as connection:
            yield connection

    def write(self, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` in a transaction; return its result once committed (`Writer.write`).

        `patience` is what intake has; a deliverer or a command, whom no sender waits for, sets it higher.
        """
        return self.writer.write(function, self.patience)

    def row(self, into: Appending, row: Row) -> Write:
        """Return a row as something to be written, for `append`."""
        return Write(time.monotonic() + self.patience, into=into, row=row, patience=self.patience)

    def append(self, rows: Sequence[Write], *, here: bool = False) -> None:
        """Have rows stored, with all that wait by one statement (`Writer.append`)."""
        self.writer.append(rows, here=here)

    def database_now(self, now: datetime) -> ColumnElement[int]:
        """Return the time by which leases are judged, in microseconds: PostgreSQL's own; on one machine, `now`."""
        if self.embedded:
            return literal(to_micros(now), BigInteger)
        return sqlalchemy.cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)

    def close(self) -> None:
        """Write what waits and give connections back."""
        self.writer.close()
        self._asking.hang_up()
        self.engine.dispose()


def ledger_on(engine: Engine, pressure: Pressure | None = None) -> Ledger:
    """Return the ledger on an engine of one whose tables were looked at: the database is not asked for, it may be away.

    An engine without connections may come from the process that forked this one, and so may what tells of `pressure`.
    """
    path = sqlite_path(engine.url)
    return Ledger(engine, Writer(engine, path, pressure), path)


def open_ledger(url: str, *, upgrade: bool | None = None, prepared: bool = False, apart: bool = False) -> Ledger:
    """Open the ledger at a database URL.

    Args:
        url: `sqlite:///bridge.db` or `postgresql://…`.
        upgrade: run migrations first; by default on SQLite only (PostgreSQL is upgraded by `bridge db upgrade`).
        prepared: the process that started this one has looked at the tables: don't ask for the database now, it may be
            away for a while.
        apart: run migrations in a process of their own (`migrate.upgrade`).

    Raises:
        NotDurableError: SQLite can't keep what it confirms here.
        OutdatedError: the tables are older than this program and may not be upgraded now.
    """
    parsed = database_url(url)
    path = sqlite_path(parsed)
    engine = open_engine(parsed)
    if prepared:
        return ledger_on(engine)
    if upgrade if upgrade is not None else path is not None:
        migrate.upgrade(engine, path, apart=apart)
    else:
        migrate.check(engine)
    return ledger_on(engine)
