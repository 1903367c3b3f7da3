"""When an incident was placed at an address, so that many within a short time can be folded into one message."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("placed_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_deliveries_placed", "deliveries", ["lane", "placed_at"])
    folded = sa.text("folded_into IS NOT NULL")
    op.create_index("ix_deliveries_folded", "deliveries", ["folded_into"], sqlite_where=folded, postgresql_where=folded)
