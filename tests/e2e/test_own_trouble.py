"""The bridge's own trouble: told to those who run it, ended with it; and nobody goes untold for it."""

import os
import signal

import pytest
from harness import alert, config, eventually, group, messages, pages

from bridge.sandbox import Fault, Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(channels=("ops", "spare"), strict_channels=True) as made:
        yield made


def settings(sandbox, **more):
    own = {"kind": "slack", "token": "${env:SLACK_BOT_TOKEN}", "api_url": sandbox.slack_url}
    return config(
        sandbox,
        destinations={
            "slack": {"channel": "#gone"},
            "ops": {**own, "channel": "#ops"},
            "spare": {**own, "channel": "#spare"},
        },
        teams={"sre": {"send": {priority: ["ops"] for priority in ("P0", "P1", "P2", "P3")}}},
        send={priority: ["slack"] for priority in ("P0", "P1", "P2", "P3")},
        operators="sre",
        **more,
    )


def test_a_dead_letter_is_told_to_the_operators_and_ends_with_its_replay(start, sandbox):
    bridge = start(settings(sandbox))
    bridge.post(group(alert("A quiet one", Priority="P2")))
    told = eventually(lambda: messages(sandbox, "ops", "Not told at slack #gone"), "operators told")
    assert len(told) == 1

    with sandbox.lock:
        sandbox.slack.workspace.add_channel("gone")
    assert bridge.command("replay", "--all").returncode == 0
    eventually(lambda: messages(sandbox, "ops", "resolved: Not told at slack #gone"), "trouble over")
    assert [one.text.split(".")[0] for one in messages(sandbox, "gone")] == ["P2 firing: A quiet one"]
    assert len(messages(sandbox, "ops", "Not told")) == 1


def test_many_dead_letters_of_a_place_are_one_incident(start, sandbox):
    bridge = start(settings(sandbox))
    for number in range(12):
        bridge.post(group(alert(f"many {number}", Priority="P2")))
    eventually(lambda: messages(sandbox, "ops", "12 dead letters at slack #gone"), "all counted")
    letters = bridge.all("deliveries?state=dead")
    assert all(f"`bridge replay {one['id']}`" in one["reason"] for one in letters)
    assert len(messages(sandbox, "ops", "Not told at slack #gone")) == 1


def test_trouble_with_telling_of_trouble_makes_no_circle(start, sandbox):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="not_in_channel"))
    bridge = start(settings(sandbox))
    bridge.post(group(alert("A quiet one", Priority="P2")))
    eventually(lambda: len(bridge.all("deliveries?state=dead")) == 2, "both dead: the alert's and the notice's")
    own = [one for one in bridge.incidents() if one["source"] == "bridge"]
    bridge.post(group(alert("Another one", Priority="P2")))
    eventually(lambda: len(bridge.all("deliveries?state=dead")) == 3, "a third, and no notice of a notice")
    assert [one["title"] for one in own] == ["Not told at slack #gone"]
    assert len([one for one in bridge.incidents() if one["source"] == "bridge"]) == 1


def test_quarantine_is_told_to_the_operators_until_it_is_empty(start, sandbox):
    bridge = start(settings(sandbox))
    bridge.request("POST", "/webhooks/grafana", content=b"no JSON at all")
    eventually(lambda: messages(sandbox, "ops", "Unreadable alerts from grafana"), "operators told")
    assert bridge.command("quarantine", "dismiss", "--all").returncode == 0
    eventually(lambda: messages(sandbox, "ops", "resolved: Unreadable alerts from grafana"), "trouble over")


def test_a_p0_that_is_dead_at_its_place_is_told_at_the_fallback_with_the_mend(start, sandbox):
    bridge = start(settings(sandbox, fallback={"P0": {"after": "10m", "send": ["pagerduty", "spare"]}}))
    bridge.post(group(alert("The worst", Priority="P0")))
    (page,) = eventually(lambda: pages(sandbox, "The worst"), "paged")
    (spare,) = eventually(lambda: messages(sandbox, "spare", "The worst"), "told at the spare channel")
    assert "could not be told" in str(spare.blocks)
    assert "/invite" in str(spare.blocks)
    assert "could not be told" in str(page.event)

    with sandbox.lock:
        sandbox.slack.workspace.add_channel("gone")
    assert bridge.command("replay", "--all").returncode == 0
    bridge.post(group(alert("The worst", Priority="P0", status="resolved")))
    eventually(lambda: messages(sandbox, "gone", "resolved: The worst"), "the first place recovers")
    eventually(lambda: messages(sandbox, "spare", "resolved: The worst"), "the fallback ends too")
    eventually(lambda: pages(sandbox, "The worst")[0].status == "resolved", "so does the page")


def test_what_was_told_once_and_has_become_a_p0_that_can_not_be_told_is_told_at_the_fallback(start, sandbox):
    with sandbox.lock:
        sandbox.slack.workspace.add_channel("gone")
    bridge = start(settings(sandbox, fallback={"P0": {"after": "2s", "send": ["pagerduty"]}}))
    bridge.post(group(alert("The worst", Priority="P2")))
    eventually(lambda: messages(sandbox, "gone", "P2 firing: The worst"), "told")
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.update", status=503))
    bridge.post(group(alert("The worst", Priority="P0")))
    eventually(lambda: pages(sandbox, "The worst"), "paged, since it is late")


def test_a_p0_that_is_late_is_told_at_the_fallback(start, sandbox):
    with sandbox.lock:
        sandbox.slack.workspace.add_channel("gone")
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.postMessage", contains="The worst", status=503))
    bridge = start(settings(sandbox, fallback={"P0": {"after": "2s", "send": ["pagerduty"]}}))
    bridge.post(group(alert("The worst", Priority="P0")))
    bridge.post(group(alert("Not so bad", Priority="P1")))
    eventually(lambda: pages(sandbox, "The worst"), "paged")
    sandbox.faults.clear()
    eventually(lambda: messages(sandbox, "gone", "The worst"), "told where it belongs, too")
    assert not pages(sandbox, "Not so bad")


def test_a_delivery_without_its_secret_is_held_and_goes_on_when_the_secret_is_back(start, sandbox, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("xoxb-sandbox")
    made = settings(sandbox)
    made["destinations"]["slack"] = {
        "token": f"${{file:{secret}}}", "channel": "#spare", "api_url": sandbox.slack_url, "rate": "off",
    }  # fmt: skip
    bridge = start(made)
    secret.unlink()
    bridge.post(group(alert("Waiting", Priority="P2")))
    held = eventually(lambda: bridge.all("deliveries?state=held"), "held")
    assert "token" in held[0]["reason"]
    eventually(lambda: messages(sandbox, "ops", "Held: destination slack"), "operators told")
    secret.write_text("xoxb-sandbox")
    eventually(lambda: messages(sandbox, "spare", "Waiting"), "told")
    assert len(messages(sandbox, "spare", "Waiting")) == 1
    eventually(lambda: messages(sandbox, "ops", "resolved: Held: destination slack"), "trouble over")


def test_a_refused_configuration_is_told_to_the_operators_until_a_good_one_comes(start, sandbox):
    good = settings(sandbox)
    bridge = start(good)
    bridge.configure({"destinatoins": {}})
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    told = eventually(lambda: messages(sandbox, "ops", "Configuration refused"), "operators told")
    assert "destinatoins" in str(told[0].blocks)
    bridge.configure(good)
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    eventually(lambda: messages(sandbox, "ops", "resolved: Configuration refused"), "trouble over")
    assert len(messages(sandbox, "ops", "Configuration refused")) == 1


def test_a_broken_included_file_is_told_to_the_operators(start, sandbox):
    whole = settings(sandbox)
    bridge = start(whole)
    bridge.configure({**whole, "include": ["teams.yml"]})
    (bridge.folder / "teams.yml").write_text("teamz: {}\n", "utf-8")
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    told = eventually(lambda: messages(sandbox, "ops", "broken in parts"), "operators told")
    assert "teamz" in str(told[0].blocks)
    (bridge.folder / "teams.yml").write_text("teams: {storage: {}}\n", "utf-8")
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    eventually(lambda: messages(sandbox, "ops", "resolved: Configuration broken"), "trouble over")
