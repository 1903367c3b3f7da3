"""Facts of an incident in words: values with their unit, texts as people write them, nothing that was not measured."""

from dataclasses import replace

import pytest
from scenes import disks, host, incident, member, want

from bridge.core.alert import Links, Value
from bridge.core.rules import STORM
from bridge.render import facts, lines, members, states, view
from bridge.render.members import Tally
from bridge.render.states import Standing

MEASURED = (Value("Load", 0.935), Value("Failure_Threshold", 1.0), Value("C", 1.0))


@pytest.mark.parametrize(
    ("annotations", "labels", "shown"),
    [
        ({"unit": "percentunit"}, {}, ("1 job failing", "Load: 93.5%", "Failure threshold: 1")),
        ({"Unit": "percentunit"}, {}, ("1 job failing", "Load: 93.5%", "Failure threshold: 1")),
        ({}, {"unit": "s"}, ("1 job failing", "Load: 935 ms", "Failure threshold: 1")),
        ({}, {}, ("1 job failing", "Load: 0.935", "Failure threshold: 1")),
        ({"unit": "<no value>"}, {}, ("1 job failing", "Load: 0.935", "Failure threshold: 1")),
    ],
)
def test_units_of_annotations_and_labels(annotations, labels, shown):
    one = member(values=MEASURED, annotations=annotations, labels=labels)
    assert lines.of_member(one) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((), ("3 jobs failing", "Failure threshold: 1")),
        (
            (Value("job_seconds", 93.0), Value("cpu_threshold", 90.0)),
            ("3 jobs failing", "job seconds: 93", "cpu threshold: 90", "Failure threshold: 1"),
        ),
        ((Value("jobs", 3.0), Value("Threshold", 1.0)), ("jobs: 3", "Threshold: 1")),
        ((Value("Number_of_Jobs_Failing", None),), ("Jobs failing: no value", "Failure threshold: 1")),
    ],
    ids=["no values", "others are named alike", "read from values", "a value that is none"],
)
def test_a_count_of_an_annotation_is_told_where_no_value_is_that_count(values, shown):
    assert lines.of_member(member(values=values, job_count=3.0, failure_threshold=1.0)) == shown


def test_a_unit_belongs_to_what_has_a_number():
    one = member(values=(Value("Lag", 872.4), Value("Rate", None)), annotations={"unit": "s"}, failure_threshold=None)
    assert lines.of_member(replace(one, job_count=None)) == ("Lag: 14 min 32 s", "Rate: no value")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([{"pod": "api-2xk", "container": "api"}, {"pod": "job-lm2", "container": "job"}], ["api-2xk", "job-lm2"]),
        ([{"container": "api", "pod": "api-2xk"}, {"container": "job", "pod": "job-lm2"}], ["api-2xk", "job-lm2"]),
        ([{"host": "a", "node": "a"}, {"host": "b", "node": "b"}], ["a", "b"]),
        ([{"host": "k1", "dc": "fra"}, {"host": "k2", "dc": "ams"}], ["host k1, dc fra", "host k2, dc ams"]),
        ([{"host": "a-1", "disk": "a"}, {"host": "b-1", "disk": "c"}], ["host a-1, disk a", "host b-1, disk c"]),
        ([{"host": "a-1", "disk": "a"}, {"host": "b-1"}], ["a-1", "b-1"]),
    ],
)  # fmt: skip
def test_what_tells_alerts_apart_is_said_once(labels, names):
    alone = [host(number, labels=these) for number, these in enumerate(labels)]
    assert [members.name_of(one, members.varying(alone)) for one in alone] == names


def told(*labels, texts=({},)):
    alerts = [host(n, labels=these, annotations=texts[n % len(texts)], values=()) for n, these in enumerate(labels)]
    return view.view(want(disks(alerts)))


PLACE = {"alertname": "Up", "job": "node", "instance": "10.1.2.3:9100", "env": "staging", "owner": "jane"}


@pytest.mark.parametrize(
    ("labels", "text", "where"),
    [
        (PLACE, "", "instance 10.1.2.3:9100, env staging, job node, owner jane"),
        (PLACE, "It is down.", "instance 10.1.2.3:9100, env staging"),
        (PLACE, "10.1.2.3 in Staging is down.", ""),
        ({"instance": "db-2.prod.acme.io:9100"}, "DB-2 is slow.", ""),
        ({"instance": "db-2.prod.acme.io:9100"}, "It is slow.", "instance db-2.prod.acme.io:9100"),
        ({"job": "nightly"}, "It fails.", "job nightly"),
        ({"pod": "a{b}", "cluster": "x" * 81, "team": "storage", "severity": "high"}, "", ""),
    ],
)
def test_where_is_said_unless_a_text_does(labels, text, where):
    assert told(labels, texts=({"description": text},)).where == where


def test_where_is_what_all_of_a_group_share():
    assert told({"pod": "a", "cluster": "eu"}, {"pod": "b", "cluster": "eu"}).where == "cluster eu"


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([{"summary": "s", "description": "d"}], ("s", "d", False)),
        ([{"summary": "s of a", "description": "d"}, {"summary": "s of b", "description": "d"}], ("", "d", False)),
        ([{"summary": "s", "description": "of a"}, {"summary": "s", "description": "of b"}], ("s", "of a", True)),
        ([{"summary": "a fails"}, {"summary": "b fails"}], ("a fails", "", True)),
        ([{"summary": "a fails"}, {}], ("a fails", "", True)),
    ],
)
def test_what_one_alert_says_of_itself_is_an_example(texts, shown):
    said = told({"pod": "p-1"}, {"pod": "p-2"}, texts=texts)
    assert (said.summary, said.description, said.example) == shown


def test_a_summary_that_repeats_the_camel_case_title_is_left_out():
    one = member(annotations={"summary": "Pod x is crash looping", "description": "Pod x waits."})
    assert view.view(want(incident(title="KubePodCrashLooping", members=(one,)))).summary == ""


@pytest.mark.parametrize(("n", "shown"), [(1, "Storm: 1 more page of x"), (3, "Storm: 3 more pages of x")])
def test_a_storm_says_how_many_it_stands_for(n, shown):
    storm = disks([host(each) for each in range(n)], source=STORM, title="Storm: more pages of x")
    assert (view.view(want(storm)).title, view.view(want(storm)).count) == (shown, "")


def test_a_limit_that_all_share_is_no_fact_of_a_group():
    shown = view.view(want(disks([host(n, values=(Value("Threshold", 1.0), Value("Lag", n))) for n in (1, 2)])))
    assert (shown.values, [alert.values for alert in shown.alerts]) == ((), ["Lag: 1", "Lag: 2"])


@pytest.mark.parametrize("cause", ["NoData", "Error", "no data", "error"])
def test_without_data_there_are_no_values(cause):
    one = member(no_data=cause, values=(*MEASURED, Value("Number_of_Jobs_Failing", -1.0)))
    assert lines.of_member(one) == ()
    assert facts.values(lines.Lines(disks([one])).shared, Tally(1, 0)) == ()


def test_a_group_with_an_alert_without_data_shows_what_the_others_measured():
    shown = view.view(want(disks([host(1), host(2, no_data="NoData")])))
    assert (shown.count, shown.values) == ("2 alerts", ())
    assert [alert.values for alert in shown.alerts] == ["Disk used: 0.93", ""]


def test_texts_are_as_people_write_them():
    said = {
        "description": "Load is [ var='A' labels={} value=3.3333333333333335 ]\nof <no value>",
        "summary": "Load 1.23457e+06 of map[A:1 B:x]",
        "Error": "took 30.000000001s",
    }
    shown = view.view(want(incident(members=(replace(member(), annotations=said, no_data="Error"),))))
    assert shown.description == "Load is A: 3.33\nof no value"
    assert shown.summary == "Load 1.23 million of A: 1, B: x"
    assert shown.notes[-1] == "Its error: took 30s"


def test_a_summary_that_differs_by_gos_digits_only_is_no_other():
    said = {"description": "Load is 3.3333333333333335", "summary": "Load is 3.33333333333333"}
    assert view.view(want(incident(members=(member(annotations=said),)))).summary == ""


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (1, "1 more alert"),
        (12, "12 more alerts"),
        (2_000_000, "2 million more alerts"),
        (10**30, "Very many more alerts"),
        (10**400, "Very many more alerts"),
    ],
)
def test_more_alerts(n, shown):
    assert facts.counted_more(n) == shown


@pytest.mark.parametrize("cause", ["Error", "error"])
def test_an_error_is_a_rule_that_cannot_be_evaluated(cause):
    told = incident(members=(member(no_data=cause),))
    sentence = "The rule cannot be evaluated, so its state is not known."
    assert states.standing(told) == Standing("❔", "cannot be evaluated", sentence, unsure=True)
    assert states.member_word(told.members[0]) == "cannot be evaluated"
    assert states.over(cause).word == "cannot be evaluated"
    assert states.over(cause).sentence == "The rule cannot be evaluated: not a recovery."


def test_links_that_can_not_be_shown_are_said_to_be_left_out():
    links = Links(alert="https://g.test/a", runbook=f"https://g.test/{'x' * 4000}", dropped=("dashboard", "panel"))
    told = view.view(want(incident(members=(member(links=links),)))).notes
    assert told == ("Left out, no http(s) address: dashboard, panel links.", "Left out, too long: runbook link.")
