"""A decision as one value, and what of it is kept with an incident: bounded, what matched before what did not."""

import json

from core_builders import normal, rules

from bridge.core.alert import Priority
from bridge.core.decision import LONGEST, MOST, decision, kept
from bridge.core.matchers import parse_matcher
from bridge.core.route import route
from bridge.core.rules import RouteRules


def decided(labels=None, annotations=None, **changes):
    alert = normal(labels, annotations)
    return decision(alert, route(alert, "grafana", rules(**changes)))


def test_it_says_who_had_the_last_word():
    up = RouteRules((), set_priority=Priority.P0, set_teams=("new",), where="bridge.yml:3")
    made = decided({}, {"Team": "inductor", "Priority": "P3"}, routes=(up,))
    assert (made.teams, made.priority) == (("new",), "P0")
    assert made.priority_from == "route bridge.yml:3, set; before that P3 from annotation Priority = 'P3'"
    assert made.team_from.startswith("route bridge.yml:3, set; before that broken-inductor from annotation Team")
    assert (made.team_origin.text, made.priority_origin.text) == ("inductor", "P3")
    assert [(one.destination, one.why.partition(";")[0]) for one in made.sent] == [
        ("slack", "send P0"),
        ("pagerduty", "send P0"),
        ("github", "send P0"),
    ]


def test_what_is_kept_of_an_ordinary_one_is_all_of_it():
    made = decided({}, {"Team": "inductor", "Priority": "P2"})
    found = kept(made)
    assert json.loads(json.dumps(found)) == found
    assert found["team_from"] == made.team_from
    assert found["missed"] == [
        {"destination": one.destination, "team": "broken-inductor", "why": "not in send P2", "kind": one.kind}
        for one in made.missed
    ]


def test_what_is_kept_is_bounded_and_holds_the_route_that_matched():
    routes = tuple(
        RouteRules((parse_matcher(f"x = {number}"),), set_priority=Priority.P0, where=f"bridge.yml:{number}")
        for number in range(500)
    )
    made = decided({"x": "300", "team": "y" * 3000}, {"Priority": "z" * 3000}, routes=routes)
    found = kept(made)
    assert len(found["tried"]) == MOST
    assert found["tried"][-1]["rule"] == "route bridge.yml:300"
    assert (found["tried_in_all"], found["untried_in_all"], len(found["untried"])) == (301, 199, MOST)
    assert all(len(text) <= LONGEST for text in (found["team_from"], found["priority_from"]))
    assert len(json.dumps(found)) < 20_000
