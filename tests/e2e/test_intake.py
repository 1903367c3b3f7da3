"""What senders may send, and what they are answered: stored before the answer, or a sentence that says what to mend."""

import fcntl
import gzip
import hashlib
import hmac
import json
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from harness import Starter, alert, answer_in, config, eventually, group, messages

from bridge.sandbox import Sandbox

SECRETS = {"BEARER": "bearer-secret-1", "OLD_BEARER": "bearer-secret-0", "HMAC": "secret", "BASIC": "basic-secret"}
SECRETS |= {"HEADER": "header-secret", "FOREIGN": "t\u00f6k\u00e9n"}
BODY = b"test message"
UNSTAMPED = "3bcebf43c85d20bba6e3b6ba278af1d2ba3ab0d57de271b0ad30b833e851c5a6"
STAMPED = "ac18a483a582b60a883e974541afe25aa1026136163e94665649743324183ef1"
STAMP = "X-Grafana-Alerting-Timestamp"
SIGNATURE = "X-Grafana-Alerting-Signature"
LIMIT = 16_384


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    sources = {
        "grafana": {"max_body": "16KiB"},
        "bearer": {"auth": {"bearer": {"token": ["${env:BEARER}", "${env:OLD_BEARER}", "${env:FOREIGN}"]}}},
        "hmac": {"auth": {"hmac": {"secret": "${env:HMAC}"}}},
        "stamped": {"auth": {"hmac": {"secret": "${env:HMAC}", "timestamp_header": STAMP, "tolerance": "5m"}}},
        "brief": {"auth": {"hmac": {"secret": "${env:HMAC}", "timestamp_header": STAMP, "tolerance": "4s"}}},
        "elsewhere": {"auth": {"header": {"name": "X-Token", "value": "${env:FOREIGN}"}}},
        "ancient": {"auth": {"hmac": {"secret": "${env:HMAC}", "timestamp_header": STAMP, "tolerance": "36500d"}}},
        "basic": {"auth": {"basic": {"username": "jobs", "password": "${env:BASIC}"}}},
        "header": {"auth": {"header": {"name": "X-Token", "value": "${env:HEADER}"}}},
        "open": {"auth": "none"},
    }
    with Sandbox() as sandbox, Starter(tmp_path_factory) as starter:
        yield starter(config(sandbox, sources=sources), env=SECRETS), sandbox


@pytest.fixture
def bridge(place):
    return place[0]


def notice(title):
    return json.dumps(group(alert(title, Priority="P3"))).encode()


def is_error(answer, status):
    """Whether an answer is one short JSON object with one sentence."""
    assert answer.status_code == status, answer.text
    assert len(answer.content) <= 1024
    said = answer.json()
    assert list(said) == ["error"]
    assert said["error"]
    assert not [secret for secret in SECRETS.values() if len(secret) > 8 and secret in answer.text]
    return True


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("path", ["/webhooks/grafana", "/webhooks/grafana/"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None])
def test_it_takes_a_notification_however_it_comes(place, method, path, kind):
    bridge, sandbox = place
    title = f"came by {method} {path.count('/')} {str(kind)[-4:]}"
    headers = {"Content-Type": kind} if kind else {}
    answer = bridge.request(method, path, content=notice(title), headers=headers)
    assert answer.status_code == 202
    assert list(answer.json()) == ["receipt"]
    receipt = bridge.receipt(answer.json()["receipt"])
    assert (receipt["state"], receipt["source"], receipt["alerts"]) == ("absorbed", "grafana", 1)
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", title), 30)


def test_it_takes_chunks(place):
    bridge, sandbox = place
    body = notice("came in chunks")
    parts = (body[at : at + 100] for at in range(0, len(body), 100))
    answer = bridge.request("POST", "/webhooks/grafana", content=parts)
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "came in chunks"), 30)


def test_it_takes_gzip(place):
    bridge, sandbox = place
    headers = {"Content-Encoding": "gzip"}
    answer = bridge.request("POST", "/webhooks/grafana", content=gzip.compress(notice("came gzipped")), headers=headers)
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "came gzipped"), 30)


def test_it_takes_gzip_in_chunks(place):
    bridge, sandbox = place
    body = gzip.compress(notice("came gzipped in chunks"))
    parts = (body[at : at + 50] for at in range(0, len(body), 50))
    answer = bridge.request("POST", "/webhooks/grafana", content=parts, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "came gzipped in chunks"), 30)


def test_a_body_that_only_says_it_is_gzip_is_kept_in_quarantine(bridge):
    answer = bridge.request("POST", "/webhooks/open", content=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 202
    assert bridge.receipt(answer.json()["receipt"])["state"] == "quarantined"


def test_too_large_bodies_are_refused(bridge):
    assert is_error(bridge.request("POST", "/webhooks/grafana", content=b"x" * (LIMIT + 1)), 413)
    parts = (b"x" * 1000 for _ in range(100))
    assert is_error(bridge.request("POST", "/webhooks/grafana", content=parts), 413)
    assert bridge.request("POST", "/webhooks/grafana", content=b"x" * LIMIT).status_code == 202


def test_a_gzip_bomb_is_refused(bridge):
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(bomb) < LIMIT
    answer = bridge.request("POST", "/webhooks/grafana", content=bomb, headers={"Content-Encoding": "gzip"})
    assert is_error(answer, 413)


def test_gzip_in_several_members_is_one_body(place):
    bridge, sandbox = place
    whole = notice("came in members")
    sent = gzip.compress(whole[:50]) + gzip.compress(whole[50:]) + b"\0\0"
    answer = bridge.request("POST", "/webhooks/grafana", content=sent, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 202
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "came in members"), 30)


def test_a_bomb_in_many_gzip_members_is_refused(bridge):
    bomb = gzip.compress(b"\0" * 15_000) * 200
    answer = bridge.request("POST", "/webhooks/grafana", content=bomb, headers={"Content-Encoding": "gzip"})
    assert len(bomb) < LIMIT
    assert is_error(answer, 413)


def test_what_browsers_may_do_with_an_answer_stands_once_in_each(bridge):
    answers = [bridge.request("POST", f"/webhooks/{name}", content=b"{}") for name in ("open", "bearer", "none")]
    answers.append(bridge.request("GET", "/"))  # says itself what a page may load
    assert [answer.status_code for answer in answers] == [202, 401, 404, 200]
    for answer in answers:
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
            assert len(answer.headers.get_list(name)) == 1, name
        assert answer.headers.get_list("Cache-Control") == ["no-store"]
    assert answers[0].headers["Content-Type"] == "application/json"


def test_unknown_places_and_methods(bridge):
    assert is_error(bridge.request("POST", "/webhooks/nobody", content=b"{}"), 404)
    assert is_error(bridge.request("POST", "/nowhere", content=b"{}"), 404)
    for method in ("GET", "DELETE", "PATCH", "OPTIONS"):
        answer = bridge.request(method, "/webhooks/grafana")
        assert is_error(answer, 405)
        assert {"POST", "PUT"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["//webhooks/{}", "/webhooks//{}", "///webhooks/{}//"])
def test_of_a_webhook_several_slashes_are_one_and_lead_nowhere_else(bridge, path):
    assert bridge.request("POST", path.format("open"), content=b"{}").status_code == 202
    assert bridge.request("POST", path.format("open"), content=iter([b"{}"])).status_code == 202
    assert is_error(bridge.request("POST", path.format("bearer"), content=b"{}"), 401)
    assert is_error(bridge.request("POST", path.format("nobody"), content=b"{}"), 404)
    assert is_error(bridge.request("GET", path.format("open")), 405)


def test_a_hostile_source_name_is_no_long_error(bridge):
    assert is_error(bridge.request("POST", f"/webhooks/{'%F0%9F%92%A9' * 300}", content=b"{}"), 404)


def stored(bridge):
    """The receipts of what senders posted; of its own trouble the bridge tells itself."""
    return {one["id"] for one in bridge.all("receipts") if one["source"] != "bridge"}


REFUSED = [
    ("bearer", {}),
    ("bearer", {"Authorization": "Bearer wrong"}),
    ("bearer", {"Authorization": "Basic bearer-secret-1"}),
    ("bearer", {"Authorization": "Bearer"}),
    ("bearer", {"Authorization": "Bearer \u00e9"}),
    ("hmac", {}),
    ("hmac", {SIGNATURE: "0" * 64}),
    ("hmac", {SIGNATURE: UNSTAMPED.upper()}),
    ("stamped", {SIGNATURE: STAMPED, STAMP: "0"}),
    ("stamped", {SIGNATURE: STAMPED, STAMP: "\u00b2"}),
    ("stamped", {SIGNATURE: UNSTAMPED}),
    ("stamped", {SIGNATURE: STAMPED, STAMP: "9" * 5000}),
    ("stamped", {SIGNATURE: STAMPED, STAMP: "9" * 400}),
    ("basic", {}),
    ("basic", {"Authorization": "Basic am9iczp3cm9uZw=="}),
    ("basic", {"Authorization": "Basic !!!"}),
    ("basic", {"Authorization": "Basic \u00e9"}),
    ("header", {}),
    ("header", {"X-Token": "wrong"}),
    ("header", {"X-Token": "\u00e9"}),
    ("grafana", {"X-Forwarded-For": "10.0.0.1"}),
    ("grafana", {"Forwarded": "for=10.0.0.1"}),
]


@pytest.mark.parametrize(("source", "headers"), REFUSED)
def test_who_may_not_post_is_refused_and_nothing_is_stored(bridge, source, headers):
    before = stored(bridge)
    sent = {name.encode(): value.encode("utf-8") for name, value in headers.items()}
    assert is_error(bridge.request("POST", f"/webhooks/{source}", content=BODY, headers=sent), 401)
    assert stored(bridge) == before


ADMITTED = [
    ("bearer", {"Authorization": "Bearer bearer-secret-1"}),
    ("bearer", {"Authorization": "bearer bearer-secret-0"}),
    ("hmac", {SIGNATURE: UNSTAMPED}),
    ("ancient", {SIGNATURE: STAMPED, STAMP: "0"}),
    ("basic", {"Authorization": "Basic am9iczpiYXNpYy1zZWNyZXQ="}),
    ("header", {"X-Token": "header-secret"}),
    ("elsewhere", {"X-Token": "t\u00f6k\u00e9n"}),
    ("bearer", {"Authorization": "Bearer t\u00f6k\u00e9n"}),
    ("open", {"X-Forwarded-For": "10.0.0.1"}),
    ("open", {}),
]


@pytest.mark.parametrize(("source", "headers"), ADMITTED)
def test_who_may_post_may(bridge, source, headers):
    for written in ("utf-8", "latin-1"):
        sent = {name.encode(): value.encode(written) for name, value in headers.items()}
        answer = bridge.request("POST", f"/webhooks/{source}", content=BODY, headers=sent)
        assert answer.status_code == 202
        assert bridge.receipt(answer.json()["receipt"])["source"] == source


def test_the_same_signed_request_again_is_the_first_receipt(bridge):
    stamp = str(int(datetime.now(UTC).timestamp()))
    signature = hmac.new(b"secret", f"{stamp}:".encode() + BODY, hashlib.sha256).hexdigest()
    headers = {SIGNATURE: signature, STAMP: stamp}
    first, second = (bridge.request("POST", "/webhooks/stamped", content=BODY, headers=headers) for _ in "ab")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()


def test_what_fires_again_in_the_same_signed_bytes_without_a_stamp_fires_again(bridge):
    def post(status):
        body = json.dumps({"alerts": [{"labels": {"alertname": "signed again"}, "status": status}]}).encode()
        signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        answer = bridge.request("POST", "/webhooks/hmac", content=body, headers={SIGNATURE: signature})
        assert answer.status_code == 202
        return answer.json()["receipt"]

    for status, state in [("firing", "firing"), ("ok", "resolved"), ("firing", "firing")]:
        receipt = post(status)
        assert post(status) == receipt
        assert bridge.receipt(receipt)["state"] == "absorbed"
        assert bridge.incident("signed again")["state"] == state


def test_a_signed_request_whose_stamp_is_ahead_is_one_for_as_long_as_it_is_good(bridge):
    stamp, began = str(int(datetime.now(UTC).timestamp()) + 4), time.monotonic()
    signature = hmac.new(b"secret", f"{stamp}:".encode() + BODY, hashlib.sha256).hexdigest()
    headers = {SIGNATURE: signature, STAMP: stamp}
    first = bridge.request("POST", "/webhooks/brief", content=BODY, headers=headers)
    eventually(lambda: time.monotonic() > began + 4.1)  # longer than its tolerance
    again = bridge.request("POST", "/webhooks/brief", content=BODY, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"{'status': firing",
    "an array": b"[1, 2]",
    "a string": b'"firing"',
    "null": b"null",
    "no alerts": b'{"status": "firing", "alerts": []}',
    "alerts of no shape": b'{"alerts": 5}',
    "bytes of no text": b"\xff\xfe\x00{",
    "deep": b"[" * 8000,
    "deep object": b'{"alerts":' * 1500,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_alert_is_taken_and_shown_in_quarantine(bridge, name):
    answer = bridge.request("POST", "/webhooks/grafana", content=UNREADABLE[name])
    assert answer.status_code == 202
    receipt = bridge.receipt(answer.json()["receipt"])
    assert receipt["state"] == "quarantined"
    assert receipt["problem"]
    assert receipt["id"] in {one["id"] for one in bridge.all("receipts?state=quarantined")}


def test_the_quarantine_by_the_command_line_and_by_the_api(bridge):
    kept = [bridge.request("POST", "/webhooks/grafana", content=b"odd").json()["receipt"] for _ in range(3)]
    for receipt in kept:
        bridge.receipt(receipt)
    listed = bridge.command("quarantine", "--json")
    assert listed.returncode == 0, listed.stderr
    assert set(kept) <= {one["id"] for one in json.loads(listed.stdout)["items"]}

    replayed = bridge.command("quarantine", "replay", kept[0])
    assert replayed.returncode == 0, replayed.stderr
    assert bridge.request("POST", f"/api/v1/receipts/{kept[1]}/replay").status_code == 200
    eventually(lambda: bridge.receipt(kept[0])["state"] == "quarantined")
    eventually(lambda: bridge.receipt(kept[1])["state"] == "quarantined")

    assert bridge.request("POST", f"/api/v1/receipts/{kept[2]}/dismiss").status_code == 200
    assert kept[2] not in {one["id"] for one in bridge.all("receipts?state=quarantined")}
    assert is_error(bridge.request("POST", "/api/v1/receipts/nothing/replay"), 404)
    assert bridge.command("quarantine", "replay", "nothing").returncode == 1


HOSTILE = {
    "NaN": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s"}, "values": {"A": NaN}}]}',
    "duplicate keys": '{"alerts": [{"status": "firing", "status": "firing", "labels": {"alertname": "%s"}}]}',
    "control characters": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s", "x": "a\\u0000b\\u202ec"}}]}',
    "half a surrogate": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s", "x": "\\ud83d"}}]}',
    "huge number": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s"}, "values": {"A": 1e999}}]}',
    "big integer": '{"groupKey": 5615590933959184469, "alerts": [{"labels": {"alertname": "%s"}, "orgId": 9e99}]}',
    "odd times": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s"}, "startsAt": "9999-99-99"}]}',
    "labels of no text": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s", "x": {"y": [1]}}}]}',
    "mentions": '{"alerts": [{"status": "firing", "labels": {"alertname": "%s"}, "annotations": '
    '{"summary": "<!channel> <@U1> @here <http://evil.test|click> *x*"}}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_sloppy_and_hostile_alerts_arrive(place, name):
    bridge, sandbox = place
    title = f"hostile {name.replace(' ', '-')}"
    answer = bridge.request("POST", "/webhooks/grafana", content=(HOSTILE[name] % title).encode())
    assert answer.status_code == 202
    assert bridge.receipt(answer.json()["receipt"])["state"] == "absorbed"
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", title), 30)
    (message,) = messages(sandbox, "alerts", title)
    shown = json.dumps(message.blocks) + message.text
    assert "<!channel>" not in shown
    assert "<@U1>" not in shown
    assert "<http://evil.test" not in shown


def test_many_alerts_with_large_labels_in_one_body_all_arrive(start, sandbox):
    bridge = start(config(sandbox, group_by=["..."]))
    told = [alert("crowd", Priority="P3", instance=f"host-{number}", text="x" * 2000) for number in range(450)]
    receipt = bridge.post(group(*told))
    found = eventually(lambda: r if (r := bridge.receipt(receipt))["state"] == "absorbed" else None)
    assert (found["alerts"], len(found["incidents"])) == (450, 450)


def test_a_sender_that_stops_in_the_middle_stores_nothing(bridge):
    before = stored(bridge)
    where = urlsplit(bridge.address)
    with socket.create_connection((where.hostname, where.port), 10) as half:
        half.sendall(b"POST /webhooks/grafana HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        half.shutdown(socket.SHUT_WR)
        status, _, error = answer_in(half.makefile("rb"))
    assert (status, "did not come whole" in error["error"]) == (400, True)
    assert stored(bridge) == before


@pytest.mark.parametrize(
    "head", ["HTTP/1.0\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n", "HTTP/1.1\r\nConnection: close\r\n"]
)
def test_a_body_whose_length_is_not_said_is_refused_and_not_lost(bridge, head):
    before = stored(bridge)
    where = urlsplit(bridge.address)
    with socket.create_connection((where.hostname, where.port), 10) as opened:
        opened.sendall(f"POST /webhooks/open {head}Host: x\r\n\r\n{{}}".encode())
        status, _, error = answer_in(opened.makefile("rb"))
    assert (status, "send Content-Length" in error["error"]) == (400, True)
    assert stored(bridge) == before


@pytest.mark.parametrize(
    "head", ["HTTP/1.0\r\nContent-Length: 0\r\n", "HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n"]
)
def test_no_body_at_all_is_a_body(bridge, head):
    where = urlsplit(bridge.address)
    with socket.create_connection((where.hostname, where.port), 10) as opened:
        opened.sendall(f"POST /webhooks/open {head}Host: x\r\n\r\n".encode())
        assert answer_in(opened.makefile("rb"))[0] == 202


def test_a_database_locked_by_a_stranger_is_a_503_and_then_all_is_well(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("before the lock")))
    bridge.settle()
    stranger = sqlite3.connect(bridge.folder / "bridge.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    answer = bridge.request("POST", "/webhooks/grafana", content=notice("during the lock"))
    ready = bridge.request("GET", "/readyz")
    alive = bridge.request("GET", "/healthz")
    stranger.execute("ROLLBACK")
    stranger.close()
    assert is_error(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert (ready.status_code, alive.status_code) == (503, 200)

    eventually(lambda: bridge.request("GET", "/readyz").status_code == 200)
    bridge.post_stubbornly(group(alert("after the lock", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "after the lock"), 30)
    bridge.settle()
    assert not messages(sandbox, "alerts", "during the lock")


def test_many_at_once_are_each_told_whether_they_were_stored(start, sandbox):
    bridge = start(config(sandbox))

    def post(number):
        return bridge.request("POST", "/webhooks/grafana", content=notice(f"alert {number}"))

    with ThreadPoolExecutor(24) as pool:
        taken = list(pool.map(post, range(24)))
        assert {answer.status_code for answer in taken} == {202}
        stranger = sqlite3.connect(bridge.folder / "bridge.db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        refused = pool.map(post, range(24, 48))
        assert bridge.request("GET", "/healthz").status_code == 200
        assert all(is_error(answer, 503) and int(answer.headers["Retry-After"]) > 0 for answer in refused)
        stranger.execute("ROLLBACK")
        taken += pool.map(post, range(48, 72))
    stored = dict(stranger.execute("SELECT id, source FROM receipts"))
    stranger.close()
    assert set(stored.values()) == {"grafana"}
    assert [answer.json()["receipt"] for answer in taken if answer.json()["receipt"] not in stored] == []
    assert len(stored) == 48
    outcomes = r'bridge_notifications_total{{outcome="{}",source="grafana"}}'
    # each process keeps its own counts, some seconds later
    eventually(lambda: [bridge.metric(outcomes.format(one)) for one in ("unavailable", "stored")] == [24, 48])


def test_many_refused_in_one_go_are_each_answered(bridge):
    where = urlsplit(bridge.address)
    head = "POST /webhooks/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{{}}"
    with socket.create_connection((where.hostname, where.port), 30) as opened:
        file = opened.makefile("rb")
        opened.sendall(head.format("open").encode())
        assert answer_in(file)[0] == 202
        opened.sendall(head.format("bearer").encode() * 900)
        assert [answer_in(file)[0] for _ in range(900)] == [401] * 900


def test_many_stored_in_one_go_are_each_answered(bridge):
    where = urlsplit(bridge.address)
    head = "POST /webhooks/open HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
    with socket.create_connection((where.hostname, where.port), 30) as opened:
        file = opened.makefile("rb")
        opened.sendall(head.encode())
        assert answer_in(file)[0] == 202
        opened.sendall(head.encode() * 40)
        assert [answer_in(file)[0] for _ in range(40)] == [202] * 40


def test_who_waits_in_vain_for_a_turn_is_told_so_and_nothing_of_it_is_stored(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("before", Priority="P3")))
    bridge.settle()
    with (bridge.folder / "bridge.db.turn.lock").open("r+") as turn, ThreadPoolExecutor(8) as pool:
        fcntl.flock(turn, fcntl.LOCK_EX)
        refused = pool.map(lambda at: bridge.request("POST", "/webhooks/grafana", content=notice(f"{at}")), range(8))
        assert all(is_error(answer, 503) for answer in refused)
        fcntl.flock(turn, fcntl.LOCK_UN)
    bridge.post_stubbornly(group(alert("after", Priority="P3")))
    assert len(stored(bridge)) == 2


def test_a_payload_of_another_shape_is_told_by_its_sources_mapping(start, sandbox):
    mapping = "checks[].{status: 'firing', labels: {alertname: name}, annotations: {Priority: prio}}"
    bridge = start(config(sandbox, sources={"grafana": {}, "checks": {"auth": "none", "mapping": mapping}}))
    body = {"checks": [{"name": "Backup is old", "prio": "P3"}, {"name": "Disk full", "prio": "P2"}]}
    assert bridge.request("POST", "/webhooks/checks", json=body).status_code == 202
    assert bridge.request("POST", "/webhooks/checks", json={"checks": []}).status_code == 202
    bridge.settle()
    assert len(messages(sandbox, "alerts", "P3 firing: Backup is old")) == 1
    assert len(messages(sandbox, "alerts", "P2 firing: Disk full")) == 1
    assert len(bridge.all("receipts?state=quarantined")) == 1
