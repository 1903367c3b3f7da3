"""When what a delivery is to tell was received, so that the time until it is told can be measured."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("heard_at", sa.BigInteger(), nullable=True))
