"""What a configuration asks of the core, as frozen values: `bridge.config` makes them, normalize and route read them.

Secrets are never in here: a destination's settings that are `${env:…}` or `${file:…}` stay references until a step is
sent (`bridge.config.secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
class DestinationRules:
    """A declared destination: its kind and settings as written (secrets as references)."""

    name: str
    kind: str
    settings: Mapping[str, object]
    where: str = ""


OWN, STORM = "bridge", "bridge.storm"
"""The sources of incidents that tell of the bridge's own trouble, and that stand for many others: no configured one has
such a name, and what it tells of itself is neither folded nor stale."""


TEST = "bridge.test"
"""The source of `bridge send-test`: its incidents are tests that fire and end. No configured one can have this name."""


@dataclass(frozen=True, slots=True)
class Folding:
    """From how many incidents (or pages) within a time on a team's place has one message (or page) for the rest."""

    most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class TeamRules:
    """A configured team. `destinations` holds its overrides by destination name, field by field.

    `remind` is None where the whole bridge's counts; empty is off.
    """

    name: str
    aliases: tuple[str, ...] = ()
    destinations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    send: Mapping[Priority, Sending] = field(default_factory=dict)
    timezone: str | None = None
    mode: str | None = None
    remind: Mapping[Priority, timedelta] | None = None
    where: str = ""


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
    """Everything that parse, normalize, route and merge need of a configuration. `teams` by canonical name."""

    normalize: Normalizing
    destinations: Mapping[str, DestinationRules]
    send: Mapping[Priority, tuple[str, ...]]
    teams: Mapping[str, TeamRules] = field(default_factory=dict)
    routes: tuple[RouteRules, ...] = ()
    group_by: tuple[str, ...] = ("alertname", "grafana_folder")
    team_group_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timezone: str = "UTC"
    reopen_duration: timedelta = timedelta(minutes=10)
    stale_after: timedelta | None = timedelta(hours=12)
    external_url: str | None = None
    remind: Mapping[Priority, timedelta] = field(default_factory=dict)
    storm: Folding | None = None
    page_storm: Folding | None = None

    def folding(self, kind: str) -> Folding | None:
        """Return from how many on what is told at a kind's places is folded, None for never."""
        return {"slack": self.storm, "pagerduty": self.page_storm}.get(kind)

    def reminds(self, team: str, priority: Priority) -> timedelta | None:
        """Return how often a team is reminded of what still fires, None for never."""
        own = self.teams[team].remind if team in self.teams else None
        return (self.remind if own is None else own).get(priority)


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was looked at for an alert: did it match, and why or why not, for `explain`."""

    rule: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Target:
    """One destination that an alert goes to, for one team: effective settings before secrets, each field's origin.

    `settings` are filled in: `{team}`, `{priority}`, `{source}` replaced where allowed. `inherited` names for each
    setting the place that set it ("destination slack", "team broken-inductor"). `why` names the table row or route.
    """

    destination: str
    kind: str
    team: str
    settings: Mapping[str, object]
    inherited: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """An alert with its way: teams and priority after the routes' `set`, its targets, and all rules tried.

    `unknown_teams` are those of its teams that are not configured, where any are.
    """

    teams: tuple[str, ...]
    priority: Priority
    targets: tuple[Target, ...]
    tried: tuple[Tried, ...]
    group_by: tuple[str, ...]
    drop: bool = False
    unknown_teams: tuple[str, ...] = ()
