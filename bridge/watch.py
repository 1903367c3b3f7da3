"""Watching the bridge itself: its trouble becomes alerts through the same path; who was not told is told elsewhere.

Level-triggered like everything here: what should be told is worked out from what is stored, and compared with what is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.delivery.yard import HeldError
from bridge.ids import new_id
from bridge.ledger import lanes, placing, receipts, troubles
from bridge.ledger.placing import Placement
from bridge.ledger.receipts import Receipt

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from bridge.clock import Clock
    from bridge.config.load import Loaded
    from bridge.effective import Effective
    from bridge.ledger.ledger import Ledger

JSON = dict[str, Any]
EVERY = 2.0
"""Seconds between two looks."""
STUCK = timedelta(minutes=5)
LEASE_NAME = "watch"
"""The row whose lease says which deliverer watches, where there are several."""
URGENT = 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of the bridge's own, as an alert says it."""

    name: str
    since: datetime
    priority: Priority
    summary: str
    description: str

    @property
    def fingerprint(self) -> str:
        """What makes it one and the same trouble."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    def annotations(self, team: str | None) -> dict[str, str]:
        """Return its annotations, for the team that runs the bridge where one is configured."""
        named = {"Team": team} if team else {}
        return {**named, "Priority": self.priority, "summary": self.summary, "description": self.description}


class Watch:
    """Looks every now and then; `look` is cheap where nothing is wrong."""

    def __init__(self, ledger: Ledger, clock: Clock, loaded: Loaded, effective: Effective, holder: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loaded = loaded
        self._effective = effective
        self._holder = f"{holder}/watch"

    def look(self) -> bool:
        """Tell of new trouble, of trouble that is over, and of incidents at their fallback; return whether any was."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            body = self._notices(connection, now)
            wanted = self._fallbacks(connection, now)
        if not body and not wanted:
            return False
        database_now = self._ledger.database_now(now)

        def write(connection: Connection) -> bool:
            if lanes.acquire(connection, LEASE_NAME, self._holder, database_now) is None:
                return False
            if body:
                receipts.insert(connection, Receipt(new_id(), troubles.OWN, now, {}, json.dumps(body).encode()))
            for row, placements in wanted:
                placing.place_one(connection, row.incident, row.version, row.priority, placements, new_id, now)
            return True

        return self._ledger.write(write)

    def _notices(self, connection: Connection, now: datetime) -> JSON | None:
        """Return a notification of what is new or over, as a Grafana would send it; None where nothing changed."""
        told = troubles.told_of(connection)
        present = {trouble.fingerprint: trouble for trouble in self._troubles(connection, now)}
        team = self._loaded.settings.operators
        alerts = [
            _alert(trouble, team, known=fingerprint in told)
            for fingerprint, trouble in present.items()
            if fingerprint not in told or _changed(told[fingerprint], trouble.annotations(team))
        ]
        alerts += [
            {"status": "resolved", "fingerprint": fingerprint, "labels": detail.get("labels", {}), "endsAt": _text(now)}
            for fingerprint, detail in told.items()
            if fingerprint not in present
        ]
        return {"status": "firing", "alerts": alerts} if alerts else None

    def _troubles(self, connection: Connection, now: datetime) -> list[Trouble]:
        found = [
            Trouble(
                f"Not told at {one.kind} {one.address}",
                one.since,
                Priority.P1 if one.urgency <= URGENT else Priority.P2,
                f"{one.number} dead letter{'s' if one.number > 1 else ''} at {one.kind} {one.address}",
                one.reason,
            )
            for one in troubles.dead(connection)
        ]
        found += [
            Trouble(
                f"Unreadable alerts from {source}",
                since,
                Priority.P2,
                f"{number} notification{'s' if number > 1 else ''} of source {source} in quarantine",
                "They could not be read: see `bridge quarantine`; after a fix: `bridge quarantine replay --all`.",
            )
            for source, number, since in troubles.quarantined(connection)
        ]
        for name, trouble, number in troubles.troubled_lanes(connection):
            since = datetime.fromtimestamp(trouble["since"], UTC)
            if now - since > STUCK:
                kind, *place = name.split("/")
                where = f"{kind} {'/'.join(place[1:] if kind == 'slack' else place)}"
                told = f"{number} waiting; last error: {trouble['error']}. It is asked again at most 30 s apart."
                found.append(
                    Trouble(f"Stuck: {where}", since, Priority.P1, f"{where} has not worked for over 5 min", told)
                )
        return found

    def _fallbacks(self, connection: Connection, now: datetime) -> list[tuple[Row[Any], list[Placement]]]:
        """Return incidents that were not told in time, or are dead at an address, with where they are told instead."""
        rows = self._loaded.settings.fallback
        if not rows:
            return []
        found = []
        for row in troubles.untold(connection):
            rule = rows.get(Priority(row.priority)) or rows.get("default")
            if rule is None:
                continue
            late = rule.after is not None and now - row.since >= rule.after
            if row.state == "dead" or late:
                found.append((row, self._placements(row, rule.send)))
        told = placing.told_at(connection, [row.incident for row, _ in found])
        missing = [(row, [one for one in places if told[row.incident].takes(one)]) for row, places in found]
        return [(row, places) for row, places in missing if places]

    def _placements(self, row: Row[Any], names: tuple[str, ...]) -> list[Placement]:
        rules = self._loaded.rules
        why = row.reason or row.last_error or "no answer yet"
        because = f"Told here because {row.kind} {row.address} could not be told: {why}"
        found = []
        for name in names:
            target = target_at(rules, name, row.team, Priority(row.priority), row.source)
            if isinstance(target, str):
                continue
            try:
                address = self._effective.address(target)
            except HeldError:
                continue  # its secret is missing as well: nothing better to tell it by
            found.append(Placement(name, target.kind, address.text, address.lane, row.team, "fallback", because))
        return found


def _alert(trouble: Trouble, team: str | None, *, known: bool) -> JSON:
    # what is told already goes on under its own start, though the oldest dead letter may be another one now
    start = {} if known else {"startsAt": _text(trouble.since)}
    return {
        **start,
        "status": "firing",
        "fingerprint": trouble.fingerprint,
        "labels": {"alertname": trouble.name},
        "annotations": trouble.annotations(team),
    }


def _changed(detail: JSON, annotations: dict[str, str]) -> bool:
    return bool(detail) and detail.get("annotations") != annotations


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
