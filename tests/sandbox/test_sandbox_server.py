"""The server that carries the doubles: connections, log, waiting, the program."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import asked
import httpx2
import pytest

from bridge.sandbox import Sandbox
from bridge.sandbox.pagerduty import PagerDutyDouble

ISSUES = "/repos/acme/alerts/issues"


def test_a_connection_is_kept(sandbox):
    address = urlsplit(sandbox.url)
    request = (
        b"GET /github/rate_limit HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nAuthorization: Bearer ghp_sandbox\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(request)
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"Content-Length: " in answer


def test_a_body_in_chunks_is_put_together(sandbox):
    headers = {"Authorization": "Bearer ghp_sandbox", "Content-Type": "application/json"}
    answer = asked.post(f"{sandbox.github_url}{ISSUES}", content=iter([b'{"title"', b': "t"', b"}"]), headers=headers)
    assert answer.json()["title"] == "t"
    assert sandbox.requests[0].body == '{"title": "t"}'


@pytest.mark.parametrize("header", [b"Content-Length: many", b"Content-Length: -1", b"Transfer-Encoding: chunked"])
def test_a_body_of_no_clear_length_is_refused(sandbox, header):
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /github/x HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\nzz\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_many_clients_at_once_lose_nothing(sandbox):
    def post(n):
        headers = {"Authorization": "Bearer xoxb-sandbox"}
        return asked.post(
            f"{sandbox.slack_url}chat.postMessage", data={"channel": "#a", "text": str(n)}, headers=headers
        )

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(100)))
    assert len({answer.json()["ts"] for answer in answers}) == 100
    assert {message.text for message in sandbox.slack.messages("a")} == {str(n) for n in range(100)}


def test_the_log_tells_what_was_asked(sandbox, slack, github):
    slack.auth_test()
    github.post(ISSUES, json={"title": "t"})
    first, second = sandbox.requests
    assert (first.double, first.method, first.path, first.status) == ("slack", "POST", "/api/auth.test", 200)
    assert (second.double, second.body, second.fault) == ("github", '{"title":"t"}', None)
    assert sandbox.seen("github") == [second]
    assert sandbox.seen(path="auth") == [first]
    shown = asked.get(f"{sandbox.url}/_sandbox/requests").json()
    assert [entry["path"] for entry in shown] == ["/api/auth.test", ISSUES]


def test_waiting_ends_when_it_holds(sandbox, slack):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sandbox.wait_for, lambda: len(sandbox.slack.messages("alerts")) == 2, 10)
        slack.chat_postMessage(channel="#alerts", text="1")
        slack.chat_postMessage(channel="#alerts", text="2")
        assert waiting.result() is True
    assert sandbox.wait_for(lambda: len(sandbox.slack.messages("alerts")) == 3, 0.05) is False


def test_the_state_is_told_as_json(sandbox, slack, github):
    slack.chat_postMessage(channel="#alerts", text="hello")
    github.post(ISSUES, json={"title": "t"})
    state = asked.get(f"{sandbox.url}/_sandbox/state").json()
    assert state["slack"]["acme"]["alerts"]["messages"][0]["text"] == "hello"
    assert state["github"]["acme/alerts"][0]["title"] == "t"
    assert state["pagerduty"] == []


def test_a_double_of_ones_own_can_be_given(clock):
    mine = PagerDutyDouble(clock, keys=[])
    with Sandbox(pagerduty=mine) as sandbox:
        event = {"routing_key": "a" * 32, "event_action": "resolve", "dedup_key": "x"}
        assert asked.post(f"{sandbox.pagerduty_url}/v2/enqueue", json=event).status_code == 400


def test_after_stopping_nobody_is_there():
    with Sandbox() as sandbox, httpx2.Client(trust_env=False) as client:
        assert client.get(sandbox.url).status_code == 200
        url = sandbox.url
    with pytest.raises(httpx2.ConnectError):
        asked.get(url)


def test_a_sandbox_that_never_started_can_be_stopped():
    sandbox = Sandbox()
    sandbox.stop()
    with pytest.raises(httpx2.ConnectError):
        asked.get(sandbox.url)


def test_the_program_says_where_it_is_and_ends_in_peace():
    command = [sys.executable, "-m", "bridge.sandbox", "--port", "0", "--channel", "inductor", "--strict"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        lines = [program.stdout.readline() for _ in range(4)]
        url = re.search(r"http://\S+", lines[0])[0]
        assert "inductor" in asked.get(url).text
        headers = {"Authorization": "Bearer xoxb-sandbox"}
        sent = {"channel": "#other", "text": "x"}
        refused = asked.post(f"{url}slack/api/chat.postMessage", data=sent, headers=headers)
        assert refused.json()["error"] == "channel_not_found"
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
