"""Of an incident the alerts that fire are found by an index: one that never ends has ten thousands that are over."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    firing = sa.text("status = 'firing'")
    op.create_index("ix_alerts_firing", "alerts", ["incident"], sqlite_where=firing, postgresql_where=firing)
