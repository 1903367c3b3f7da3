"""History has one index in place of two, each of which took as much room as a tenth of what was sent."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_history_incident_delivery", "history", ["incident", "delivery"])
    op.drop_index("ix_history_delivery_id", "history")
    op.drop_index("ix_history_incident_id", "history")
