"""The tables' indexes: for who makes or compares tables. To name their conditions brings PostgreSQL's dialect along."""

from __future__ import annotations

from sqlalchemy import Index, text

from bridge.ledger.tables import (
    BEGUN,
    FIRING,
    NEW,
    OPEN,
    QUARANTINED,
    TEAMS,
    alerts,
    deliveries,
    history,
    incident_words,
    incidents,
    metadata,
    receipts,
)

__all__ = ["metadata"]

Index("ix_receipts_new", receipts.c.source, BEGUN, receipts.c.id, sqlite_where=NEW, postgresql_where=NEW)
Index("ix_receipts_quarantine", receipts.c.id, sqlite_where=QUARANTINED, postgresql_where=QUARANTINED)
# on PostgreSQL each state that a row has is an entry more: what nearly all end in is found by walking through the ids
Index(
    "ix_receipts_state_id",
    receipts.c.state,
    receipts.c.id,
    postgresql_where=text("state NOT IN ('new', 'absorbed')"),
)
Index("ix_receipts_source_id", receipts.c.source, receipts.c.id)
Index("uq_incidents_open_key", incidents.c.key, unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
Index(
    "ix_incidents_open_priority",
    incidents.c.priority,
    incidents.c.id.desc(),
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index(
    "ix_incidents_open_teams",
    TEAMS,
    incidents.c.priority,
    incidents.c.id.desc(),
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index("ix_incidents_key_id", incidents.c.key, incidents.c.id)
Index("ix_incidents_rule", incidents.c.source, incidents.c.org, incidents.c.rule_key, incidents.c.id)
Index("ix_incidents_state_id", incidents.c.state, incidents.c.id)
Index("ix_incident_words_word", incident_words.c.word, incident_words.c.incident)
Index("ix_alerts_firing", alerts.c.incident, sqlite_where=FIRING, postgresql_where=FIRING)
Index("ix_alerts_episode", alerts.c.source, alerts.c.org, alerts.c.fingerprint, alerts.c.id)
Index(
    "ix_deliveries_due",
    deliveries.c.lane,
    deliveries.c.urgency,
    deliveries.c.since,
    deliveries.c.id,
    deliveries.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)
Index("ix_deliveries_placed", deliveries.c.lane, deliveries.c.placed_at)
_FOLDED = text("folded_into IS NOT NULL")
Index("ix_deliveries_folded", deliveries.c.folded_into, sqlite_where=_FOLDED, postgresql_where=_FOLDED)
Index(
    "ix_deliveries_state_id",
    deliveries.c.state,
    deliveries.c.id,
    postgresql_where=text("state <> 'delivered'"),
)
# of an incident's lines, which whoever looks at its page has sorted, and of one delivery's, which each step counts
Index("ix_history_incident_delivery", history.c.incident, history.c.delivery)
