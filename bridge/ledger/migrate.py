"""Bringing the tables to the version of this program, with Alembic; `versions/` holds one file a change."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine

HEAD = "0014"
"""The newest revision in `migrations/versions`; a test holds the two together."""
PLACE = Path(__file__).parent / "migrations"
PATIENCE = 20.0
"""Seconds that an upgrade of an SQLite file waits for others who have it locked."""
LOCK = 0x62726964
"""PostgreSQL's advisory lock for upgrades ("brid")."""


class OutdatedError(RuntimeError):
    """The database's tables are not those of this program. Run `bridge db upgrade`, then start again."""


def present(connection: Connection) -> str | None:
    """Return the revision that the database is at, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check(engine: Engine) -> None:
    """Raise OutdatedError where the tables are not there or older; newer ones are served for one release."""
    with engine.connect() as connection:
        at = present(connection)
    if at is None or at < HEAD:
        raise OutdatedError(f"the database is at {at or 'nothing'}, this program needs {HEAD}: run `bridge db upgrade`")


def upgrade(engine: Engine, path: Path | None, *, apart: bool = False) -> None:
    """Bring the tables to HEAD; safe to run from several processes at once.

    Args:
        engine: connects to the database.
        path: the file of an SQLite database.
        apart: do it in a process of its own, so that who goes on to serve has nothing of Alembic in memory. To be asked
            for only while this process has a single thread.
    """
    with engine.connect() as connection, _patient(connection):
        if (at := present(connection)) is not None and at >= HEAD:
            return
    if apart:
        engine.dispose()
        _in_a_child(lambda: upgrade(engine, path))
        upgrade(engine, path)  # nothing is left to be done, or what went wrong there is said here
        return
    # Alembic's import is slow; only the first start pays for it
    from alembic import command  # noqa: PLC0415 - as said above
    from alembic.config import Config  # noqa: PLC0415 - as said above

    config = Config()
    config.set_main_option("script_location", str(PLACE))
    with _alone(engine, path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _in_a_child(function: Callable[[], None]) -> None:
    """Call a function in a forked process, and wait for its end."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        function()
    finally:
        os._exit(0)


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """Have SQLite wait for a lock: who opens the file as the first, or closes it as the last, has it for a while."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
    try:
        yield
    finally:
        driver.execute("PRAGMA busy_timeout = 0")


@contextmanager
def _alone(engine: Engine, path: Path | None) -> Iterator[Connection]:
    if path is not None:
        lock = os.open(f"{path}.upgrade.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = engine.execution_options(immediate=True)
            with waiting.connect() as connection, _patient(connection), connection.begin():
                yield connection
        finally:
            os.close(lock)
        return
    with engine.begin() as connection:
        # what a migration works out between two statements may take its time: cut off, it would be so each time
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        yield connection
