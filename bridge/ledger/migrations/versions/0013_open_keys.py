"""Of several keys the open incidents are found by an index: SQLite read all that is open."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("state NOT IN ('resolved', 'closed')")
    op.drop_index("uq_incidents_open_key", "incidents")
    op.create_index(
        "uq_incidents_open_key", "incidents", ["key"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
