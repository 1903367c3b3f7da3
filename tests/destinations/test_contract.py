"""Every kind goes through the same faults, on real sockets, and comes out with the right outcome."""

import json
from datetime import UTC, datetime

import pytest
from destination_kit import DELIVERY, KEYS, VALUES, Lane, incident, settings, want
from raw_server import Raw, answer, closed_port

from bridge.core.incident import State
from bridge.destinations import KINDS
from bridge.destinations.base import Done, Failed, Fault, Found, Nothing, Step
from bridge.sandbox import Fault as Play
from bridge.sandbox import Sandbox

RETRY, LIMITED, PERMANENT = Fault.RETRY, Fault.LIMITED, Fault.PERMANENT
SECRETS = ("xoxb-sandbox", "ghp_sandbox", *KEYS)
OPENING = {"slack": "/api/chat.postMessage", "pagerduty": "/v2/enqueue", "github": "/repos/acme/alerts/issues"}
PLACE = {"channel_id": None, "private": False}


class StaleSenderError(Exception):
    pass


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def url(sandbox, kind):
    yield getattr(sandbox, f"{kind}_url")
    sandbox.faults.clear()


@pytest.fixture
def client(url, kind):
    made = KINDS[kind].connect(settings(kind, api_url=url))
    yield made
    made.close()


def opening(kind, url=""):
    step = KINDS[kind].next_step(want(kind, place=PLACE, api_url=url), {})
    assert isinstance(step, Step)
    return step


def play(sandbox, kind, **fault):
    sandbox.faults.add(Play(double=kind, path=OPENING[kind], **fault))


def test_a_kind_is_what_the_protocol_says(kind):
    module = KINDS[kind]
    assert kind == module.NAME
    assert module.WIDTH >= 1
    assert all(rate > 0 for rate in module.RATE)
    assert module.SETTLE >= 0


WITHOUT_TIME = {"slack": 60.0, "pagerduty": None, "github": 60.0}
CASES = {
    "429 with time": ({"action": "status", "status": 429, "headers": {"Retry-After": "7"}}, LIMITED, False, 7.0),
    "429 without": ({"action": "status", "status": 429}, LIMITED, False, WITHOUT_TIME),
    "503": ({"action": "status", "status": 503}, RETRY, False, None),
    "500": ({"action": "status", "status": 500}, RETRY, True, None),
    "502 html": ({"action": "status", "status": 502, "body": "<h1>Bad Gateway</h1>"}, RETRY, True, None),
    "504": ({"action": "status", "status": 504}, RETRY, True, None),
    "reset": ({"action": "reset"}, RETRY, True, None),
    "acted, then dropped": ({"action": "drop_answer"}, RETRY, True, None),
    "hang": ({"action": "hang"}, RETRY, True, None),
    "redirect to another host": (
        {"action": "redirect", "location": "http://127.0.0.2:1/x"},
        PERMANENT,
        False,
        None,
    ),
    "garbage": ({"action": "garbage"}, RETRY, True, None),
    "garbage json": ({"action": "garbage", "body": "{}"}, RETRY, True, None),
    "400": ({"action": "status", "status": 400}, PERMANENT, False, None),
    "404": ({"action": "status", "status": 404}, PERMANENT, False, None),
    "418": ({"action": "status", "status": 418}, PERMANENT, False, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_has_the_same_outcome_everywhere(sandbox, kind, url, client, case):
    fault, expected, unknown, wait = CASES[case]
    play(sandbox, kind, **fault)
    before, ready = len(sandbox.seen(kind, OPENING[kind])), []
    outcome = client.send(opening(kind, url), {}, 0.4 if case == "hang" else 5.0, lambda: ready.append(1))
    assert isinstance(outcome, Failed)
    assert (outcome.fault, outcome.unknown) == (expected, unknown)
    assert outcome.retry_after == (wait[kind] if isinstance(wait, dict) else wait)
    assert outcome.error
    assert ready == [1], "ready is called once for one request"
    sandbox.wait_for(lambda: len(sandbox.seen(kind, OPENING[kind])) > before or case == "hang")
    assert len(sandbox.seen(kind, OPENING[kind])) <= before + 1, "sent once"
    if expected is PERMANENT:
        assert "bridge replay" in outcome.hint
        assert DELIVERY in outcome.hint
    assert not any(secret in repr(outcome) for secret in SECRETS)


def test_nobody_listens(kind):
    client = KINDS[kind].connect(settings(kind, api_url=f"http://127.0.0.1:{closed_port()}/"))
    outcome = client.send(opening(kind), {}, 5.0, lambda: None)
    assert outcome == Failed(RETRY, "connection refused", outcome.scope)


def test_a_stale_sender_is_stopped_and_nothing_is_sent(sandbox, kind, url, client):
    def stale():
        raise StaleSenderError

    before = len(sandbox.seen(kind))
    with pytest.raises(StaleSenderError):
        client.send(opening(kind, url), {}, 5.0, stale)
    assert len(sandbox.seen(kind)) == before


def test_plain_http_goes_to_loopback_only(kind):
    with pytest.raises(ValueError, match="loopback"):
        KINDS[kind].connect(settings(kind, api_url="http://203.0.113.7/"))


def test_a_client_and_its_settings_show_no_secret(kind, client):
    shown = f"{client!r} {client} {settings(kind)!r} {opening(kind)!r}"
    assert not any(secret in shown for secret in SECRETS)


def test_a_step_and_what_it_tells_are_json(kind):
    step = opening(kind)
    assert json.loads(json.dumps([step.request, step.told])) == [step.request, step.told]
    assert step.told["steps"] == step.number == 1


@pytest.mark.parametrize("kind", ["slack", "github"])
def test_what_a_lost_answer_left_is_found_by_its_mark(sandbox, kind, url, client):
    since, step = datetime.now(UTC), opening(kind, url)
    have = {"steps": 41}
    marked = KINDS[kind].next_step(want(kind, place=lane_place(kind, client, url), api_url=url), have)
    play(sandbox, kind, action="reset", count=1)
    assert client.send(marked, have, 5.0, lambda: None).unknown
    assert client.find(marked, have, since, 5.0) == Found(None)
    sandbox.faults.clear()
    play(sandbox, kind, action="drop_answer", count=1)
    assert client.send(marked, have, 5.0, lambda: None).unknown
    found = client.find(marked, have, since, 5.0)
    again = client.send(marked, have, 5.0, lambda: None)
    assert isinstance(again, Done)
    assert found.remote.keys() == again.remote.keys()
    assert found.remote != again.remote
    assert step.number != marked.number


def lane_place(kind, client, url):
    learning = KINDS[kind].next_step(want(kind, api_url=url), {})
    assert learning.learns
    learned = client.send(learning, {}, 5.0, lambda: None)
    assert isinstance(learned, Done), learned
    return learned.remote


def test_an_incident_goes_through_its_life_and_repeats_are_silent(kind, url, client):
    lane = Lane(kind, client, api_url=url)
    for its in (incident(), incident(state=State.STALE), incident(times=2), incident(state=State.RESOLVED)):
        lane.tell(its)
        assert lane.tell(its) == Nothing()
        assert lane.taken == []
    assert lane.failures == []


def test_secrets_never_reach_a_step(kind):
    values = VALUES[kind]
    for its in (incident(), incident(state=State.RESOLVED)):
        step = KINDS[kind].next_step(want(kind, its, place=PLACE), {})
        assert not any(secret in repr(step) for secret in SECRETS), values


CREDENTIAL = {"slack": VALUES["slack"]["token"], "pagerduty": KEYS[0], "github": VALUES["github"]["token"]}
HOOK = "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 422])
def test_a_place_that_repeats_a_secret_does_not_bring_it_into_words(sandbox, kind, url, client, status):
    """Whatever its case, and wherever a long answer is cut."""
    secret = CREDENTIAL[kind]
    said = {"ok": False, "error": secret, "needed": secret.upper(), "message": f"{'x' * 283}{secret}"}
    body = json.dumps({**said, "errors": [said["message"], secret]})
    play(sandbox, kind, action="status", status=status, body=body)
    outcome = client.send(opening(kind, url), {}, 5.0, lambda: None)
    shown = repr(outcome).lower()
    assert not [at for at in range(len(secret) - 7) if secret[at : at + 8].lower() in shown]


def test_a_webhook_that_repeats_its_address_does_not_bring_it_into_words():
    body = f"no_service: {HOOK}".encode()
    with Raw(answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))) as server:
        hook = HOOK.replace("https://hooks.slack.com", server.url)
        client = KINDS["slack"].connect(settings("slack", token=None, webhook_url=hook))
        step = KINDS["slack"].next_step(want("slack", token=None, webhook_url=hook), {})
        outcome = client.send(step, {}, 5.0, lambda: None)
        client.close()
    assert "B000/XXXX" not in repr(outcome)
