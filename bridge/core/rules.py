"""What a configuration asks of the core, as frozen values: `bridge.config` makes them, normalize and route read them.

Secrets are never in here: a destination's settings that are `${env:…}` or `${file:…}` stay references until a step is
sent (`bridge.config.secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.alert import Priority
    from bridge.core.matchers import Matcher

DROP = "drop"
"""The priority word's meaning for "recorded, told nowhere"."""


@dataclass(frozen=True, slots=True)
class FieldName:
    """A label or annotation to look for, compared without case.

    `place` pins it: "label", "annotation", or "" for both, annotations first.
    """

    name: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Normalizing:
    """How team, priority and the two counts are read from an alert. Names are tried in order."""

    team: tuple[FieldName, ...]
    priority: tuple[FieldName, ...]
    priority_words: Mapping[str, str]
    default_team: str
    default_priority: Priority
    unknown_priority: Priority
    failure_threshold: tuple[FieldName, ...]
    job_count: tuple[FieldName, ...]


@dataclass(frozen=True, slots=True)
class Sending:
    """One cell of a send table: a whole list in `names`, or changes to the list inherited so far."""

    names: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inherited:
    """What of the configuration says something: `by` in its words ("team broken-inductor, send P0").

    `where` is "file:line" where that is known, or "by default".
    """

    by: str
    where: str = ""

    def __str__(self) -> str:
        """Read aloud: `send P0 (bridge.yml:14)`."""
        return f"{self.by} ({self.where})" if self.where else self.by


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """A declared destination: its kind and settings as written (secrets as references), and where each is written."""

    name: str
    kind: str
    settings: Mapping[str, object]
    where: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


SHADOW = "shadow"
"""The destination's name of what shadow mode tells: no declared one can have it."""
OWN, STORM = "bridge", "bridge.storm"
"""The sources of incidents that tell of the bridge's own trouble, and that stand for many others: no configured one has
such a name, and what it tells of itself is neither folded, nor stale, nor in shadow mode."""
APART = "moved to messages of their own"
"""Why what still fires is no longer told in a storm's message, which ends."""
ALONE = "moved to a message of its own"
"""Why one that still fires is no longer told there, while others are."""
MEMBER = "incident"
"""The label by which an alert of a storm says which incident it stands for."""
TEST = "bridge.test"
"""The source of `bridge send-test`: its incidents are tests that fire and end. No configured one can have this name."""
ITS_OWN = frozenset({OWN, STORM, TEST})
"""The sources of what the bridge says itself."""
TEAM, PRIORITY = "Team", "Priority"
"""The annotations by which it says whom that is for, and how urgent it is."""
GROUP_BY = ("alertname", "grafana_folder")
"""What makes one incident where nothing else is configured, and always of what the bridge says itself."""


@dataclass(frozen=True, slots=True)
class Folding:
    """From how many incidents (or pages) within a time on a team's place has one message (or page) for the rest."""

    most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class ShadowRules:
    """Where shadow mode tells: a channel, by the token of a Slack destination. `where` is "file:line" of its key.

    `channel` is empty where the key is not written: what was begun there can still be told to its end.
    """

    destination: str
    channel: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class TeamRules:
    """A configured team. `destinations` holds its overrides by destination name, field by field.

    `remind` and `mode` ("live" or "shadow") are None where the whole bridge's counts; an empty `remind` is off.
    `places` says where a setting ("slack", "channel") and a row of `send` ("send", "P0") are written.
    """

    name: str
    aliases: tuple[str, ...] = ()
    destinations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    send: Mapping[Priority, Sending] = field(default_factory=dict)
    timezone: str | None = None
    mode: str | None = None
    remind: Mapping[Priority, timedelta] | None = None
    where: str = ""
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteRules:
    """An exception: where all matchers hold, `set` is applied and `send` replaces the row. `where` is "file:line"."""

    matchers: tuple[Matcher, ...]
    set_priority: Priority | None = None
    set_teams: tuple[str, ...] | None = None
    send: Sending | None = None
    group_by: tuple[str, ...] | None = None
    continues: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that parse, normalize, route and merge need of a configuration. `teams` by canonical name.

    `send_places` says where each row of `send` is written.
    """

    normalize: Normalizing
    destinations: Mapping[str, DestinationRules]
    send: Mapping[Priority, tuple[str, ...]]
    send_places: Mapping[Priority, str] = field(default_factory=dict)
    teams: Mapping[str, TeamRules] = field(default_factory=dict)
    routes: tuple[RouteRules, ...] = ()
    group_by: tuple[str, ...] = GROUP_BY
    team_group_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timezone: str = "UTC"
    reopen_duration: timedelta = timedelta(minutes=10)
    stale_after: timedelta | None = timedelta(hours=12)
    external_url: str | None = None
    remind: Mapping[Priority, timedelta] = field(default_factory=dict)
    storm: Folding | None = None
    page_storm: Folding | None = None
    mode: str = "live"
    shadow: ShadowRules | None = None

    def of(self, source: str) -> Rules:
        """Return the rules as they hold for a source.

        What is configured for others' labels, annotations and words is not for what the bridge says itself, of which
        nothing is heard while nothing changes.
        """
        if source not in ITS_OWN:
            return self
        team, priority = (FieldName(TEAM, "annotation"),), (FieldName(PRIORITY, "annotation"),)
        normalize = replace(self.normalize, team=team, priority=priority, priority_words={})
        routes = tuple(replace(rule, group_by=None) for rule in self.routes)
        return replace(self, normalize=normalize, routes=routes, group_by=GROUP_BY, team_group_by={}, stale_after=None)

    def shadowed(self, team: str, source: str) -> bool:
        """Return whether a team's alerts are told in shadow mode; the bridge's own trouble never is."""
        own = self.teams[team].mode if team in self.teams else None
        return source != OWN and (own or self.mode) == "shadow"

    def folding(self, kind: str) -> Folding | None:
        """Return from how many on what is told at a kind's places is folded, None for never."""
        return {"slack": self.storm, "pagerduty": self.page_storm}.get(kind)

    def zone(self, team: str) -> str:
        """Return the name of the zone that a team's times are in."""
        own = self.teams[team].timezone if team in self.teams else None
        return own or self.timezone

    def reminds(self, team: str, priority: Priority) -> timedelta | None:
        """Return how often a team is reminded of what still fires, None for never."""
        own = self.teams[team].remind if team in self.teams else None
        return (self.remind if own is None else own).get(priority)
