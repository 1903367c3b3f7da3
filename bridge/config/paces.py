"""Names that lead to one place with different rates: their requests share its lane, and the slower one's keep both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bridge.config.kinds import KINDS
from bridge.config.table import reach
from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.core.routed import Target
from bridge.core.rules import TeamRules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.config.loaded import Loaded
    from bridge.config.units import Rate

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Uneven:
    """Two targets of one place: `where` one of their rates is written, and what the place is called."""

    where: str
    place: str
    first: Target
    second: Target


def uneven(loaded: Loaded) -> Iterator[Uneven]:
    """Return each two names, or teams of one name, that lead to one place with different rates."""
    first_at: dict[Place, Target] = {}
    told: set[tuple[str, str]] = set()
    for target in _targets(loaded):
        place = _place(target)
        first = first_at.setdefault(place, target)
        names = (first.destination, target.destination)
        if _rate(first) == _rate(target) or names in told:
            continue
        told.add(names)
        written = [one.inherited["rate"].where for one in (target, first) if "rate" in one.settings]
        yield Uneven(written[0], place[-1], first, target)


def _targets(loaded: Loaded) -> Iterator[Target]:
    """Give whatever alerts of the teams may be told, and those of a team that is not configured."""
    rules = loaded.rules
    paced = {name for name, one in rules.destinations.items() if "rate" in one.settings}
    paced |= {name for team in rules.teams.values() for name, own in team.destinations.items() if "rate" in own}
    kinds = {rules.destinations[name].kind for name in paced if name in rules.destinations}
    if not kinds:
        return
    default = rules.normalize.default_team
    for team in {default: TeamRules(default), **rules.teams}.values():
        reached = reach(team, rules.routes, rules.send)
        for name in [name for name, one in rules.destinations.items() if one.kind in kinds and name in reached]:
            for source in loaded.settings.sources or ("",):
                for level in Priority:
                    found = target_at(rules, name, team.name, level, source)
                    if isinstance(found, Target):
                        yield found


def _rate(target: Target) -> list[float]:
    """Return how many requests a second are allowed, by each part of the rate."""
    rates = target.settings.get("rate", KINDS[target.kind].model_fields["rate"].default)
    return [rate.count / rate.seconds for rate in cast("Iterable[Rate]", rates)]


def _place(target: Target) -> Place:
    """Return what tells places apart, as far as that is known without secrets; its name comes last."""
    settings = {name: str(value) for name, value in target.settings.items()}
    if target.kind == "github":
        return target.kind, settings.get("repo", "").lower()
    if target.kind == "pagerduty":
        keys = target.settings.get("routing_key", ())
        key = keys[0] if isinstance(keys, list | tuple) and keys else keys
        return target.kind, str(key), "one routing key"
    return target.kind, settings.get("token", settings.get("webhook_url", "")), settings.get("channel", "one webhook")
