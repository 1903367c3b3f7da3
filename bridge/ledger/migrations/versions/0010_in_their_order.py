"""What waits is found in its order, however much waits: the next delivery of a lane, the next receipts of a source."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    due, new = sa.text("due_at IS NOT NULL"), sa.text("state = 'new'")
    op.drop_index("ix_deliveries_due", "deliveries")
    in_order = ["lane", "urgency", "since", "id", "due_at"]
    op.create_index("ix_deliveries_due", "deliveries", in_order, sqlite_where=due, postgresql_where=due)
    op.drop_index("ix_receipts_new", "receipts")
    begun = sa.text("(progress > 0)")
    op.create_index("ix_receipts_new", "receipts", ["source", begun, "id"], sqlite_where=new, postgresql_where=new)
