"""What another configuration would change: the same alerts by both, and where they would be told otherwise.

Values in, values out: nothing is sent, stored, or asked, and of a secret only its reference is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from bridge.core.alert import Group, UnreadableError
from bridge.core.normalize import normalize
from bridge.core.route import route
from bridge.effective import PLACES, WAYS
from bridge.mapping import reader
from bridge.preview_alert import aim
from bridge.preview_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.config.loaded import Loaded
    from bridge.core.alert import Alert
    from bridge.core.routed import Target
    from bridge.core.rules import Rules
    from bridge.ledger.past import Past
    from bridge.preview_alert import Aim

T = TypeVar("T")

KEPT = 20
"""Incidents that are named of those that would change alike."""


@dataclass(frozen=True, slots=True)
class Altered:
    """One setting at an address that stays."""

    address: str
    setting: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """What would be otherwise; each pair is (before, after), None where it stays. Addresses are "slack #alerts".

    `quarantine` holds the sentence of whichever configuration can't read the body.
    """

    teams: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    priority: tuple[str, str] | None = None
    group_by: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    altered: tuple[Altered, ...] = ()
    quarantine: tuple[str | None, str | None] | None = None

    def __bool__(self) -> bool:
        """Whether anything would be otherwise."""
        return self != _NO_CHANGE


_NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class Alike:
    """Incidents that would change alike: their teams and priority by the configuration of now, how many, and which."""

    teams: tuple[str, ...]
    priority: str
    change: Change
    count: int
    incidents: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Way:
    """Where alerts go by one configuration."""

    teams: tuple[str, ...] = ()
    priority: str = ""
    group_by: tuple[str, ...] = ()
    goals: dict[str, Aim] = field(default_factory=dict)

    def take(self, alert: Alert, group: Group, source: str, rules: Rules, own_teams: tuple[str, ...] = ()) -> None:
        """Take in one more alert; `own_teams` are those of an alert that lost its own, as its rule's incident had."""
        rules = rules.of(source)
        normal = normalize(alert, group, rules.normalize, rules.teams)
        if own_teams and normal.no_data and not normal.team_said:
            normal = replace(normal, teams=own_teams, team_said=True)
        routed = route(normal, source, rules)
        priority = "drop" if routed.drop else routed.priority.value
        self.teams = self.teams or routed.teams
        self.priority = min(self.priority or priority, priority)
        self.group_by = self.group_by or routed.group_by
        for target in routed.targets:
            self.goals.setdefault(_address(target), aim(target))


def _address(target: Target) -> str:
    """Name the place that a target leads to; of a secret one the reference."""
    place = target.settings.get(PLACES.get(target.kind, ""))
    if place is None:
        place = next((target.settings[name] for name in WAYS if name in target.settings), "(nowhere)")
    said = plain(place)
    return f"{target.kind} {', '.join(map(str, said)) if isinstance(said, list) else said}"


def _change(before: _Way, after: _Way) -> Change:
    stay = [address for address in before.goals if address in after.goals]
    return Change(
        teams=_pair(before.teams, after.teams),
        priority=_pair(before.priority, after.priority),
        group_by=_pair(before.group_by, after.group_by),
        removed=tuple(address for address in before.goals if address not in after.goals),
        added=tuple(address for address in after.goals if address not in before.goals),
        altered=tuple(
            one for address in stay for one in _altered(address, before.goals[address], after.goals[address])
        ),
    )


def _pair(before: T, after: T) -> tuple[T, T] | None:
    return None if before == after else (before, after)


def _altered(address: str, before: Aim, after: Aim) -> Iterator[Altered]:
    for name in dict.fromkeys((*before.settings, *after.settings)):
        old, new = (one.settings[name].value if name in one.settings else None for one in (before, after))
        if old != new:
            yield Altered(address, name, old, new)


def of_payload(body: bytes, source: str, before: Loaded, after: Loaded) -> list[tuple[str, Change]]:
    """Return, alert by alert, its title and what would be otherwise."""
    groups = [_read(body, source, loaded) for loaded in (before, after)]
    if any(isinstance(group, str) for group in groups):
        old, new = (group if isinstance(group, str) else None for group in groups)
        return [("the body", Change(quarantine=(old, new)) if old != new else _NO_CHANGE)]
    ways = [_ways(group, source, loaded.rules) for group, loaded in zip(groups, (before, after), strict=True)]
    titles = {**ways[1][1], **ways[0][1]}
    return [(title, _change(*(way.get(key, _Way()) for way, _ in ways))) for key, title in titles.items()]


def _ways(
    group: Group | str, source: str, rules: Rules
) -> tuple[dict[tuple[str, int], _Way], dict[tuple[str, int], str]]:
    """Return the way of each alert, and its title, by fingerprint and the how-manieth of it."""
    assert isinstance(group, Group)
    ways: dict[tuple[str, int], _Way] = {}
    titles: dict[tuple[str, int], str] = {}
    for alert in group.alerts:
        number = next(number for number in range(len(ways) + 1) if (alert.fingerprint, number) not in ways)
        way = ways[alert.fingerprint, number] = _Way()
        way.take(alert, group, source, rules)
        name = alert.labels.get("alertname") or alert.title or "Unnamed alert"
        titles[alert.fingerprint, number] = f"{name}, {alert.status.value}"
    return ways, titles


def _read(body: bytes, source: str, loaded: Loaded) -> Group | str:
    settings = loaded.settings.sources.get(source)
    if settings is None:
        return f"there is no source {source}"
    try:
        return reader(settings)(body, source)
    except UnreadableError as error:
        return str(error)


def of_past(past: Iterable[Past], before: Rules, after: Rules) -> tuple[int, list[Alike]]:
    """Return how many incidents were looked at, and those that would be told otherwise, most of them first."""
    looked_at = 0
    found: dict[tuple[tuple[str, ...], str, str], Alike] = {}
    for incident in past:
        looked_at += 1
        ways = [_way(incident, rules) for rules in (before, after)]
        change = _change(*ways)
        if not change:
            continue
        key = (ways[0].teams, ways[0].priority, repr(change))
        alike = found.get(key) or Alike(ways[0].teams, ways[0].priority, change, 0, ())
        named = (*alike.incidents, (incident.id, incident.title))[:KEPT]
        found[key] = replace(alike, count=alike.count + 1, incidents=named)
    return looked_at, sorted(found.values(), key=lambda one: -one.count)


def _way(incident: Past, rules: Rules) -> _Way:
    way = _Way()
    group = Group(alerts=incident.alerts, shape="stored")
    for alert in incident.alerts:
        way.take(alert, group, incident.source, rules, incident.teams)
    return way


def as_json(change: Change) -> Mapping[str, object]:
    """Return a change as JSON: what stays is left out."""
    made = plain(change)
    assert isinstance(made, dict)
    return {name: value for name, value in made.items() if value not in (None, [])}
