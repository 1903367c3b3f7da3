"""Faults as a client meets them on a real socket."""

from __future__ import annotations

import threading

import asked
import httpx2
import pytest
from slack_sdk.errors import SlackApiError

from bridge.sandbox import Fault, Sandbox
from bridge.sandbox.exchange import request
from bridge.sandbox.faults import FaultScript

TITLE = {"title": "t"}
ISSUES = "/repos/acme/alerts/issues"


def count(sandbox):
    return len(sandbox.github.issues("acme/alerts"))


def test_status_with_headers_and_body_instead_of_acting(sandbox, github):
    sandbox.faults.add(Fault("status", status=429, headers={"Retry-After": "7"}, body="slow down"))
    answer = github.post(ISSUES, json=TITLE)
    assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (429, "7", "slow down")
    assert count(sandbox) == 0


def test_a_code_of_slacks(sandbox, slack):
    sandbox.faults.add(Fault("ok_false", double="slack", code="fatal_error"))
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel="#alerts", text="x")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (200, "fatal_error")
    assert sandbox.slack.messages("alerts") == []


def test_a_reset_comes_before_the_act(sandbox, github):
    sandbox.faults.add(Fault("reset"))
    with pytest.raises(httpx2.ReadError, match="reset"):
        github.post(ISSUES, json=TITLE)
    assert count(sandbox) == 0


def test_an_answer_is_dropped_after_the_act(sandbox, github):
    sandbox.faults.add(Fault("drop_answer"))
    with pytest.raises(httpx2.ReadError, match="reset"):
        github.post(ISSUES, json=TITLE)
    assert count(sandbox) == 1
    assert [(entry.status, entry.fault) for entry in sandbox.requests] == [(None, "drop_answer")]


def test_a_request_hangs_and_nothing_is_done(sandbox):
    sandbox.faults.add(Fault("hang", seconds=60))
    with pytest.raises(httpx2.ReadTimeout):
        asked.post(f"{sandbox.github_url}{ISSUES}", json=TITLE, timeout=0.2)
    assert count(sandbox) == 0


def test_stopping_lets_hanging_requests_go():
    failures = []
    with Sandbox(faults=[Fault("hang", seconds=600)]) as sandbox:

        def ask():
            try:
                asked.get(f"{sandbox.github_url}{ISSUES}", timeout=30)
            except httpx2.TransportError as error:
                failures.append(error)

        waiting = threading.Thread(target=ask)
        waiting.start()
        assert sandbox.wait_for(lambda: sandbox.faults.as_json()[0]["matched"])
    waiting.join(10)
    assert len(failures) == 1
    assert sandbox.wait_for(lambda: [entry.fault for entry in sandbox.requests] == ["hang"], 5)


def test_a_delay_answers_later(sandbox, github):
    sandbox.faults.add(Fault("delay", seconds=0.2))
    assert github.post(ISSUES, json=TITLE).status_code == 201
    assert sandbox.requests[0].seconds >= 0.2
    assert count(sandbox) == 1


def test_a_redirect_and_garbage(sandbox, github):
    sandbox.faults.add(Fault("redirect", status=301, location="/elsewhere", nth=1), Fault("garbage", nth=2))
    moved, page = github.post(ISSUES, json=TITLE), github.post(ISSUES, json=TITLE)
    assert (moved.status_code, moved.headers["Location"]) == (301, "/elsewhere")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!DOCTYPE html>")
    assert count(sandbox) == 0


def statuses(github, n):
    return [github.post(ISSUES, json=TITLE).status_code for _ in range(n)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [503, 503, 503, 503]),
        ({"nth": 2}, [201, 503, 201, 201]),
        ({"count": 2}, [503, 503, 201, 201]),
        ({"nth": 2, "count": 2}, [201, 503, 503, 201]),
        ({"double": "slack"}, [201] * 4),
        ({"method": "GET"}, [201] * 4),
        ({"path": "/repos/*/issues"}, [503] * 4),
        ({"path": "/repos/*/comments"}, [201] * 4),
        ({"contains": '"t"'}, [503] * 4),
        ({"contains": "elsewhere"}, [201] * 4),
    ],
)
def test_which_requests_a_rule_is_about(sandbox, github, rule, expected):
    sandbox.faults.add(Fault("status", **rule))
    assert statuses(github, 4) == expected


def test_a_rule_has_its_time(clock):
    script = FaultScript(clock, [Fault("reset", after=10, until=20)])
    chosen = []
    for _ in range(5):
        chosen.append(script.choose("slack", request("GET", "/api/auth.test")) is not None)
        clock.now += 5
    assert chosen == [False, False, True, True, False]


def test_the_first_rule_wins_and_the_others_count_on(clock):
    script = FaultScript(clock, [Fault("reset", nth=1), Fault("garbage", nth=2)])
    asked = request("GET", "/api/auth.test")
    assert [(found.action if found else None) for found in (script.choose("slack", asked) for _ in range(3))] == [
        "reset",
        "garbage",
        None,
    ]


def test_rules_are_set_and_taken_away_over_http(sandbox, github):
    control = f"{sandbox.url}/_sandbox/faults"
    made = asked.post(control, json=[{"action": "status", "status": 500, "double": "github"}])
    assert made.status_code == 201
    assert github.get(ISSUES).status_code == 500
    (rule,) = asked.get(control).json()["faults"]
    assert (rule["action"], rule["matched"]) == ("status", 1)
    assert asked.delete(control).json() == {"faults": []}
    assert github.get(ISSUES).status_code == 200


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"action": "explode"}, "no such action"),
        ({"action": "reset", "double": "mail"}, "no such double"),
        ({"action": "reset", "when": "now"}, "when: no such field"),
        ({"action": "reset", "nth": "first"}, "nth is a number"),
        ({"double": "slack"}, "an object with an action"),
        ("reset", "an object with an action"),
    ],
)
def test_a_wrong_rule_is_refused_and_named(sandbox, rule, words):
    answer = asked.post(f"{sandbox.url}/_sandbox/faults", json=rule)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert sandbox.faults.as_json() == []
