"""A web process that is short of something: who can't be served hears of it, and its loop goes on."""

import resource
import selectors
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from gunicorn.config import Config

from bridge.web.arriving import Arriving
from bridge.web.connection import Connection
from bridge.web.direct import Direct
from bridge.web.lingering import Lingering
from bridge.web.listening import wake_one
from bridge.web.worker import CROWDED, WebWorker

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def worker():
    """As much of a process as its loop needs, without one."""
    config = Config()
    config.set("worker_connections", CROWDED)
    made = WebWorker(1, 0, [], None, 30, config, None)
    made._arriving, made._held, made._most = {}, 0, 1_000_000
    made._direct, made._lingering = Direct(made), Lingering(lambda: made.poller)
    made.tpool, made.poller = ThreadPoolExecutor(1), selectors.DefaultSelector()
    with closing(made.poller):
        yield made
    made.tpool.shutdown()


@pytest.fixture
def peer(worker):
    """A peer, and the process's end of its connection."""
    here, there = socket.socketpair()
    worker.nr_conns += 1
    with here, there:
        yield there, Connection(worker.cfg, here, "", "", linger=worker._lingering.begin)


def test_who_gets_no_thread_is_told_to_come_again(worker, peer):
    there, conn = peer
    worker.tpool.shutdown()  # whoever asks it for a thread gets the error that it has where there is none to be had
    there.sendall(GET)
    worker.enqueue_req(conn)
    assert there.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert (worker.nr_conns, worker._held, worker._arriving) == (0, 0, {})
    assert worker.handle(conn) is False  # the thread that comes to it after all does nothing


def test_where_no_file_is_to_be_had_all_are_woken(worker):
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        worker.poller.register(listener, selectors.EVENT_READ)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            wake_one(worker.poller, [listener])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with socket.create_connection(listener.getsockname()):
            assert worker.poller.select(5)


def test_of_a_connection_that_made_room_an_event_of_the_same_round_is_nothing_more(worker, peer):
    there, conn = peer
    worker.keepalived_conns.append(conn)
    worker.poller.register(conn.sock, selectors.EVENT_READ, partial(worker.on_client_socket_readable, conn))
    there.sendall(GET)
    ((key, _events),) = worker.poller.select(0)
    worker._make_room(time.monotonic())
    assert worker.nr_conns == 0
    key.data(key.fileobj)
    assert (worker.nr_conns, worker._arriving) == (0, {})


def test_a_request_is_read_from_what_was_gathered_and_never_from_its_peer(peer):
    there, conn = peer
    there.sendall(b"more")
    there.shutdown(socket.SHUT_WR)
    conn.give(bytearray(b"{}"))
    reads = conn.parser.unreader
    assert (reads.read(10), reads.read(10), reads.read()) == (b"{}", b"", b"")


def test_the_largest_body_that_a_source_takes_has_room(worker, peer, monkeypatch):
    there, conn = peer
    monkeypatch.setattr("bridge.web.worker.ROOM", 50_000)
    there.sendall(b"POST /webhooks/grafana HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
    worker.enqueue_req(conn)
    assert not worker._take(conn, b"[" * 899_999)
    assert list(worker._arriving) == [conn]
    worker._most = 100_000  # what a source takes is less by far: this is too much to hold
    assert worker._take(conn, b"")


@pytest.mark.parametrize(
    ("says", "here"),
    [
        (b"Content-Length: 2\r\n\r\n{}", True),
        (b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", False),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", False),
    ],
    ids=["whole", "packed", "in chunks"],
)
def test_what_may_take_long_is_not_served_by_the_loop(worker, says, here):
    direct, arriving = worker._direct, Arriving(1_000_000)
    direct._sources = frozenset({"grafana"})
    worker.app = type("App", (), {"serving": type("Serving", (), {"room": type("Room", (), {"known": lambda _: 1})()})})
    assert arriving.feed(b"POST /webhooks/grafana HTTP/1.1\r\nHost: x\r\n" + says)
    assert direct.takes(arriving) is here
