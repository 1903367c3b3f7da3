import json

import pytest
from destination_kit import KEYS, Lane, digest, incident, settings, want

from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.destinations import pagerduty
from bridge.destinations.answer import Answer
from bridge.destinations.base import Done, Fault, Found, Scope
from bridge.destinations.pagerduty.errors import outcome
from bridge.sandbox import Fault as Play
from bridge.sandbox import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def client(sandbox, **values):
    return pagerduty.connect(settings("pagerduty", api_url=sandbox.pagerduty_url, **values))


def opening(**values):
    return pagerduty.next_step(want("pagerduty", **values), {})


def test_a_page_lives_and_ends(sandbox):
    lane = Lane("pagerduty", client(sandbox), api_url=sandbox.pagerduty_url)
    for its in (incident(), incident(priority=Priority.P0), incident(state=State.RESOLVED), incident(times=2)):
        lane.tell(its)
    first, second = sandbox.pagerduty.pages
    assert (first.status, first.severity, first.notified, first.routing_key) == ("resolved", "critical", 1, KEYS[0])
    assert second.status == "triggered"


def test_a_limit_that_lasts_comes_back_at_once(sandbox):
    """The library by itself would try a 429 again for ever."""
    sandbox.faults.add(Play("status", status=429))
    failed = client(sandbox).send(opening(), {}, 5.0, lambda: None)
    assert (failed.fault, failed.retry_after, failed.unknown) == (Fault.LIMITED, None, False)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("its", [incident(), incident(state=State.RESOLVED), incident(state=State.STALE)])
def test_a_page_whose_answer_was_lost_is_triggered_again_or_resolved(sandbox, its):
    sandbox.faults.add(Play("drop_answer", count=1))
    lane = Lane("pagerduty", client(sandbox), api_url=sandbox.pagerduty_url)
    with pytest.raises(AssertionError, match="unknown=True"):
        lane.tell(incident())
    lane.crash()
    lane.tell(its)
    [page] = sandbox.pagerduty.pages
    assert page.status == ("resolved" if its.state is State.RESOLVED else "triggered")
    assert len(lane.taken) == 1
    assert lane.have["page"] == 1


@pytest.mark.parametrize("acted", ["drop_answer", "reset"])
def test_a_page_whose_end_was_not_answered_is_ended_before_the_next_one_opens(sandbox, acted):
    lane = Lane("pagerduty", client(sandbox), api_url=sandbox.pagerduty_url)
    lane.tell(incident())
    sandbox.faults.add(Play(acted, count=1))
    with pytest.raises(AssertionError, match="unknown=True"):
        lane.tell(incident(state=State.RESOLVED))
    lane.crash()
    lane.tell(incident(times=2))
    assert [(page.dedup_key[-1], page.status) for page in sandbox.pagerduty.pages] == [
        ("1", "resolved"),
        ("2", "triggered"),
    ]
    assert [page["open"] for page in lane.have["pages"]] == [False, True]
    assert not any("ending" in page for page in lane.have["pages"])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_comes_back_at_once(sandbox, status):
    sandbox.faults.add(Play("status", status=status))
    failed = client(sandbox).send(opening(), {}, 5.0, lambda: None)
    assert (failed.fault, failed.status, failed.unknown) == (Fault.RETRY, status, status != 503)
    assert len(sandbox.requests) == 1


def test_a_page_is_resolved_with_an_old_key_while_it_is_listed(sandbox):
    lane = Lane("pagerduty", client(sandbox, routing_key=KEYS[1:]), api_url=sandbox.pagerduty_url, routing_key=KEYS[1:])
    lane.tell(incident())
    lane.client, lane.values = client(sandbox, routing_key=list(KEYS)), {"routing_key": KEYS}
    lane.tell(incident(state=State.RESOLVED))
    [page] = sandbox.pagerduty.pages
    assert (page.routing_key, page.status) == (KEYS[1], "resolved")


def test_a_key_that_is_gone_is_named_by_its_digest(sandbox):
    lane = Lane("pagerduty", client(sandbox, routing_key=KEYS[1:]), routing_key=KEYS[1:])
    lane.tell(incident())
    step = pagerduty.next_step(want("pagerduty", incident(state=State.RESOLVED)), lane.have)
    failed = client(sandbox).send(step, lane.have, 5.0, lambda: None)
    assert (failed.fault, failed.error) == (Fault.PERMANENT, "routing_key_gone")
    assert digest(KEYS[1])[:8] in failed.hint
    assert KEYS[1] not in failed.hint
    assert len(sandbox.requests) == 1
    waits = client(sandbox, keys_missing=True).send(step, lane.have, 5.0, lambda: None)
    assert (waits.fault, waits.scope, waits.error) == (Fault.RETRY, Scope.DELIVERY, "routing_key_missing")


def test_without_digests_the_one_key_is_used(sandbox):
    made = client(sandbox, digests=())
    assert made.send(opening(digests=()), {}, 5.0, lambda: None) == Done({}, "pagerduty-1", 202)
    assert sandbox.pagerduty.pages[0].routing_key == KEYS[0]


def test_nothing_needs_to_be_looked_up(sandbox):
    assert client(sandbox).find(opening(), {}, None, 1.0) == Found(None)


def read(status, body=None, headers=None):
    return outcome(Answer(status, headers or {}, json.dumps(body or {}).encode()), "key ab12cd34", "01KD")


@pytest.mark.parametrize(
    ("status", "body", "fault", "scope", "says"),
    [
        (400, {"errors": ["'payload' is missing"]}, Fault.PERMANENT, Scope.DELIVERY, "'payload' is missing"),
        (400, {"errors": ["Invalid routing key"]}, Fault.PERMANENT, Scope.CHANNEL, "key ab12cd34"),
        (401, {}, Fault.PERMANENT, Scope.CHANNEL, "key ab12cd34"),
        (403, {}, Fault.PERMANENT, Scope.CHANNEL, "key ab12cd34"),
        (404, {}, Fault.PERMANENT, Scope.CHANNEL, "api_url"),
        (413, {}, Fault.PERMANENT, Scope.DELIVERY, "512 KB"),
        *((status, {}, Fault.PERMANENT, Scope.DELIVERY, f"HTTP {status}") for status in (406, 409, 422, 423, 425, 431)),
        (302, {}, Fault.PERMANENT, Scope.CHANNEL, "HTTP 302"),
        (418, {}, Fault.PERMANENT, Scope.CHANNEL, "HTTP 418"),
        (202, {}, Fault.RETRY, Scope.CHANNEL, "proxy"),
        (200, {"dedup_key": "x"}, Fault.RETRY, Scope.CHANNEL, "proxy"),
    ],
)
def test_what_answers_mean(status, body, fault, scope, says):
    failed = read(status, body)
    assert (failed.fault, failed.scope) == (fault, scope)
    assert says in failed.hint
    assert failed.unknown is (fault is Fault.RETRY)


@pytest.mark.parametrize(
    ("status", "scope"),
    [
        *((status, Scope.DELIVERY) for status in (400, 403, 406, 413, 418, 451)),
        (401, Scope.CHANNEL),
        (404, Scope.CHANNEL),
    ],
)
def test_a_page_that_is_not_pagerdutys_speaks_of_one_event_alone_but_for_the_place(status, scope):
    failed = outcome(Answer(status, {}, b"<html>Blocked: routing</html>"), "key ab12cd34", "01KD")
    assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, scope, f"HTTP {status}")
    assert ("a proxy may refuse this event" in failed.hint) is (scope is Scope.DELIVERY)


def test_accepted_is_done():
    assert read(202, {"status": "success", "dedup_key": "x"}, {"x-request-id": "r1"}) == Done({}, "r1", 202)


@pytest.mark.parametrize("odd", [rb"\u0000", rb"\ud800", b"\xed\xa0\x80"])
def test_what_can_not_be_stored_of_an_answer_is_replaced_where_it_is_read(odd):
    failed = outcome(Answer(400, {}, b'{"status": "invalid event", "errors": ["a ' + odd + b' b"]}'), "k", "d")
    assert "a \ufffd" in failed.hint
    assert "\x00" not in failed.hint
    failed.hint.encode()
