"""A ledger as it is after a long time, and whether what is new costs more in it than in an empty one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from cases import Case, accepted, answered, percentile
from goals import EMPTY, FILLED
from subjects import SQLITE, send

from bridge.ledger.tables import alerts, deliveries, history, incident_teams, incident_words, incidents, receipts

if TYPE_CHECKING:
    from pathlib import Path

    from cases import Bench, Figures, Size
    from subjects import Running, Subject

FIRST = 7_000_000
"""The number of the first alert that fills the ledger."""
RATE = 20
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
COPIED = "bridge_filled"
"""The database on PostgreSQL that filled ones are copies of."""
IDS = {"id", "incident", "delivery"}


def filled(bench: Bench, subject: Subject, folder: Path) -> dict[str, str]:
    """Put the filled ledger into a folder, or have it copied on PostgreSQL; it is made once."""
    made = bench.folder / f"filled-{subject.key}"
    if not made.exists():
        made.mkdir()
        _make(bench, subject, made)
    for name in ("bridge.db", "bridge.key"):
        if (made / name).exists():
            shutil.copy(made / name, folder)
    return {"template": COPIED} if subject is not SQLITE else {}


def _make(bench: Bench, subject: Subject, folder: Path) -> None:
    with subject.start(subject, folder, bench.double) as running:
        _seed(bench.size, running)
        running.bridge.process.stop()
        with running.ledger() as connection:
            _multiply(connection, bench.size.closed // bench.size.seeds)
            if running.database is None:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.execute("VACUUM ANALYZE")  # as PostgreSQL itself does in a long time
                connection.execute(f"CREATE DATABASE {COPIED} TEMPLATE {connection.info.dbname}")


def _seed(size: Size, running: Running) -> None:
    """Let the bridge itself take some that are then over, and the ones that stay open."""
    opened, ended, stays = (size.seeds, FIRST, False), (size.seeds, FIRST, True), (size.open, FIRST // 2, False)
    for count, first, over in (opened, ended, stays):
        load = running.load(1, connections=8, count=count, first=first)
        if over:
            load.template = load.template.replace('"firing"', '"resolved"').replace("0001-01-01T", "2026-01-01T")
        send(load)
        running.bridge.settle(patience=600)


def _multiply(connection: Any, times: int) -> None:
    """Store what is over so many times, under ids of long ago."""
    over = "SELECT id FROM incidents WHERE state = 'resolved'"
    connection.execute(f"CREATE TEMP TABLE over AS {over}")
    for table in (incidents, incident_teams, incident_words, alerts, deliveries, history, receipts):
        mine = "incident" if "incident" in table.c else "id"
        chosen = f"{mine} IN (SELECT id FROM over)"
        if table is receipts:
            chosen = "incidents IN (SELECT '[\"' || id || '\"]' FROM over)"
        connection.execute(f"CREATE TEMP TABLE seed_{table.name} AS SELECT * FROM {table.name} WHERE {chosen}")
    for block in range(1, times):
        for table in (incidents, incident_teams, incident_words, alerts, deliveries, history, receipts):
            _copy(connection, table, DIGITS[block // 32] + DIGITS[block % 32])


def _copy(connection: Any, table, block: str) -> None:
    columns = {}
    for column in table.c:
        name = column.name
        if table is history and name == "id":
            continue
        if name in IDS:
            columns[name] = f"'01KA{block}' || substr({name}, 7)"  # the time in it is some months ago
        elif name in {"key", "fingerprint"}:
            columns[name] = f"'{block}' || substr({name}, 3)"
        elif name == "incidents":
            columns[name] = f"'[\"01KA{block}' || substr({name}, 9)"
        else:
            columns[name] = name
    asked = f"SELECT {', '.join(columns.values())} FROM seed_{table.name}"
    connection.execute(f"INSERT INTO {table.name} ({', '.join(columns)}) {asked}")


def steady(bench: Bench, running: Running) -> Figures:
    """Some alerts, one after the other: what each costs, and how long the answer and the telling take."""
    before = running.cpu()
    sent = running.send(rate=RATE, count=bench.size.each)
    delivered = bench.delivered(accepted(sent))
    arrivals = bench.double.arrivals()
    took = [1000 * (arrivals[number] - at) for number, at in enumerate(sent.at) if number in arrivals]
    cost = 1000 * (running.cpu() - before) / accepted(sent)
    stored = running.one("SELECT count(*) FROM incidents")
    told = {"told p50": percentile(took, 0.5), "told p99": percentile(took, 0.99)}
    return answered(sent) | {"delivered": delivered, "cpu": cost, "incidents": stored} | told


CASES = [
    Case(EMPTY, "flat", "cd", steady, beside=FILLED),
    Case(FILLED, "flat", "cd", steady, prepare=filled, beside=EMPTY),
]
