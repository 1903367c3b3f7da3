"""`.env` in the working directory: it fills in what isn't set, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bridge.setup.env_file import load

CONFIG = 'destinations:\n  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#alerts"}\n'


def check(folder, **env):
    """What `bridge check` says, and its exit code."""
    (folder / "bridge.yml").write_text(CONFIG)
    quiet = {name: text for name, text in os.environ.items() if not name.startswith(("BRIDGE_", "PORT", "SLACK_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "check"],
        cwd=folder, env={**quiet, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


MISSING = "SLACK_BOT_TOKEN isn't set"


def test_it_fills_in_what_is_not_set_or_empty(tmp_path):
    assert MISSING in check(tmp_path)[1]
    (tmp_path / ".env").write_text("export SLACK_BOT_TOKEN='xoxb-$1 #'\n")
    assert MISSING not in check(tmp_path)[1]
    assert MISSING not in check(tmp_path, SLACK_BOT_TOKEN="")[1]


def test_nothing_is_filled_in_inside_a_value(tmp_path):
    env = {"HOME": "/home/me"}
    (tmp_path / ".env").write_text("A='a$HOME${HOME}#b'\n")
    load(tmp_path / ".env", env)
    assert env["A"] == "a$HOME${HOME}#b"


def test_a_variable_wins_over_it(tmp_path):
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN=x\nBRIDGE_LOG_LEVEL=info\nBRIDGE_CONFIG=other.yml\n")
    code, said = check(tmp_path)
    assert (code, "other.yml" in said) == (1, True)
    assert check(tmp_path, BRIDGE_CONFIG="bridge.yml")[0] == 0


@pytest.mark.parametrize("content", [b"A=\xff\xfe", None], ids=["no text", "a folder"])
def test_one_that_can_not_be_read_is_said(tmp_path, content):
    if content is None:
        (tmp_path / ".env").mkdir()
    else:
        (tmp_path / ".env").write_bytes(content)
    code, said = check(tmp_path, SLACK_BOT_TOKEN="x")
    assert code == 1
    assert ".env can't be read" in said
    assert "Traceback" not in said
