"""Watching the bridge itself: its trouble becomes alerts through the same path; who was not told is told elsewhere.

Level-triggered like everything here: what should be told is worked out from what is stored, and compared with what is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.chores import resume
from bridge.chores.fallbacks import Fallbacks
from bridge.chores.storms import set_aside
from bridge.core.alert import Priority
from bridge.core.rules import OWN, PRIORITY, TEAM
from bridge.delivery.trouble import lasts
from bridge.ids import new_id
from bridge.ledger import lanes, placing, receipts, storage, troubles
from bridge.ledger.columns import stamp
from bridge.ledger.receipts import Receipt
from bridge.storable import storable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.config.loaded import Loaded
    from bridge.effective import Effective
    from bridge.ledger.ledger import Ledger

JSON = dict[str, Any]
EVERY = 3.0
"""Seconds between two looks."""
STUCK = timedelta(minutes=5)
HELD = timedelta(seconds=2 * resume.EVERY)
"""How long something is held before that is trouble: what needs only to be led elsewhere goes on within that time."""
LEASE_NAME = "watch"
"""The row whose lease says which deliverer watches, where there are several."""
URGENT = 1
FULL = 0.95
"""Part of `max_storage` above which pruning has not helped."""
SHOWN = 5
"""Problems of a configuration that are told."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of the bridge's own, as an alert says it."""

    name: str
    priority: Priority
    summary: str
    description: str

    @property
    def fingerprint(self) -> str:
        """What makes it one and the same trouble."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    def annotations(self, team: str | None) -> dict[str, str]:
        """Return its annotations, for the team that runs the bridge where one is configured."""
        named = {TEAM: team} if team else {}
        said = {"summary": storable(self.summary), "description": storable(self.description)}
        return {**named, PRIORITY: self.priority, **said}  # as it is read back, else it would be news for ever


class Watch:
    """Looks every now and then; `look` is cheap where nothing is wrong."""

    def __init__(self, ledger: Ledger, clock: Clock, loaded: Loaded, effective: Effective, holder: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._loaded = loaded
        self._fallbacks = Fallbacks(loaded, effective)
        self._holder = f"{holder}/watch"

    def look(self) -> bool:
        """Tell of new trouble, of trouble that is over, and of incidents at their fallback; return whether any was."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            body = self._notices(connection, now)
            wanted = self._fallbacks.wanted(connection, now)
        if not body and not wanted:
            return False
        database_now = self._ledger.database_now(now)

        def write(connection: Connection) -> bool:
            if lanes.acquire(connection, LEASE_NAME, self._holder, database_now) is None:
                return False
            if body:
                receipts.insert(connection, Receipt(new_id(), OWN, now, {}, json.dumps(body).encode()))
            for row, placements in wanted:
                fold = partial(set_aside, source=row.source, rules=self._loaded.rules)
                placing.place_one(connection, row.incident, placements, new_id, now, fold)
            return True

        return self._ledger.write(write)

    def _notices(self, connection: Connection, now: datetime) -> JSON | None:
        """Return a notification of what is new or over, as a Grafana would send it; None where nothing changed."""
        told = troubles.told_of(connection)
        present = {trouble.fingerprint: trouble for trouble in self._troubles(connection, now)}
        team = self._loaded.settings.operators
        alerts = [
            _alert(trouble, team)
            for fingerprint, trouble in present.items()
            if fingerprint not in told or _changed(told[fingerprint], trouble.annotations(team))
        ]
        alerts += [
            {
                "status": "resolved",
                "fingerprint": fingerprint,
                "labels": detail.get("labels", {}),
                "endsAt": stamp(now),
            }
            for fingerprint, detail in told.items()
            if fingerprint not in present
        ]
        return {"status": "firing", "alerts": alerts} if alerts else None

    def _troubles(self, connection: Connection, now: datetime) -> list[Trouble]:
        found = [
            Trouble(
                f"Not told at {one.kind} {one.address}",
                _priority(one.urgency),
                f"{_counted(one.number, 'dead letter')} at {one.kind} {one.address}",
                one.reason,
            )
            for one in troubles.dead(connection)
        ]
        found += [
            Trouble(
                f"Unreadable alerts from {source}",
                Priority.P2,
                f"{_counted(number, 'notification')} of source {source} in quarantine",
                "They could not be read: see `bridge quarantine`; after a fix: `bridge quarantine replay --all`.",
            )
            for source, number in troubles.quarantined(connection)
        ]
        for name, trouble, number, due in troubles.troubled_lanes(connection):
            since = datetime.fromtimestamp(trouble["since"], UTC)
            if lasts(trouble, now.timestamp(), due) and now - since > STUCK:
                where = _place(name)
                told = f"{number} waiting; last error: {trouble['error']}. It is asked again by itself."
                found.append(Trouble(f"Stuck: {where}", Priority.P1, f"{where} has not worked for over 5 min", told))
        found += [
            Trouble(
                f"Held: destination {one.destination}",
                _priority(one.urgency),
                f"{_counted(one.number, 'message')} held: destination {one.destination} can't be used",
                one.reason,
            )
            for one in troubles.held(connection, now - HELD)
        ]
        return [*found, *self._storage(connection), *self._config(connection, now)]

    def _storage(self, connection: Connection) -> list[Trouble]:
        """Return that storage fills up with what may not be removed."""
        most, size = self._loaded.settings.max_storage, storage.last_used(connection)
        if size <= most * FULL:
            return []
        summary = f"Over {FULL:.0%} of max_storage is in use, and nothing more can be removed"
        told = "At 100% notifications are answered 503: raise max_storage, or look at `bridge quarantine`."
        return [Trouble("Storage fills up", Priority.P1, summary, told)]

    def _config(self, connection: Connection, now: datetime) -> list[Trouble]:
        """Return what is wrong with the configuration on each host: it was refused, an included file is broken."""
        found = []
        for where, wrong in troubles.wrong(connection, now):
            if wrong.refused:
                summary = "The configuration is refused, the last good one stays"
                name = f"Configuration refused: {where}"
                found.append(Trouble(name, Priority.P2, summary, _cut(wrong.refused)))
            if wrong.broken:
                summary = "A part of the configuration is broken and does not hold"
                name = f"Configuration broken in parts: {where}"
                found.append(Trouble(name, Priority.P2, summary, _cut(wrong.broken)))
        return found


def _place(lane: str) -> str:
    """Name a lane's place as its deliveries do: a routing key by the start of its digest."""
    kind, *place = lane.split("/")
    if kind == "pagerduty":
        return f"{kind} key {place[-1][:8]}"
    return f"{kind} {'/'.join(place[1:] if kind == 'slack' else place)}"


def _alert(trouble: Trouble, team: str | None) -> JSON:
    # without a start: the oldest dead letter may be another one by now, and what comes back is no late news
    return {
        "status": "firing",
        "fingerprint": trouble.fingerprint,
        "labels": {"alertname": trouble.name},
        "annotations": trouble.annotations(team),
    }


def _priority(urgency: int) -> Priority:
    return Priority.P1 if urgency <= URGENT else Priority.P2


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _cut(problems: list[str]) -> str:
    """The first problems, and how many there are beside them."""
    more = f"\nand {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "\n".join(problems[:SHOWN]) + f"{more}\n`bridge check` shows all."


def _changed(detail: JSON, annotations: dict[str, str]) -> bool:
    return bool(detail) and detail.get("annotations") != annotations
