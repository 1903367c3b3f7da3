"""A short run of the rounds, and that their judge sees what it is there to see."""

from __future__ import annotations

import random

import pytest
from harness import messages
from rounds import database_of, no_server, prove, report
from traffic import Story, judge, story

from bridge.sandbox import Sandbox
from bridge.sandbox.server import Seen
from bridge.sandbox.slack_state import Message

SEED = 20260302


def test_a_round_on_each_database_loses_and_doubles_nothing(postgres_server):
    tallies = prove(1, SEED, {"SQLite": no_server, "PostgreSQL": lambda: database_of(postgres_server)})
    assert not any(tally.verdict.sentences() for tally in tallies), report(tallies, SEED)
    assert all(tally.accepted >= 12 and tally.kills and tally.faults for tally in tallies)


def test_stories_are_the_same_for_the_same_seed():
    told = [[(one.step, one.priority, one.firing) for one in (story("A", random.Random(SEED)),)] for _ in range(2)]
    assert told[0] == told[1]


@pytest.fixture
def stood():
    """One message, one issue and one page of one firing alert."""
    with Sandbox() as sandbox:
        _tell(sandbox, 1)
        issue = sandbox.github.add_repository("acme/alerts").open_issue("[P0] A", "<!-- bridge:g:1 -->", "bridge", 0)
        issue.body = "<!-- bridge:g:1 -->\nA is at step 3"
        event = {"routing_key": "0" * 32, "dedup_key": "k/1", "event_action": "trigger"}
        sandbox.pagerduty._apply(0.0, {**event, "payload": {"summary": "P0 A: A is at step 3, team x"}})
        yield sandbox


def _tell(sandbox: Sandbox, number: int) -> Message:
    channel = sandbox.slack.channel("alerts")
    message = Message(channel.next_micros(0), "U", "B", "P0 firing: A. A is at step 3 (x)", 0.0)
    message.blocks = [{"text": "A is at step 3"}]
    message.metadata = {"event_payload": {"delivery": "d", "step": number}}
    channel.add(message)
    return message


TRUTH = Story("A", firing=True, priority="P0", step=3)


def test_the_judge_is_content_with_the_truth(stood):
    assert judge(stood, [TRUTH], []).sentences() == []


def test_the_judge_sees_what_is_lost(stood):
    stood.slack.channel("alerts").delete(messages(stood)[0].ts)
    stood.github.repository("acme/alerts").issues.clear()
    stood.pagerduty._pages.clear()
    assert len(judge(stood, [TRUTH], []).lost) == 3


def test_the_judge_sees_what_is_doubled(stood):
    _tell(stood, 1)
    stood.github.repository("acme/alerts").open_issue("[P0] A", "<!-- bridge:g:1 -->\nA is at step 3", "bridge", 0)
    stood.pagerduty._pages *= 2
    assert len(judge(stood, [TRUTH], []).doubled) == 6


def test_the_judge_sees_a_wrong_end(stood):
    assert len(judge(stood, [Story("A", firing=False, priority="P1", step=4)], []).wrong) == 3


def test_the_judge_sees_an_older_state_after_a_newer_one(stood):
    def told(step: int, fault: str | None = None) -> Seen:
        status = None if fault else 200
        return Seen(0.0, 0.0, "slack", "POST", "/api/chat.update", f'{{"text": "A is at step {step}"}}', status, fault)

    assert judge(stood, [TRUTH], [told(1), told(2, "drop_answer"), told(2)]).order == []
    assert judge(stood, [TRUTH], [told(1), told(3, "reset"), told(2)]).order == []
    assert len(judge(stood, [TRUTH], [told(1), told(3, "drop_answer"), told(2)]).order) == 1
