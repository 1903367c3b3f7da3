"""The double of PagerDuty's Events API, through PagerDuty's own client and in process."""

from __future__ import annotations

import asked
import pagerduty
import pytest

from bridge.sandbox import schemas
from bridge.sandbox.exchange import request
from bridge.sandbox.pagerduty import PagerDutyDouble

KEY, OTHER = "a" * 32, "b" * 32
TRIGGER = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "bridge/1",
    "payload": {"summary": "P0 Trunk is red", "source": "grafana", "severity": "critical"},
}


class LoopbackClient(pagerduty.EventsApiV2Client):
    """The real client with one attempt, and without the setter that refuses plain http."""

    url = ""
    max_network_attempts = 0

    def __init__(self, routing_key, base_url):
        super().__init__(routing_key, base_url=base_url)
        self.retry = {}


def send(double, **changes):
    event = {name: value for name, value in {**TRIGGER, **changes}.items() if value is not None}
    return double.handle(request("POST", "/v2/enqueue", event))


def act(double, action, **changes):
    return send(double, event_action=action, payload=None, **changes)


@pytest.fixture
def double(clock):
    return PagerDutyDouble(clock)


def test_the_real_client_pages_acknowledges_and_resolves(sandbox):
    client = LoopbackClient(KEY, sandbox.pagerduty_url)
    dedup_key = client.trigger("P0 Trunk is red", "grafana", dedup_key="bridge/1", custom_details={"Team": "inductor"})
    (page,) = sandbox.pagerduty.open_pages(KEY)
    assert (page.dedup_key, page.severity, page.status) == (dedup_key, "critical", "triggered")
    client.acknowledge(dedup_key)
    assert page.status == "acknowledged"
    client.resolve(dedup_key)
    assert sandbox.pagerduty.pages[0].status == "resolved"
    assert [entry.action for entry in page.log] == ["trigger", "acknowledge", "resolve"]


def test_the_real_client_sees_what_is_refused(sandbox):
    client = LoopbackClient("short", sandbox.pagerduty_url)
    with pytest.raises(pagerduty.HttpError) as caught:
        client.trigger("x", "y")
    assert caught.value.response.status_code == 400
    schemas.validator(schemas.PAGERDUTY, "/$defs/invalid").validate(caught.value.response.json())


def test_success_matches_the_description(double):
    answer = send(double)
    assert answer.status == 202
    schemas.validator(schemas.PAGERDUTY, "/$defs/accepted").validate(answer.json())
    event = {"routing_key": KEY, "payload": {"summary": "deployed"}}
    changed = double.handle(request("POST", "/v2/change/enqueue", event))
    assert changed.status == 202
    schemas.validator(schemas.PAGERDUTY, "/$defs/change_accepted").validate(changed.json())
    assert len(double.pages) == 1


def test_a_second_trigger_adds_and_notifies_nobody(double):
    send(double)
    act(double, "acknowledge")
    send(double, payload={**TRIGGER["payload"], "severity": "warning", "summary": "again"})
    (page,) = double.pages
    assert (page.notified, page.status, page.title, page.severity) == (1, "acknowledged", "P0 Trunk is red", "warning")


def test_resolve_with_another_key_or_without_an_alert_does_nothing(double):
    send(double)
    assert act(double, "resolve", routing_key=OTHER).status == 202
    assert act(double, "acknowledge", dedup_key="bridge/2").status == 202
    (page,) = double.pages
    assert (page.status, len(page.log)) == ("triggered", 1)


def test_after_a_resolve_the_same_key_opens_a_new_incident(double):
    send(double)
    act(double, "resolve")
    send(double)
    assert [(page.number, page.status) for page in double.pages] == [(1, "resolved"), (2, "triggered")]
    assert double.page("bridge/1").number == 2


def test_a_trigger_without_a_key_gets_one(double):
    keys = {send(double, dedup_key=None).json()["dedup_key"] for _ in range(2)}
    assert keys == {page.dedup_key for page in double.pages}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"routing_key": None}, "'routing_key' is missing or blank"),
        ({"routing_key": "a" * 31}, "Length of 'routing_key' is incorrect"),
        ({"routing_key": "-" * 32}, "cannot contain non-alphanumeric"),
        ({"event_action": "open"}, "/event_action"),
        ({"payload": None}, "payload"),
        ({"payload": {**TRIGGER["payload"], "severity": "P0"}}, "/payload/severity"),
        ({"payload": {**TRIGGER["payload"], "summary": "x" * 1025}}, "/payload/summary"),
        ({"payload": {**TRIGGER["payload"], "summary": ""}}, "/payload/summary"),
        ({"payload": {**TRIGGER["payload"], "custom_details": "text"}}, "/payload/custom_details"),
        ({"dedup_key": "x" * 256}, "/dedup_key"),
        ({"links": [{"href": "javascript:alert(1)"}]}, "/links/0/href"),
        ({"colour": "red"}, "colour"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key"),
    ],
)
def test_a_wrong_event_is_refused_and_named(double, changes, words):
    answer = send(double, **changes)
    assert answer.status == 400
    schemas.validator(schemas.PAGERDUTY, "/$defs/invalid").validate(answer.json())
    assert words in answer.json()["errors"][0]
    assert double.pages == []


def test_what_is_no_event_is_refused(sandbox):
    url = f"{sandbox.pagerduty_url}/v2/enqueue"
    assert asked.post(url, content=b"{").status_code == 400
    assert asked.post(url, content=b"[]").status_code == 400
    assert asked.post(url, content=b" " * 524_289).status_code == 413
    assert asked.get(url).status_code == 405
    assert asked.post(f"{sandbox.pagerduty_url}/v1/enqueue").status_code == 404


def test_a_key_sends_120_events_a_minute(clock):
    double = PagerDutyDouble(clock, per_minute=120)
    answers = [send(double, dedup_key=str(n)).status for n in range(121)]
    assert answers == [202] * 120 + [429]
    assert len(double.pages) == 120
    refused = send(double, dedup_key="late")
    assert "Retry-After" not in refused.headers
    assert send(double, routing_key=OTHER).status == 202
    clock.now += 60
    assert send(double, dedup_key="late").status == 202


@pytest.mark.parametrize(("unknown_key", "status"), [("refuse", 400), ("lose", 202)])
def test_an_unknown_key_is_refused_or_lost(clock, unknown_key, status):
    double = PagerDutyDouble(clock, keys=[KEY], unknown_key=unknown_key)
    assert send(double, routing_key=OTHER).status == status
    assert double.pages == []
    assert send(double).status == 202
    assert len(double.pages) == 1


def test_accepted_is_not_yet_done(clock):
    double = PagerDutyDouble(clock, lag=5.0)
    send(double)
    clock.now += 4
    assert double.pages == []
    act(double, "resolve")
    clock.now += 1
    assert [page.status for page in double.pages] == ["triggered"]
    clock.now += 4
    assert [page.status for page in double.pages] == ["resolved"]
