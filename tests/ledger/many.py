"""Very many incidents in a ledger, as a bridge has them after a long time: most over, some open, some in trouble."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ledger_kit import NOON
from sqlalchemy import text

from bridge.ledger.tables import deliveries, incident_teams, incident_words, incidents, lanes, receipts
from bridge.ledger.words import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.ledger.ledger import Ledger

BLOCK = 2_000
TEAMS = [f"team-{n:02}" for n in range(25)]


def name(number: int) -> str:
    """An id that grows with its number."""
    return f"01KC00{number:020}"


def over(number: int) -> str:
    """The state of most: one in fifty is open still."""
    return "firing" if number % 50 == 0 else ("resolved", "closed")[number % 2]


def fill(ledger: Ledger, number: int, state: Callable[[int], str] = over) -> None:
    """Store so many incidents, each with a receipt, two deliveries and its words; by the block they are alike."""
    lane = [{"name": "slack/0a1b2c3d/alerts", "fence": 0}, {"name": "pagerduty/key", "fence": 0}]
    ledger.write(lambda connection: connection.execute(lanes.insert(), lane))
    ledger.write(lambda connection: _store(connection, range(min(number, BLOCK)), state))
    for block in range(1, number // BLOCK):
        ledger.write(lambda connection, block=block: _again(connection, f"{block:02}"))


def _again(connection: Connection, block: str) -> None:
    for table in (incidents, incident_teams, incident_words, deliveries, receipts):
        columns = {
            column.name: f"substr({column.name}, 1, 4) || '{block}' || substr({column.name}, 7)"
            if column.name in {"id", "incident"}
            else f"{column.name} || '/{block}'"
            if column.name == "key"
            else column.name
            for column in table.c
        }
        first = " AND ".join(f"substr({name}, 5, 2) = '00'" for name in columns if name in {"id", "incident"})
        copied = f"SELECT {', '.join(columns.values())} FROM {table.name} WHERE {first}"
        connection.execute(text(f"INSERT INTO {table.name} ({', '.join(columns)}) {copied}"))


def _store(connection, these, state):
    connection.execute(incidents.insert(), [_incident(n, state(n)) for n in these])
    teams = [{"team": team, "incident": name(n)} for n in these for team in _teams(n)]
    connection.execute(incident_teams.insert(), teams)
    said = [
        {"incident": name(n), "word": word} for n in these for word in words([title(n), f"pod-{n:x}", "production"])
    ]
    connection.execute(incident_words.insert(), said)
    connection.execute(deliveries.insert(), [row for n in these for row in _deliveries(n, state(n))])
    connection.execute(receipts.insert(), [_receipt(n) for n in these])


def title(number: int) -> str:
    return f"Disk {number % 1_000} almost full"


def _teams(number):
    return [TEAMS[number % 25], *(["everybody"] if number % 7 == 0 else [])]


def _incident(number, state):
    at = NOON + timedelta(seconds=number)
    return {
        "id": name(number),
        "source": "grafana" if number % 3 else "alertmanager",
        "org": "1",
        "rule_key": f"rule {number % 1_000}",
        "key": f"key {number}",
        "title": title(number),
        "teams": _teams(number),
        "priority": f"P{number // 50 % 4}",
        "state": state,
        "opened_at": at,
        "heard_at": at,
        "facts": {},
    }


def _deliveries(number, state):
    at = NOON + timedelta(seconds=number)
    shared = {"incident": name(number), "team": TEAMS[number % 25], "urgency": 2, "want": 1, "have": {}, "since": at}
    trouble = "dead" if number % 1_000 == 0 else "delivered"
    for kind, lane in (("slack", "slack/0a1b2c3d/alerts"), ("pagerduty", "pagerduty/key")):
        waits = state == "firing" and kind == "slack" and number % 100 == 0
        yield {
            **shared,
            "id": f"01KD00{kind[0]}{number:019}",
            "destination": kind,
            "kind": kind,
            "address": "#alerts",
            "lane": lane,
            "state": "pending" if waits else trouble,
            "due_at": at if waits else None,
            "placed_at": at,
        }


def _receipt(number):
    return {
        "id": f"01KE00{number:020}",
        "source": "grafana" if number % 3 else "alertmanager",
        "received_at": NOON + timedelta(seconds=number),
        "headers": {},
        "body": b"{}",
        "encoding": "raw",
        "state": ("absorbed", "dismissed", "quarantined")[0 if number % 10 else 1 + (number % 1_000 == 0)],
        "problem": None if number % 10 else "the body has no list `alerts`",
    }
