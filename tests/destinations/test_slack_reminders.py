"""Still firing: said again in the thread and to the channel, until it is over or silent."""

from datetime import timedelta

import pytest
from destination_kit import NOW, Lane, incident

from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.core.shadow import Would
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

HOUR = timedelta(hours=1)


def said(lane):
    return [step.request["text"] for step in lane.taken if step.intent == "announce"]


def test_it_is_said_again_after_each_interval_while_it_fires():
    lane = Lane("slack", remind=3600.0, mention={"P1": "<!here>"})
    lane.tell(now=NOW)
    for hours, words in (
        (0.9, []),
        (1, ["Still firing after 1 h 1 min: P1 Inductor Jobs Broken."]),
        (1.5, []),
        (2.1, ["Still firing after 2 h 7 min: P1 Inductor Jobs Broken."]),
    ):
        lane.tell(now=NOW + hours * HOUR)
        assert said(lane) == words, hours
    last = next(step for step in reversed(lane.steps) if step.intent == "announce")
    assert (last.request["thread_ts"], last.request["reply_broadcast"]) == (lane.have["ts"], True)
    assert "here" not in str(last.request)


def test_a_webhook_says_it_again_in_a_message_of_its_own():
    lane = Lane("slack", remind=3600.0, webhook_url="https://hooks.slack.com/services/T/B/x", token=None)
    lane.tell(now=NOW)
    lane.tell(now=NOW + 0.9 * HOUR)
    assert said(lane) == []
    lane.tell(now=NOW + HOUR)
    assert said(lane) == ["Still firing after 1 h 1 min: P1 Inductor Jobs Broken."]
    worse, over = incident(priority=Priority.P0), incident(state=State.RESOLVED)
    lane.tell(worse, now=NOW + 1.5 * HOUR)
    (words,) = said(lane)
    assert words.splitlines()[-1] == "Worse: P1 → P0."
    lane.tell(worse, now=NOW + 2.1 * HOUR)
    assert said(lane) == []
    lane.tell(over, now=NOW + 2.2 * HOUR)
    assert len(said(lane)) == 1
    lane.tell(over, now=NOW + 9 * HOUR)
    assert said(lane) == []


@pytest.mark.parametrize("flat", [False, True])
def test_a_template_that_says_nothing_of_it_leaves_no_message_empty(tmp_path, flat):
    (tmp_path / "mine.j2").write_text("{% extends 'slack/message.j2' %}{% block reply %}{% endblock %}", "utf-8")
    place = {"webhook_url": "https://hooks.slack.com/services/T/B/x", "token": None} if flat else {}
    lane = Lane("slack", remind=3600.0, template="mine.j2", words=Words((tmp_path, template_folder())), **place)
    lane.tell(now=NOW)
    lane.tell(now=NOW + HOUR)
    assert said(lane) == ["Still firing after 1 h 1 min: P1 Inductor Jobs Broken."]


@pytest.mark.parametrize("state", [State.RESOLVED, State.CLOSED, State.STALE])
def test_it_stops_when_it_is_over_or_silent(state):
    lane = Lane("slack", remind=3600.0)
    lane.tell(now=NOW)
    lane.tell(incident(state=state), now=NOW + HOUR / 2)
    lane.tell(incident(state=state), now=NOW + 5 * HOUR)
    assert said(lane) == []


def test_what_fires_again_is_no_reminder():
    lane = Lane("slack", remind=3600.0)
    lane.tell(now=NOW)
    lane.tell(incident(state=State.RESOLVED), now=NOW + HOUR / 2)
    lane.tell(incident(times=2), now=NOW + 2 * HOUR)
    assert [words for words in said(lane) if words.startswith("Still firing")] == []
    lane.tell(incident(times=2), now=NOW + 3.1 * HOUR)
    assert len([words for words in said(lane) if words.startswith("Still firing")]) == 1


def test_a_reply_below_a_message_that_can_not_be_edited_puts_no_reminder_off():
    lane = Lane("slack", remind=3600.0)
    lane.tell(now=NOW)
    lane.have |= {"frozen": True}
    worse = incident(priority=Priority.P0)
    lane.tell(worse, now=NOW + 0.9 * HOUR)
    assert said(lane) == ["Worse: P1 → P0."]
    lane.tell(worse, now=NOW + HOUR)
    assert said(lane) == ["Still firing after 1 h 1 min: P0 Inductor Jobs Broken."]
    lane.tell(incident(state=State.RESOLVED), now=NOW + 1.5 * HOUR)
    lane.tell(incident(times=2), now=NOW + 3 * HOUR)
    lane.tell(incident(times=2), now=NOW + 3.9 * HOUR)
    assert said(lane) == []
    lane.tell(incident(times=2), now=NOW + 4 * HOUR)
    assert len(said(lane)) == 1


def test_without_an_interval_nothing_is_said_again():
    lane = Lane("slack")
    lane.tell(now=NOW)
    lane.tell(now=NOW + 100 * HOUR)
    assert lane.taken == []


def test_a_lost_answer_is_no_second_reminder():
    lane = Lane("slack", remind=3600.0)
    lane.tell(now=NOW)
    lane.tell(now=NOW + HOUR)
    assert lane.steps[-1].creates
    numbers = [step.number for step in lane.steps if not step.learns]
    assert len(numbers) == len(set(numbers))


def test_in_shadow_mode_it_stays_in_the_thread():
    lane = Lane("slack", remind=3600.0, would=Would(("a",), ("#a",)))
    lane.tell(now=NOW)
    lane.tell(now=NOW + HOUR)
    assert "thread_ts" in lane.steps[-1].request
    assert "reply_broadcast" not in lane.steps[-1].request


def test_the_heading_of_shadow_mode_stands_above_all_and_is_inert():
    would = Would(("a", "b"), ("#a", "PagerDuty *a*", *(f"GitHub <!here>/{n}" for n in range(9))), ("@here", "@a"))
    lane = Lane("slack", would=would)
    lane.tell(incident(teams=("a", "c")))
    (opened,) = [step.request for step in lane.steps if step.creates]
    said = opened["blocks"][0]["text"]["text"]
    assert said.startswith("*SHADOW for a and b: would have gone to #a, PagerDuty ")
    assert "and 5 more, would have mentioned @\N{WORD JOINER}here and @\N{WORD JOINER}a*" in said
    assert opened["blocks"][1]["type"] == "header"
    assert "<!" not in str(opened)
    plain = Lane("slack", would=would)
    plain.have = {"plain": True}
    plain.tell(incident(teams=("a", "c")))
    (opened,) = [step.request for step in plain.steps if step.creates]
    assert opened["text"].startswith(said)
