"""Run a configuration's own `tests:`: an alert goes the way it would go, and is compared with what is expected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.config.problem import Problem
from bridge.config.sources import usual
from bridge.config.words import listed
from bridge.core.alert import Alert, Group, Status, Value
from bridge.core.normalize import normalize
from bridge.core.route import route
from bridge.core.teams import canonical_team

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.config.loaded import Loaded
    from bridge.config.settings import Case, Test
    from bridge.core.routed import Routed
    from bridge.core.rules import Rules


def run_tests(loaded: Loaded) -> Iterator[Problem]:
    """Yield a problem for each expectation that doesn't hold."""
    rules = _live(loaded.rules)
    for case in loaded.settings.tests:
        routed = _routed(case.test, case.test.source or usual(loaded.settings.sources), rules)
        yield from _differences(case, routed, rules)


def _live(rules: Rules) -> Rules:
    """Return the rules with nobody in shadow mode: a test says where an alert belongs, then as now."""
    return replace(rules, mode="live", teams={name: replace(team, mode=None) for name, team in rules.teams.items()})


def _routed(test: Test, source: str, rules: Rules) -> Routed:
    told = test.alert
    alert = Alert(
        status=Status(told.status),
        fingerprint="test",
        labels=told.labels,
        annotations=told.annotations,
        values=tuple(Value(name, number) for name, number in told.values.items()),
    )
    normal = normalize(alert, Group(alerts=(alert,), shape="test"), rules.normalize, rules.teams)
    return route(normal, source, rules)


def _differences(case: Case, routed: Routed, rules: Rules) -> Iterator[Problem]:
    expect = case.test.expect
    file, _, line = case.where.rpartition(":")
    name = f"the test {case.test.name}" if case.test.name else "the test"

    def differs(what: str, wanted: Iterable[str], found: Iterable[str]) -> Problem:
        said = f"{name} expects {what} {_names(wanted)}, but it is {_names(found)}"
        return Problem(file, int(line), said, "mend the rules, or what the test expects")

    if expect.team is not None:
        wanted = [canonical_team(team, rules.teams) for team in expect.team]
        if sorted(wanted) != sorted(routed.teams):
            yield differs("team", wanted, routed.teams)
    if expect.priority is not None and (expect.priority != routed.priority or routed.drop):
        yield differs("priority", [expect.priority], ["drop" if routed.drop else routed.priority])
    if expect.send is not None:
        found = dict.fromkeys(target.destination for target in routed.targets)
        if set(expect.send) != set(found):
            yield differs("send", expect.send, found)


def _names(names: Iterable[str]) -> str:
    return listed(str(name) for name in names) or "nobody"
