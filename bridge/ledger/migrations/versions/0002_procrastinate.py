"""Procrastinate's tables, where there may be many hosts; an SQLite file has one, and needs none."""

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LAST = "03.04.00_50"
"""The newest of Procrastinate's migrations that this one takes over; those after it belong to a revision of their own.

Its migrations, not its schema file: the latter is another one in each release, and this revision must stay the same.
"""
EXTENSION = "CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;"
"""Every database has it, and where others look after the server one may not even ask for it."""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    folder = resources.files("procrastinate") / "sql" / "migrations"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".sql") and file.name[: len(LAST)] <= LAST:
            script = file.read_text("utf-8").replace(EXTENSION, "")
            connection.exec_driver_sql(script, execution_options={"no_parameters": True})
