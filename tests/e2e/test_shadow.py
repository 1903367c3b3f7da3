"""Shadow mode at the destinations themselves: one message in one channel, and nothing else at all."""

from __future__ import annotations

import json

import pytest
from harness import alert, config, eventually, group, inductor, issues, messages, pages, replies

from bridge.sandbox import Fault, Sandbox

CHANNELS = ("alerts", "payments", "ledger", "bridge-shadow", "ops")
KEYS = {"PAYMENTS_KEY": "f" * 32}


@pytest.fixture
def sandbox():
    with Sandbox(channels=CHANNELS) as made:
        yield made


def settings(sandbox, teams=(), **more):
    """Two teams with places of their own, and the operators in #ops."""
    payments = {
        "slack": {"channel": "#payments", "mention": {"P0": "@team-oncall"}, "reply_broadcast": ["priority"]},
        "pagerduty": {"routing_key": "${env:PAYMENTS_KEY}"},
        "github": {"repo": "acme/payments"},
    }
    made = {
        "payments": {"destinations": payments},
        "ledger": {"destinations": {"slack": {"channel": "#ledger"}}},
        "ops": {"destinations": {"slack": {"channel": "#ops"}}, "send": {"P1": ["slack"], "P2": ["slack"]}},
    }
    for name, changes in dict(teams).items():
        made[name] |= changes
    return config(sandbox, teams=made, shadow={"channel": "#bridge-shadow"}, operators="ops", **more)


def asked(sandbox):
    """The doubles that got a request."""
    return {entry.double for entry in sandbox.seen()}


def test_a_whole_bridge_in_shadow_pages_nobody_opens_nothing_and_calls_nobody(start, sandbox):
    bridge = start(settings(sandbox, mode="shadow", fallback={"P0": {"after": "1s", "send": ["pagerduty"]}}), env=KEYS)
    bridge.post(group(alert("Card payments fail", Team="payments", Priority="P0")))
    bridge.post(group(alert("Nobody's", Priority="P1")))
    bridge.settle()
    (told,) = messages(sandbox, "bridge-shadow", "Card payments fail")
    heading = (
        "*SHADOW: would have gone to #payments, PagerDuty payments and GitHub acme/payments, "
        "would have mentioned @\N{WORD JOINER}team-oncall*"
    )
    assert told.blocks[0]["text"] == {"type": "mrkdwn", "text": heading, "verbatim": True}
    assert told.blocks[1]["type"] == "header"
    assert told.text.startswith(heading)
    (other,) = messages(sandbox, "bridge-shadow", "Nobody's")
    assert other.text.startswith("*SHADOW: would have gone to #alerts, PagerDuty and GitHub acme/alerts*")
    assert [len(messages(sandbox, channel)) for channel in CHANNELS] == [0, 0, 0, 2, 0]
    assert asked(sandbox) == {"slack"}
    assert "<!" not in json.dumps([told.blocks, told.text])


def test_its_life_is_told_in_the_thread_and_in_place_and_a_graver_alert_adds_to_the_heading(start, sandbox):
    bridge = start(settings(sandbox, mode="shadow"), env=KEYS)
    one = alert("Card payments fail", Team="payments", Priority="P3", host="a")
    bridge.post(group(one))
    bridge.settle()
    (told,) = messages(sandbox, "bridge-shadow")
    assert told.text.startswith("*SHADOW: would have gone to #payments* ")
    worse = alert("Card payments fail", Team="payments", Priority="P0", host="b")
    bridge.post(group(worse))
    bridge.settle()
    assert "PagerDuty payments" in messages(sandbox, "bridge-shadow")[0].text
    bridge.post(group(*({**each, "status": "resolved", "endsAt": "2025-12-09T19:47:00Z"} for each in (one, worse))))
    bridge.settle()
    (told,) = messages(sandbox, "bridge-shadow")
    assert told.text.startswith("*SHADOW: would have gone to #payments, PagerDuty payments and GitHub acme/payments")
    assert "resolved" in told.text
    assert len(replies(sandbox, told, "bridge-shadow")) == 2
    broadcast = [entry for entry in sandbox.seen() if "reply_broadcast" in str(entry.body)]
    assert broadcast == []
    assert asked(sandbox) == {"slack"}


def test_a_team_in_shadow_beside_one_that_is_live(start, sandbox):
    bridge = start(settings(sandbox, {"payments": {"mode": "shadow"}}), env=KEYS)
    bridge.post(group(alert("Both hurt", Teams="payments, ledger", Priority="P0")))
    bridge.post(group(alert("Ledger hurts", Team="ledger", Priority="P3")))
    bridge.settle()
    (told,) = messages(sandbox, "bridge-shadow")
    assert told.text.startswith("*SHADOW for payments: would have gone to #payments, PagerDuty payments and GitHub")
    assert len(messages(sandbox, "ledger")) == 2
    assert [page.routing_key for page in pages(sandbox)] == ["0123456789abcdef0123456789abcdef"]
    assert (len(issues(sandbox)), issues(sandbox, repo="acme/payments")) == (1, [])
    assert messages(sandbox, "payments") == []


def test_its_own_trouble_is_told_live(start, sandbox):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", contains="SHADOW", code="is_archived"))
    bridge = start(
        settings(sandbox, mode="shadow", fallback={"default": {"on": "dead", "send": ["pagerduty"]}}), env=KEYS
    )
    bridge.post(group(alert("Unlucky", Team="payments", Priority="P0")))
    told = eventually(lambda: messages(sandbox, "ops", "Not told at slack #bridge-shadow"))
    assert "SHADOW" not in told[0].text
    assert asked(sandbox) == {"slack"}


def test_a_team_goes_live_with_one_line_and_what_is_open_follows_with_its_next_notification(start, sandbox):
    bridge = start(settings(sandbox, mode="shadow"), env=KEYS)
    body = group(alert("Card payments fail", Team="payments", Priority="P1"))
    bridge.post(body)
    bridge.settle()
    assert messages(sandbox, "payments") == []
    bridge.configure(settings(sandbox, {"payments": {"mode": "live"}}, mode="shadow"))

    def live():
        bridge.post_stubbornly(body)
        return messages(sandbox, "payments") and pages(sandbox)

    eventually(live, "told live")
    bridge.settle()
    assert len(messages(sandbox, "payments")) == len(pages(sandbox)) == len(messages(sandbox, "bridge-shadow")) == 1
    bridge.post(group(alert("Card payments fail", Team="payments", Priority="P1", status="resolved")))
    bridge.settle()
    assert pages(sandbox)[0].status == "resolved"
    for channel in ("payments", "bridge-shadow"):
        assert "resolved" in messages(sandbox, channel)[0].text


def test_the_alert_of_the_demo_looks_as_it_would_but_for_the_heading(start, sandbox):
    live = start(settings(sandbox), env=KEYS)
    live.post(inductor())
    live.settle()
    (real,) = messages(sandbox, "alerts")
    shadow = start(settings(sandbox, mode="shadow"), env=KEYS)
    shadow.post(inductor())
    shadow.settle()
    (told,) = messages(sandbox, "bridge-shadow")
    # but for the links to page and issue, and the incident's id at the end
    first = [{**block, "block_id": ""} for block in told.blocks[1:4]]
    assert first == [{**block, "block_id": ""} for block in real.blocks[:3]]
