"""From a normal alert to its targets: which destinations hear of it, for which team, and why not the others.

Team says where, priority says which destinations. Inheritance, later wins: destination, send table, team, team's send,
matching routes (docs: the contract's section on configuration).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.fill import Facts, fill, overlaid
from bridge.core.routed import Missed, Routed, Target, Tried
from bridge.core.row import row
from bridge.core.rules import SHADOW, Inherited
from bridge.core.shadow import in_stead, stand_in
from bridge.core.teams import canonical_team

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.core.alert import NormalAlert, Priority
    from bridge.core.matchers import Matcher
    from bridge.core.row import Row
    from bridge.core.rules import DestinationRules, RouteRules, Rules, TeamRules

_SHOWN = 100
_ANY_CASE = frozenset({"team", "priority"})
_BUT = {"=": "not", "!=": "and must not be", "=~": "which does not match", "!~": "which matches"}
_Named = tuple[str, "RouteRules"]


def route(alert: NormalAlert, source: str, rules: Rules) -> Routed:
    """Decide where an alert goes.

    Args:
        alert: The alert as normalised; matchers see it so, whatever an earlier route has set.
        source: The name of the source it came from.
        rules: The configuration.

    Returns:
        Teams and priority after the routes' `set`, a target for each team and destination, every rule tried, and why
        the other destinations are no targets. An alert whose priority means `drop` has no targets and tries no routes.
    """
    group_by = _group_by(alert.teams, (), rules)
    if alert.drop:
        why = f"{alert.priority_origin}: recorded, told nowhere"
        tried_word = Tried("priority_words", matched=True, why=why)
        return Routed(alert.teams, alert.priority, (), (tried_word,), group_by, drop=True)
    matching, tried = _matching(alert, source, rules.routes)
    teams, priority = _set(alert, matching, rules)
    targets: list[Target] = []
    missed: list[Missed] = []
    sends = [(name, rule.send) for name, rule in matching if rule.send is not None]
    for team in teams:
        facts = Facts(team, priority, source, team in rules.teams)
        found, others = _targets(facts, row(facts, sends, rules), rules)
        if rules.shadowed(team, source):
            found, others = _shadow(facts, found, others, rules)
        targets.extend(found)
        missed.extend(others)
    return Routed(
        teams,
        priority,
        tuple(targets),
        tuple(tried),
        _group_by(teams, matching, rules),
        unknown_teams=tuple(team for team in teams if rules.teams and team not in rules.teams),
        all_known=all(team in rules.teams for team in teams),
        missed=tuple(missed),
        untried=tuple(_name(rule, number) for number, rule in enumerate(rules.routes[len(tried) :], len(tried) + 1)),
        team_set=next((name for name, rule in reversed(matching) if rule.set_teams), None),
        priority_set=next((name for name, rule in reversed(matching) if rule.set_priority), None),
    )


class Router:
    """`route` for many alerts of a source: what no rule tells apart goes the same way, which is worked out once."""

    def __init__(self, source: str, rules: Rules) -> None:
        self._source = source
        self._rules = rules
        self._labels = sorted({matcher.name for rule in rules.routes for matcher in rule.matchers})
        self._known: dict[tuple[object, ...], Routed] = {}

    def route(self, alert: NormalAlert) -> Routed:
        """Decide where an alert goes; those that go the same way get the same value."""
        told_apart = [alert.alert.labels.get(name, "") for name in self._labels]
        key = (alert.teams, alert.priority, alert.drop and alert.priority_origin, *told_apart)
        if key not in self._known:
            self._known[key] = route(alert, self._source, self._rules)
        return self._known[key]


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


def _matching(alert: NormalAlert, source: str, routes: Sequence[RouteRules]) -> tuple[list[_Named], list[Tried]]:
    """Return the routes that apply, and each one that was looked at; the first match ends it unless it continues."""
    matching: list[_Named] = []
    tried: list[Tried] = []
    for number, rule in enumerate(routes, 1):
        name = _name(rule, number)
        failed = next((found for matcher in rule.matchers if (found := _failed(name, matcher, alert, source))), None)
        if failed is not None:
            tried.append(failed)
            continue
        why = ", ".join(str(matcher) for matcher in rule.matchers) or "it has no matchers: every alert"
        tried.append(Tried(name, matched=True, why=why))
        matching.append((name, rule))
        if not rule.continues:
            break
    return matching, tried


def _name(rule: RouteRules, number: int) -> str:
    """Name a route by its place in the file, else by its number."""
    return f"route {rule.where or number}"


def _failed(rule: str, matcher: Matcher, alert: NormalAlert, source: str) -> Tried | None:
    """Say why a matcher does not hold; None where it does.

    Of several teams one suffices, but for `!=` and `!~` none may be the one named.
    """
    values = _values(matcher.name, alert, source)
    held = [matcher.holds(value, any_case=matcher.name in _ANY_CASE) for value in values]
    if all(held) if matcher.negative else any(held):
        return None
    said = [value[:_SHOWN] for value in values if value]
    shown = " and ".join(f'"{value}"' for value in said) or "not set"
    why = f'{matcher.name} is {shown}, {_BUT[matcher.op]} "{matcher.value}"'
    return Tried(rule, matched=False, why=why, matcher=str(matcher), value=", ".join(said))


def _values(name: str, alert: NormalAlert, source: str) -> tuple[str, ...]:
    """Return what a matcher's name stands for: team, priority and source go before labels of that name."""
    if name == "team":
        return alert.teams
    if name == "priority":
        return (alert.priority,)
    return (source if name == "source" else alert.alert.labels.get(name, ""),)


def _set(alert: NormalAlert, matching: Sequence[_Named], rules: Rules) -> tuple[tuple[str, ...], Priority]:
    """Return teams and priority after the routes' `set`; the later wins."""
    teams, priority = alert.teams, alert.priority
    for _, rule in matching:
        if rule.set_teams:
            teams = tuple(dict.fromkeys(canonical_team(name, rules.teams) for name in rule.set_teams))
        priority = rule.set_priority or priority
    return teams, priority


def _group_by(teams: Sequence[str], matching: Sequence[_Named], rules: Rules) -> tuple[str, ...]:
    """Return the labels that make one incident: the routes' last say, else the first team's, else everybody's."""
    said = [rule.group_by for _, rule in matching if rule.group_by is not None]
    return said[-1] if said else rules.team_group_by.get(teams[0], rules.group_by)


def _targets(facts: Facts, to: Row, rules: Rules) -> tuple[list[Target], list[Missed]]:
    """Return a team's targets, and why the other destinations are none."""
    targets: list[Target] = []
    missed: list[Missed] = []
    team = rules.teams.get(facts.team)
    for name, place in to.names.items():
        destination = rules.destinations.get(name)
        why = str(place)
        found = _target(destination, team, facts, why) if destination else f"{why} names it, but it is not declared"
        if isinstance(found, Target):
            targets.append(found)
        else:
            missed.append(_missed(name, facts, found, rules))
    return targets, [*missed, *(_missed(name, facts, why, rules) for name, why in to.left_out.items())]


def _missed(name: str, facts: Facts, why: str, rules: Rules) -> Missed:
    return Missed(name, facts.team, why, rules.destinations[name].kind if name in rules.destinations else "")


def _shadow(facts: Facts, found: list[Target], missed: list[Missed], rules: Rules) -> tuple[list[Target], list[Missed]]:
    """Return the one target that stands in a team's destinations' stead."""
    target = in_stead(facts, found, rules)
    if isinstance(target, Target):
        return [target], missed
    return [], [*missed, Missed(SHADOW, facts.team, target)]


def _target(destination: DestinationRules, team: TeamRules | None, facts: Facts, why: str) -> Target | str:
    """Return one target with its settings filled in, or why there is none."""
    settings = destination.settings
    by, places = f"destination {destination.name}", destination.places
    inherited = {name: Inherited(by, places.get(name, "")) for name in settings}
    if team and (own := team.destinations.get(destination.name)):
        settings = overlaid(settings, own)
        by = f"team {team.name}"
        inherited |= {name: Inherited(by, team.places.get((destination.name, name), "")) for name in own}
    filled = fill(settings, inherited, facts)
    if filled.refused:
        return filled.refused
    reason = f"{why}; {filled.remark}" if filled.remark else why
    return Target(destination.name, destination.kind, facts.team, filled.settings, filled.origins, reason)
