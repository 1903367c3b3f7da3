"""What somebody tries out in a process of its own: it ends, whatever a template does, and the next one is answered."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime

import pytest

from bridge import apart
from bridge.apart import Apart, EndedError
from bridge.config.load import load
from bridge.playground import Asked, trying
from bridge.render.folders import template_folder
from bridge.sandbox.payloads import payload

FOUR = 'destinations: {slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#alerts"}}\n'


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "bridge.yml").write_text(FOUR, "utf-8")
    rules = load(tmp_path / "bridge.yml", {}).rules

    def make(told=None, **typed):
        body = json.dumps(told or payload()).encode()
        return Asked(body, "grafana", None, rules, (template_folder(),), datetime.now(UTC), trial=trying(typed))

    return make


@pytest.fixture
def ask():
    made = Apart()
    yield made
    if made._child:
        made._child.kill()
        made._child.wait()
        made._close()


def test_it_answers_again_after_what_ended_it(ask, asked):
    assert "Inductor Jobs Broken" in ask(asked())["kinds"]["slack"]["messages"][0]["html"]
    first = ask._child
    assert ask(asked())["kinds"]["slack"]["faults"] == []
    assert ask._child is first
    with pytest.raises(EndedError, match=r"it took more than 5 s|it was not done after 30 s"):
        # templates are counted; this many incidents are not
        ask(asked({"alerts": [{"status": "firing", "labels": {"alertname": f"a{n}"}} for n in range(60_000)]}))
    assert ask(asked())["kinds"]["github"]["messages"][0]["sent"] is False


def test_one_that_has_gone_idle_is_started_anew(ask, asked):
    ask(asked())
    ask._child.stdin.close()  # it ends by itself, as after a minute without work
    ask._child.wait(30)
    assert ask(asked())["quarantine"] is None


def test_one_that_is_killed_says_so(ask, asked, monkeypatch):
    ask(asked())
    ask._child.kill()
    monkeypatch.setattr(ask._child, "poll", lambda: None)  # it is found out only while asking
    with pytest.raises(EndedError, match="used too much memory, or failed"):
        ask(asked())
    assert ask(asked())["quarantine"] is None


def test_it_is_given_no_secret(monkeypatch):
    monkeypatch.setenv("BRIDGE_ADMIN_TOKEN", "planted")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "planted")
    started = apart._started()
    environ = subprocess.run(["ps", "eww", str(started.pid)], capture_output=True, check=True).stdout
    started.stdin.close()
    assert started.wait(30) == 0
    started.stdout.close()
    assert b"PATH=" in environ
    assert b"planted" not in environ
