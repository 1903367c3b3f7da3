"""Answers lost at Slack, under the harshest limits that an app may meet there: told once, with few lookups."""

import pytest
from harness import alert, config, eventually, group, messages

from bridge.sandbox import Fault, Sandbox, SlackLimits

LOST = 12


@pytest.fixture
def sandbox():
    with Sandbox() as made:
        yield made


def lookups(sandbox):
    return len(sandbox.seen("slack", "conversations.history"))


def test_one_listing_answers_for_all_doubts_of_a_channel(start, sandbox):
    bridge = start(config(sandbox, send={priority: ["slack"] for priority in ("P0", "P1", "P2", "P3")}))
    bridge.post(group(alert("the first one", Priority="P2")))
    bridge.settle()
    sandbox.faults.add(Fault("drop_answer", "slack", path="/api/chat.postMessage", count=LOST))
    bridge.post(group(*(alert(f"lost {number:02}", Priority="P2") for number in range(LOST))))
    bridge.settle()
    assert len(messages(sandbox, text="lost ")) == LOST
    assert len({one.text for one in messages(sandbox, text="lost ")}) == LOST
    assert lookups(sandbox) < LOST


def test_a_listing_that_is_limited_goes_on_where_it_stopped(start, sandbox):
    bridge = start(config(sandbox, send={priority: ["slack"] for priority in ("P0", "P1", "P2", "P3")}))
    bridge.post(group(alert("the first one", Priority="P2")))
    bridge.settle()
    sandbox.faults.add(Fault("drop_answer", "slack", path="/api/chat.postMessage", contains="lost", count=1))
    bridge.post(group(alert("lost", Priority="P2")))
    eventually(lambda: messages(sandbox, text="lost"), "posted, unheard")
    with sandbox.lock:
        sandbox.slack.limits = SlackLimits(history_page=15)
        for number in range(40):
            sandbox.slack.channel("alerts").say(f"chatter {number}", sandbox.clock())
    limited = {"Retry-After": "1"}
    sandbox.faults.add(
        Fault("status", "slack", path="/api/conversations.history", nth=2, count=1, status=429, headers=limited)
    )
    bridge.settle()
    assert len(messages(sandbox, text="lost")) == 1
    assert lookups(sandbox) == 4  # three pages, and the one that was refused
