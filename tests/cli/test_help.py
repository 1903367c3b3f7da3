import subprocess
import sys
from pathlib import Path

import pytest
from cli_kit import compare

VERBS = [
    ["explain"],
    ["render"],
    ["incidents"],
    ["incident"],
    ["close"],
    ["dead-letters"],
    ["replay"],
    ["dismiss"],
    ["quarantine"],
    ["quarantine", "replay"],
    ["quarantine", "dismiss"],
    ["db"],
    ["db", "upgrade"],
    ["db", "backup"],
]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_verb_explains_itself_with_an_example(run, words):
    made = run(*words, "--help").stdout
    assert f"Example:\n    bridge {' '.join(words)}" in made
    assert words == ["db"] or "--config F" in made


def test_help_as_a_person_sees_it(run):
    compare("help/explain.txt", run("explain", "--help", env={"COLUMNS": "80"}).stdout)
    compare("help/quarantine.txt", run("quarantine", "--help", env={"COLUMNS": "80"}).stdout)


def test_help_loads_nothing_heavy():
    code = (
        "import sys, importlib\n"
        "from bridge.__main__ import VERBS\n"
        "for module in ('look', 'stored', 'database'): importlib.import_module(f'bridge.cli.{module}')\n"
        "print([name for name in ('pydantic', 'sqlalchemy', 'jinja2', 'alembic', 'slack_sdk') if name in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert made.stdout == "[]\n"


@pytest.mark.parametrize("words", [["--help"], ["check", "--schema"]], ids=" ".join)
def test_output_that_has_no_room_is_a_sentence(words):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bridge", *words]
        made = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (made.returncode, made.stderr) == (
        1,
        "no space is left where the output goes: make room, then run it again\n",
    )
