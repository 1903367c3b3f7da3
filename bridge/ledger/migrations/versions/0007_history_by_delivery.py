"""The lines of one delivery in its incident's history are found quickly, so that they can be kept bounded."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    mine = sa.text("delivery IS NOT NULL")
    op.create_index("ix_history_delivery_id", "history", ["delivery", "id"], sqlite_where=mine, postgresql_where=mine)
