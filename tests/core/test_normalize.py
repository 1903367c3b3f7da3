import json
from dataclasses import replace

import pytest
from core_builders import NORMALIZING, TEAMS, WORDS, normal, told
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.alert import Priority
from bridge.core.normalize import MOST_TEAMS, Normalizer, normalize, read_priority
from bridge.core.payload import parse
from bridge.core.rules import FieldName, TeamRules
from bridge.core.teams import LONGEST_TEAM, canonical_team


@pytest.mark.parametrize(
    ("labels", "annotations", "teams", "origin"),
    [
        ({}, {"Team": "broken-inductor"}, ("broken-inductor",), "annotation Team = 'broken-inductor'"),
        ({"team": "x"}, {"TEAM": "BROKEN-Inductor "}, ("broken-inductor",), "annotation TEAM = 'BROKEN-Inductor '"),
        (
            {"team": "Inductor"},
            {},
            ("broken-inductor",),
            "label team = 'Inductor' (Inductor is an alias of broken-inductor)",
        ),
        (
            {},
            {"Team": "OnCall: PT2"},
            ("broken-inductor",),
            "annotation Team = 'OnCall: PT2' (OnCall: PT2 is an alias of broken-inductor)",
        ),
        ({"teams": "a"}, {"team": "b"}, ("a",), "label teams = 'a' (a is no configured team)"),
        ({}, {"Teams": "b, a, b"}, ("b", "a"), None),
        ({}, {"Teams": " b , inductor,B,, broken-inductor"}, ("b", "broken-inductor"), None),
        ({"team": "x"}, {"Teams": "", "Team": "  "}, ("x",), None),
        ({"team": "x"}, {"Teams": " , ", "Team": "<no value>"}, ("x",), None),
        ({"team": "[no value]"}, {}, ("unrouted",), "default_team (nothing says Teams or Team)"),
        ({}, {"Team": "Team is us"}, ("team is us",), None),
        ({}, {"Team": "dev-infra"}, ("Dev-Infra",), None),
        ({}, {"Team": "a\u200bb\u202e\tc"}, ("ab c",), None),
        ({}, {"Team": "\u200b"}, ("unrouted",), "default_team (nothing says Teams or Team)"),
        ({}, {"Team": ["inductor", " dev-infra", None]}, ("broken-inductor", "Dev-Infra"), None),
        ({"team": ' ["a", "b,c"]'}, {}, ("a", "b", "c"), None),
        ({"team": "x"}, {"Teams": [], "Team": [None, ""]}, ("x",), None),
        ({}, {"Team": "[a], b"}, ("[a]", "b"), None),
        ({}, {"Team": "[1]"}, ("[1]",), None),
        ({}, {"Team": "[" * 1500}, ("[" * LONGEST_TEAM,), None),
        ({}, {"Team": "x" * 300}, ("x" * LONGEST_TEAM,), None),
        ({}, {}, ("unrouted",), "default_team (nothing says Teams or Team)"),
    ],
)
def test_teams(labels, annotations, teams, origin):
    alert = normal(labels, annotations)
    assert alert.teams == teams
    assert alert.team_said == (teams != ("unrouted",))
    assert origin is None or str(alert.team_origin) == origin


def test_a_pinned_name_looks_in_its_place_only():
    pinned = replace(NORMALIZING, team=(FieldName("team", "label"),))
    assert normal({}, {"team": "a"}, normalizing=pinned).team_said is False
    assert normal({"Team": "a"}, {"team": "b"}, normalizing=pinned).teams == ("a",)


def test_the_default_team_may_be_an_alias():
    assert normal(normalizing=replace(NORMALIZING, default_team="Inductor")).teams == ("broken-inductor",)


def test_a_default_says_where_it_was_looked_for():
    pinned = replace(NORMALIZING, team=(FieldName("squad", "label"),))
    assert str(normal(normalizing=pinned).team_origin) == "default_team (nothing says label:squad)"


def test_names_go_before_aliases():
    teams = {"a": TeamRules("a", aliases=("b",)), "b": TeamRules("b")}
    assert canonical_team("B", teams) == "b"


@pytest.mark.parametrize("name", ["決済\u3000班", "pay\u00a0ments", "two  blanks", "a\u200cb"])
def test_a_configured_name_is_met_whatever_nobody_sees_of_it(name):
    teams = {name: TeamRules(name), "other": TeamRules("other", aliases=(f"{name} too",))}
    assert canonical_team(name, teams) == name
    assert canonical_team(f" {' '.join(name.split())} ", teams) == name
    assert canonical_team(f"{name.upper()} TOO", teams) == "other"


def test_many_teams_are_bounded_and_noted():
    alert = normal({}, {"Teams": ",".join(f"t{n}" for n in range(1000))})
    assert len(alert.teams) == MOST_TEAMS
    assert "only the first" in str(alert.team_origin)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *((f"P{n}", f"P{n}") for n in range(4)),
        *((f"p{n}", f"P{n}") for n in range(4)),
        *((str(n), f"P{n}") for n in range(4)),
        ("P1 ", "P1"),
        ("P-1", "P1"),
        ("p 2", "P2"),
        ("1.0", "P1"),
        ("P0 - urgent", "P0"),
        ("P0: urgent", "P0"),
        ("P2/later", "P2"),
        ("Priority: 2", "P2"),
        ("priority=P3", "P3"),
        ("CRITICAL", "P0"),
        ("Critical, disk is full", "P0"),
        ("high-priority", "P1"),
        ("warning (soon)", "P2"),
        ("(info)", "P3"),
        ("none", "drop"),
        ("None", "drop"),
        ("\u200bP0", "P0"),
        ("\ufeffP3", "P3"),
        ("P\u200f2\u200b", "P2"),
        ("\u202a1\u202c", "P1"),
        ("Critical,\u200b disk is full", "P0"),
        ("\u2066P0\u2069\u00a0- urgent", "P0"),
        ("\u200bP4", None),
        ("P4", None),
        ("P10", None),
        ("4", None),
        ("11", None),
        ("1.5", None),
        ("2 nodes down", None),
        ("urgent", None),
        ("-", None),
        ("", None),
        ("major", None),
    ],
)
def test_priorities(said, expected):
    assert read_priority(said, WORDS)[0] == expected


def test_a_configured_word_goes_before_our_reading():
    assert read_priority("1", {"1": "P0"})[0] is Priority.P0
    assert read_priority("ASAP please", {"Asap": "P0"})[0] is Priority.P0
    assert read_priority("1\u200d", {"1": "P0", "on\u200dfire": "P1"})[0] is Priority.P0
    assert read_priority("on\u200dfire", {"1": "P0", "on\u200dfire": "P1"})[0] is Priority.P1


@pytest.mark.parametrize(
    ("labels", "annotations", "priority", "word", "origin"),
    [
        ({}, {"Priority": "P2"}, "P2", None, "annotation Priority = 'P2'"),
        ({"priority": "P0"}, {"priority": " "}, "P0", None, "label priority = 'P0'"),
        ({"severity": "critical"}, {}, "P0", None, "label severity = 'critical' (the word critical means P0)"),
        ({"severity": "critical"}, {"Priority": "P3"}, "P3", None, "annotation Priority = 'P3'"),
        ({}, {"Priority": "\u200bP0"}, "P0", None, r"annotation Priority = '\u200bP0'"),
        ({"severity": "info"}, {"Priority": "\u200b"}, "P3", None, "label severity = 'info' (the word info means P3)"),
        ({}, {}, "P2", None, "default_priority (nothing says Priority or severity)"),
        ({"severity": "huge "}, {}, "P1", "huge", "label severity = 'huge ' (could not be read: unknown_priority)"),
        (
            {"severity": "info"},
            {"Priority": "soonish"},
            "P3",
            None,
            "label severity = 'info' (the word info means P3; annotation Priority = 'soonish' could not be read)",
        ),
        ({"severity": "none"}, {"Priority": "soonish"}, "P1", "soonish", None),
        ({"severity": "odd"}, {"Priority": "soonish"}, "P1", "soonish", None),
    ],
)
def test_priority_of_an_alert(labels, annotations, priority, word, origin):
    alert = normal(labels, annotations)
    assert (alert.priority, alert.priority_word, alert.drop) == (priority, word, False)
    assert origin is None or str(alert.priority_origin) == origin


def test_drop():
    alert = normal({"severity": "none"})
    assert alert.drop
    assert alert.priority is Priority.P2
    assert str(alert.priority_origin) == "label severity = 'none' (the word none means drop)"


@pytest.mark.parametrize(
    ("labels", "annotations", "values", "expected"),
    [
        ({}, {}, {"Failure_Threshold": 1, "Number_of_Jobs_Failing": 3}, (1, 3)),
        ({}, {}, {"failure threshold": 2, "NUMBER-OF-JOBS-FAILING": 4}, (2, 4)),
        ({}, {"Failure Threshold": "3 consecutive commits"}, {}, (3, None)),
        ({"failure-threshold": "5"}, {"Failure_Threshold": "many"}, {"Failure_Threshold": None}, (5, None)),
        ({}, {}, None, (None, None)),
    ],
)
def test_counts(labels, annotations, values, expected):
    alert = normal(labels, annotations, values)
    assert (alert.failure_threshold, alert.job_count) == expected


@pytest.mark.parametrize(
    ("said", "found"),
    [
        *(("3", 3), ("3 jobs", 3), ("3 consecutive commits", 3), ("5%", 5), ("4 of 9", 4), ("7/10", 7), (" -1", -1)),
        *(("1.5", 1.5), ("1e3", 1000), ("3.", 3), ("3. failing", 3), ("5 jobs, 2 new", 5), ("3, maybe 4", 3)),
        *(("1,234", 1234), ("1,234,567 jobs", 1_234_567), ("-1,234.5", -1234.5), ("1,234, 3 new", 1234)),
        *(
            (said, None)
            for said in ("12 345", "12\u00a0345", "12\u202f345", "1'234", "1\u2019234", "1.234,5", "1.234.567", "1,23")
        ),
        *((said, None) for said in ("1,2345", "1234,567", "1,234,5", "1.5k", "2M", "0x10", "1_000", "1e", "5xx", "1٣")),
        *((said, None) for said in ("~7", "> 3", "three", "", "٣")),
    ],
)
def test_a_count_in_a_text_is_read_whole_or_not_at_all(said, found):
    assert normal({}, {"Number_of_Jobs_Failing": said}).job_count == found


def test_a_pinned_count_looks_in_its_place_only():
    pinned = replace(NORMALIZING, job_count=(FieldName("jobs", "label"),))
    alert = normal({"Jobs": "4 of 9"}, {"jobs": "5"}, {"jobs": 6}, normalizing=pinned)
    assert alert.job_count == 4


@pytest.mark.parametrize(
    ("name", "expected"), [("DatasourceNoData", "no data"), ("DatasourceError", "error"), ("Other", None)]
)
def test_no_data(name, expected):
    alert = normal({"alertname": name, "rulename": "Runners are well"})
    assert alert.no_data == expected
    assert alert.title == ("Runners are well" if expected else name)


def test_legacy_no_data():
    group = parse(json.dumps({"ruleName": "Rule", "ruleId": 1, "state": "no_data"}).encode())
    alert = normalize(group.alerts[0], group, NORMALIZING, TEAMS)
    assert (alert.no_data, alert.title) == ("no data", "Rule")


@given(
    st.dictionaries(st.sampled_from(["Team", "teams", "Priority", "severity"]), st.text(max_size=40)),
    st.dictionaries(st.sampled_from(["Team", "TEAMS", "priority", "Failure_Threshold"]), st.text(max_size=40)),
)
def test_nothing_in_an_alert_makes_it_fail(labels, annotations):
    alert = normal(labels, annotations)
    assert alert.teams
    assert all(0 < len(team) <= LONGEST_TEAM for team in alert.teams)
    assert alert.priority in Priority


SAID = {
    "Team": ("inductor", "broken-inductor", "somebody, inductor", "", "<no value>"),
    "team": ("dev-infra", "inductor"),
    "Priority": ("P1", "p1", "no word", "critical", "info"),
    "severity": ("critical", "P1"),
    "failure_threshold": ("3", "7"),
    "pod": ("a", "b"),
}
MAPS = st.fixed_dictionaries({}, optional={name: st.sampled_from(all_) for name, all_ in SAID.items()})


@given(st.lists(st.tuples(MAPS, MAPS)))
def test_what_is_said_in_the_same_words_is_read_as_each_would_be_alone(said):
    normalizer, known = Normalizer(NORMALIZING, TEAMS), {}
    for labels, annotations in said:
        alert, group = told(labels, annotations)
        found = normalizer.normalize(alert, group)
        assert found == normalize(alert, group, NORMALIZING, TEAMS)
        alike = tuple(
            tuple((name, text) for name, text in one.items() if name not in {"failure_threshold", "pod"})
            for one in (annotations, labels)
        )
        assert known.setdefault(alike, found.priority_origin) is found.priority_origin
