"""On PostgreSQL the states that nearly all end in are in no index: each state that a row has is an entry more."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    apart = {"receipts": "'new', 'absorbed'", "deliveries": "'delivered'"}
    for table, usual in apart.items():
        op.drop_index(f"ix_{table}_state_id", table)
        rest = sa.text(f"state NOT IN ({usual})")
        op.create_index(f"ix_{table}_state_id", table, ["state", "id"], postgresql_where=rest)
