"""What shadow mode would have told, and where: a delivery that stands in those addresses' stead."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("would", sa.Text(), nullable=True))
