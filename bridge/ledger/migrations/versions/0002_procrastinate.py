"""Procrastinate's tables, where there may be many hosts; an SQLite file has one, and needs none."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LAST = "03.04.00_50"
"""The newest of Procrastinate's migrations that the copied schema holds; those after it belong to a later revision."""
SCHEMA = Path(__file__).parent.parent / "procrastinate.sql"
"""A copy: the library's own file is another one in each release. Its migrations, one after the other in the one
transaction that makes an upgrade whole, are refused before PostgreSQL 17 (a new value of an enum that was renamed)."""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(SCHEMA.read_text("utf-8"), execution_options={"no_parameters": True})
