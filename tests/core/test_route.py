from dataclasses import replace

import pytest
from core_builders import DESTINATIONS, NORMALIZING, normal, rules
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.alert import Priority
from bridge.core.matchers import parse_matcher
from bridge.core.route import Router, route, target_at
from bridge.core.rules import DestinationRules, RouteRules, Sending, TeamRules


def exception(*matchers, **changes):
    return RouteRules(tuple(parse_matcher(text) for text in matchers), **changes)


def routed(labels=None, annotations=None, source="grafana", **changes):
    return route(normal(labels, annotations), source, rules(**changes))


def sent(result):
    return [target.destination for target in result.targets]


@pytest.mark.parametrize(
    ("team", "priority", "expected"),
    [
        ("broken-inductor", "P0", ["slack", "pagerduty", "github", "leads"]),
        ("broken-inductor", "P1", ["slack", "pagerduty"]),
        ("broken-inductor", "P2", ["slack", "github"]),
        ("broken-inductor", "P3", ["slack", "github"]),
        ("dev-infra", "P0", ["slack", "github"]),
        ("dev-infra", "P1", ["slack", "pagerduty"]),
        ("dev-infra", "P2", ["slack", "github"]),
        ("dev-infra", "P3", ["slack"]),
        ("somebody", "P0", ["slack", "pagerduty", "github"]),
        ("somebody", "P1", ["slack", "pagerduty"]),
        ("somebody", "P2", ["slack", "github"]),
        ("somebody", "P3", ["slack"]),
        (None, "P0", ["slack", "pagerduty", "github"]),
        (None, "P1", ["slack", "pagerduty"]),
        (None, "P2", ["slack", "github"]),
        (None, "P3", ["slack"]),
    ],
)
def test_cells_of_the_send_table(team, priority, expected):
    result = routed({}, {"Priority": priority, **({"Team": team} if team else {})})
    assert sent(result) == expected
    assert {target.team for target in result.targets} == {{"dev-infra": "Dev-Infra", None: "unrouted"}.get(team, team)}
    assert {missed.destination for missed in result.missed} == DESTINATIONS.keys() - set(expected)


def test_why_names_the_place_that_sends():
    result = routed({}, {"Priority": "P0", "Team": "inductor"})
    assert {target.destination: target.why for target in result.targets} == {
        "slack": "send P0",
        "pagerduty": "send P0",
        "github": "send P0",
        "leads": "team broken-inductor, send P0",
    }


def test_a_matcher_that_failed_is_told_with_the_value_that_it_met():
    tried = routed({"x": "2"}, routes=(exception("y != 1", 'x = "1"'),)).tried[0]
    assert (tried.matcher, tried.value) == ('x = "1"', "2")


@pytest.mark.parametrize(
    ("said", "sends", "expected"),
    [
        (
            {"Team": "x", "Priority": "P2"},
            (),
            {"pagerduty": "not in send P2 (bridge.yml:7)", "leads": "not in send P2 (bridge.yml:7)"},
        ),
        ({"Team": "x", "Priority": "P0"}, (), {"leads": "not in send P0"}),
        (
            {"Team": "dev-infra", "Priority": "P0"},
            (),
            {"leads": "not in send P0", "pagerduty": "taken out by team Dev-Infra, send P0"},
        ),
        (
            {"Team": "inductor", "Priority": "P3"},
            (),
            {
                "pagerduty": "not in team broken-inductor, send P3",
                "leads": "not in team broken-inductor, send P3",
            },
        ),
        (
            {"Team": "x", "Priority": "P1"},
            (Sending(names=("slack",)), Sending(add=("leads",))),
            {"pagerduty": "not in the send of route 1", "github": "not in the send of route 1"},
        ),
        (
            {"Team": "x", "Priority": "P1"},
            (Sending(remove=("pagerduty",)),),
            {"pagerduty": "taken out by route 1", "github": "not in send P1", "leads": "not in send P1"},
        ),
    ],
)
def test_why_the_others_are_not_told(said, sends, expected):
    routes = tuple(exception(send=send, continues=True) for send in sends)
    result = routed({}, said, routes=routes, send_places={Priority.P2: "bridge.yml:7"})
    assert {missed.destination: missed.why for missed in result.missed} == expected


def test_settings_of_a_configured_team():
    slack, github = routed({}, {"Priority": "P2", "Team": "inductor"}).targets
    assert slack.settings == {
        "token": "${env:SLACK_BOT_TOKEN}",
        "channel": "#broken-inductor",
        "fallback_channel": "#alerts",
        "mention": {"P0": "@broken-inductor-oncall"},
    }
    assert {name: str(one) for name, one in slack.inherited.items()} == {
        "token": "destination slack",
        "channel": "team broken-inductor",
        "fallback_channel": "destination slack",
        "mention": "destination slack",
    }
    assert github.settings == {"repo": "pytorch/pytorch", "labels": ["oncall: pt2"]}
    assert (slack.kind, github.kind, slack.team) == ("slack", "github", "broken-inductor")


def test_a_route_that_takes_all_away_counts_for_nothing_and_that_is_said():
    (target,) = routed(
        {}, {"Team": "x", "Priority": "P3"}, routes=(exception(send=Sending(remove=("slack",))),)
    ).targets
    assert target.why.startswith("send P3, though taken out by route 1, for nobody else is left")


def test_settings_within_a_setting_are_inherited_each():
    """Of a map a team changes what it names, and the rest stays."""
    declared = {"severity": {"P1": "critical"}, "mention": {"P0": "@a", "P1": "@b"}, "labels": ["one"]}
    own = {"severity": {"P0": "warning"}, "mention": {"P1": "@c"}, "labels": ["two"]}
    destinations = {"slack": DestinationRules("slack", "slack", declared)}
    teams = {"t": TeamRules("t", destinations={"slack": own})}
    (target,) = routed({}, {"Team": "t", "Priority": "P3"}, destinations=destinations, teams=teams).targets
    assert target.settings == {
        "severity": {"P1": "critical", "P0": "warning"},
        "mention": {"P0": "@a", "P1": "@c"},
        "labels": ["two"],
    }


def test_settings_of_a_team_that_is_not_configured():
    slack, github = routed({}, {"Priority": "P2", "Team": "Some {priority} team " + "x" * 90}).targets
    assert slack.settings == {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts", "fallback_channel": "#alerts"}
    assert str(slack.inherited["channel"]) == "destination slack, fallback_channel"
    assert "is not configured: fallback_channel" in slack.why
    assert github.settings["labels"] == [
        "Pri:P2",
        "Team:some {priority} team xxxxxxxxxxxxxxxxxxxxxxxx",
        "Source:grafana",
    ]
    assert len(github.settings["labels"][1]) == 50


def with_settings(**settings):
    return {"only": DestinationRules("only", "slack", settings)}


@pytest.mark.parametrize(
    ("settings", "team", "expected"),
    [
        ({"channel": "#{team}-{priority}-{source}"}, "dev-infra", {"channel": "#Dev-Infra-P0-grafana"}),
        ({"channel": "#{team}"}, "other", {}),
        ({"channel": "#{team}", "fallback_channel": "#{team}-x"}, "other", {}),
        ({"channel": "#x-{priority}"}, "other", {"channel": "#x-P0"}),
        ({"channel": "#{unknown} {team!r} {0}"}, "dev-infra", {"channel": "#{unknown} {team!r} {0}"}),
        ({"channel": "#x", "mention": "@{team}"}, "dev-infra", {"channel": "#x", "mention": "@Dev-Infra"}),
        ({"channel": "#x", "mention": "@{team}"}, "other", {"channel": "#x"}),
        ({"channel": "#x", "mention": "<!here>"}, "other", {"channel": "#x", "mention": "<!here>"}),
        (
            {"channel": "#x", "mention": {"P0": "<!here>", "P1": ["@{team}"]}},
            "other",
            {"channel": "#x", "mention": {"P0": "<!here>"}},
        ),
        (
            {"channel": "#{team}", "fallback_channel": "#f", "mention": {"P0": "<!here>"}},
            "other",
            {"channel": "#f", "fallback_channel": "#f"},
        ),
        ({"mention": {"P1": "@{team}-{priority}"}}, "dev-infra", {"mention": {"P1": "@Dev-Infra-P1"}}),
        ({"token": "${file:/run/{team}.key}"}, "dev-infra", {"token": "${file:/run/Dev-Infra.key}"}),
        ({"routing_key": ["${file:/run/{team}}"]}, "dev-infra", {"routing_key": ["${file:/run/Dev-Infra}"]}),
        (
            {"token": "${env:{team}}", "template": "{team}"},
            "dev-infra",
            {"token": "${env:{team}}", "template": "{team}"},
        ),
        ({"labels": "Team:{team}"}, "other", {"labels": "Team:other"}),
        ({"labels": None, "mention": None, "rate": 2}, "other", {"labels": None, "mention": None, "rate": 2}),
        ({"app": {"private_key": "${file:/{team}}"}}, "dev-infra", {"app": {"private_key": "${file:/Dev-Infra}"}}),
        ({"mention": ["@{team}", "<!here>"]}, "dev-infra", {"mention": ["@Dev-Infra", "<!here>"]}),
        ({"mention": {"P0": ["@{priority}"], "P1": None}}, "dev-infra", {"mention": {"P0": ["@P0"], "P1": None}}),
    ],
)
def test_placeholders(settings, team, expected):
    result = routed(
        {},
        {"Priority": "P0", "Team": team},
        destinations=with_settings(**settings),
        send={Priority.P0: ("only",)},
        teams={"Dev-Infra": TeamRules("Dev-Infra")},
    )
    assert result.targets[0].settings == expected
    assert set(result.targets[0].inherited) == set(expected)


def test_a_channel_without_fallback_is_told():
    result = routed({}, {"Team": "other"}, destinations=with_settings(channel="#{team}"), send={Priority.P2: ("only",)})
    assert "no channel, for there is no fallback_channel" in result.targets[0].why


@pytest.mark.parametrize(
    "settings", [{"repo": "acme/{team}"}, {"token": "${file:/run/{team}}"}, {"app": {"private_key": "${file:{team}}"}}]
)
def test_a_place_that_needs_a_configured_team_is_left_out(settings):
    result = routed({}, {"Team": "other"}, destinations=with_settings(**settings), send={Priority.P2: ("only",)})
    assert result.targets == ()
    assert (result.missed[0].destination, result.missed[0].team) == ("only", "other")
    assert "needs a configured team, and 'other' is none" in result.missed[0].why


def test_a_destination_that_is_not_declared_is_left_out():
    result = routed(send={Priority.P2: ("slack", "nowhere")})
    assert sent(result) == ["slack"]
    assert "not declared" in next(missed.why for missed in result.missed if missed.destination == "nowhere")


def test_several_teams_have_targets_each():
    result = routed({}, {"Priority": "P3", "Teams": "inductor, somebody"})
    assert [(target.team, target.destination) for target in result.targets] == [
        ("broken-inductor", "slack"),
        ("broken-inductor", "github"),
        ("somebody", "slack"),
    ]


def test_dropped():
    result = routed({"severity": "none"}, routes=(exception(set_priority=Priority.P0),))
    assert (result.drop, result.targets) == (True, ())
    assert result.tried[0].why == "label severity = 'none' (the word none means drop): recorded, told nowhere"


STAGING = exception(
    'grafana_folder = "staging"', set_priority=Priority.P3, send=Sending(names=("github",)), where="bridge.yml:9"
)


def test_a_route_sets_and_replaces_the_row():
    result = routed({"grafana_folder": "staging"}, {"Priority": "P0", "Team": "inductor"}, routes=(STAGING,))
    assert (result.priority, sent(result)) == (Priority.P3, ["github"])
    assert result.targets[0].why == "route bridge.yml:9"
    assert (result.tried[0].rule, result.tried[0].matched) == ("route bridge.yml:9", True)
    assert result.tried[0].why == 'grafana_folder = "staging"'


def test_set_comes_before_the_row_is_read():
    up = exception(set_priority=Priority.P0, set_teams=("INDUCTOR", "new"))
    result = routed({}, {"Priority": "P3", "Team": "x"}, routes=(up,))
    assert result.teams == ("broken-inductor", "new")
    assert [target.destination for target in result.targets if target.team == "broken-inductor"] == [
        "slack",
        "pagerduty",
        "github",
        "leads",
    ]


@pytest.mark.parametrize(
    ("matchers", "labels", "teams", "why"),
    [
        (['grafana_folder = "staging"'], {"grafana_folder": "prod"}, "a", 'grafana_folder is "prod", not "staging"'),
        (['grafana_folder = "staging"'], {}, "a", 'grafana_folder is not set, not "staging"'),
        (["x = 1", "y = 2"], {"x": "1", "y": "3"}, "a", 'y is "3", not "2"'),
        (['x != "1"'], {"x": "1"}, "a", 'x is "1", and must not be "1"'),
        (['x =~ "1.*"'], {"x": "2"}, "a", 'x is "2", which does not match "1.*"'),
        (['x !~ "1.*"'], {"x": "12"}, "a", 'x is "12", which matches "1.*"'),
        (["team = a"], {}, "a,b", None),
        (["team = B"], {}, "a,b", None),
        (["team = c"], {}, "a,b", 'team is "a" and "b", not "c"'),
        (["team != b"], {}, "a,b", 'team is "a" and "b", and must not be "b"'),
        (["team !~ c.*"], {}, "a,b", None),
        (['team =~ "broken-.*"'], {}, "Inductor", None),
        (["priority = p2"], {}, "a", None),
        (["priority = P1"], {}, "a", 'priority is "P2", not "P1"'),
        (["source = grafana"], {"source": "label"}, "a", None),
        (["source = other"], {}, "a", 'source is "grafana", not "other"'),
        ([], {}, "a", None),
    ],
)
def test_matchers_and_why_not(matchers, labels, teams, why):
    result = routed(labels, {"Teams": teams}, routes=(exception(*matchers, send=Sending(names=("leads",))),))
    tried = result.tried[0]
    assert tried.rule == "route 1"
    assert tried.matched is (why is None)
    assert (tried.matcher is None) is (why is None)
    if why:
        assert tried.why == why
        assert "leads" not in sent(result)
    else:
        assert set(sent(result)) == {"leads"}


def test_the_first_match_wins_unless_it_continues():
    first = exception(set_priority=Priority.P0, send=Sending(names=("slack",)))
    second = exception(set_priority=Priority.P1, send=Sending(names=("leads",)))
    assert sent(routed(routes=(first, second))) == ["slack"]
    assert [tried.rule for tried in routed(routes=(first, second)).tried if "route" in tried.rule] == ["route 1"]
    only = routed(routes=(first, second))
    assert (only.untried, only.priority_set, only.team_set) == (("route 2",), "route 1", None)
    both = routed(routes=(replace(first, continues=True), second))
    assert (both.untried, both.priority_set) == ((), "route 2")
    assert (both.priority, sent(both)) == (Priority.P1, ["slack", "leads"])


def test_matchers_see_the_alert_as_normalised_not_as_set():
    first = exception(set_priority=Priority.P0, continues=True)
    result = routed(routes=(first, exception("priority = P0", set_teams=("x",))))
    assert (result.priority, result.teams) == (Priority.P0, ("unrouted",))


@pytest.mark.parametrize(
    ("sends", "expected"),
    [
        ([Sending(add=("leads",))], ["slack", "github", "leads"]),
        ([Sending(remove=("slack",))], ["github"]),
        ([Sending(remove=("slack", "github"))], ["slack", "github"]),
        ([Sending(names=("slack",)), Sending(remove=("slack",))], ["slack"]),
        ([Sending(names=())], []),
        ([Sending(add=("leads",)), Sending(names=("pagerduty",))], ["pagerduty", "leads"]),
        ([Sending(names=("pagerduty",)), Sending(names=("leads",))], ["pagerduty", "leads"]),
        ([Sending(names=("pagerduty",)), Sending(remove=("pagerduty",), add=("leads",))], ["leads"]),
        ([Sending(remove=("slack",)), Sending(add=("slack",))], ["slack", "github"]),
        ([Sending(add=("leads",)), Sending(remove=("leads",))], ["slack", "github"]),
    ],
)
def test_sends_of_routes_add_up(sends, expected):
    assert sent(routed(routes=tuple(exception(send=send, continues=True) for send in sends))) == expected


def test_group_by():
    team_group_by = {"broken-inductor": ("team_label",)}
    plain = routed({}, {"Team": "x"}, team_group_by=team_group_by)
    own = routed({}, {"Team": "inductor, x"}, team_group_by=team_group_by)
    by_route = routed({}, {"Team": "inductor"}, team_group_by=team_group_by, routes=(exception(group_by=("a",)),))
    assert plain.group_by == ("alertname", "grafana_folder")
    assert own.group_by == ("team_label",)
    assert by_route.group_by == ("a",)


def test_the_default_team_goes_to_the_default_destinations_when_configured_too():
    normalizing = replace(NORMALIZING, default_team="dev-infra")
    result = route(normal(normalizing=normalizing), "grafana", rules(normalize=normalizing))
    assert result.targets[0].settings["channel"] == "#Dev-Infra-alerts"


def test_settings_of_today_for_an_incident_routed_earlier():
    leads = target_at(rules(), "leads", "somebody", Priority.P3, "grafana")
    assert (leads.settings["channel"], leads.team) == ("#leads", "somebody")
    assert target_at(rules(), "gone", "somebody", Priority.P3, "grafana") == "it is not declared"


CHOICES = {
    "Team": ("inductor", "broken-inductor", "dev-infra", "somebody", "inductor, dev-infra"),
    "severity": ("critical", "info", "none", "None", "no word"),
    "env": ("prod", "test", "PROD"),
    "pod": ("a", "b"),
}
EXCEPTIONS = (
    exception('env="test"', send=Sending(names=("slack",)), continues=True),
    exception('env=~"(?i)prod"', 'team="inductor"', set_priority=Priority.P0, group_by=("pod",)),
    exception('priority="P0"', set_teams=("dev-infra",), continues=True),
    exception('source="grafana"', 'team!="somebody"', send=Sending(add=("leads",))),
)


@given(st.lists(st.fixed_dictionaries({}, optional={name: st.sampled_from(all_) for name, all_ in CHOICES.items()})))
def test_what_goes_the_same_way_goes_as_each_would_alone(labels):
    for routes in ((), EXCEPTIONS):
        there = rules(routes=routes)
        router, known = Router("grafana", there), {}
        for one in labels:
            alert = normal(one)
            found = router.route(alert)
            assert found == route(alert, "grafana", there)
            alike = tuple((name, one.get(name)) for name in CHOICES if name != "pod")
            assert known.setdefault(alike, found) is found
