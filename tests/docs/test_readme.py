"""The README, executed: its commands exist, its configuration holds, and its five minutes end with a message."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import asked
import pytest
from docs_kit import README, ROOT, Block, blocks, bridge_running, check, quiet, run
from dotenv import dotenv_values
from terminal import Terminal

from bridge.config.words import FOUR_LINES
from bridge.sandbox import Sandbox, control

if TYPE_CHECKING:
    from pathlib import Path

SHELL = blocks(README, "shell")
LISTENS = "http://127.0.0.1:8080"


def shell(part: str) -> Block:
    """Return the one shell block that holds a text."""
    (found,) = [block for block in SHELL if part in block.text]
    return found


INIT, RUN, TEST = shell("bridge init"), shell("make run"), shell("bridge send-test")
FIRST, RESOLVE = shell(". ./.env"), shell("inductor-jobs-broken-resolved.json")
LOOK = shell("bridge explain")


@pytest.fixture
def curl() -> None:
    if shutil.which("curl") is None:
        missing = "not run: the README's requests want curl, which is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def test_every_shell_block_is_executed_here() -> None:
    known = [shell("make demo"), shell("make test"), INIT, RUN, TEST, FIRST, RESOLVE, LOOK]
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
def test_five_minutes_end_with_a_message(tmp_path: Path) -> None:
    assert INIT.text == "make install\n.venv/bin/bridge init\n"
    assert RUN.text == "make run\n"
    home = tmp_path / "home"
    home.mkdir()
    with Sandbox(channels=["alerts"], strict_channels=True) as sandbox:
        _init(sandbox, home)
        (hello,) = _messages(sandbox)
        assert "This is a test message" in hello["text"]
        with bridge_running(home, quiet(), tmp_path / "log") as address:
            assert "Every destination has shown it." in _shell(TEST, home)
            assert "TEST P2 resolved" in _messages(sandbox)[-2]["text"]
            _post(FIRST, home, address)
            assert sandbox.wait_for(lambda: _said(sandbox, "P2 firing: Inductor Jobs Broken"), 30), _stand(address)
            _post(RESOLVE, home, address)
            assert sandbox.wait_for(lambda: _said(sandbox, "Resolved after 2 h 18 min."), 30), _stand(address)
            assert "goes to slack for team broken-inductor" in _shell(LOOK, _linked(home))
            token = dotenv_values(home / ".env")["BRIDGE_WEBHOOK_TOKEN"]
            assert _grafanas_test(sandbox, address, str(token))
        (message,) = _said(sandbox, "P2 resolved: Inductor Jobs Broken")
        (reply,) = _said(sandbox, "Resolved after 2 h 18 min.")
        assert (message["edits"], bool(reply["thread"])) == (1, True)


def _init(sandbox: Sandbox, home: Path) -> None:
    # the one difference to a first day: Slack is the double
    terminal = Terminal(home, "--slack-api-url", sandbox.slack_url)
    sandbox.slack.workspace.tokens["xoxb-sandbox"] |= {"chat:write.public"}
    terminal.types_secret("Bot token", "xoxb-sandbox")
    for question in ("Channel for alerts", "Page for", "Open an issue", "Address"):
        terminal.answers(question, "")
    assert terminal.ends() == 0


def _shell(block: Block, folder: Path) -> str:
    done = run("bash", "-euc", block.text.replace(".venv/bin/bridge", "bridge"), folder=folder, env=quiet())
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def _post(block: Block, home: Path, address: str) -> None:
    text = block.text if block is FIRST else f". ./.env\n{block.text}"
    assert LISTENS in text
    text = text.replace(LISTENS, address)
    done = run("bash", "-euc", text, folder=_linked(home), env=quiet())
    assert done.returncode == 0, done.stderr + done.stdout
    assert list(json.loads(done.stdout)) == ["receipt"]


def _messages(sandbox: Sandbox) -> list[dict[str, Any]]:
    with sandbox.lock:
        found = control.state(sandbox)["slack"]
    return [one for place in found.values() for one in place["alerts"]["messages"]]


def _said(sandbox: Sandbox, words: str) -> list[dict[str, Any]]:
    return [message for message in _messages(sandbox) if words in message["text"]]


def _stand(address: str) -> str:
    return asked.get(f"{address}/api/v1/deliveries", timeout=10).text


def _linked(home: Path) -> Path:
    """Let the paths that the README names from the repository's root lead there from the bridge's folder too."""
    if not (home / "bridge").exists():
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
    answer = asked.post(
        f"{address}/webhooks/grafana",
        json={"status": "firing", "alerts": [alert]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: _said(sandbox, "TestAlert"), 30)
    firing = asked.get(f"{address}/api/v1/incidents?state=firing", timeout=10).json()
    return firing["items"] == []
