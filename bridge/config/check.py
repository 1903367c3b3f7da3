"""What `bridge check` finds beyond loading: missing secrets, tests that fail, what is odd, who is in shadow mode."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from bridge.config.load import load
from bridge.config.missing import missing_secrets
from bridge.config.paces import uneven
from bridge.config.problem import ConfigError, Level, Problem
from bridge.config.table import DEFAULT_KINDS, team_rows
from bridge.config.trial import run_tests
from bridge.config.validate import at
from bridge.config.words import listed
from bridge.core.alert import Priority
from bridge.core.fill import Facts
from bridge.core.row import row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bridge.config.loaded import Loaded
    from bridge.config.problem import Keys
    from bridge.core.rules import RouteRules, Rules


def check(path: str | Path, env: Mapping[str, str]) -> list[Problem]:
    """Return all that is to say about a configuration; it can be used where no entry is an error."""
    try:
        loaded = load(path, env)
    except ConfigError as error:
        return list(error.problems)
    return [*loaded.warnings, *run_tests(loaded), *_warnings(loaded, env), *_notes(loaded)]


def failed(problems: list[Problem]) -> bool:
    """Say whether a check has failed: warnings and notes don't count."""
    return any(problem.level is Level.ERROR for problem in problems)


def _warnings(loaded: Loaded, env: Mapping[str, str]) -> Iterator[Problem]:
    yield from (replace(missing, level=Level.WARNING) for missing in missing_secrets(loaded, env))
    yield from _no_pager(loaded)
    yield from _moved_rows(loaded)
    yield from _teams_without_own(loaded)
    yield from _open_sources(loaded, env)
    yield from _keyless_pagers(loaded)
    yield from _unreachable(loaded.rules.routes)
    yield from _emptied(loaded.rules)
    yield from _uneven(loaded)


def _notes(loaded: Loaded) -> Iterator[Problem]:
    """Say who is in shadow mode: nobody should believe to be paged who is not."""
    shadow = loaded.rules.shadow
    for document in loaded.documents:
        ways: list[Keys] = [("mode",), *(("teams", name, "mode") for name in loaded.rules.teams)]
        for keys in ways:
            said = at(document.data, keys)
            if shadow and isinstance(said, str) and said.strip().lower() == "shadow":
                what = f"is shadow: told in {shadow.channel} only, paging nobody"
                yield document.problem(keys, what, level=Level.NOTE)


def _warning(where: str, what: str, mend: str) -> Problem:
    file, _, line = where.rpartition(":")
    return Problem(file, int(line), what, mend, Level.WARNING)


def _no_pager(loaded: Loaded) -> Iterator[Problem]:
    row = loaded.rules.send[Priority.P0]
    if all(loaded.rules.destinations[name].kind != "pagerduty" for name in row):
        main = loaded.documents[0]
        keys = ("send", "P0") if ("send",) in main.places else ("destinations",)
        yield _warning(main.where(keys), "P0 pages nobody", "declare a pagerduty destination, and send P0 to it")


def _moved_rows(loaded: Loaded) -> Iterator[Problem]:
    """Report priorities that nobody is told of by default, and so go where the next more urgent one does."""
    if ("send",) in loaded.documents[0].places:
        return
    kinds = {destination.kind for destination in loaded.rules.destinations.values()}
    for level, usual in DEFAULT_KINDS.items():
        if not kinds & set(usual):
            what = f"no destination takes {level} by default, so it goes to {listed(loaded.rules.send[level])}"
            yield _warning(loaded.documents[0].where(("destinations",)), what, f"write send: {{{level}: [...]}}")


def _teams_without_own(loaded: Loaded) -> Iterator[Problem]:
    """Report teams with no destination of their own: their alerts go where everybody's go."""
    for team in loaded.rules.teams.values():
        names = {name for row in team_rows(team, loaded.rules.send).values() for name in row}
        filled = any("{team}" in str(loaded.rules.destinations[name].settings) for name in names)
        if not team.destinations and not team.send and not filled:
            what = f"the team {team.name} has no destination of its own"
            yield _warning(team.where, what, "add destinations or send to it, or leave the team out")


def _open_sources(loaded: Loaded, env: Mapping[str, str]) -> Iterator[Problem]:
    if env.get("BRIDGE_WEBHOOK_TOKEN"):
        return
    for name, source in loaded.settings.sources.items():
        if source.auth is None:
            where = loaded.documents[0].where(("sources", name))
            what = f"the source {name} has no auth, and BRIDGE_WEBHOOK_TOKEN isn't set: only this machine may post"
            yield _warning(where, what, "add auth, set BRIDGE_WEBHOOK_TOKEN, or say auth: none")


def _keyless_pagers(loaded: Loaded) -> Iterator[Problem]:
    for name, destination in loaded.rules.destinations.items():
        used = any(name in row for row in loaded.rules.send.values())
        if used and destination.kind == "pagerduty" and "routing_key" not in destination.settings:
            what = f"{name} has no routing_key of its own: alerts of teams that aren't configured page nobody"
            yield _warning(destination.where, what, "add one that stands for the rest")


def _unreachable(routes: tuple[RouteRules, ...]) -> Iterator[Problem]:
    """Report routes behind one without `continue` that matches all that they match."""
    for index, route in enumerate(routes):
        for earlier in routes[:index]:
            if not earlier.continues and set(earlier.matchers) <= set(route.matchers):
                what = f"this route is never reached: the one at {earlier.where} matches all that it matches"
                yield _warning(route.where, what, "put it first, or add continue: true to the other")
                break


def _emptied(rules: Rules) -> Iterator[Problem]:
    """Report routes that take away all that somebody is told at a priority: there their word counts for nothing."""
    for route in rules.routes:
        send = route.send
        if send is None or send.names is not None or send.add:
            continue
        teams = route.set_teams or tuple(
            name for name in rules.teams or (rules.normalize.default_team,) if _meant(route, "team", name)
        )
        levels = [level for level in Priority if _meant(route, "priority", level)]
        for team, level in product(teams, [route.set_priority] if route.set_priority else levels):
            if {*row(Facts(team, level, "", team in rules.teams), (), rules).names} <= {*send.remove}:
                what = f"this route takes away all that {level} of team {team} is told, where it counts for nothing"
                mend = "name who is told instead; to tell nobody, map the priority's word to drop"
                yield _warning(route.where, what, mend)
                break


def _meant(route: RouteRules, name: str, value: str) -> bool:
    """Say whether a route's matchers may hold for a team or a priority."""
    return all(matcher.holds(value, any_case=True) for matcher in route.matchers if matcher.name == name)


def _uneven(loaded: Loaded) -> Iterator[Problem]:
    """Report names that lead to one place with different rates: what is urgent would wait as long as the rest."""
    for one in uneven(loaded):
        first, second = (f"{target.destination} of team {target.team}" for target in (one.first, one.second))
        what = (
            f"{first} and {second} both lead to {one.place}, with different rates: the slower one's keeps both waiting"
        )
        yield _warning(one.where, what, "give them the same rate")
