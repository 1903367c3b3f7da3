"""`bridge check --online`, against the doubles: what is there, what is missing, and nothing that people see."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from click.testing import CliRunner
from harness import config

from bridge.cli.check import check
from bridge.sandbox import Fault, Sandbox

ENV = {
    "SLACK_BOT_TOKEN": "xoxb-sandbox",
    "PAGERDUTY_KEY": "0123456789abcdef0123456789abcdef",
    "GITHUB_TOKEN": "ghp_sandbox",
    "HOOK": "http://127.0.0.1:9/hook",
}


@pytest.fixture
def sandbox():
    with Sandbox(channels=("alerts", "storage-alerts"), strict_channels=True) as made:
        made.github.add_repository("acme/alerts")
        yield made


@pytest.fixture
def findings(sandbox, tmp_path, monkeypatch):
    def ask(**more):
        path = tmp_path / "bridge.yml"
        path.write_text(json.dumps(config(sandbox, **more)))  # YAML holds JSON
        for name, value in ENV.items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(check, ["--online", "--json", "--config", str(path)])
        said = [one for one in json.loads(result.stdout) if one["what"].startswith("destination ")]
        assert result.exit_code == any(one["level"] == "error" for one in said)
        return [(one["level"], one["what"], one["mend"]) for one in said]

    return ask


def test_where_all_is_well_nothing_is_said_and_nothing_shows(findings, sandbox):
    assert findings() == []
    assert sandbox.slack.messages("alerts") == []
    assert sandbox.pagerduty.pages == []
    assert sandbox.github.issues("acme/alerts") == []


def test_each_place_is_asked_once(findings, sandbox):
    assert findings(teams={"storage": {}, "network": {"destinations": {"slack": {"channel": "#storage-alerts"}}}}) == []
    asked = [entry.path for entry in sandbox.seen("slack", "conversations.list")]
    assert len(asked) == 2
    assert len(sandbox.seen("pagerduty")) == 1


def test_one_channel_by_two_names_is_a_warning(findings, sandbox):
    known = sandbox.slack.channel("alerts").id
    leads = {"kind": "slack", "token": "${env:SLACK_BOT_TOKEN}", "channel": known, "api_url": sandbox.slack_url}
    [(level, what, mend)] = findings(destinations={"leads": leads, "more": {**leads, "channel": "#storage-alerts"}})
    assert (level, mend) == ("warning", "write it in one way everywhere")
    assert what.startswith(f"destination leads, slack {known}: #alerts is the same place: what goes to both")


def test_a_channel_that_is_not_there(findings):
    [(level, what, mend)] = findings(destinations={"slack": {"channel": "#nowhere"}})
    assert level == "error"
    assert what.startswith("destination slack, slack #nowhere: there is no #nowhere")
    assert "/invite" in mend


def test_a_channel_that_can_not_be_read_is_a_warning(findings, sandbox):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/conversations.history", code="missing_scope"))
    [(level, what, mend)] = findings()
    assert level == "warning"
    assert "can't be searched (missing_scope)" in what
    assert "posted once more" in what
    assert "channels:history" in mend


def test_handles_that_call_nobody_are_found_and_each_place_is_asked_once(findings, sandbox):
    sandbox.slack.workspace.usergroups["ops"] = "Operations"
    slack = {"mention": {"P0": "@ops @infra-oncall <@U0001>", "P1": "@{team}-oncall", "P2": "@OPS"}}
    teams = {"storage": {}, "network": {"destinations": {"slack": {"channel": "#storage-alerts"}}}}
    found = findings(destinations={"slack": slack}, teams=teams)
    assert [(level, what.partition(": ")[2]) for level, what, _ in found] == [
        ("warning", "@infra-oncall calls nobody: there is no such user group"),
        ("warning", "@storage-oncall calls nobody: there is no such user group"),
        ("warning", "@infra-oncall calls nobody: there is no such user group"),
        ("warning", "@network-oncall calls nobody: there is no such user group"),
    ]
    assert all("<!subteam^S…>" in mend and "<@U…>" in mend for _, _, mend in found)
    assert len(sandbox.seen("slack", "conversations.list")) == 2
    assert len(sandbox.seen("slack", "usergroups.list")) == 2


def test_user_groups_that_can_not_be_read_are_said_once_and_asked_for_only_where_one_is_called(findings, sandbox):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/usergroups.list", code="missing_scope"))
    assert findings(destinations={"slack": {"mention": "<!here> <@U0001>"}}) == []
    assert sandbox.seen("slack", "usergroups.list") == []
    [(level, what, mend)] = findings(destinations={"slack": {"mention": {"P0": "@ops", "P1": "@dev"}}})
    assert level == "warning"
    assert what.endswith("user groups can't be read: @ops, @dev call nobody")
    assert "usergroups:read" in mend


def test_a_webhook_calls_no_user_group(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", f"{sandbox.slack_url}hook")
    path = tmp_path / "bridge.yml"
    path.write_text('destinations:\n  slack: {webhook_url: "${env:HOOK}", mention: "@ops"}\n')
    result = CliRunner().invoke(check, ["--online", "--config", str(path)])
    assert "@ops calls nobody" in result.output
    assert "<!subteam^S…>" in result.output
    assert "usergroups:read" not in result.output


def test_a_webhook_is_said_to_be_blind_and_is_not_asked(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", f"{sandbox.slack_url}hook")
    path = tmp_path / "bridge.yml"
    path.write_text('destinations:\n  slack: {webhook_url: "${env:HOOK}"}\n')
    result = CliRunner().invoke(check, ["--online", "--config", str(path)])
    assert "warning: destination slack" in result.output
    assert "webhook_url can't be searched" in result.output
    assert sandbox.seen() == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("status", "pagerduty", status=403), "forbids key"),
        (Fault("status", "github", status=404, body='{"message": "Not Found"}'), "There is no acme/alerts"),
        (Fault("status", "github", status=401, body='{"message": "Bad credentials"}'), "does not accept the token"),
        (Fault("ok_false", "slack", path="/api/auth.test", code="invalid_auth"), "token"),
        (Fault("reset", "github"), ""),
    ],
    ids=lambda value: f"{value.double} {value.status or value.action}" if isinstance(value, Fault) else "",
)
def test_what_can_not_be_told_is_an_error(findings, sandbox, fault, says):
    sandbox.faults.add(fault)
    found = findings()
    assert [level for level, _, _ in found] == ["error"]
    assert says in found[0][2]


def test_a_credential_that_can_not_be_used_is_an_error_and_the_others_are_asked(findings, sandbox, monkeypatch):
    monkeypatch.setitem(ENV, "SLACK_BOT_TOKEN", "xoxb-\u201ccurly\u201d")
    app = {"id": "1", "installation": "2", "private_key": "${env:HOOK}"}
    apps = {"kind": "github", "app": app, "repo": "acme/alerts", "api_url": sandbox.github_url}
    found = findings(destinations={"apps": apps})
    assert [(level, what.partition(":")[0]) for level, what, _ in found] == [
        ("error", "destination slack, slack #alerts"),
        ("error", "destination apps, github acme/alerts"),
    ]
    assert not [what for _, what, _ in found if what.count("destination") > 1 or "curly" in what or ENV["HOOK"] in what]
    assert all("the right secret" in mend for _, _, mend in found)
    assert sandbox.seen("pagerduty")
    assert sandbox.seen("github")


def test_a_service_is_called_what_the_console_calls_it(findings, sandbox, tmp_path, monkeypatch):
    (tmp_path / "bridge.key").write_bytes(b"kept\n")
    monkeypatch.setenv("BRIDGE_DATABASE_URL", f"sqlite:///{tmp_path}/bridge.db")
    sandbox.faults.add(Fault("status", "pagerduty", status=403))
    [(_, what, _)] = findings()
    digest = hmac.new(b"kept", ENV["PAGERDUTY_KEY"].encode(), hashlib.sha256).hexdigest()
    assert f"pagerduty key {digest[:8]}" in what


def test_a_limit_is_waited_for_once(findings, sandbox):
    limit = Fault("status", "slack", path="/api/conversations.list", status=429, headers={"Retry-After": "1"}, count=1)
    sandbox.faults.add(limit)
    assert findings() == []
    assert len(sandbox.seen("slack", "conversations.list")) == 2
