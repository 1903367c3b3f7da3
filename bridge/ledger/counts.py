"""Counts that outlive a process and are the same whichever process is asked: for the metrics page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from bridge.ledger.engine import inserting
from bridge.ledger.tables import counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its labels, sorted by name."""
# as text, on both databases the same: a web process has no other use for what builds and compiles such a statement
_ADD = text(
    "INSERT INTO counts (metric, labels, value) VALUES (:metric, :labels, :value)"
    " ON CONFLICT (metric, labels) DO UPDATE SET value = counts.value + excluded.value"
)


def key(metric: str, **labels: str) -> Key:
    """Return what a count is kept under."""
    return metric, tuple(sorted(labels.items()))


def add(connection: Connection, found: Mapping[Key, int]) -> None:
    """Add to the counts."""
    rows = [
        {"metric": metric, "labels": _text(labels), "value": number}
        for (metric, labels), number in sorted(found.items())
    ]
    if rows:
        connection.execute(_ADD, rows)


def put(connection: Connection, measured: Key, value: int) -> None:
    """Keep what is measured, not counted: the last value holds."""
    insert = inserting(connection.dialect.name, counts)
    row = {"metric": measured[0], "labels": _text(measured[1]), "value": value}
    last = insert.on_conflict_do_update(index_elements=["metric", "labels"], set_={"value": insert.excluded.value})
    connection.execute(last, row)


def _text(labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(labels), ensure_ascii=False)


def all_of(connection: Connection) -> dict[Key, int]:
    """Return all counts."""
    rows = connection.execute(select(counts.c.metric, counts.c.labels, counts.c.value))
    return {key(row.metric, **json.loads(row.labels)): row.value for row in rows}
