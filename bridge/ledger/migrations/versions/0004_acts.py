"""What people did to a receipt, who and when; incidents can be removed quickly."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("receipts", sa.Column("acts", sa.Text(), nullable=True))
    problem = sa.text("problem IS NOT NULL")
    op.create_index("ix_receipts_problem", "receipts", ["id"], sqlite_where=problem, postgresql_where=problem)
    # what is removed takes its teams along
    op.create_index("ix_incident_teams_incident", "incident_teams", ["incident"])
