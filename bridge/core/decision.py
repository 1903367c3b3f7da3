"""Where an alert goes and why, as one value: what `explain` shows, and what is kept of the alerts that made history."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.core.alert import NormalAlert, Origin
    from bridge.core.routed import Missed, Routed, Tried

MOST = 20
"""Rules, destinations and names of each sort that are kept with a stored incident."""
LONGEST = 300
"""Characters of a text that are kept."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One destination that an alert goes to for one team, and what of the configuration sends it there."""

    destination: str
    kind: str
    team: str
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Team and priority, who said so, every rule tried, where the alert goes, and why not to the others.

    `teams` and `priority` are those after routes' `set`; the origins are those of the alert's own, and `team_from` and
    `priority_from` say both in words. `untried` are the routes after the one that matched.
    """

    teams: tuple[str, ...]
    team_from: str
    team_origin: Origin
    priority: str
    priority_from: str
    priority_origin: Origin
    drop: bool
    group_by: tuple[str, ...]
    tried: tuple[Tried, ...]
    untried: tuple[str, ...]
    sent: tuple[Sent, ...]
    missed: tuple[Missed, ...]


def decision(normal: NormalAlert, routed: Routed) -> Decision:
    """Return what was decided about an alert."""
    return Decision(
        teams=routed.teams,
        team_from=_words(str(normal.team_origin), ", ".join(normal.teams), routed.team_set),
        team_origin=normal.team_origin,
        priority=routed.priority.value,
        priority_from=_words(str(normal.priority_origin), normal.priority, routed.priority_set),
        priority_origin=normal.priority_origin,
        drop=routed.drop,
        group_by=routed.group_by,
        tried=routed.tried,
        untried=routed.untried,
        sent=tuple(Sent(one.destination, one.kind, one.team, one.why) for one in routed.targets),
        missed=routed.missed,
    )


def _words(origin: str, before: str, set_by: str | None) -> str:
    """Say who said it: the alert, or a route's `set`, which has the last word."""
    return f"{set_by}, set; before that {before} from {origin}" if set_by else origin


def kept(made: Decision) -> dict[str, Any]:
    """Return a decision as JSON to be stored: bounded, of very many rules those that matched and the first others."""
    matched = [one for one in made.tried if one.matched][:MOST]
    others = [one for one in made.tried if not one.matched][: MOST - len(matched)]
    tried = tuple(one for one in made.tried if one in matched or one in others)
    short: dict[str, Any] = _short(replace(made, tried=tried))
    return {**short, "tried_in_all": len(made.tried), "untried_in_all": len(made.untried)}


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value as JSON, with texts and lists cut to what is kept."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
    if is_dataclass(value):
        return {one.name: _short(getattr(value, one.name)) for one in fields(value)}
    return [_short(one) for one in value[:MOST]] if isinstance(value, list | tuple) else value
