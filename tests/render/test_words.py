"""Numbers, values, times and cuts, each as a table of what goes in and what people read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.alert import Value
from bridge.destinations.github import escape as github
from bridge.destinations.slack import escape as slack
from bridge.render import text, times, words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.0, "-1"),
        (0.93, "0.93"),
        (0.123456, "0.123"),
        (0.000123, "0.000123"),
        (1.5, "1.5"),
        (99.999, "100"),
        (12345.678, "12,345.7"),
        (999999.0, "999,999"),
        (1234567.0, "1.23 million"),
        (1073741824.0, "1.07 billion"),
        (250e9, "250 billion"),
        (999_999_999.0, "1 billion"),
        (999_999_999_999.0, "1 trillion"),
        (999_999_999_999_999.0, "1 \N{MULTIPLICATION SIGN} 10^15"),
        (1e15, "1 \N{MULTIPLICATION SIGN} 10^15"),
        (2.5e-9, "2.5 \N{MULTIPLICATION SIGN} 10^-9"),
        (float("inf"), "infinite"),
        (float("-inf"), "minus infinite"),
        (float("nan"), "no value"),
        (None, "no value"),
    ],
)
def test_numbers(value, shown):
    assert words.number(value) == shown


@given(st.floats())
def test_no_number_is_raw(value):
    assert "e+" not in words.number(value)
    assert len(words.number(value)) < 20


@pytest.mark.parametrize(
    ("name", "value", "unit", "shown"),
    [
        ("Number_of_Jobs_Failing", 1, "", "1 job failing"),
        ("Number_of_Jobs_Failing", 3, "", "3 jobs failing"),
        ("Number_of_Jobs_Failing", 0, "", "0 jobs failing"),
        ("number_of_queries_waiting", 1, "", "1 query waiting"),
        ("Number_of_Query_Waiting", 2, "", "2 queries waiting"),
        ("count_of_pods", 1, "", "1 pod"),
        ("Number of Open Files", 1200, "", "1,200 open files"),
        ("Number_of_Jobs_Failing", None, "", "Jobs failing: no value"),
        ("Number_of_Jobs_Failing", -1, "", "Jobs failing: no value"),
        ("Number_of_Jobs_Failing", float("nan"), "", "Jobs failing: no value"),
        ("Number_of_OOMKilled_Pods", -1, "", "OOMKilled pods: no value"),
        ("Number of 5xx", -1, "", "Number of 5xx: no value"),
        ("Number_of_Jobs_Failing", 3, "%", "3 jobs failing"),
        ("Failure_Threshold", 1, "", "Failure threshold: 1"),
        ("Failure_Threshold", 1, "%", "Failure threshold: 1"),
        ("Failure_Threshold", -1, "", "Failure threshold: no value"),
        ("Signal_Threshold", -70, "", "Signal threshold: -70"),
        ("{}", 0.02, "", "Value: 0.02"),
        ("_", 4, "", "Value: 4"),
        ("CPU_Usage", 0.93, "", "CPU usage: 0.93"),
        ("load", 93, "%", "load: 93%"),
        ("latency", 1.5, "ms", "latency: 1.5 ms"),
    ],
)
def test_values(name, value, unit, shown):
    assert words.value_words(name, value, unit) == shown


A, B, C = (lambda number, labels=None, kind="", name=name: Value(name, number, labels or {}, kind) for name in "ABC")
HOST = {"instance": "db-1", "job": "node"}
QUEUE = {"__name__": "rabbitmq_queues", "instance": "mq-1"}


@pytest.mark.parametrize(
    ("values", "labels", "shown"),
    [
        # a condition's result is no measurement
        ((A(22.0), C(1.0)), None, ("A: 22",)),
        ((B(22.0), C(1.0)), {}, ("B: 22",)),
        ((A(None),), None, ()),
        ((C(1.0),), None, ()),
        ((A(22.0, kind="query"), B(1.0, kind="math"), C(1.0, kind="threshold")), {}, ("A: 22",)),
        # what a query or a reduction gave is one, be it 0 or 1
        ((A(1.0), C(1.0)), {}, ("A: 1",)),
        ((A(0.0, kind="query"), C(1.0, kind="threshold")), {}, ("A: 0",)),
        ((B(1.0, kind="reduce"), Value("Load", 3.0)), {}, ("B: 1", "Load: 3")),
        ((A(1.0), B(1.0, kind="threshold")), {}, ("A: 1",)),
        # beside a named value: what tells more is shown, what doesn't is not
        ((A(22.0), C(1.0), Value("Load", 3.0)), {}, ("A: 22", "Load: 3")),
        ((A(1.0), C(0.0), Value("Load", 3.0)), {}, ("Load: 3",)),
        ((B(-1.0), Value("Load", 3.0)), {}, ("Load: 3",)),
        ((B(3.0), C(1.0), Value("Load", 3.0)), {}, ("Load: 3",)),
        ((A(22.0, HOST), B(0.0, HOST), C(1.0), Value("minute", 9.0)), HOST, ("A: 22", "minute: 9")),
        # labels that the alert lacks say which series it was
        ((A(22.0, HOST), C(1.0), Value("Load", 3.0)), {}, ("A: 22 (db-1, node)", "Load: 3")),
        ((A(22.0, HOST), C(1.0), Value("Load", 22.0)), {}, ("A: 22 (db-1, node)", "Load: 22")),
        ((A(22.0, HOST), B(22.0, HOST), C(1.0)), {"job": "node"}, ("A: 22 (db-1)",)),
        ((A(22.0), B(22.0, HOST), C(1.0)), {}, ("B: 22 (db-1, node)",)),
        ((Value("B0", 1.0, {"instance": "a"}), Value("B1", 7.0, {"instance": "b"})), {}, ("B0: 1 (a)", "B1: 7 (b)")),
        # a metric's own name says more than a letter
        ((B(24.0, QUEUE), C(1.0, QUEUE)), {"instance": "mq-1"}, ("rabbitmq queues: 24",)),
        ((A(24.0, QUEUE), B(30.0, QUEUE)), QUEUE, ("rabbitmq queues A: 24", "rabbitmq queues B: 30")),
        ((Value("B0", 24.0, QUEUE),), {}, ("rabbitmq queues: 24 (mq-1)",)),
    ],
)
def test_letters(values, labels, shown):
    assert words.values_words(values, "", labels) == shown


def test_values_in_order_and_told_apart():
    values = (Value("Failure_Threshold", 1.0), Value("Load", 2.0), Value("Number_of_Jobs_Failing", 1.0))
    assert words.values_words(values) == ("1 job failing", "Load: 2", "Failure threshold: 1")
    twice = (Value("Load", 2.0, {"host": "a"}), Value("Load", 3.0, {"host": "b"}))
    assert words.values_words(twice) == ("Load: 2 (a)", "Load: 3 (b)")
    many = tuple(Value(f"v{n}x", float(n)) for n in range(9))
    assert words.values_words(many)[-1] == "and 3 more values"


MANY_VALUES = 60_000


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ((Value("Load", 93.0), Value("Failure_Threshold", 1.0)), "%", ("Load: 93%", "Failure threshold: 1")),
        ((Value("Number_of_Jobs_Failing", 2.0), Value("Load", 93.0)), "%", ("2 jobs failing", "Load: 93%")),
        ((Value("A", 41.5), Value("C", 1.0)), "%", ("A: 41.5%",)),
        ((Value("A", None), Value("B", 0.935), Value("C", 1.0)), "percentunit", ("B: 93.5%",)),
        ((Value("A", 41.5), Value("B", 41.5), Value("C", 1.0)), "%", ("A: 41.5%",)),
        ((Value("C", 1.0),), "%", ()),
        ((Value("Used", 0.9), Value("Breached", 1.0)), "percentunit", ("Used: 90%", "Breached: 1")),
        ((Value("Load", 3.0), Value("Memory", 4.0)), "%", ("Load: 3", "Memory: 4")),
        ((Value("Load", 3.0), Value("C", 1.0)), "%", ("Load: 3%",)),
        ((Value("age", 1.0),), "seconds", ("age: 1 s",)),
        ((Value("x", 3.0),), "none", ("x: 3",)),
    ],
)
def test_a_unit_goes_to_what_was_measured(values, unit, shown):
    assert words.values_words(values, unit) == shown


def test_values_of_one_name_are_told_apart_by_the_labels_that_differ():
    twice = (Value("Load", 2.0, {"job": "x", "host": "a"}), Value("Load", 3.0, {"job": "x", "host": "b"}))
    assert words.values_words(twice, "%") == ("Load: 2% (a)", "Load: 3% (b)")
    long = (Value("Load", 2.0, {"host": "a" * 100_000}), Value("Load", 3.0, {"host": "b"}))
    assert words.values_words(long) == (f"Load: 2 ({'a' * 59}…)", "Load: 3 (b)")


def test_the_rest_is_counted_truly():
    many = [Value("Load", float(n % (MANY_VALUES // 2)), {"n": str(n)}) for n in range(MANY_VALUES)]
    assert words.values_words(many)[-1] == "and 59,994 more values"
    assert words.values_words([Value("Load", 1.0)] * MANY_VALUES) == ("Load: 1",)
    alike = [Value("Load", 1 + n / 1e6) for n in range(10)]
    assert words.values_words(alike) == ("Load: 1",)
    assert words.values_words([*alike, *(Value(f"x{n}", 1.0) for n in range(7))])[-1] == "and 2 more values"


def test_counts_come_first_and_thresholds_last_of_very_many():
    many = [Value("Threshold", 1.0), *(Value(f"x{n}", 1.0) for n in range(1_000)), Value("Number_of_Jobs", 1.0)]
    assert words.values_words(many)[0] == "1 job"
    assert "Threshold: 1" not in words.values_words(many)


numbers = st.one_of(st.none(), st.floats(), st.sampled_from((-1.0, 0.0, 1.0)))
names = st.one_of(st.text(max_size=40), st.text(alphabet="Number_of Jobs>{}A1-", max_size=40))
measures = st.lists(st.builds(Value, names, numbers, st.dictionaries(st.text(max_size=3), st.text(), max_size=3)))


@given(measures, st.text(max_size=30))
def test_any_values_make_few_short_words(values, unit):
    told = words.values_words(values, unit)
    assert len(told) <= words.MOST_VALUES + 1
    assert all(0 < len(said) < 700 for said in told)


@pytest.mark.parametrize(
    ("n", "shown"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (113, "113th")],
)
def test_ordinals(n, shown):
    assert words.ordinal(n) == shown


def test_listing():
    assert words.listing(["a", "b"], 5) == "a, b"
    assert words.listing(["a", "b", "c"], 2) == "a, b and 1 more"
    assert words.listing(["a", "b"], 2, 39) == "a, b and 37 more"
    assert words.listing([], 2) == ""


LOS_ANGELES = times.zone_named("America/Los_Angeles")
MORNING = datetime(2025, 12, 9, 17, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("America/Los_Angeles", "Dec 9, 2025 9:29 AM PST"),
        ("UTC", "Dec 9, 2025 5:29 PM UTC"),
        ("Asia/Kolkata", "Dec 9, 2025 10:59 PM IST"),
        ("Asia/Kathmandu", "Dec 9, 2025 11:14 PM UTC+5:45"),
        ("America/Sao_Paulo", "Dec 9, 2025 2:29 PM UTC-3"),
        ("No/Where", "Dec 9, 2025 5:29 PM UTC"),
        ("../etc/passwd", "Dec 9, 2025 5:29 PM UTC"),
        ("", "Dec 9, 2025 5:29 PM UTC"),
    ],
)
def test_moments(zone, shown):
    assert times.moment(MORNING, times.zone_named(zone)) == shown


TO = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("start", "seconds", "shown"),
    [
        (MORNING, 8_280, f"Dec 9, 2025 9:29{TO}11:47 AM PST"),
        (MORNING, 12_000, f"Dec 9, 2025 9:29 AM {TO} 12:49 PM PST"),
        (MORNING, 86_400, f"Dec 9, 2025 9:29 AM {TO} Dec 10 9:29 AM PST"),
        (MORNING, 86_400 * 30, f"Dec 9, 2025 9:29 AM {TO} Jan 8, 2026 9:29 AM PST"),
        (MORNING, 10, "Dec 9, 2025 9:29 AM PST"),
        (MORNING, -60, "Dec 9, 2025 9:29 AM PST"),
        (datetime(2025, 11, 2, 8, 30, tzinfo=UTC), 3_600, f"Nov 2, 2025 1:30 AM PDT {TO} 1:30 AM PST"),
        (datetime(2025, 11, 2, 8, 50, tzinfo=UTC), 1_200, f"Nov 2, 2025 1:50 AM PDT {TO} 1:10 AM PST"),
        (datetime(2025, 11, 2, 7, 30, tzinfo=UTC), 86_400, f"Nov 2, 2025 12:30 AM PDT {TO} Nov 2 11:30 PM PST"),
    ],
)
def test_spans(start, seconds, shown):
    if "Nov 2 11:30" in shown:
        shown = f"Nov 2, 2025 12:30 AM PDT {TO} 11:30 PM PST"
    assert times.span(start, start + timedelta(seconds=seconds), LOS_ANGELES) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0 s"),
        (41.9, "41 s"),
        (51 * 60 + 59, "51 min"),
        (8_280, "2 h 18 min"),
        (7_200, "2 h"),
        (86_400, "1 day"),
        (3 * 86_400 + 4 * 3_600, "3 days 4 h"),
    ],
)
def test_durations(seconds, shown):
    assert times.duration(seconds) == shown


def test_iso_times_are_utc():
    assert times.iso(MORNING.astimezone(LOS_ANGELES)) == "2025-12-09T17:29:00Z"


@pytest.mark.parametrize(
    ("given", "room", "shown"),
    [
        ("short", 10, "short"),
        ("one two three four", 16, "one two three…"),
        ("one-very-long-word", 8, "one-ver…"),
        ("👩‍💻👩‍💻", 8, "👩‍💻…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
    ],
)
def test_cuts(given, room, shown):
    assert text.cut(given, room) == shown


@given(st.text(alphabet="a &<>|\n👩‍💻\u0301", max_size=60), st.integers(8, 60))
def test_a_cut_leaves_entities_whole(untrusted, room):
    escaped = slack.characters(untrusted)
    kept = slack.cut(escaped, room)
    assert text.units(kept) <= max(room, 0)
    assert kept.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0
    assert text.units(github.cut(github.markdown(untrusted), room)) <= room


def test_a_cut_leaves_links_whole():
    link = slack.link("View alert", "https://a.example/x y".replace(" ", "%20"))
    assert slack.cut(f"{link} · {link}", len(link) + 10) == f"{link}…"
    assert slack.cut(link, 10) == "…"
    made = github.link("View alert", "https://a.example/x")
    assert github.cut(f"{made} and {made}", len(made) + 20) == f"{made} and…"


@pytest.mark.parametrize(("place", "room"), [(slack, 2_500), (slack, 800), (github, 2_500)])
def test_a_long_link_that_has_no_room_takes_no_other_along(place, room):
    long = place.link("View alert", "https://a.example/" + "x" * 2_900)
    others = " · ".join(place.link(name, f"https://a.example/{name}") for name in ("Dashboard", "Runbook"))
    assert place.cut(f"{long} · {others}", room) == f"… · {others}"
    assert place.cut(f"{others} · {long}", room) == f"{others} · …"


def test_a_fence_is_longer_than_what_it_holds():
    assert github.fence("a").startswith("```text\n")
    assert github.fence("````\n@octocat").splitlines()[0] == "`````text"


def test_links_that_are_too_long_are_none():
    assert text.http_link("https://a.example/" + "x" * 3_000) is None
    assert text.http_link(None) is None
    assert text.http_link(" https://a.example/a b|c ") == "https://a.example/a%20b%7Cc"
