"""The log of a real bridge: every line one fact, in one form, with its ids, and few of them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

from harness import alert, config, environment, eventually, group, messages, write_config

from bridge.sandbox.faults import Fault


def lines(bridge):
    """Each line of everything printed, as JSON: another kind of line fails."""
    return [json.loads(line) for line in bridge.process.log().splitlines()]


def test_where_no_terminal_is_every_line_is_json_gunicorns_too(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("status", "slack", status=503, count=1))
    sandbox.faults.add(Fault("status", "github", status=401))
    receipt = bridge.post(group(alert("Broken", Priority="P2")))
    unread = bridge.request("POST", "/webhooks/grafana", content=b"no alert").json()["receipt"]
    bridge.settle()
    os.kill(bridge.process.children()["web"][0], signal.SIGKILL)
    eventually(lambda: any(line.get("logger") == "gunicorn.error" for line in lines(bridge)), "gunicorn says so")
    bridge.configure(config(sandbox, destinatoins={}))
    bridge.process.popen.send_signal(signal.SIGHUP)
    eventually(lambda: any(line["event"].startswith("configuration refused") for line in lines(bridge)), "refused")
    assert bridge.process.stop() == 0
    found = lines(bridge)
    assert [line for line in found if not {"event", "level", "timestamp"} <= line.keys()] == []
    (incident,) = [one for one in json_of(found, "absorbed") if one["receipt"] == receipt]
    own = [name for one in json_of(found, "absorbed") if one["source"] == "bridge" for name in one["incidents"]]
    (quarantined,) = json_of(found, "quarantined")
    assert quarantined["receipt"] == unread
    assert "is not JSON" in quarantined["problem"]
    assert "no alert" not in quarantined["problem"], "a line holds no body"
    concerned = [line for line in found if line["event"] in {"step failed", "lane paused", "dead letter"}]
    assert {line["event"] for line in concerned} == {"step failed", "lane paused", "dead letter"}
    # the dead letter is an incident of its own, for the operators
    assert {line["incident"] for line in concerned} - {*own, *incident["incidents"]} == set()
    assert {line["event"] for line in concerned if line["incident"] in incident["incidents"]} >= {"dead letter"}
    assert all(len(line["delivery"]) == 26 for line in concerned)


def json_of(found, event):
    return [line for line in found if line["event"] == event]


def test_an_alert_that_is_told_everywhere_is_one_line(start, sandbox):
    bridge = start(config(sandbox))
    before = len(lines(bridge))
    for number in range(3):
        bridge.post(group(alert(f"Broken {number}", Priority="P2")))
        bridge.settle()
    new = lines(bridge)[before:]
    assert [line["event"] for line in new] == ["absorbed"] * 3


def test_a_template_that_fails_names_the_delivery_and_its_incident(start, sandbox, tmp_path):
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack" / "message.txt.j2").write_text("{% block title %}{{ 1 / 0 }}{% endblock %}")
    settings = config(sandbox)
    settings["destinations"]["slack"]["template"] = "slack/message.txt.j2"
    bridge = start(settings, env={"BRIDGE_TEMPLATES": str(tmp_path)})
    bridge.post(group(alert("Broken", Priority="P3")))
    eventually(lambda: messages(sandbox, text="Broken"), "told in built-in words")
    failed = json_of(lines(bridge), "template failed")
    assert failed
    assert {line["incident"] for line in failed} == {bridge.incident("Broken")["id"]}
    assert all(line["delivery"] == bridge.delivery("Broken", "slack")["id"] for line in failed)


def test_debug_says_each_step_and_still_no_secret(start, sandbox):
    bridge = start(config(sandbox), env={"BRIDGE_LOG_LEVEL": "debug"})
    bridge.post(group(alert("Broken", Priority="P1")))
    bridge.settle()
    told = {line["kind"] for line in json_of(lines(bridge), "told")}
    assert told == {"slack", "pagerduty", "github"}
    assert not [one for one in ("xoxb-sandbox", "ghp_sandbox", "0123456789abcdef0123") if one in bridge.process.log()]


def test_on_a_terminal_it_is_text(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bridge", "run", "--bind", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment({}), stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"listening" not in said:
        said += os.read(ours, 4096)
    process.terminate()
    process.wait(30)
    os.close(ours)
    assert b"{" not in said
