import logging
import socket
import threading
import time

import pytest
from raw_server import OK, Raw, answer, closed_port

from bridge.destinations.answer import LONGEST, Answer
from bridge.destinations.deadline import Deadline
from bridge.destinations.http import ExchangeError, Http, bearer, check_base


class StaleSenderError(Exception):
    pass


def post(  # noqa: PLR0913 - each a keyword
    base, url="/x", *, seconds=5.0, ready=lambda: None, http=None, content=b"{}", cap=1000
):
    http = http or Http(base)
    return http.exchange("POST", f"{base}{url}", deadline=Deadline(seconds), ready=ready, content=content, cap=cap)


def fails(*arguments, **keywords):
    with pytest.raises(ExchangeError) as raised:
        post(*arguments, **keywords)
    return raised.value.code, raised.value.unknown


def test_ready_is_called_once_before_the_first_byte_on_fresh_and_on_kept_connections():
    with Raw(answer(OK)) as server:
        http, at = Http(server.url), []
        for _ in range(2):
            post(server.url, http=http, ready=lambda: at.append(len(server.received)))
        assert at == [0, 1]
        assert len(server.received) == 2


def test_a_stale_sender_is_stopped_before_a_byte_leaves():
    def stale():
        raise StaleSenderError

    with Raw(answer(OK)) as server:
        http = Http(server.url)
        with pytest.raises(StaleSenderError):
            post(server.url, http=http, ready=stale)
        assert post(server.url, http=http).status == 200
        assert len(server.received) == 1


def test_nothing_is_sent_after_the_deadline():
    with Raw(answer(OK)) as server:
        assert fails(server.url, seconds=-1) == ("no connection in time", False)
        assert server.received == []


def test_refused_connection_unknown_name_and_tls_failure_are_no_doubt():
    assert fails(f"http://127.0.0.1:{closed_port()}") == ("connection refused", False)
    assert fails("https://name.invalid") == ("name not found", False)
    with Raw(lambda _server, connection: connection.sendall(OK)) as server:
        assert fails(f"https://127.0.0.1:{server.port}") == ("TLS failure", False)


def test_a_name_that_is_looked_up_for_ever_ends_with_the_deadline(monkeypatch):
    held = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: held.wait(30) and [])
    began = time.monotonic()
    assert fails("https://slack.example", seconds=0.2) == ("no connection in time", False)
    assert time.monotonic() - began < 2
    held.set()


def test_a_kept_connection_that_was_closed_is_unknown_and_is_not_tried_again():
    def once(server, connection):
        server.request(connection)
        connection.sendall(OK)
        server.request(connection)

    with Raw(once) as server:
        http = Http(server.url)
        assert post(server.url, http=http).body == b"ok"
        assert fails(server.url, http=http) == ("connection closed or broken answer", True)
        assert len(server.received) == 2


@pytest.mark.parametrize(
    "drop", [b"H", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
def test_an_answer_that_trickles_ends_with_the_deadline(drop):
    def trickle(server, connection):
        server.request(connection)
        connection.sendall(drop)
        while not server.done.wait(0.02):
            connection.sendall(b"a")

    with Raw(trickle) as server:
        began = time.monotonic()
        assert fails(server.url, seconds=0.3) == ("no answer in time", True)
        assert time.monotonic() - began < 2


def test_a_peer_that_reads_nothing_ends_with_the_deadline():
    with Raw(lambda server, _connection: server.done.wait(10)) as server:
        assert fails(server.url, seconds=0.3, content=b"x" * 20_000_000) == ("no answer in time", True)


def test_an_answer_is_read_up_to_the_cap_and_of_a_refusal_the_beginning_is_enough():
    long = b"Content-Length: 5000\r\n\r\n" + b"x" * 5000
    with Raw(answer(b"HTTP/1.1 200 OK\r\n" + long)) as server:
        assert fails(server.url) == ("unreadable answer", True)
    with Raw(answer(b"HTTP/1.1 400 Bad Request\r\n" + long)) as server:
        assert post(server.url).body == b"x" * 1000

    def cut(server, connection):
        server.request(connection)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\nno")

    with Raw(cut) as server:
        refused = post(server.url)
        assert (refused.status, refused.body) == (403, b"no")


def test_redirects_are_not_followed_and_cookies_not_kept():
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    with Raw(answer(moved)) as server:
        http = Http(server.url)
        assert [post(server.url, http=http).status for _ in range(2)] == [302, 302]
        assert all(b"cookie" not in request.lower() for request in server.received)


def test_through_a_proxy_its_connect_is_not_our_request(monkeypatch):
    with Raw(answer(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        called = []
        assert fails("https://slack.example", ready=lambda: called.append(1)) == ("the proxy refused", False)
        assert called == []
        assert proxy.received[0].startswith(b"CONNECT slack.example:443")


def test_a_loopback_address_is_asked_without_a_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with Raw(answer(OK)) as server:
        assert post(server.url).status == 200


@pytest.mark.parametrize("base", ["https://slack.com/api/", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8"])
def test_addresses_that_are_taken(base):
    check_base(base)


@pytest.mark.parametrize(
    "base", ["http://slack.com", "http://10.0.0.1", "ftp://127.0.0.1", "", "slack.com", "https://"]
)
def test_addresses_that_are_refused(base):
    with pytest.raises(ValueError, match="https"):
        Http(base)


def test_a_token_that_no_header_can_carry_is_refused_unseen():
    for token in ("", "secr\u00e9t", "secret\n"):
        with pytest.raises(ValueError, match="header") as raised:
            bearer(token)
        assert "secr" not in str(raised.value)


def test_no_address_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with Raw(answer(OK)) as server:
        post(server.url, "/services/T/B/secret")
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "999999999"}, LONGEST),
        ({"retry-after": "Tue, 09 Dec 2055 17:30:20 GMT", "date": "Tue, 09 Dec 2025 17:30:00 GMT"}, LONGEST),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "Tue, 09 Dec 2025 17:30:20 GMT", "date": "Tue, 09 Dec 2025 17:30:00 GMT"}, 20.0),
        ({"retry-after": "Tue, 09 Dec 2025 17:29:00 GMT", "date": "Tue, 09 Dec 2025 17:30:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 09 Dec 2025 17:30:20 GMT"}, None),
    ],
)
def test_retry_after_is_read_by_the_destinations_own_clock(headers, seconds):
    assert Answer(429, headers, b"").retry_after == seconds


def test_a_secret_that_is_repeated_is_in_no_part_of_an_answer():
    headers = {"x-request-id": "id-of-TOKEN", "date": "Tue, 09 Dec 2025 17:30:00 GMT"}
    cleaned = Answer(400, headers, b"no such token: Token").without("token", "")
    assert (cleaned.request_id, cleaned.body.decode()) == ("", "no such …: …")
    assert cleaned.epoch is not None


def test_bodies_that_are_no_json_objects_are_none():
    for body in (b"", b"<html>", b"[1]", b"null", b"[" * 100_000):
        assert Answer(200, {}, body).record() is None


def test_threads_share_connections_each_with_its_own_deadline():
    def slow(server, connection):
        while request := server.request(connection):
            if b"/slow" in request:
                server.done.wait(10)
            connection.sendall(OK)

    with Raw(slow) as server:
        http, outcomes = Http(server.url), []

        def send(url, seconds):
            try:
                outcomes.append(post(server.url, url, http=http, seconds=seconds).status)
            except ExchangeError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=send, args=("/slow", 0.3) if n % 2 else ("/x", 5.0)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(map(str, outcomes)) == ["200"] * 4 + ["no answer in time"] * 4
