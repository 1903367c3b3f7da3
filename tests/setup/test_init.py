"""`bridge init` in a real terminal, against the doubles: from nothing to a message, and every wrong answer mended."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asked
import pytest
from harness import GITHUB_TOKEN, ROUTING_KEY, Process, environment, eventually, inductor, messages
from ruamel.yaml import YAML
from terminal import UNSET, Terminal

from bridge.destinations.slack.app import SCOPES
from bridge.sandbox import Fault, Sandbox

TOKEN = "xoxb-sandbox"
HELLO = "This is a test message from `bridge init`: alerts will be told here."
NOBODY = "http://127.0.0.1:9/"


@pytest.fixture
def sandbox():
    with Sandbox(channels=["alerts"], strict_channels=True) as made:
        made.github.add_repository("acme/alerts")
        made.slack.workspace.grant("chat:write.public")
        yield made


@pytest.fixture
def start(sandbox, tmp_path):
    """Starts `bridge init` in an empty folder, against the doubles."""
    urls = {"slack": sandbox.slack_url, "pagerduty": sandbox.pagerduty_url, "github": sandbox.github_url}

    def begin(*words, **env):
        given = [word for kind, url in urls.items() for word in (f"--{kind}-api-url", url)]
        return Terminal(tmp_path, *given, *words, **env)

    return begin


def slack(terminal, channel="#alerts"):
    terminal.types_secret("Bot token", TOKEN)
    terminal.answers("Channel for alerts", channel)


def rest(terminal, address=""):
    """Neither PagerDuty nor GitHub, and an address."""
    terminal.answers("Page for P0 and P1?", "n")
    terminal.answers("Open an issue", "n")
    terminal.answers("Address", address)
    assert terminal.ends() == 0


def hellos(sandbox, channel="alerts"):
    return [one.text for one in messages(sandbox, channel)]


def written(folder):
    return sorted(one.name for one in folder.iterdir())


def variables(folder):
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if line)


def test_from_nothing_to_a_bridge_that_takes_a_webhook(sandbox, start, tmp_path):
    terminal = start()
    slack(terminal)
    terminal.sees("A test message stands in the channel: ")
    (hello,) = messages(sandbox)
    assert hello.text == HELLO
    assert written(tmp_path) == []
    rest(terminal)
    assert hello.ts.replace(".", "") in terminal.shown

    assert written(tmp_path) == [".env", "bridge.yml"]
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert YAML(typ="safe").load(tmp_path / "bridge.yml") == {
        "destinations": {
            "slack": {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts", "api_url": sandbox.slack_url}
        }
    }
    found = variables(tmp_path)
    assert sorted(found) == ["BRIDGE_WEBHOOK_TOKEN", "SLACK_BOT_TOKEN"]
    token = found["BRIDGE_WEBHOOK_TOKEN"]
    assert re.fullmatch(r"[0-9a-f]{48}", token)
    assert TOKEN not in terminal.shown
    assert token not in terminal.shown
    assert "bridge run" in terminal.shown
    assert "bridge grafana-setup" in terminal.shown

    process = Process("run", tmp_path, UNSET)
    try:
        hook = f"{process.address}/webhooks/grafana"
        assert asked.post(hook, json=inductor(), timeout=30).status_code == 401
        bearer = {"Authorization": f"Bearer {token}"}
        assert asked.post(hook, json=inductor(), headers=bearer, timeout=30).status_code == 202
        eventually(lambda: any("Inductor Jobs Broken" in text for text in hellos(sandbox)), "the alert in the channel")
    finally:
        assert process.stop() == 0


@pytest.mark.parametrize("found", [True, False])
def test_the_commands_at_its_end_are_those_that_this_shell_finds(start, tmp_path, found):
    other = tmp_path / "other"
    other.mkdir()
    (other / "bridge").write_text("#!/bin/sh\n")  # iproute2 has one
    (other / "bridge").chmod(0o755)
    ours = Path(sys.executable).parent
    terminal = start(PATH=f"{ours if found else other}:/usr/bin:/bin")
    slack(terminal)
    rest(terminal)
    command = "bridge" if found else os.path.relpath(ours / "bridge", tmp_path)
    assert f"\n  {command} run  # starts the bridge" in terminal.shown


def test_everything_that_can_be_set_up(sandbox, start, tmp_path):
    terminal = start()
    slack(terminal, "alerts")
    terminal.answers("Page for P0 and P1?", "y")
    terminal.types_secret("Integration key", ROUTING_KEY)
    terminal.answers("Open an issue", "y")
    terminal.types_secret("Token", GITHUB_TOKEN)
    terminal.answers("Repository", "https://github.com/acme/alerts")
    terminal.answers("Address", "https://alerts.acme.com/")
    assert terminal.ends() == 0
    read = YAML(typ="safe").load(tmp_path / "bridge.yml")
    assert sorted(read["destinations"]) == ["github", "pagerduty", "slack"]
    assert variables(tmp_path)["PAGERDUTY_KEY"] == ROUTING_KEY
    assert sandbox.pagerduty.pages == []
    assert sandbox.github.issues("acme/alerts") == []
    assert not [secret for secret in (TOKEN, ROUTING_KEY, GITHUB_TOKEN) if secret in terminal.shown]
    checked = subprocess.run(
        [sys.executable, "-m", "bridge", "check", "--online"],
        cwd=tmp_path, env=environment(UNSET), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (checked.returncode, "its destinations answer" in checked.stdout) == (0, True), checked.stdout
    setup = subprocess.run(
        [sys.executable, "-m", "bridge", "grafana-setup", "--format", "provisioning"],
        cwd=tmp_path, env=environment(UNSET), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "https://alerts.acme.com/webhooks/grafana" in setup.stdout


def test_the_link_makes_the_app_of_the_manifest(start):
    terminal = start()
    terminal.presses_ctrl_c("Bot token")
    terminal.ends()
    (link,) = re.findall(r"https://api\.slack\.com/apps\?\S+", terminal.shown)
    query = parse_qs(urlsplit(link).query)
    manifest = YAML(typ="safe").load(query["manifest_yaml"][0])
    assert query["new_app"] == ["1"]
    assert manifest["oauth_config"]["scopes"]["bot"] == list(SCOPES)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("xoxb-unknown", "Slack does not know this token (invalid_auth)"),
        ("xoxp-1", "that is a user's token: the bot's begins with xoxb-"),
        ("xapp-1", "that is an app-level token"),
        ("xoxb-ü", "no HTTP header can carry"),
    ],
)
def test_a_wrong_token_is_mended_in_place(sandbox, start, wrong, says):
    terminal = start()
    terminal.types_secret("Bot token", wrong)
    terminal.sees(says)
    slack(terminal)
    rest(terminal)
    assert hellos(sandbox) == [HELLO]
    assert wrong not in terminal.shown


def test_blanks_are_no_answer(sandbox, start, tmp_path):
    terminal = start()
    for typed in ("   ", "", TOKEN):
        terminal.types_secret("Bot token (not shown)", typed)
    for typed in ("  ", "#nope", "  ", "alerts"):
        terminal.answers("Channel for alerts", typed)
    terminal.answers("Page for P0 and P1?", "y")
    terminal.types_secret("Integration key (not shown) (Enter: without PagerDuty)", "  ")
    terminal.answers("Open an issue", "n")
    terminal.answers("Address", "  ")
    assert terminal.ends() == 0
    assert hellos(sandbox) == [HELLO]
    assert list(YAML(typ="safe").load(tmp_path / "bridge.yml")["destinations"]) == ["slack"]


def test_pagerduty_and_github_may_be_left_out_after_all(start, tmp_path):
    """At any of their questions, also after a wrong answer; what was set up before stays."""
    terminal = start()
    slack(terminal)
    terminal.answers("Page for P0 and P1?", "y")
    terminal.types_secret("Integration key", "R0UTING")
    terminal.sees("a routing key has 32 letters and digits")
    terminal.types_secret("Integration key (Enter: the same again) (-: without PagerDuty)", "-")
    terminal.answers("Open an issue", "y")
    terminal.types_secret("Token (not shown) (Enter: without GitHub)", GITHUB_TOKEN)
    terminal.answers("Repository (owner/name) (Enter: without GitHub)", "")
    terminal.answers("Address", "")
    assert terminal.ends() == 0
    assert list(YAML(typ="safe").load(tmp_path / "bridge.yml")["destinations"]) == ["slack"]
    assert sorted(variables(tmp_path)) == ["BRIDGE_WEBHOOK_TOKEN", "SLACK_BOT_TOKEN"]


def test_missing_scopes_are_named_and_asked_for_again(sandbox, start):
    tokens = sandbox.slack.workspace.tokens
    tokens[TOKEN] = frozenset(SCOPES) - {"chat:write", "channels:history"}
    terminal = start()
    terminal.types_secret("Bot token", TOKEN)
    terminal.sees("The app lacks chat:write, to post and edit messages.")
    terminal.sees("The app lacks channels:history")
    tokens[TOKEN] = frozenset(SCOPES) - {"channels:history"}
    terminal.types_secret("Bot token (Enter: the same again)", "")
    terminal.answers("Try again, with the scopes added?", "")
    tokens[TOKEN] = frozenset(SCOPES)
    terminal.types_secret("Bot token (Enter: the same again)", "")
    terminal.answers("Channel for alerts", "")
    rest(terminal)
    assert hellos(sandbox) == [HELLO]


def test_one_may_go_on_without_a_scope_that_is_not_needed(sandbox, start):
    sandbox.slack.workspace.tokens[TOKEN] = frozenset(SCOPES) - {"channels:history"}
    terminal = start()
    terminal.types_secret("Bot token", TOKEN)
    terminal.answers("Try again, with the scopes added?", "n")
    terminal.answers("Channel for alerts", "")
    terminal.sees("Note: #alerts can't be searched (missing_scope)")
    rest(terminal)
    assert hellos(sandbox) == [HELLO]


def test_a_channel_that_is_none_or_not_there_is_mended_in_place(sandbox, start):
    terminal = start()
    slack(terminal, "our alerts")
    terminal.sees("'our alerts', which is no channel")
    terminal.answers("Channel for alerts [#alerts]", "#nowhere")
    terminal.sees("there is no #nowhere")
    with sandbox.lock:
        sandbox.slack.workspace.add_channel("nowhere")
    terminal.answers("Channel for alerts [#nowhere]", "")
    rest(terminal)
    assert hellos(sandbox, "nowhere") == [HELLO]


def test_a_private_channel_says_to_invite_the_bot(sandbox, start):
    secret = sandbox.slack.workspace.add_channel("secret", private=True, member=False)
    terminal = start()
    slack(terminal, "#secret")
    terminal.sees("type /invite @bridge in it")
    with sandbox.lock:
        secret.is_member = True
    terminal.answers("Channel for alerts [#secret]", "")
    rest(terminal)
    assert hellos(sandbox, "secret") == [HELLO]


def test_a_refused_message_says_why(sandbox, start):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="not_in_channel", count=1))
    terminal = start()
    slack(terminal)
    terminal.sees("the bot is not in #alerts (not_in_channel): type /invite @bridge there")
    terminal.answers("Channel for alerts [#alerts]", "")
    rest(terminal)
    assert hellos(sandbox) == [HELLO]


def test_a_network_that_fails_is_tried_again(sandbox, start):
    sandbox.faults.add(Fault("reset", "slack", path="/api/auth.test", count=1))
    terminal = start()
    terminal.types_secret("Bot token", TOKEN)
    terminal.sees("Slack does not answer as it should")
    terminal.sees("HTTPS_PROXY")
    terminal.types_secret("Bot token (Enter: the same again)", "")
    terminal.answers("Channel for alerts", "")
    rest(terminal)
    assert hellos(sandbox) == [HELLO]


def test_nobody_at_the_other_end(tmp_path):
    terminal = Terminal(tmp_path, "--slack-api-url", NOBODY)
    terminal.types_secret("Bot token", TOKEN)
    terminal.sees("Slack does not answer as it should")
    terminal.presses_ctrl_c("Bot token (Enter: the same again)")
    assert terminal.ends() == 1
    assert written(tmp_path) == []


def test_wrong_keys_tokens_and_repositories_are_mended_in_place(sandbox, start, tmp_path):
    sandbox.faults.add(Fault("status", "pagerduty", status=403, count=1))
    terminal = start()
    slack(terminal)
    terminal.answers("Page for P0 and P1?", "y")
    terminal.types_secret("Integration key", "R0UTING")
    terminal.sees("a routing key has 32 letters and digits")
    terminal.types_secret("Integration key", ROUTING_KEY)
    terminal.sees("the service region in `api_url`")
    terminal.types_secret("Integration key (Enter: the same again)", "")
    terminal.answers("Open an issue", "y")
    terminal.types_secret("Token", "ghp_wrong")
    terminal.answers("Repository (owner/name)", "alerts")
    terminal.sees("'alerts', which is no repository")
    terminal.types_secret("Token (Enter: the same again)", "")
    terminal.answers("Repository (owner/name)", "acme/alerts")
    terminal.sees("does not accept the token")
    terminal.types_secret("Token (Enter: the same again)", GITHUB_TOKEN)
    terminal.answers("Repository (owner/name) (-: without GitHub) [acme/alerts]", "")
    terminal.answers("Address", "alerts.acme.com")
    terminal.sees("which is no address")
    terminal.answers("Address", "https://alerts.acme.com/webhooks/grafana")
    terminal.sees("write what stands before /webhooks")
    terminal.answers("Address", "https://alerts.acme.com")
    assert terminal.ends() == 0
    assert variables(tmp_path)["GITHUB_TOKEN"] == GITHUB_TOKEN
    assert "R0UTING" not in terminal.shown
    assert "ghp_wrong" not in terminal.shown


QUESTIONS = ["Bot token", "Channel for alerts", "Page for P0 and P1?", "Open an issue", "Address"]


@pytest.mark.parametrize("last", QUESTIONS)
def test_ctrl_c_leaves_everything_as_it_was(start, tmp_path, last):
    terminal = start()
    for question in QUESTIONS[: QUESTIONS.index(last)]:
        if question == "Bot token":
            terminal.types_secret(question, TOKEN)
        else:
            terminal.answers(question, "")
    terminal.presses_ctrl_c(last)
    assert terminal.ends() == 1
    assert "Stopped: nothing was written." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", ["bridge.yml", ".env"])
def test_what_is_there_is_not_touched_without_asking(sandbox, start, tmp_path, name):
    (tmp_path / name).write_text("mine")
    terminal = start()
    terminal.answers(f"{name} is there already", "n")
    assert terminal.ends() == 1
    assert (tmp_path / name).read_text() == "mine"
    assert written(tmp_path) == [name]
    assert sandbox.seen() == []


def test_of_an_env_file_the_other_lines_stay(start, tmp_path):
    (tmp_path / "bridge.yml").write_text("old")
    (tmp_path / ".env").write_text("# mine\nOTHER='a b'\nSLACK_BOT_TOKEN=old\n")
    terminal = start(SLACK_BOT_TOKEN="xoxb-of-this-shell")
    terminal.answers("bridge.yml is there already", "y")
    terminal.answers(".env is there already", "y")
    slack(terminal)
    rest(terminal)
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:3] == ["# mine", "OTHER='a b'", f"SLACK_BOT_TOKEN={TOKEN}"]
    assert lines[3].startswith("BRIDGE_WEBHOOK_TOKEN=")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert "SLACK_BOT_TOKEN is set in this shell to something else" in terminal.shown


@pytest.mark.parametrize(
    ("config", "says"), [("nowhere/bridge.yml", "make it first"), (".", "is a folder: name a file")]
)
def test_files_that_could_not_be_written_are_said_before_the_first_question(sandbox, start, tmp_path, config, says):
    terminal = start("--config", config)
    assert terminal.ends() == 2
    assert says in terminal.shown
    assert written(tmp_path) == []
    assert sandbox.seen() == []


def test_files_that_can_not_be_written_at_the_end_are_said_and_none_is(start, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    terminal = start("--config", "gone/bridge.yml")
    slack(terminal)
    terminal.answers("Page for P0 and P1?", "n")
    terminal.answers("Open an issue", "maybe")
    terminal.sees("type y for yes or n for no")
    terminal.answers("Open an issue", "n")
    terminal.sees("Address")
    folder.rmdir()
    terminal.answers("", "")
    assert terminal.ends() == 1
    assert "can't be written (No such file or directory)" in terminal.shown
    assert written(tmp_path) == []


def test_without_a_terminal_nothing_is_asked(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "init"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
