"""Sample incidents: what Grafana's notifications make of situations that every template must put into words.

The notifications ship with the package. Each goes the way of `bridge.preview`, and on: it gets worse, is heard of no
more, ends. So what only a later state shows (replies, comments, spans) is there too.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from bridge.config.assemble import normalizing
from bridge.config.schema import BridgeFile
from bridge.core.alert import Priority
from bridge.core.arrive import arrive
from bridge.core.incident import Previous, State
from bridge.core.merge import Book
from bridge.core.normalize import normalize
from bridge.core.payload import parse
from bridge.core.route import route
from bridge.core.rules import Rules
from bridge.preview_incident import incident_of
from bridge.render import changes
from bridge.render.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.core.incident import Incident

JSON = dict[str, Any]
SITUATIONS: Final = {
    "inductor-jobs-broken": "single",
    "inductor-jobs-broken-resolved": "resolved",
    "group-of-3": "group of 3",
    "mixed": "mixed",
    "no-data": "no data",
    "error": "error",
    "paused": "paused",
    "test-button": "test button",
    "multi-team": "multi-team",
    "unicode": "unicode",
    "p0": "P0",
    "bare": "bare",
}
"""What people call each file of notifications."""
MANY: Final = 500
HEARD: Final = datetime(2025, 12, 9, 17, 30, tzinfo=UTC)
ENDED: Final = HEARD + timedelta(hours=2, minutes=17)
_ID: Final = "01KC3ZT0N4Q8W7Y5MB"
"""The first characters of an id; with its number it has the real length."""
_GITHUB: Final = {"url": "https://github.com/acme/alerts/issues/7", "text": "acme/alerts#7"}
_SLACK: Final = {"url": "https://acme.slack.com/archives/C0ALERTS/p1", "text": "#alerts"}


@dataclass(frozen=True, slots=True)
class Scene:
    """An incident at one moment of its life. `before` is what had been told of it by then, empty at its opening."""

    name: str
    incident: Incident
    before: Mapping[str, Any] = field(default_factory=dict)


def group(of: int) -> JSON:
    """Return the notification of a group of many alerts."""
    from bridge.sandbox.payloads import payload  # noqa: PLC0415 - a serving process has no use for the doubles

    body = payload("group-of-3")
    first = body["alerts"][0]
    body["alerts"] = [
        {
            **first,
            "labels": {**first["labels"], "instance": f"db-{number}"},
            "values": {**first["values"], "Disk_Used": round(0.9 + number / (of * 11), 4)},
            "fingerprint": f"d15c{number:012x}",
        }
        for number in range(1, of + 1)
    ]
    return body


def ended(body: JSON, at: datetime = ENDED) -> JSON:
    """Return a notification with all its alerts resolved."""
    over = {"status": "resolved", "endsAt": at.isoformat()}
    return {**body, "status": "resolved", "alerts": [{**alert, **over} for alert in body["alerts"]]}


def begun(body: JSON) -> JSON:
    """Return a notification as it was while all its alerts fired."""
    fired = copy.deepcopy(body)
    for alert in fired["alerts"]:
        alert |= {"status": "firing", "endsAt": "0001-01-01T00:00:00Z"}
        alert.get("annotations", {}).pop("grafana_state_reason", None)
    return {**fired, "status": "firing"}


def worse(body: JSON) -> JSON:
    """Return a notification that has become a P0, and that one more alert has joined."""
    grown = copy.deepcopy(body)
    firing = [alert for alert in grown["alerts"] if alert["status"] == "firing"]
    for alert in firing:
        alert["annotations"] = {**alert.get("annotations", {}), "Priority": "P0"}
    joined = copy.deepcopy(firing[0])
    joined["labels"] = {**joined["labels"], "instance": "one-more"}
    joined["annotations"] = {**joined["annotations"], "description": "One more is broken."}
    joined["fingerprint"] = "0" * 15 + "1"
    return {**grown, "alerts": [*grown["alerts"], joined]}


@cache
def scenes() -> tuple[Scene, ...]:
    """Return all situations, each at several moments."""
    from bridge.sandbox.payloads import payload  # noqa: PLC0415 - as above

    bodies = {name: payload(file) for file, name in SITUATIONS.items()}
    bodies[f"group of {MANY}"] = group(MANY)
    return tuple(scene for name, body in bodies.items() for scene in _life(name, body))


def _life(name: str, body: JSON) -> Iterator[Scene]:
    life = Life()
    over = all(alert["status"] == "resolved" for alert in body["alerts"])
    opened = life.hear(begun(body) if over else body)
    yield from _seen(name, opened)
    if opened[0].test:
        return  # closed at once
    before = life.announced()
    if over:
        yield from _seen(f"{name}, later", life.hear(body, ENDED), before)
        return
    told = life.hear(worse(body), HEARD + timedelta(minutes=5))
    yield from _seen(f"{name}, worse", told, before)
    yield from _seen(f"{name}, stale", [replace(one, state=State.STALE) for one in told], before)
    before = life.announced()
    yield from _seen(f"{name}, resolved", [_known(one) for one in life.hear(ended(worse(body)), ENDED)], before)


def _seen(name: str, incidents: list[Incident], before: Mapping[str, JSON] | None = None) -> Iterator[Scene]:
    for incident in incidents:
        yield Scene(name, bounded(incident), (before or {}).get(incident.id, {}))


def _known(incident: Incident) -> Incident:
    """Return an incident with all that is known of it later: where it is told, and that it is not the first."""
    remotes = {"github": _GITHUB, "slack": _SLACK}
    previous = Previous("01KB", HEARD - timedelta(days=7), 3060.0, times=4, remotes={"github": _GITHUB})
    return replace(incident, remotes=remotes, previous=previous, times=2)


class Life:
    """Incidents as the bridge keeps them, told of by one notification after another."""

    def __init__(self) -> None:
        numbers = count(1)
        self._rules = Rules(normalizing(BridgeFile()), destinations={}, send=dict.fromkeys(Priority, ()))
        self._book = Book("grafana", lambda: f"{_ID}{next(numbers):08}", self._rules.reopen_duration)

    def hear(self, body: JSON, at: datetime = HEARD) -> list[Incident]:
        """Take a notification in; return all incidents as they are then."""
        group = parse(json.dumps(body).encode(), self._book.source)
        for alert in group.alerts:
            normal = normalize(alert, group, self._rules.normalize, self._rules.teams)
            routed = route(normal, self._book.source, self._rules)
            self._book.absorb(arrive(normal, routed, group, self._book.source, at), at)
        return self.incidents()

    def incidents(self) -> list[Incident]:
        """Return the incidents, oldest first."""
        return [incident_of(self._book, case) for case in self._book.cases.values()]

    def announced(self) -> dict[str, JSON]:
        """Return what could be told of each incident now, by its id."""
        return {incident.id: changes.announced(incident) for incident in self.incidents()}
