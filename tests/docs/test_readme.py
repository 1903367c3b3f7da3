"""The README, executed: its commands exist, its configuration holds, and its five minutes end with a message."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from docs_kit import BIN, README, ROOT, Block, blocks, bridge_running, check, quiet, run

from bridge.config.words import FOUR_LINES
from bridge.sandbox import Sandbox, control

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHELL = blocks(README, "shell")
SLACK_TOKEN, WEBHOOK_TOKEN = "xoxb-your-token", "the token that was printed"
LISTENS = "http://127.0.0.1:8080"


def shell(part: str) -> Block:
    """Return the one shell block that holds a text."""
    (found,) = [block for block in SHELL if part in block.text]
    return found


START = shell("make run")
FIRST, RESOLVE = shell(WEBHOOK_TOKEN), shell("inductor-jobs-broken-resolved.json")
LOOK = shell("bridge explain")


@pytest.fixture
def stub_make(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """A `make` that writes down its targets and environment; returns what was written."""
    folder = tmp_path / "stub"
    folder.mkdir()
    make = folder / "make"
    made = tmp_path / "made.jsonl"
    make.write_text(
        f"#!{BIN / 'python'}\n"
        "import json, os, sys\n"
        f"with open({str(made)!r}, 'a') as file:\n"
        "    print(json.dumps({'targets': sys.argv[1:], 'env': dict(os.environ)}), file=file)\n"
    )
    make.chmod(0o755)
    return lambda: [json.loads(line) for line in made.read_text().splitlines()]


@pytest.fixture
def curl() -> None:
    if shutil.which("curl") is None:
        missing = "not run: the README's requests want curl, which is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def test_every_shell_block_is_executed_here() -> None:
    known = [shell("make demo"), shell("make test"), START, FIRST, RESOLVE, LOOK]
    assert sorted(known, key=lambda block: block.line) == SHELL


@pytest.mark.parametrize("target", sorted({t for b in SHELL for t in re.findall(r"^make (\S+)", b.text, re.MULTILINE)}))
def test_make_knows_every_target_that_is_named(target: str) -> None:
    done = run("make", "--dry-run", target, folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stderr


def test_the_four_lines_are_a_complete_configuration(tmp_path: Path) -> None:
    (four,) = blocks(README, "yaml")
    assert len(four.text.splitlines()) == 4
    assert four.text.split() == FOUR_LINES.split()
    found = check(four.text, tmp_path, BRIDGE_WEBHOOK_TOKEN="a-token")
    assert [one["what"] for one in found if one["level"] == "error"] == []


@pytest.mark.usefixtures("curl")
def test_five_minutes_end_with_a_message(tmp_path: Path, stub_make: Callable[[], list[dict[str, Any]]]) -> None:
    stub = tmp_path / "stub"
    home = tmp_path / "home"
    home.mkdir()
    started = run(
        "bash",
        "-euc",
        START.text,
        folder=home,
        env={**quiet(), "PATH": f"{stub}{os.pathsep}{quiet()['PATH']}"},
    )
    assert started.returncode == 0, started.stderr
    install, serve = stub_make()
    assert (install["targets"], serve["targets"]) == (["install"], ["run"])
    assert serve["env"]["SLACK_BOT_TOKEN"] == SLACK_TOKEN
    token = serve["env"]["BRIDGE_WEBHOOK_TOKEN"]
    assert len(token) == 48
    assert token in started.stdout

    with Sandbox(channels=["alerts"]) as sandbox:
        (four,) = blocks(README, "yaml")
        # the one difference to a first day: Slack is the double
        (home / "bridge.yml").write_text(f'{four.text}    api_url: "{sandbox.slack_url}"\n')
        env = {**serve["env"], "SLACK_BOT_TOKEN": "xoxb-sandbox"}
        with bridge_running(home, env, tmp_path / "log") as address:
            _post(FIRST.text, address, token)
            assert sandbox.wait_for(lambda: _says(sandbox, "P2 firing: Inductor Jobs Broken"), 30), _stand(address)
            _post(RESOLVE.text, address, token)
            assert sandbox.wait_for(lambda: _says(sandbox, "P2 resolved") and len(_messages(sandbox)) == 2, 30)
            looked = run("bash", "-euc", LOOK.text.replace(".venv/bin/bridge", "bridge"), folder=_linked(home), env=env)
            assert looked.returncode == 0, looked.stderr
            assert "goes to slack for team broken-inductor" in looked.stdout
            assert _grafanas_test(sandbox, address, token)
        messages = _messages(sandbox)
        assert messages[0]["edits"] == 1
        assert messages[1]["thread"]
        assert messages[1]["text"] == "Resolved after 2 h 18 min."


def _post(text: str, address: str, token: str) -> None:
    if WEBHOOK_TOKEN not in text:
        text = f'export BRIDGE_WEBHOOK_TOKEN="{WEBHOOK_TOKEN}"\n{text}'
    assert LISTENS in text
    text = text.replace(LISTENS, address).replace(WEBHOOK_TOKEN, token)
    done = run("bash", "-euc", text, folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stderr + done.stdout
    assert list(json.loads(done.stdout)) == ["receipt"]


def _messages(sandbox: Sandbox) -> list[dict[str, Any]]:
    with sandbox.lock:
        found = control.state(sandbox)["slack"]
    return [one for place in found.values() for one in place["alerts"]["messages"]]


def _says(sandbox: Sandbox, words: str) -> bool:
    messages = _messages(sandbox)
    return bool(messages) and words in messages[0]["text"]


def _stand(address: str) -> str:
    return httpx2.get(f"{address}/api/v1/deliveries", timeout=10).text


def _linked(home: Path) -> Path:
    """Let the paths that the README names from the repository's root lead there from the bridge's folder too."""
    (home / "bridge").symlink_to(ROOT / "bridge", target_is_directory=True)
    return home


def _grafanas_test(sandbox: Sandbox, address: str, token: str) -> bool:
    """The contact point's Test button: one message marked TEST, and nothing stays open."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "TestAlert", "instance": "Grafana"},
        "annotations": {"summary": "Notification test"},
        "startsAt": "2025-12-09T17:29:00Z",
        "fingerprint": "57c6d9296de2ad39",
    }
    answer = httpx2.post(
        f"{address}/webhooks/grafana",
        json={"status": "firing", "alerts": [alert]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: any("TEST" in one["text"] for one in _messages(sandbox)), 30)
    firing = httpx2.get(f"{address}/api/v1/incidents?state=firing", timeout=10).json()
    return firing["items"] == []
