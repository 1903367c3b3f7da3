"""Tests that people send (`bridge send-test`): the notifications they consist of, and an end for those left open."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bridge.core.incident import PAGES
from bridge.core.rules import PRIORITY, TEAM, TEST
from bridge.ids import new_id
from bridge.ledger import receipts, troubles
from bridge.ledger.receipts import Receipt

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.clock import Clock
    from bridge.core.alert import Priority
    from bridge.ledger.ledger import Ledger

EVERY = 10.0
"""Seconds between two looks."""
LEFT = timedelta(minutes=10)
"""How long a test may fire: whoever sent it has ended it by then, or is gone."""
TITLE = "Test of the alert bridge"
SUMMARY = "Sent by the command send-test: nothing is wrong. It ends once every destination has shown it."


def fires(name: str, team: str | None, priority: Priority | None, *, page: bool) -> bytes:
    """Return the notification that begins a test, as a Grafana would send it.

    Args:
        name: what makes it an incident of its own.
        team: the team that it is for; None names none.
        priority: as `team`.
        page: whether it may page people.
    """
    said = {"summary": SUMMARY}
    if team is not None:
        said[TEAM] = team
    if priority is not None:
        said[PRIORITY] = priority.value
    if page:
        said[PAGES] = "asked for"
    alert = {"ruleUID": name, "fingerprint": name, "labels": {"alertname": TITLE}, "annotations": said}
    return json.dumps({"status": "firing", "alerts": [{"status": "firing", **alert}]}).encode()


def over(names: list[str], at: datetime) -> bytes:
    """Return the notification that ends tests."""
    ends = at.isoformat()
    alerts: list[dict[str, Any]] = [
        {"status": "resolved", "fingerprint": name, "labels": {"alertname": TITLE}, "endsAt": ends} for name in names
    ]
    return json.dumps({"status": "resolved", "alerts": alerts}).encode()


class Leftovers:
    """Ends tests whose sender was killed."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def look(self) -> bool:
        """End them; return whether there were any."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            left = troubles.firing_tests(connection, now - LEFT)
        if left:
            ended = Receipt(new_id(), TEST, now, {}, over(left, now))
            self._ledger.write(lambda connection: receipts.insert(connection, ended))
        return bool(left)
