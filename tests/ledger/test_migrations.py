"""The migrations lead to the tables of this program, on both databases, also when two start at once."""

from __future__ import annotations

import select
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from harness import eventually
from ledger_kit import child, count, insert
from sqlalchemy import event, text

from bridge.ledger import migrate
from bridge.ledger.engine import database_url, open_engine, sqlite_path
from bridge.ledger.indexes import metadata
from bridge.ledger.ledger import open_ledger
from bridge.ledger.migrate import OutdatedError


@pytest.fixture
def engine(empty_url):
    engine = open_engine(database_url(empty_url))
    yield engine
    engine.dispose()


def upgrade(engine, url):
    migrate.upgrade(engine, sqlite_path(database_url(url)))


def test_a_migrated_database_is_what_the_tables_say(engine, empty_url):
    upgrade(engine, empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_object": ours}
        )
        assert compare_metadata(context, metadata) == []


def ours(_object, name, *_facts):
    """Procrastinate's tables are its own affair."""
    return "procrastinate" not in name


def partial(connection):
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '% WHERE %'"
        " AND tablename NOT LIKE 'procrastinate%'",
    }[connection.dialect.name]
    return {name: definition.split(" WHERE ", 1)[1] for name, definition in connection.execute(text(query))}


def test_the_partial_indexes_are_there_with_their_conditions(engine, empty_url):
    # the comparison above does not look at them
    upgrade(engine, empty_url)
    with engine.connect() as connection:
        migrated = partial(connection)
        connection.rollback()
        connection.execute(text("DROP TABLE alembic_version"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert migrated == partial(connection)
    names = {
        "uq_incidents_open_key",
        "ix_receipts_new",
        "ix_receipts_quarantine",
        "ix_incidents_open_priority",
        "ix_incidents_open_teams",
        "ix_deliveries_due",
        "ix_deliveries_folded",
        "ix_alerts_firing",
    }
    if engine.dialect.name == "postgresql":
        names |= {"ix_receipts_state_id", "ix_deliveries_state_id"}
    assert set(migrated) == names


def test_the_newest_revision_is_the_one_that_the_program_asks_for():
    folder = ScriptDirectory(str(migrate.PLACE))
    assert folder.get_heads() == [migrate.HEAD]
    names = sorted(path.name for path in Path(migrate.PLACE, "versions").glob("[0-9]*.py"))
    assert names[-1].startswith(f"{migrate.HEAD}_")


def test_an_empty_database_is_not_served_and_a_migrated_one_is(engine, empty_url):
    with pytest.raises(OutdatedError, match="run `bridge db upgrade`"):
        migrate.check(engine)
    upgrade(engine, empty_url)
    migrate.check(engine)
    with engine.connect() as connection:
        assert migrate.present(connection) == migrate.HEAD


def test_upgrading_twice_keeps_what_is_stored(empty_url):
    first = open_ledger(empty_url, upgrade=True)
    insert(first)
    first.close()
    second = open_ledger(empty_url, upgrade=True)
    assert count(second) == 1
    second.close()


def test_a_database_of_the_next_release_is_served_and_left_as_it_is(engine, empty_url):
    upgrade(engine, empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    migrate.check(engine)
    upgrade(engine, empty_url)
    with engine.connect() as connection:
        assert migrate.present(connection) == "9999"


def test_only_sqlite_is_upgraded_without_being_asked(sqlite_url, postgres_url):
    open_ledger(sqlite_url).close()
    with pytest.raises(OutdatedError):
        open_ledger(postgres_url)


def test_two_processes_that_upgrade_at_once_both_find_it_done(empty_url):
    with child("upgrade", empty_url) as one, child("upgrade", empty_url) as other:
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in (one, other)] == ["done\n", "done\n"]
    ledger = open_ledger(empty_url, upgrade=False)
    insert(ledger)
    assert count(ledger) == 1
    ledger.close()


def test_an_upgrade_waits_for_who_has_the_file_locked(sqlite_url):
    path = sqlite_path(database_url(sqlite_url))
    with closing(sqlite3.connect(path, isolation_level=None)) as other, child("upgrade", sqlite_url) as process:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        process.stdin.write("go\n")
        process.stdin.flush()
        eventually(lambda: Path(f"{path}.upgrade.lock").exists())
        assert select.select([process.stdout], [], [], 1.0)[0] == []  # neither done nor gone
        other.execute("COMMIT")
        assert process.stdout.readline() == "done\n"


def test_incidents_of_an_older_release_are_found_by_their_words(engine, empty_url):
    config = Config()
    config.set_main_option("script_location", str(migrate.PLACE))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(text(
            "INSERT INTO incidents (id, source, org, rule_key, key, title, teams, priority, state, opened_at, heard_at,"
            " facts) VALUES ('01', 'grafana', '1', 'r', 'k', 'Disk full', '[]', 'P2', 'firing', 1, 1, '{}')"
        ))  # fmt: skip
        connection.execute(text(
            "INSERT INTO alerts (id, incident, source, org, fingerprint, status, since, received_at, priority, digest,"
            " detail, links) VALUES ('02', '01', 'grafana', '1', 'f', 'firing', 1, 1, 'P2', 'd', :detail, '{}')"
        ), {"detail": '{"labels": {"pod": "checkout-7f9c"}}'})  # fmt: skip
    upgrade(engine, empty_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT word FROM incident_words WHERE incident = '01'")).scalars()
        assert set(found) == {"disk", "full", "checkout", "7f9c"}


def test_a_migration_on_postgresql_may_think_for_longer_than_who_serves(postgres_url):
    engine = open_engine(database_url(postgres_url))
    limits = []

    def look(_connection, cursor, statement, *_more):
        if "FROM incidents WHERE id >" in statement:  # what is read in parts, with something to work out for each
            limits.append(cursor.connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()[0])

    event.listen(engine, "before_cursor_execute", look)
    migrate.upgrade(engine, None)
    with engine.connect() as connection:
        after = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar()
    engine.dispose()
    assert set(limits) == {"0"}
    assert after == "6s"
