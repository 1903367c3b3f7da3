"""What routing says of an alert: where it goes, where it does not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.alert import Priority
    from bridge.core.rules import Inherited
    from bridge.core.shadow import Would


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was looked at for an alert: did it match, and why or why not, for `explain`.

    Where it did not, `matcher` is the one that failed, as it can be written, and `value` what the alert has there.
    """

    rule: str
    matched: bool
    why: str
    matcher: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """One destination that an alert does not go to for a team, and why not, in the words of the configuration."""

    destination: str
    team: str
    why: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One destination that an alert goes to, for one team: effective settings before secrets, each field's origin.

    `settings` are filled in: `{team}`, `{priority}`, `{source}` replaced where allowed. `inherited` names for each
    setting what set it ("destination slack", "team broken-inductor"). `why` names the table row or route. In shadow
    mode one target stands `in_stead_of` the others, and says what `would` have happened.
    """

    destination: str
    kind: str
    team: str
    settings: Mapping[str, object]
    inherited: Mapping[str, Inherited]
    why: str
    would: Would | None = None
    in_stead_of: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Routed:
    """An alert with its way: teams and priority after the routes' `set`, its targets, and all rules tried.

    `unknown_teams` are those of its teams that are not configured, where any are; `all_known` is whether each is.
    `missed` are the destinations that it does not go to, `untried` the routes that were not looked at, since one before
    them matched. `team_set` and `priority_set` name the route that had the last word on it, where one had.
    """

    teams: tuple[str, ...]
    priority: Priority
    targets: tuple[Target, ...]
    tried: tuple[Tried, ...]
    group_by: tuple[str, ...]
    drop: bool = False
    unknown_teams: tuple[str, ...] = ()
    all_known: bool = False
    missed: tuple[Missed, ...] = ()
    untried: tuple[str, ...] = ()
    team_set: str | None = None
    priority_set: str | None = None
