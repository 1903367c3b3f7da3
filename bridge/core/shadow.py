"""Shadow mode: a team's alerts go to one channel in their destinations' stead, with what would have been told where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bridge.core.fill import called, overlaid
from bridge.core.routed import Target
from bridge.core.rules import SHADOW, Inherited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.core.alert import Priority
    from bridge.core.fill import Facts
    from bridge.core.rules import Rules

_LIVE_ONLY = frozenset({"channel", "fallback_channel", "webhook_url", "mention", "reply_broadcast"})
"""Settings of the Slack destination that lead to its own readers, or call somebody."""
_TEAMS_OWN = ("template", "replies")
"""What of a team's settings makes its messages look as they would."""
_WORKSPACE = re.compile(r"<(@|!subteam\^|!)(\w+)>")


@dataclass(frozen=True, slots=True)
class Would:
    """What would have happened, were these teams live: the places in words ("PagerDuty payments"), who is called."""

    teams: tuple[str, ...]
    places: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()

    def joined(self, other: Would) -> Would:
        """Return both as one, each thing once."""
        return Would(*(tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name)))) for name in _FIELDS))

    def as_json(self) -> dict[str, object]:
        """Return it as it is stored with a delivery."""
        return {name: list(getattr(self, name)) for name in _FIELDS}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_json` made."""
        lists = [stored.get(name) for name in _FIELDS]
        return cls(*(tuple(str(one) for one in said) if isinstance(said, list) else () for said in lists))


_FIELDS = ("teams", "places", "mentions")


def in_stead(facts: Facts, targets: Sequence[Target], rules: Rules) -> Target | str:
    """Return what is told of a team's alert in shadow mode, in the stead of its targets; else why nothing can be."""
    found = stand_in(rules, facts.team)
    if isinstance(found, str):
        return found
    mentions = [who for target in targets if target.kind == "slack" for who in _mentions(target, facts.priority)]
    places = dict.fromkeys(_place(target) for target in targets)
    would = Would((facts.team,), tuple(places), tuple(dict.fromkeys(mentions)))
    why = f"shadow mode, in the stead of {', '.join(places) or 'nothing'}"
    return Target(
        found.destination, found.kind, facts.team, found.settings, found.inherited, why, would, tuple(targets)
    )


def stand_in(rules: Rules, team: str) -> Target | str:
    """Return the settings by which shadow mode tells of a team: a Slack destination's, at the shadow channel."""
    if rules.shadow is None:
        return "no Slack destination has a token that shadow mode could post with"
    posts = rules.destinations[rules.shadow.destination]
    settings = {name: value for name, value in posts.settings.items() if name not in _LIVE_ONLY}
    inherited = {name: Inherited(f"destination {posts.name}", posts.places.get(name, "")) for name in settings}
    member = rules.teams.get(team)
    own = member.destinations.get(posts.name, {}) if member else {}
    looks = {name: own[name] for name in _TEAMS_OWN if name in own}
    settings = overlaid(settings, looks)
    for name in looks:
        inherited[name] = Inherited(f"team {team}", member.places.get((posts.name, name), "") if member else "")
    settings["channel"] = rules.shadow.channel
    inherited["channel"] = Inherited("shadow")
    return Target(SHADOW, posts.kind, team, settings, inherited, "shadow mode")


def _place(target: Target) -> str:
    """Name a place as a person would; a routing key has no name, so the team's or the destination's stands for it."""
    if target.kind == "slack":
        return str(target.settings.get("channel") or f"Slack {target.destination}")
    if target.kind == "github":
        return f"GitHub {target.settings.get('repo', '')}".strip()
    key = target.inherited.get("routing_key")
    if key and key.by.startswith("team "):
        return f"PagerDuty {target.team}"
    return "PagerDuty" if target.destination == target.kind else f"PagerDuty {target.destination}"


def _mentions(target: Target, priority: Priority) -> list[str]:
    """Name who would be called, without what Slack makes a mention of."""
    return [_WORKSPACE.sub(_named, one) for one in called(target.settings.get("mention"), priority)]


def _named(hit: re.Match[str]) -> str:
    return {"@": f"the user {hit[2]}", "!subteam^": f"the user group {hit[2]}"}.get(hit[1], f"@{hit[2]}")
