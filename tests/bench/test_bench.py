"""The benchmark in its smallest form: it runs, every subject takes what it is sent, and what delivers delivers all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = os.pathsep.join(str(HERE.parent / name) for name in ("", "e2e", "proof", "bench"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What is printed, and what is found, by case and subject."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, HERE / "bench.py", "--size=smallest", "--rounds=1", f"--to={file}"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": FOLDERS}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, json.loads(file.read_text("utf-8"))["found"]


def test_every_case_is_measured_for_every_subject(ran):
    _, found = ran
    assert {"a", "c", "d", "f"} <= found["storm"].keys()
    assert {"a", "b", "c", "d", "f"} <= found["intake 8 x 50"].keys()


def test_everything_is_taken_and_delivered(ran):
    _, found = ran
    for case, by in found.items():
        if case.startswith(("intake", "storm")):
            for subject, (figures,) in by.items():
                assert (figures["requests"], figures["failed"]) == (20, 0), (case, subject)
                assert figures.get("delivered", 20) == 20, (case, subject)


def test_goals_are_told_with_what_they_came_to(ran):
    printed, _ = ran
    assert "| accepted under load and not delivered, SQLite" in printed
