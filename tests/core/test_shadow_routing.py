"""What shadow mode puts in the stead of a team's destinations."""

from __future__ import annotations

from dataclasses import replace

from core_builders import DESTINATIONS, TEAMS, normal, rules

from bridge.core.alert import Priority
from bridge.core.route import route, target_at
from bridge.core.rules import OWN, SHADOW, DestinationRules, ShadowRules, TeamRules
from bridge.core.shadow import Would

PLACE = ShadowRules("slack", "#bridge-shadow", "bridge.yml:9")


def routed(team="inductor", priority="P0", source="grafana", **changes):
    said = normal({}, {"Teams": team, "Priority": priority})
    return route(said, source, rules(**{"mode": "shadow", "shadow": PLACE, **changes}))


def test_one_target_stands_for_all_of_them_and_says_what_would_have_happened():
    (target,) = routed().targets
    assert (target.destination, target.kind, target.team) == (SHADOW, "slack", "broken-inductor")
    assert target.settings == {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#bridge-shadow"}
    assert {name: one.by for name, one in target.inherited.items()} == {
        "token": "destination slack",
        "channel": "shadow",
    }
    assert target.would == Would(
        ("broken-inductor",),
        ("#broken-inductor", "PagerDuty", "GitHub pytorch/pytorch", "#leads"),
        ("@broken-inductor-oncall",),
    )
    assert [one.destination for one in target.in_stead_of] == ["slack", "pagerduty", "github", "leads"]
    assert target.why == "shadow mode, in the stead of #broken-inductor, PagerDuty, GitHub pytorch/pytorch, #leads"


def test_a_service_is_named_by_whose_key_it_is():
    own = replace(TEAMS["Dev-Infra"], send={}, destinations={"pagerduty": {"routing_key": "${env:DEV}"}})
    second = DestinationRules("night", "pagerduty", {"routing_key": "${env:NIGHT}"})
    (target,) = routed(
        "dev-infra",
        teams={"Dev-Infra": own},
        destinations={**DESTINATIONS, "night": second},
        send={Priority.P0: ("pagerduty", "night")},
    ).targets
    assert target.would
    assert target.would.places == ("PagerDuty Dev-Infra", "PagerDuty night")


def test_what_slack_would_make_a_mention_of_is_named_in_words():
    said = ["<!here>", "<@U123>", "<!subteam^S9>", "@a"]
    slack = replace(DESTINATIONS["slack"], settings={"token": "t", "channel": "#x", "mention": said})
    (target,) = routed("nobody", destinations={"slack": slack}, send={Priority.P0: ("slack",)}).targets
    assert target.would
    assert target.would.mentions == ("@here", "the user U123", "the user group S9", "@a")


def test_a_team_may_be_in_it_alone_or_be_the_one_that_is_live():
    shadow = {**TEAMS, "Dev-Infra": replace(TEAMS["Dev-Infra"], mode="shadow")}
    live = {**TEAMS, "Dev-Infra": replace(TEAMS["Dev-Infra"], mode="live")}
    both = "inductor, dev-infra"
    assert [(one.team, one.destination) for one in routed(both, "P3", mode="live", teams=shadow).targets] == [
        ("broken-inductor", "slack"),
        ("broken-inductor", "github"),
        ("Dev-Infra", SHADOW),
    ]
    assert [(one.team, one.destination) for one in routed(both, "P3", teams=live).targets] == [
        ("broken-inductor", SHADOW),
        ("Dev-Infra", "slack"),
    ]


def test_the_bridges_own_trouble_is_never_in_it():
    assert SHADOW not in {one.destination for one in routed(source=OWN).targets}


def test_what_would_be_told_nowhere_is_told_too():
    keyed = DestinationRules("github", "github", {"repo": "acme/{team}", "token": "t"})
    (target,) = routed(
        "nobody", destinations={**DESTINATIONS, "github": keyed}, send={Priority.P0: ("github",)}
    ).targets
    assert target.would == Would(("nobody",))


def test_a_word_that_means_drop_is_told_nowhere():
    assert routed(priority="none").targets == ()


def test_the_template_and_replies_of_the_team_are_those_of_its_messages():
    own = TeamRules("a", destinations={"slack": {"template": "a.j2", "replies": {"state": False}, "token": "other"}})
    (target,) = routed("a", teams={"a": own}).targets
    assert target.settings == {
        "token": "${env:SLACK_BOT_TOKEN}",
        "channel": "#bridge-shadow",
        "template": "a.j2",
        "replies": {"state": False},
    }


def test_what_was_begun_can_be_told_to_its_end_without_the_key():
    gone = rules(shadow=ShadowRules("slack"))
    found = target_at(gone, SHADOW, "inductor", Priority.P0, "grafana")
    assert not isinstance(found, str)
    assert found.settings["token"] == "${env:SLACK_BOT_TOKEN}"
    assert isinstance(target_at(rules(), SHADOW, "inductor", Priority.P0, "grafana"), str)


def test_it_is_stored_and_joined():
    one, other = Would(("a",), ("#a", "PagerDuty a"), ("@a",)), Would(("b",), ("#b", "#a"), ())
    both = Would(("a", "b"), ("#a", "PagerDuty a", "#b"), ("@a",))
    assert one.joined(other) == both
    assert Would.from_json(both.as_json()) == both
    assert Would.from_json({}) == Would(())
