"""The tables; their indexes are in `indexes`. One definition for both databases; `migrations/` builds it step by step.

Times are whole microseconds since 1970 in UTC, so that both databases store, compare and index them alike. JSON is
text: what is searched stands beside it, as words (of very large incidents `members` looks for one word in it).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from bridge.core import incident
from bridge.ledger.columns import Instant, JsonText

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

ULID = String(26)

receipts = Table(
    "receipts",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("source", String(100), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("headers", JsonText, nullable=False),
    Column("body", LargeBinary),  # compressed as `encoding` says; None once pruned
    Column("encoding", String(10), nullable=False),
    Column("state", String(12), nullable=False),  # new, absorbed, quarantined, dismissed
    Column("problem", Text),
    Column("alerts", Integer, nullable=False, server_default="0"),
    Column("progress", Integer, nullable=False, server_default="0"),  # alerts absorbed so far, for large groups
    Column("incidents", JsonText),
    Column("acts", JsonText),  # what people did to it: when, what, who
    Column("signature", String(64), unique=True),  # of a signed request, while it could be sent again
)
NEW = text("state = 'new'")
"""The condition that a receipt is to be absorbed; as text: see OPEN."""
BEGUN = text("(progress > 0)")
"""Whether a part of a large receipt is absorbed already."""
QUARANTINED = text("problem IS NOT NULL AND state NOT IN ('new', 'dismissed')")
"""The condition that a receipt, or a part of it, could not be read; as text: see OPEN."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("source", String(100), nullable=False),
    Column("org", String(100), nullable=False),
    Column("rule_key", String(300), nullable=False),
    Column("key", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("teams", JsonText, nullable=False),
    Column("priority", String(2), nullable=False),
    Column("state", String(10), nullable=False),
    Column("state_reason", Text),
    Column("opened_at", Instant, nullable=False),
    Column("resolved_at", Instant),  # when people are told that it ended
    Column("settled_at", Instant),  # when we heard so: what reopen_duration counts from where the sender gave no times
    Column("heard_at", Instant, nullable=False),
    Column("closed_by", Text),
    Column("previous", ULID),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("never_fired", Boolean, nullable=False, server_default=text("false")),
    Column("test", Boolean, nullable=False, server_default=text("false")),
    Column("facts", JsonText, nullable=False),  # team_said, unknown_teams, truncated, left_out, left_out_at, drop, …
)
OPEN_STATES = tuple(one.value for one in incident.OPEN)
OPEN = text("state NOT IN ('resolved', 'closed')")
"""The condition that an incident is open, as text, by which SQLite finds its indexes, and is not led to others: beside
eight keys it takes states that they are IN for the rarer, and reads all that is open."""
TEAMS = literal_column("substr(teams, 1, 200)", Text)
"""By what open incidents are grouped by team: the JSON of their teams, not more of it than an index takes."""

incident_teams = Table(
    "incident_teams",
    metadata,
    Column("team", String(100), primary_key=True),
    Column("incident", ULID, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True, index=True),
)

incident_words = Table(
    "incident_words",
    metadata,
    Column("incident", ULID, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    # compared byte by byte, so that a word's beginning is a range
    Column("word", String(40).with_variant(String(40, collation="C"), "postgresql"), primary_key=True),
    sqlite_with_rowid=False,
)

FIRING = text("status = 'firing'")
"""The condition that an alert fires; as text: see OPEN."""
alerts = Table(
    "alerts",
    metadata,
    Column("id", ULID, primary_key=True),
    Column("incident", ULID, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("source", String(100), nullable=False),
    Column("org", String(100), nullable=False),
    Column("fingerprint", String(100), nullable=False),
    Column("starts_at", Instant),  # of the episode; None where the sender gave none
    Column("again", Integer, nullable=False, server_default="1"),
    Column("status", String(10), nullable=False),
    Column("ended", String(12)),  # resolved, superseded, moved
    Column("since", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("received_at", Instant, nullable=False),  # when it was heard of last
    Column("joined_at", Instant),  # when it was heard of first; unknown for what an older release stored
    Column("resolved_at", Instant),  # when the resolve was received
    Column("reason", Text),  # why its end is no recovery
    Column("priority", String(2), nullable=False),
    Column("digest", String(64), nullable=False),  # of `detail`
    Column(
        "detail", JsonText, nullable=False
    ),  # labels, annotations, values, no_data, counts, priority_word, as last heard
    Column("links", JsonText, nullable=False),  # as first heard: they differ in every repeat
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", ULID, primary_key=True),  # the mark on the remote
    Column("incident", ULID, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("destination", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("address", String(300), nullable=False),
    Column("lane", String(300), nullable=False),
    Column("team", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    Column("urgency", Integer, nullable=False),  # 0 for P0
    Column("want", Integer, nullable=False),  # the incident's version that should be told
    Column("told", Integer, nullable=False, server_default="0"),  # the version told last
    Column("have", JsonText, nullable=False),
    Column("doubt", JsonText),  # a step that may have been sent: the step, when, negatives so far
    Column("due_at", Instant),  # None: no step is due
    Column("since", Instant, nullable=False),  # how long the step that is due has been waiting
    Column("heard_at", Instant),  # when what is to be told was received; unknown where no sender said it
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failing_since", Instant),
    Column("last_error", Text),
    Column("reason", Text),  # why it is held, skipped or dead, and what to mend
    Column("because", Text),  # why it is told here although routing did not say so: another address could not be told
    Column("would", JsonText),  # in shadow mode: what would have happened (`core.shadow.Would`)
    Column("folded_into", ULID),  # the storm that tells this one (`ledger.folds`)
    Column("placed_at", Instant),  # unknown for what an older release stored
    UniqueConstraint("incident", "lane", "address"),
)

lanes = Table(
    "lanes",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("holder", String(100)),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Instant),
    Column("ready_at", Instant),  # no request before it: pace and Retry-After outlive their holder
    Column("trouble", JsonText),  # since when, of which kind of request, the gap, the probes
    Column("last_error", Text),
    Column("place", JsonText),  # what was learned about the place: a channel's id, a repository's visibility
)

counts = Table(
    "counts",
    metadata,
    Column("metric", String(60), primary_key=True),
    Column("labels", String(300), primary_key=True),  # JSON, its keys sorted
    Column("value", BigInteger, nullable=False),
)

history = Table(
    "history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("incident", ULID, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("delivery", ULID),
    Column("at", Instant, nullable=False),
    Column("what", String(40), nullable=False),
    Column("why", Text),
    Column("detail", JsonText),  # what a machine may want of it: a step's request id, a decision (`ledger.timeline`)
)
