"""Names of values as words, and the plural of the noun that is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.render import names, nouns, words


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Number_of_Nodes_Down", 3, "3 nodes down"),
        ("Number_of_Hosts_Down", 1, "1 host down"),
        ("Number_of_Jobs_Failed", 3, "3 jobs failed"),
        ("Number_of_Failed_Jobs", 1, "1 failed job"),
        ("Number_of_Pods_Not_Ready", 2, "2 pods not ready"),
        ("Number_of_Errors_in_Last_Hour", 7, "7 errors in last hour"),
        ("Number_of_Errors_in_Last_Hour", 1, "1 error in last hour"),
        ("Number_of_Runners_Offline", 3, "3 runners offline"),
        ("Number_of_Jobs_Failing_on_Trunk", 3, "3 jobs failing on trunk"),
        ("Number of Jobs Queued > 1h", 4, "4 jobs queued > 1h"),
        ("Number_of_Jobs_Queued_>1h", 1, "1 job queued >1h"),
        ("Number_of_Days_Since_Last_Green", 3, "3 days since last green"),
        ("Number_of_Series", 1, "1 series"),
        ("Number_of_Caches", 1, "1 cache"),
        ("Number_of_Gas", 1, "1 gas"),
        ("Number_of_Status", 1, "1 status"),
        ("Number_of_Bus", 1, "1 bus"),
        ("Number_of_People", 2, "2 people"),
        ("Number_of_People", 1, "1 person"),
        ("Number_of_Children", 2, "2 children"),
        ("Number_of_CPUs", 1, "1 CPU"),
        ("number_of_cpus", 1, "1 cpu"),
        ("Number_of_OOMKilled_Pods", 2, "2 OOMKilled pods"),
        ("Number_of_PRs", 1, "1 PR"),
        ("Number_of_PR", 2, "2 PRs"),
        ("NumberOfJobsFailing", 1, "1 job failing"),
        ("numberOfPodsNotReady", 2, "2 pods not ready"),
        ("NUMBER_OF_JOBS_FAILING", 1, "1 job failing"),
        ("number-of-jobs-failing", 1, "1 job failing"),
        ("Number_of_StatefulSets_Degraded", 1, "1 StatefulSet degraded"),
        ("Number_of_user_facing_errors", 1, "1 user facing error"),
        ("Number_of_long_running_jobs", 2, "2 long running jobs"),
        ("Number_of_2xx_responses", 1, "1 2xx response"),
        ("Number_of_Sales_Orders", 1, "1 sales order"),
        ("Number_of_Warning", 2, "2 warnings"),
        ("Number_of_Workflow_Runs_Timed_Out", 1, "1 workflow run timed out"),
        ("Number_of_Jobs", 1.5, "1.5 jobs"),
        ("num of API calls per second", 1, "1 API call per second"),
    ],
)
def test_counts(name, value, shown):
    assert words.value_words(name, value) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Number of 5xx", "Number of 5xx: 4"),
        ("NumberOf5xx", "Number of 5xx: 4"),
        ("Number_of_Failing", "Number of failing: 4"),
        ("Number_of_", "Number of: 4"),
        ("Number of дисков", "Number of дисков: 4"),
        ('Number_of_requests{a_b="c"}', 'Number_of_requests{a_b="c"}: 4'),
        ("Numberoffset", "Numberoffset: 4"),
        ("number of <!channel>", "number of <!channel>: 4"),
    ],
)
def test_a_count_without_a_noun_stays_as_written(name, shown):
    assert words.value_words(name, 4) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Failure_Threshold", "Failure threshold"),
        ("FailureThreshold", "Failure threshold"),
        ("diskUsed", "disk used"),
        ("CPU_Usage", "CPU usage"),
        ("CPUUsage", "CPU usage"),
        ("P99Latency", "P99 latency"),
        ("node_load1", "node load1"),
        ("job:errors:rate5m", "job:errors:rate5m"),
        ("kWh", "kWh"),
        ("OOMKilled", "OOMKilled"),
        ("PyTorch", "PyTorch"),
        ('rate{path="/a_b/c",job="My_Job"}', 'rate{path="/a_b/c",job="My_Job"}'),
        ("sum(My_Rate)", "sum(My_Rate)"),
        ("{}", "Value"),
        ("_", "Value"),
        ("___", "Value"),
        ("", "Value"),
        ("🔥", "🔥"),
        ("  a\n b ", "a b"),
        ("a_" * 1_000, " ".join("a" * 100) + "…"),
    ],
)
def test_names(name, shown):
    assert names.spelled(name) == shown


NOUNS = {
    "address": "addresses", "alias": "aliases", "analysis": "analyses", "API": "APIs", "batch": "batches",
    "box": "boxes", "branch": "branches", "bus": "buses", "cache": "caches", "canary": "canaries",
    "case": "cases", "cause": "causes",
    "child": "children", "class": "classes", "cookie": "cookies", "cpu": "cpus", "CPU": "CPUs", "crash": "crashes",
    "data": "data", "database": "databases", "day": "days", "disk": "disks", "DNS": "DNS", "epoch": "epochs",
    "error": "errors", "gas": "gases", "gpu": "gpus", "hero": "heroes", "house": "houses", "index": "indexes",
    "job": "jobs", "key": "keys", "leaf": "leaves", "lens": "lenses", "life": "lives", "movie": "movies",
    "news": "news", "person": "people", "PR": "PRs", "process": "processes", "query": "queries", "quiz": "quizzes",
    "release": "releases", "replica": "replicas", "response": "responses", "retry": "retries", "series": "series",
    "shoe": "shoes", "size": "sizes", "sku": "skus", "status": "statuses", "substatus": "substatuses", "tie": "ties",
    "use": "uses", "valve": "valves", "virus": "viruses", "VM": "VMs", "wiki": "wikis",
}  # fmt: skip


@pytest.mark.parametrize(("one", "many"), NOUNS.items(), ids=NOUNS.keys())
def test_nouns(one, many):
    assert (nouns.singular(one), nouns.plural(one)) == (one, many)
    assert (nouns.singular(many), nouns.plural(many)) == (one, many)


def test_indices_may_stay():
    assert (words.counted(1, "indices"), words.counted(2, "indices")) == ("1 index", "2 indices")


@given(st.text(alphabet="Number_of Jobs>{}A1-ed", max_size=60), st.integers(0, 3))
def test_plain_names_have_no_underscores(name, value):
    said = words.value_words(name, value)
    if not set(name) & set("{}>"):
        assert "_" not in said
    assert 0 < len(said) < names.LONGEST + 30


@given(st.text())
def test_any_name_is_put_in_words(name):
    assert 0 < len(names.spelled(name)) <= names.LONGEST
    assert 0 < len(words.value_words(f"Number_of_{name}", 2)) < names.LONGEST + 30


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L"]), min_size=1))
def test_any_noun_has_forms(noun):
    assert nouns.singular(noun)
    assert nouns.plural(noun)


@pytest.mark.parametrize(
    "name",
    [
        "number_of_" + "_" * 60_000,
        "number_of_" + "a_" * 8_000_000,
        "NumberOf" + "Ab" * 500_000,
        "Number of " + "jobs failing " * 80_000,
        " " * 1_000_000 + "x",
        "Number_of_" + "a-b'" * 250_000,
        "Number_of_" + "Ab" * 500_000 + "!",
        "{" * 1_000_000,
    ],
    ids=lambda name: name.strip()[:20],
)
def test_very_long_names_are_cut(name):
    said = words.value_words(name, 1.0)
    assert len(said) <= names.LONGEST + len(": 1")
