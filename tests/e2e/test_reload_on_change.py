"""A running bridge whose files change: by a ConfigMap's link, an editor, a rotated secret. Nobody sends a signal."""

from __future__ import annotations

import base64
import hmac
import json
import secrets

import asked
import pytest
from harness import ROUTING_KEY, SLACK_TOKEN, alert, config, eventually, group, messages

from bridge.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox(channels=("alerts", "first", "second", "ops")) as made:
        yield made


def exchange(folder, version, files):
    """Put files in place as Kubernetes does: a folder of their own, and a link to it that is exchanged at once."""
    real = folder / f"..2026_{version}"
    real.mkdir()
    for name, text in files.items():
        (real / name).write_text(text, "utf-8")
    fresh = folder / "..data_tmp"
    fresh.symlink_to(real.name)
    fresh.replace(folder / "..data")
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def team(channel):
    return json.dumps({"teams": {"payments": {"destinations": {"slack": {"channel": channel}}}}})


def told(bridge, sandbox, channel, text=""):
    """Post fresh alerts of the team until one of them is told in a channel."""

    def post():
        bridge.post_stubbornly(group(alert(secrets.token_hex(4), Team="payments", Priority="P3")))
        bridge.settle()
        return messages(sandbox, channel, text)

    return eventually(post, f"told in #{channel}")


def test_a_config_map_is_taken_over_whole_and_its_broken_part_keeps_its_last_good_one(start, sandbox, tmp_path):
    words = '{%% extends "slack/message.j2" %%}{%% block text %%}%s{%% endblock %%}'
    exchange(tmp_path, 1, {"payments.yml": team("#first"), "own.j2": words % "FIRST"})
    settings = config(sandbox, include=[f"{tmp_path}/*.yml"], operators="ops")
    settings["destinations"]["slack"]["template"] = "own.j2"
    settings["teams"] = {"ops": {"destinations": {"slack": {"channel": "#ops"}}}}
    bridge = start(settings, env={"BRIDGE_TEMPLATES": str(tmp_path)})
    assert told(bridge, sandbox, "first")[0].text == "FIRST"

    exchange(tmp_path, 2, {"payments.yml": team("#second"), "own.j2": words % "SECOND"})
    assert told(bridge, sandbox, "second")[0].text == "SECOND"

    exchange(tmp_path, 3, {"payments.yml": "teams: {payments: {chanel: x}}\n", "own.j2": words % "THIRD"})
    told(bridge, sandbox, "second", "THIRD")
    (trouble,) = eventually(lambda: messages(sandbox, "ops"), "operators told")
    assert "chanel" in json.dumps(trouble.blocks)

    exchange(tmp_path, 4, {"payments.yml": team("#first"), "own.j2": words % "FOURTH"})
    told(bridge, sandbox, "first", "FOURTH")


def test_what_is_open_stays_where_it_was_routed_by_the_settings_of_now(start, sandbox, tmp_path):
    words = '{%% extends "slack/message.j2" %%}{%% block text %%}%s: {{ title }} {{ state }}{%% endblock %%}'
    exchange(tmp_path, 1, {"payments.yml": team("#first"), "own.j2": words % "BEFORE"})
    settings = config(sandbox, include=[f"{tmp_path}/*.yml"])
    settings["destinations"]["slack"]["template"] = "own.j2"
    bridge = start(settings, env={"BRIDGE_TEMPLATES": str(tmp_path)})
    over, on = (alert(name, Team="payments", Priority="P3") for name in ("Soon over", "Goes on"))
    bridge.post(group(over, on))
    bridge.settle()
    exchange(tmp_path, 2, {"payments.yml": team("#second"), "own.j2": words % "AFTER"})
    told(bridge, sandbox, "second")
    bridge.post(group(alert("Soon over", Team="payments", Priority="P3", status="resolved"), on))
    bridge.settle()
    # its end is told where it was begun, in the words of now
    assert [one.text for one in messages(sandbox, "first", "Soon over")] == ["AFTER: Soon over resolved"]
    assert messages(sandbox, "second", "Soon over") == []
    # a notification of what still fires is routed anew: an address is added, none withdrawn
    assert len(messages(sandbox, "first", "Goes on")) == len(messages(sandbox, "second", "Goes on")) == 1


def test_a_broken_file_leaves_the_last_good_one_and_the_operators_hear_of_it_until_it_is_mended(start, sandbox):
    good = config(sandbox, teams={"ops": {"destinations": {"slack": {"channel": "#ops"}}}}, operators="ops")
    bridge = start(good)
    before = eventually(lambda: c if len((c := bridge.process.children())["deliverer"]) == 1 else None)
    bridge.configure({"destinatoins": {}})
    eventually(lambda: messages(sandbox, "ops", "Configuration refused"), "operators told")
    told(bridge, sandbox, "alerts")
    assert bridge.process.children() == before, "nobody was started anew"
    bridge.configure(good)
    eventually(lambda: messages(sandbox, "ops", "resolved: Configuration refused"), "trouble over")


def test_secrets_that_are_rotated_are_seen_with_the_next_request_and_step(start, sandbox, tmp_path):
    bot, sender = tmp_path / "bot", tmp_path / "sender"
    bot.write_text(SLACK_TOKEN)
    sender.write_text("old")
    bearer = {"auth": {"bearer": {"token": f"${{file:{sender}}}"}}}
    settings = config(sandbox, destinations={"slack": {"token": f"${{file:{bot}}}"}}, sources={"grafana": bearer})
    bridge = start(settings)

    def post(token, title):
        body = group(alert(title, Priority="P3"))
        headers = {"Authorization": f"Bearer {token}"}
        return asked.post(f"{bridge.address}/webhooks/grafana", json=body, headers=headers).status_code

    assert post("old", "Before") == 202
    bridge.settle()
    sender.write_text("new")
    assert (post("old", "Refused"), post("new", "After")) == (401, 202)
    bridge.settle()
    with sandbox.lock:
        workspace = sandbox.slack.workspace
        workspace.tokens["xoxb-rotated"] = workspace.tokens.pop(SLACK_TOKEN)
    bot.write_text("xoxb-rotated")
    assert post("new", "With the new token") == 202
    bridge.settle()
    assert ["With the new token" in one.text for one in messages(sandbox)] == [False, False, True]


def test_a_secret_that_is_gone_leaves_the_others_good_and_blames_nobody(start, sandbox, tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new-one")
    old.write_text("old-one")
    both = [f"${{file:{new}}}", f"${{file:{old}}}"]
    sources = {
        "grafana": {"auth": {"bearer": {"token": both}}},
        "jobs": {"auth": {"basic": {"username": "jobs", "password": both}}},
        "signed": {"auth": {"hmac": {"secret": both}}},
        "headed": {"auth": {"header": {"name": "X-Token", "value": both}}},
    }
    bridge = start(config(sandbox, sources=sources))
    body = json.dumps(group(alert("Rotated", Priority="P3"))).encode()

    def post(source, secret):
        headers = {
            "grafana": {"Authorization": f"Bearer {secret}"},
            "jobs": {"Authorization": f"Basic {base64.b64encode(f'jobs:{secret}'.encode()).decode()}"},
            "signed": {"X-Grafana-Alerting-Signature": hmac.new(secret.encode(), body, "sha256").hexdigest()},
            "headed": {"X-Token": secret},
        }[source]
        return bridge.request("POST", f"/webhooks/{source}", content=body, headers=headers)

    def codes(secret):
        return {post(source, secret).status_code for source in sources}

    assert (codes("new-one"), codes("old-one"), codes("wrong")) == ({202}, {202}, {401})
    old.unlink()
    assert (codes("new-one"), codes("old-one")) == ({202}, {503})
    new.unlink()
    for source in sources:
        answer = post(source, "new-one")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "a secret is missing" in answer.json()["error"]
        assert str(tmp_path) not in answer.text
    assert f"the file {new} isn't there; the file {old} isn't there" in bridge.process.log()
    assert bridge.request("GET", "/readyz").status_code == 200
    new.write_text("new-one")
    assert codes("new-one") == {202}


def test_a_page_is_opened_with_the_new_key_though_the_old_one_is_gone(start, sandbox, tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text(ROUTING_KEY)
    old.write_text("f" * 32)
    keys = [f"${{file:{new}}}", f"${{file:{old}}}"]
    bridge = start(config(sandbox, destinations={"pagerduty": {"routing_key": keys}}))
    old.unlink()
    bridge.post(group(alert("Paged", Priority="P0")))
    eventually(lambda: sandbox.pagerduty.pages, "a page")
    assert [page.routing_key for page in sandbox.pagerduty.pages] == [ROUTING_KEY]
    bridge.settle()
    old.write_text("f" * 32)
    new.unlink()
    bridge.post(group(alert("Paged", Priority="P0", status="resolved")))
    eventually(lambda: bridge.delivery("Paged", "pagerduty")["last_error"] == "routing_key_missing", "it waits")
    new.write_text(ROUTING_KEY)
    bridge.settle()
    assert [page.status for page in sandbox.pagerduty.pages] == ["resolved"]
