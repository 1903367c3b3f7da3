"""What people did to a receipt: who replayed or dismissed it, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("receipts", sa.Column("acts", sa.Text(), nullable=True))
