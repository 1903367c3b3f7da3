"""Templates of the bridge's users, in the deliverer: whatever is in them, people are told, and nobody is called."""

import json

from harness import alert, config, eventually, group, issues, messages, pages, replies

ENDLESS = """{% extends "KIND/message.j2" %}
{% block BLOCK %}{% for a in range(10000) %}{% for b in range(10000) %}{{ [a, b] | sort | list | length }}{% endfor %}
{% endfor %}{% endblock %}"""
CALLING = """{% extends "KIND/message.j2" %}
{% block BLOCK %}<!channel> <@U0123456789> @octocat @acme/sre &#64;octocat <{{ title }}> {{ super() }}{% endblock %}"""
CALLED = "(plain: template failed)"


def settings(sandbox, folder, text, slack="headline"):
    """A template of one's own at every destination, made of a text."""
    for kind, block in (("slack", slack), ("pagerduty", "summary"), ("github", "what")):
        (folder / kind).mkdir()
        (folder / kind / "own.j2").write_text(text.replace("KIND", kind).replace("BLOCK", block), "utf-8")
    return config(
        sandbox, destinations={kind: {"template": f"{kind}/own.j2"} for kind in ("slack", "pagerduty", "github")}
    )


def test_a_template_that_loops_for_ever_costs_a_message_its_looks_and_nobody_the_message(start, sandbox, tmp_path):
    bridge = start(settings(sandbox, tmp_path, ENDLESS), env={"BRIDGE_TEMPLATES": str(tmp_path)})
    firing = alert("Endless", Priority="P0", Team="infra")
    bridge.post(group(firing))
    bridge.post(group(alert("Another", Priority="P0", Team="infra")))
    bridge.settle()
    for title in ("Endless", "Another"):
        (message,) = messages(sandbox, text=title)
        (page,), (issue,) = pages(sandbox, title), issues(sandbox, title)
        assert CALLED in message.text
        assert f"{title} says so" in str(message.blocks)
        assert CALLED in str(page.event["payload"])
        assert CALLED in issue.body.replace("\\", "")
    bridge.post(group(alert("Endless", status="resolved", Priority="P0", Team="infra")))
    eventually(lambda: messages(sandbox, text="resolved: Endless"), "the same message, over")
    assert len(messages(sandbox, text="Endless")) == 1

    kinds = ("slack", "pagerduty", "github")
    eventually(
        lambda: all(bridge.metric(f'bridge_template_fallbacks_total{{kind="{kind}"}}') for kind in kinds), "counted"
    )
    log = bridge.process.log()
    for kind in kinds:
        assert f"template {kind}/own.j2 line 2" in log
    assert "does more than 20,000 steps" in log
    checked = bridge.command("check")
    assert checked.returncode == 1
    assert "slack/own.j2:2: template slack/own.j2 line 2, block headline, does more than 20,000 steps" in checked.stdout


def test_nobody_is_called_by_what_a_template_says(start, sandbox, tmp_path):
    bridge = start(settings(sandbox, tmp_path, CALLING, "facts"), env={"BRIDGE_TEMPLATES": str(tmp_path)})
    bridge.post(group(alert("!channel", Priority="P0", Team="infra")))
    bridge.settle()
    (message,), (issue,) = messages(sandbox), issues(sandbox)
    said = json.dumps([message.text, message.blocks, replies(sandbox, message)], ensure_ascii=False)
    assert "&lt;!channel> &lt;@\u2060U0123456789> @\u2060octocat" in json.dumps(message.blocks, ensure_ascii=False)
    assert not [live for live in ("<!", "<@", "@octocat", "@acme") if live in said]
    assert not [live for live in ("@octocat", "@acme", "&#64;") if live in issue.body]
    assert bridge.metric(r"bridge_template_fallbacks_total") == 0
    checked = bridge.command("check").stdout
    for kind, called in (("slack", "<!channel>"), ("slack", "<@U0123456789>"), ("github", "@acme/sre")):
        assert f"{kind}/own.j2:2: template {kind}/own.j2 line 2, calls {called}: mentions come from" in checked
