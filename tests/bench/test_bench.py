"""The benchmark in its smallest form: it runs, every subject takes what it is sent, and what delivers delivers all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import kept
import pytest
import report

HERE = Path(__file__).parent
FOLDERS = os.pathsep.join(str(HERE.parent / name) for name in ("", "e2e", "proof", "bench"))
CASES = "storm,told,an empty ledger,group,answers lost"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What is printed, and what is found: by case and subject the figures of the one round."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, HERE / "bench.py", "--size=smallest", "--rounds=1", f"--only={CASES}", f"--to={file}"]
    more = ["--subjects=acf"]  # all but those that take long to start
    env = {**os.environ, "PYTHONPATH": FOLDERS}
    done = subprocess.run([*command, *more], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(file.read_text("utf-8"))["found"]
    return done.stdout, {case: {key: rounds[0] for key, rounds in by.items()} for case, by in found.items()}


def test_every_subject_takes_what_it_is_sent_and_delivers_it(ran):
    _, found = ran
    assert found["storm"].keys() == {"a", "c", "f"}
    assert found["one after the other"].keys() == {"0", "c", "f"}
    for case in ("storm", "one after the other"):
        for subject, figures in found[case].items():
            assert (figures["requests"], figures["failed"]) == (20, 0), (case, subject)
            assert figures.get("delivered", 20) == 20, (case, subject)
    assert "delivered" not in found["storm"]["a"]


def test_a_large_group_is_absorbed_whole(ran):
    assert ran[1]["a group of very many"]["c"]["alerts"] == 100


def test_a_filled_ledger_holds_what_it_should(ran):
    _, found = ran  # the filled one too, although only the other one was asked for: they are compared
    # those that warm up and those that are measured; in the filled one 20 that are over, twice, and 10 that are open
    assert found["an empty ledger"]["c"]["incidents"] == 40 + 20
    assert found["a ledger of a long time"]["c"]["incidents"] == 40 + 20 + 2 * 20 + 10
    assert {found[case]["c"]["delivered"] for case in ("an empty ledger", "a ledger of a long time")} == {20}


def test_faults_are_judged(ran):
    _, found = ran
    figures = found["answers lost"]["c"]
    assert (figures["requests"], figures["lost"], figures["doubled"]) == (20, 0, 0)
    # slack-sdk sends again what was lost on the way back: the judge sees it
    assert found["answers lost"]["f"]["doubled"] > 0


def test_goals_are_told_with_what_they_came_to(ran):
    printed, _ = ran
    for what in ("requests refused in the storm, SQLite", "answers lost, doubled, SQLite"):
        (line,) = [line for line in printed.splitlines() if line.startswith(f"| {what} ")]
        assert [cell.strip() for cell in line.split("|")[2:6]] == ["0", "≤ 0", "met", "short"]


def test_the_page_shows_what_was_kept():
    kept = json.loads((HERE / "kept.json").read_text("utf-8"))
    page = (HERE.parents[1] / "docs" / "performance.md").read_text("utf-8")
    assert page.partition(report.BEGIN)[2].partition(report.END)[0].strip() == report.text(kept).strip()


def results(size, /, **found):
    """What a run of such a size finds: by case and subject, the figure of each round."""
    cases = {case: {key: [{"lost": one} for one in rounds] for key, rounds in by.items()} for case, by in found.items()}
    return {"machine": {"kernel": size}, "sizes": dict.fromkeys(cases, size), "found": cases}


BEFORE = results("full", storm={"a": [1, 1, 1], "c": [2, 2, 2]}, faults={"c": [3, 3], "f": [4, 4]}, flat={"c": [5]})


def test_a_case_that_is_measured_anew_replaces_the_earlier_one_whole_and_all_others_stay():
    made = kept.merged(BEFORE, results("quick", storm={"c": [9]}, rest={"c": [8]}), {"faults"})
    assert made["found"] == {
        "storm": {"c": [{"lost": 9}]},  # and nothing of (a), whose rounds were others
        "faults": BEFORE["found"]["faults"],
        "flat": BEFORE["found"]["flat"],
        "rest": {"c": [{"lost": 8}]},
    }
    assert made["sizes"] == {"storm": "quick", "faults": "full", "flat": "full", "rest": "quick"}
    assert made["machine"] == {"kernel": "quick"}
    assert BEFORE["found"].keys() == {"storm", "faults", "flat"}


def test_subjects_that_nobody_compares_are_replaced_one_by_one_where_the_size_is_the_same():
    for size, stays in (("full", {"f": [{"lost": 4}] * 2}), ("quick", {})):
        made = kept.merged(BEFORE, results(size, faults={"c": [0], "d": [0]}), {"faults"})
        assert made["found"]["faults"] == {"c": [{"lost": 0}], "d": [{"lost": 0}], **stays}
        assert made["sizes"]["faults"] == size


def test_cases_say_how_often_they_were_measured_and_whether_short():
    long = results("full", storm={"a": [1] * 5, "c": [1] * 5})
    made = kept.merged(long, results("quick", rest={"c": [1]}, disk={"c": [1], "d": [1, 1]}), ())
    shown = report.text(made)
    assert "**storm**, 5 rounds\n" in shown
    assert "**rest**, 1 round, short\n" in shown
    assert "**disk**, 1 to 2 rounds, short\n" in shown
