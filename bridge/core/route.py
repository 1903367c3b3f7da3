"""From a normal alert to its targets: which destinations hear of it, for which team, and why not the others.

Team says where, priority says which destinations. Inheritance, later wins: destination, send table, team, team's send,
matching routes (docs: the contract's section on configuration).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.fill import Facts, fill
from bridge.core.normalize import canonical_team
from bridge.core.rules import SHADOW, Routed, Target, Tried
from bridge.core.shadow import in_stead, stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.core.alert import NormalAlert, Priority
    from bridge.core.matchers import Matcher
    from bridge.core.rules import DestinationRules, RouteRules, Rules, Sending, TeamRules

_SHOWN = 100
_ANY_CASE = frozenset({"team", "priority"})


def route(alert: NormalAlert, source: str, rules: Rules) -> Routed:
    """Decide where an alert goes.

    Args:
        alert: The alert as normalised; matchers see it so, whatever an earlier route has set.
        source: The name of the source it came from.
        rules: The configuration.

    Returns:
        Teams and priority after the routes' `set`, a target for each team and destination, and every rule tried. An
        alert whose priority means `drop` has no targets and tries no routes.
    """
    group_by = _group_by(alert.teams, (), rules)
    if alert.drop:
        why = f"{alert.priority_origin} means drop: recorded, told nowhere"
        tried_word = Tried("priority_words", matched=True, why=why)
        return Routed(alert.teams, alert.priority, (), (tried_word,), group_by, drop=True)
    matching, tried = _matching(alert, source, rules.routes)
    teams, priority = _set(alert, matching, rules)
    targets: list[Target] = []
    for team in teams:
        facts = Facts(team, priority, source, team in rules.teams)
        found, missed = _targets(facts, _row(facts, matching, rules), rules)
        if rules.shadowed(team, source):
            found, missed = _shadow(facts, found, missed, rules)
        targets.extend(found)
        tried.extend(missed)
    unknown = tuple(team for team in teams if rules.teams and team not in rules.teams)
    group_by = _group_by(teams, matching, rules)
    return Routed(teams, priority, tuple(targets), tuple(tried), group_by, unknown_teams=unknown)


def target_at(rules: Rules, destination: str, team: str, priority: Priority, source: str) -> Target | str:
    """Return a destination's settings for a team as they are now, for an incident routed there earlier.

    The destination need not stand in the team's row any more: routing is fixed when an alert is absorbed. Where the
    destination is not declared, or has nowhere to go for this team, a sentence says so.
    """
    if destination == SHADOW:
        return stand_in(rules, team)
    declared = rules.destinations.get(destination)
    if declared is None:
        return "it is not declared"
    facts = Facts(team, priority, source, team in rules.teams)
    return _target(declared, rules.teams.get(team), facts, "routed earlier")


def _matching(alert: NormalAlert, source: str, routes: Sequence[RouteRules]) -> tuple[list[RouteRules], list[Tried]]:
    """Return the routes that apply, and each one that was looked at; the first match ends it unless it continues."""
    matching: list[RouteRules] = []
    tried: list[Tried] = []
    for number, rule in enumerate(routes, 1):
        failed = next((why for matcher in rule.matchers if (why := _missed(matcher, alert, source))), None)
        why = failed or ", ".join(str(matcher) for matcher in rule.matchers) or "it has no matchers: every alert"
        tried.append(Tried(_name(rule, number), failed is None, why))
        if failed is not None:
            continue
        matching.append(rule)
        if not rule.continues:
            break
    return matching, tried


def _name(rule: RouteRules, number: int = 0) -> str:
    """Name a route by its place in the file, else by its number."""
    return f"route {rule.where or number or 'without a place'}"


def _missed(matcher: Matcher, alert: NormalAlert, source: str) -> str | None:
    """Say why a matcher does not hold, in words; None where it does.

    Of several teams one suffices, but for `!=` and `!~` none may be the one named.
    """
    values = _values(matcher.name, alert, source)
    held = [matcher.holds(value, any_case=matcher.name in _ANY_CASE) for value in values]
    if all(held) if matcher.negative else any(held):
        return None
    shown = " and ".join(f'"{value[:_SHOWN]}"' for value in values if value) or "not set"
    beginning = f"{matcher.name} is {shown}"
    return {
        "=": f'{beginning}, not "{matcher.value}"',
        "!=": f'{beginning}, and must not be "{matcher.value}"',
        "=~": f'{beginning}, which does not match "{matcher.value}"',
        "!~": f'{beginning}, which matches "{matcher.value}"',
    }[matcher.op]


def _values(name: str, alert: NormalAlert, source: str) -> tuple[str, ...]:
    """Return what a matcher's name stands for: team, priority and source go before labels of that name."""
    if name == "team":
        return alert.teams
    if name == "priority":
        return (alert.priority,)
    return (source if name == "source" else alert.alert.labels.get(name, ""),)


def _set(alert: NormalAlert, matching: Sequence[RouteRules], rules: Rules) -> tuple[tuple[str, ...], Priority]:
    """Return teams and priority after the routes' `set`; the later wins."""
    teams, priority = alert.teams, alert.priority
    for rule in matching:
        if rule.set_teams:
            teams = tuple(dict.fromkeys(canonical_team(name, rules.teams) for name in rule.set_teams))
        priority = rule.set_priority or priority
    return teams, priority


def _group_by(teams: Sequence[str], matching: Sequence[RouteRules], rules: Rules) -> tuple[str, ...]:
    """Return the labels that make one incident: the routes' last say, else the first team's, else everybody's."""
    said = [rule.group_by for rule in matching if rule.group_by is not None]
    return said[-1] if said else rules.team_group_by.get(teams[0], rules.group_by)


@dataclass(slots=True)
class _Changes:
    """What routes' `send` come to: whole lists and additions add up, and the latest word on a name counts."""

    whole: dict[str, str] | None = None
    added: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)

    def take(self, send: Sending, why: str) -> None:
        """Take in one more route's `send`."""
        if send.names is not None:
            self.whole = {**(self.whole or {}), **dict.fromkeys(send.names, why)}
        self.added.update(dict.fromkeys(send.add, why))
        for name in (*(send.names or ()), *send.add):
            self.removed.pop(name, None)
        for name in send.remove:
            self.removed[name] = why
            self.added.pop(name, None)


def _row(facts: Facts, matching: Sequence[RouteRules], rules: Rules) -> Mapping[str, str]:
    """Return the destinations of a team at a priority, in order, each with the place that names it."""
    row = dict.fromkeys(rules.send.get(facts.priority, ()), f"send {facts.priority}")
    team = rules.teams.get(facts.team)
    if team and (own := team.send.get(facts.priority)):
        row = _applied(own, row, f"team {team.name}, send {facts.priority}")
    changes = _Changes()
    for rule in matching:
        if rule.send is not None:
            changes.take(rule.send, _name(rule))
    base = row if changes.whole is None else changes.whole
    return {name: why for name, why in {**base, **changes.added}.items() if name not in changes.removed}


def _applied(send: Sending, row: Mapping[str, str], why: str) -> dict[str, str]:
    """Apply a whole list, or additions and removals, to the row inherited so far."""
    base = dict(row) if send.names is None else dict.fromkeys(send.names, why)
    for name in send.add:
        base.setdefault(name, why)
    return {name: place for name, place in base.items() if name not in send.remove}


def _targets(facts: Facts, row: Mapping[str, str], rules: Rules) -> tuple[list[Target], list[Tried]]:
    """Return a team's targets, and why the other destinations are none."""
    targets: list[Target] = []
    missed: list[Tried] = []
    team = rules.teams.get(facts.team)
    for name, why in row.items():
        destination = rules.destinations.get(name)
        found = _target(destination, team, facts, why) if destination else f"{why} names it, but it is not declared"
        if isinstance(found, Target):
            targets.append(found)
        else:
            missed.append(Tried(f"destination {name}", matched=False, why=found))
    for name in rules.destinations:
        if name not in row:
            why = f"{facts.priority} of team {facts.team} does not send to it"
            missed.append(Tried(f"destination {name}", matched=False, why=why))
    return targets, missed


def _shadow(facts: Facts, found: list[Target], missed: list[Tried], rules: Rules) -> tuple[list[Target], list[Tried]]:
    """Return the one target that stands in a team's destinations' stead."""
    target = in_stead(facts, found, rules)
    if isinstance(target, Target):
        return [target], missed
    return [], [*missed, Tried(f"destination {SHADOW}", matched=False, why=target)]


def _target(destination: DestinationRules, team: TeamRules | None, facts: Facts, why: str) -> Target | str:
    """Return one target with its settings filled in, or why there is none."""
    settings = dict(destination.settings)
    inherited = dict.fromkeys(settings, f"destination {destination.name}")
    if team and (own := team.destinations.get(destination.name)):
        settings.update(own)
        inherited.update(dict.fromkeys(own, f"team {team.name}"))
    filled = fill(settings, inherited, facts)
    if filled.refused:
        return filled.refused
    reason = f"{why} ({filled.remark})" if filled.remark else why
    return Target(destination.name, destination.kind, facts.team, filled.settings, filled.origins, reason)
