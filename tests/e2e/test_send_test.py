"""`bridge send-test`, beside a running bridge and without one: who is told, who is not, and that nothing stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from harness import ROUTING_KEY, command, config, environment, issues, messages, pages, replies, write_config

from bridge.sandbox import Fault, Sandbox

TITLE = "Test of the alert bridge"
FALLBACK = {"default": {"on": "dead", "send": ["ops"]}}


@pytest.fixture
def strict():
    with Sandbox(channels=["alerts"], strict_channels=True) as made:
        yield made


def sent(folder, *words, code=0, env=None):
    """Send a test from a bridge's folder; what the command says."""
    done = command(folder, env or {}, "send-test", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is (code == 0)
    return found


def outcomes(found):
    return {one["destination"]: one["outcome"] for one in found["destinations"]}


def test_without_a_bridge_it_delivers_itself_and_ends_the_test(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    found = sent(tmp_path)
    assert found["by"] == "this command"
    assert outcomes(found) == {"slack": "shown", "github": "shown"}
    assert [one["destination"] for one in found["not_told"]] == ["pagerduty"]
    (message,) = messages(sandbox)
    assert message.text.startswith(f"TEST P2 resolved: {TITLE}.")
    assert found["destinations"][0]["url"].endswith(message.ts.replace(".", ""))
    assert len(replies(sandbox, message)) == 1
    (issue,) = issues(sandbox)
    assert (issue.state, "TEST" in issue.title) == ("closed", True)
    assert found["destinations"][1]["url"].endswith(f"/issues/{issue.number}")
    assert pages(sandbox) == []
    whole = json.loads(command(tmp_path, {}, "incident", found["incident"], "--json").stdout)
    assert (whole["state"], whole["source"]) == ("resolved", "bridge.test")


def test_each_test_is_an_incident_of_its_own(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    assert sent(tmp_path)["incident"] != sent(tmp_path)["incident"]
    assert len(messages(sandbox)) == 2


def test_beside_a_running_bridge_that_one_delivers_and_no_secret_is_needed(sandbox, start):
    bridge = start(config(sandbox))
    found = sent(bridge.folder, env={"SLACK_BOT_TOKEN": "", "GITHUB_TOKEN": "", "PAGERDUTY_KEY": ""})
    assert found["by"] == "the running bridge"
    assert outcomes(found) == {"slack": "shown", "github": "shown"}
    assert bridge.incident(TITLE)["state"] == "resolved"


def test_on_postgresql_whoever_lives_delivers(sandbox, start, tmp_path, postgres_url):
    env = {"BRIDGE_DATABASE_URL": postgres_url}
    write_config(tmp_path, config(sandbox))
    assert command(tmp_path, env, "db", "upgrade").returncode == 0
    for _ in range(2):
        assert sent(tmp_path, env=env)["by"] == "this command"
    bridge = start(config(sandbox), env=env)
    found = sent(bridge.folder, env=env)
    assert found["by"] == "the running bridge"
    assert outcomes(found) == {"slack": "shown", "github": "shown"}


def test_it_pages_only_where_that_is_asked_for_and_mentions_nobody(sandbox, start):
    bridge = start(config(sandbox, destinations={"slack": {"mention": "<!here>"}}))
    quiet = sent(bridge.folder, "--priority", "p0")
    assert outcomes(quiet) == {"slack": "shown", "pagerduty": "not_paged", "github": "shown"}
    assert pages(sandbox) == []
    assert "<!here>" not in json.dumps([message.blocks for message in messages(sandbox)])
    loud = sent(bridge.folder, "--priority", "P0", "--page")
    assert outcomes(loud)["pagerduty"] == "shown"
    (page,) = pages(sandbox)
    assert (page.routing_key, page.status) == (ROUTING_KEY, "resolved")


def test_a_team_is_told_in_its_own_place(sandbox, tmp_path):
    teams = {"infra": {"aliases": ["ops"], "destinations": {"slack": {"channel": "#infra"}}}}
    normalize = {"team": ["label:squad"], "priority": ["annotation:urgency"]}
    write_config(tmp_path, config(sandbox, teams=teams, normalize=normalize))
    found = sent(tmp_path, "--team", "OPS", "--priority", "P3")
    assert (found["teams"], found["priority"]) == (["infra"], "P3")
    assert len(messages(sandbox, "infra")) == 1
    assert messages(sandbox) == []


def test_a_destination_that_does_not_show_it_is_named_with_the_mend_and_nothing_stays(strict, tmp_path):
    settings = config(strict, destinations={"slack": {"channel": "#nowhere"}}, fallback=FALLBACK)
    settings["destinations"]["ops"] = {**settings["destinations"]["slack"], "kind": "slack", "channel": "#alerts"}
    settings["send"] = {"P2": ["slack", "github"]}
    write_config(tmp_path, settings)
    found = sent(tmp_path, code=1)
    assert outcomes(found) == {"slack": "failed", "github": "shown"}
    why = found["destinations"][0]["why"]
    assert "#nowhere" in why
    assert why.endswith("then send the test again.")
    assert json.loads(command(tmp_path, {}, "dead-letters", "--json").stdout)["items"] == []
    listed = json.loads(command(tmp_path, {}, "incidents", "--json").stdout)["items"]
    assert [(one["title"], one["state"]) for one in listed] == [(TITLE, "resolved")]
    assert messages(strict) == []


def test_an_end_that_is_refused_is_told_and_can_be_replayed(sandbox, start):
    bridge = start(config(sandbox))
    sandbox.faults.add(
        Fault("status", "pagerduty", contains='"resolve"', status=400),
        Fault("status", "github", method="PATCH", contains='"closed"', status=422),
    )
    found = sent(bridge.folder, "--priority", "P0", "--page", code=1)
    assert outcomes(found) == {"slack": "shown", "pagerduty": "failed", "github": "failed"}
    dead = json.loads(bridge.command("dead-letters", "--json").stdout)["items"]
    mends = {one["destination"]: f"then `bridge replay {one['id']}`." for one in dead}
    assert mends.keys() == {"pagerduty", "github"}
    for one in found["destinations"][1:]:
        assert one["why"].startswith("shown, but its end was not told: ")
        assert one["why"].endswith(mends[one["destination"]])
    assert ([page.status for page in pages(sandbox)], [one.state for one in issues(sandbox)]) == (
        ["triggered"],
        ["open"],
    )
    sandbox.faults.clear()
    assert bridge.command("replay", "--all").returncode == 0
    bridge.settle()
    assert ([page.status for page in pages(sandbox)], [one.state for one in issues(sandbox)]) == (
        ["resolved"],
        ["closed"],
    )


def test_an_end_that_is_held_is_told(sandbox, start):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("status", "github", path="*/comments", status=503))
    asked = [sys.executable, "-m", "bridge", "send-test", "--json"]
    # a command without secrets takes no bridge's place while that one reads its configuration anew
    secretless = environment(dict.fromkeys(("SLACK_BOT_TOKEN", "GITHUB_TOKEN", "PAGERDUTY_KEY"), ""))
    process = subprocess.Popen(asked, cwd=bridge.folder, env=secretless, stdout=subprocess.PIPE)
    assert sandbox.wait_for(lambda: any(one.path.endswith("/comments") for one in sandbox.requests), 45)
    settings = config(sandbox)
    del settings["destinations"]["github"]
    bridge.configure(settings)
    found = json.loads(process.communicate(timeout=240)[0])
    assert process.returncode == 1
    assert outcomes(found) == {"slack": "shown", "github": "failed"}
    assert found["destinations"][1]["why"].startswith("shown, but its end was not told: destination github: ")
    assert json.loads(bridge.command("dead-letters", "--json").stdout)["items"] == []


def test_a_destination_that_does_not_answer_is_given_up_and_hears_of_it_later(sandbox, start):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.postMessage", status=503))
    found = sent(bridge.folder, "--timeout", "2", code=1)
    assert outcomes(found) == {"slack": "failed", "github": "shown"}
    assert found["destinations"][0]["why"] == "not told within 2 s: HTTP 503"
    sandbox.faults.clear()
    bridge.settle()
    (message,) = messages(sandbox)
    assert message.text.startswith("TEST P2 resolved")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--team", "infar"], "team infar is not configured: did you mean infra?"),
        (["--team", "infra", "--page"], "P2 of team infra goes to no pager: choose a --priority that does"),
    ],
)
def test_what_would_reach_nobody_is_not_sent(sandbox, tmp_path, words, says):
    write_config(tmp_path, config(sandbox, teams={"infra": {}}))
    done = command(tmp_path, {}, "send-test", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert not (tmp_path / "bridge.db").exists()
    assert sandbox.seen() == []


def test_without_a_bridge_a_missing_secret_is_named(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    done = command(tmp_path, {"GITHUB_TOKEN": ""}, "send-test")
    assert done.returncode == 1
    assert "GITHUB_TOKEN" in done.stderr
    assert sandbox.seen() == []


def test_ctrl_c_leaves_no_test_open(sandbox, start):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("hang", "slack", path="/api/chat.postMessage", seconds=60, count=1))
    asked = [sys.executable, "-m", "bridge", "send-test"]
    process = subprocess.Popen(asked, cwd=bridge.folder, env=environment({}), stderr=subprocess.PIPE)
    assert sandbox.wait_for(lambda: issues(sandbox), 45)
    process.send_signal(signal.SIGINT)
    assert b"Traceback" not in process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert bridge.incident(TITLE)["state"] == "resolved"


def test_where_the_running_bridge_ends_before_all_is_told_the_command_goes_on(sandbox, start):
    bridge = start(config(sandbox))
    takes_over(sandbox, bridge)


def test_on_postgresql_the_command_goes_on_too(sandbox, start, tmp_path, postgres_url):
    env = {"BRIDGE_DATABASE_URL": postgres_url}
    assert command(tmp_path, env, "db", "upgrade").returncode == 0
    bridge = start(config(sandbox), env=env)
    takes_over(sandbox, bridge)


def takes_over(sandbox, bridge):
    """Send a test beside a bridge that ends in the middle; it is told all the same."""
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.postMessage", status=503))
    asked = [sys.executable, "-m", "bridge", "send-test", "--json"]
    process = subprocess.Popen(asked, cwd=bridge.folder, env=environment(bridge.env), stdout=subprocess.PIPE)
    assert sandbox.wait_for(lambda: issues(sandbox), 45)
    assert bridge.process.stop() == 0
    sandbox.faults.clear()
    found = json.loads(process.communicate(timeout=240)[0])
    assert found["by"] == "this command"
    assert outcomes(found) == {"slack": "shown", "github": "shown"}
    (message,) = messages(sandbox)
    assert message.text.startswith("TEST P2 resolved")


def test_nobody_outside_can_send_as_a_test(sandbox, start):
    bridge = start(config(sandbox))
    assert bridge.request("POST", "/webhooks/bridge.test", json={}).status_code == 404


def test_for_people_it_is_a_line_a_destination(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    done = command(tmp_path, {}, "send-test", "--priority", "P1")
    lines = done.stdout.splitlines()
    assert lines[0].endswith("(P1, team unrouted), delivered by this command")
    assert lines[1].split()[:5] == ["slack", "#alerts", "shown,", "and", "ended"]
    assert "it pages only with --page" in done.stdout
    assert lines[-1] == "Every destination has shown it."
    assert done.stderr == ""
