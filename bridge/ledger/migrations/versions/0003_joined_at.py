"""Since when an alert belongs to its incident: who joins late may page again, who repeats may not."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # empty for what an older release stores, before and after this; microseconds since 1970
    op.add_column("alerts", sa.Column("joined_at", sa.BigInteger(), nullable=True))
