"""What the console lists and finds incidents by: words, open ones by priority and by team, receipts by source."""

import json
import re
from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BATCH = 500
WORD = re.compile(r"[^\W_]{2,}")


def upgrade() -> None:
    word = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
    op.create_table(
        "incident_words",
        sa.Column("incident", sa.String(26), sa.ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("word", word, primary_key=True),
        sqlite_with_rowid=False,
    )
    fill(op.get_bind())
    op.create_index("ix_incident_words_word", "incident_words", ["word", "incident"])
    is_open = sa.text("state NOT IN ('resolved', 'closed')")
    urgent = ("priority", sa.text("id DESC"))
    op.create_index("ix_incidents_open_priority", "incidents", urgent, sqlite_where=is_open, postgresql_where=is_open)
    teams = (sa.text("substr(teams, 1, 200)"), *urgent)
    op.create_index("ix_incidents_open_teams", "incidents", teams, sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("ix_receipts_source_id", "receipts", ["source", "id"])
    op.drop_index("ix_receipts_problem", "receipts")
    quarantined = sa.text("problem IS NOT NULL AND state NOT IN ('new', 'dismissed')")
    op.create_index(
        "ix_receipts_quarantine", "receipts", ["id"], sqlite_where=quarantined, postgresql_where=quarantined
    )


def fill(connection: sa.Connection) -> None:
    """Give the incidents that there are their words."""
    page = sa.text("SELECT id, title FROM incidents WHERE id > :last ORDER BY id LIMIT :batch")
    members = sa.text("SELECT incident, detail FROM alerts WHERE incident > :last AND incident <= :end")
    insert = sa.text("INSERT INTO incident_words (incident, word) VALUES (:incident, :word)")
    last = ""
    while rows := connection.execute(page, {"last": last, "batch": BATCH}).all():
        end = rows[-1].id
        found = {(row.id, word) for row in rows for word in words([row.title])}
        for row in connection.execute(members, {"last": last, "end": end}):
            labels = json.loads(row.detail).get("labels") or {}
            found |= {(row.incident, word) for word in words(str(value) for value in labels.values())}
        if found:
            connection.execute(insert, [{"incident": incident, "word": word} for incident, word in sorted(found)])
        last = end


def words(texts: Iterable[str]) -> list[str]:
    """As `ledger.words` had it when this was written."""
    return list(dict.fromkeys(word[:40] for text in texts for word in WORD.findall(text[:300].lower())))[:60]
