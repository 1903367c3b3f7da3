"""Slow senders, floods of connections, more bodies than fit: others are served, and all is well again afterwards."""

import json
import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import Starter, alert, answer_in, at_once, config, eventually, group

from bridge.sandbox import Sandbox

BIG = 15_000_000
SLOW = 120
HELD = 40
AT_ONCE = 8
"""Seconds, on a busy machine: fewer than a thread once waited for a peer."""
IDLE = 2_500


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    with Sandbox() as sandbox, Starter(tmp_path_factory) as starter:
        yield starter(config(sandbox, sources={"grafana": {"auth": "none"}, "small": {"max_body": "16KiB"}}))


def body(title):
    return json.dumps(group(alert(title, Priority="P3"))).encode()


def request(content, *more, length=None, path="/webhooks/grafana"):
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *more]
    if not any(line.startswith("Transfer-Encoding") for line in more):
        lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def connect(bridge, sent=b""):
    where = urlsplit(bridge.address)
    opened = socket.create_connection((where.hostname, where.port), 30)
    opened.sendall(sent)
    return opened


def answer(opened):
    """One answer of a connection: status, headers, JSON; None where it was closed without one."""
    return answer_in(opened.makefile("rb"))


def said(opened):
    """Whether a connection has an answer, or was closed."""
    opened.settimeout(0)
    try:
        opened.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        opened.settimeout(30)
    return True


def resident(bridge):
    """Bytes of memory that the web processes hold."""
    sizes = []
    for pid in bridge.process.children()["web"]:
        statm = Path(f"/proc/{pid}/statm").read_text("ascii")
        sizes.append(int(statm.split()[1]) * resource.getpagesize())
    return sizes


EXCLUSIVE = 1 << 28
"""`EPOLLEXCLUSIVE`."""


def polled(pid):
    """How a process polls its files, by their numbers, as the kernel says; those that are gone meanwhile left out."""
    found = {}
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = [line.split() for line in entry.read_text("ascii").splitlines() if line.startswith("tfd:")]
        except OSError:
            continue
        found |= {int(line[1]): int(line[3], 16) for line in lines}
    return found


def test_a_new_connection_wakes_one_of_the_processes_that_wait(bridge):
    for pid in bridge.process.children()["web"]:
        alone = eventually(lambda pid=pid: [fd for fd, events in polled(pid).items() if events & EXCLUSIVE])
        assert ["socket:" in str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in alone] == [True]


def test_slow_senders_hold_up_nobody(bridge):
    """Far more of them than there are threads: some that say nothing, some in the head, some in the body."""
    with ExitStack() as stack:
        whole = request(body("slow"))
        begun = [b"", b"POST /webho", whole[:120], whole[:-1]]
        slow = [stack.enter_context(connect(bridge, begun[at % 4])) for at in range(SLOW)]
        stored = at_once([lambda at=at: bridge.post(json.loads(body(f"quick {at}"))) for at in range(20)])
        assert len(set(stored)) == 20
        assert not any(said(one) for one in slow)
        # the slow ones are served as well, once they have said all
        slow[0].sendall(whole)
        slow[3].sendall(whole[-1:])
        assert answer(slow[0])[0] == answer(slow[3])[0] == 202


def test_a_peer_that_does_not_close_holds_up_nobody(bridge):
    with ExitStack() as stack:
        kept = [
            stack.enter_context(connect(bridge, request(body(f"closes {at}"), "Connection: close"))) for at in range(40)
        ]
        assert {answer(one)[0] for one in kept} == {202}
        assert bridge.post(json.loads(body("while they linger")))


def test_a_flood_of_connections_passes(bridge):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE + 500), hard))
    try:
        with ExitStack() as stack:
            for _ in range(IDLE):
                stack.enter_context(connect(bridge, b"POST /webhooks/grafana HTTP/1.1\r\n"))
            assert bridge.post_stubbornly(json.loads(body("in the flood")))
        assert bridge.post(json.loads(body("after the flood")))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_does_not_come_in_time_is_told_to_come_again(bridge):
    with connect(bridge, request(body("never ends"))[:-1]) as late, connect(bridge) as silent:
        late.settimeout(60)
        status, headers, error = answer(late)
        assert (status, headers["retry-after"]) == (503, "5")
        assert "send it again" in error["error"]
        silent.settimeout(60)
        assert answer(silent) is None


def test_more_bodies_than_there_is_room_for_are_told_to_come_again(bridge):
    part = request(b"[" * (BIG - 1), length=BIG)
    with ExitStack() as stack:
        opened = []
        at_once([lambda: opened.append(stack.enter_context(connect(bridge, part))) for _ in range(40)])
        refused = [one for one in opened if said(one)]
        assert refused
        assert len(refused) < len(opened)
        assert bridge.post(json.loads(body("beside the large ones")))
        assert max(resident(bridge)) < 500_000_000
    with connect(bridge, part) as again:
        again.sendall(b"]")
        assert answer(again)[0] == 202


def test_a_body_is_asked_for_once_where_the_sender_waits_for_that(bridge):
    with connect(bridge) as polite:
        file, content = polite.makefile("rb"), body("expects")
        polite.sendall(request(b"", "Expect: 100-continue", length=len(content)))
        assert answer_in(file)[0] == 100
        polite.sendall(content)
        assert answer_in(file)[0] == 202
    old = request(b"", "Expect: 100-continue", length=len(content)).replace(b"HTTP/1.1", b"HTTP/1.0")
    with connect(bridge, old) as unasked:
        unasked.sendall(content)
        assert answer(unasked)[0] == 202
    with connect(bridge, request(b"", "Expect: 100-continue", length=10**12)) as large:
        assert answer(large)[0] == 413


def test_one_connection_serves_many_requests_one_after_the_other_and_at_once(bridge):
    with connect(bridge) as kept:
        for at in range(3):
            kept.sendall(request(body(f"kept {at}")))
            assert answer(kept)[0] == 202
        file = kept.makefile("rb")
        kept.sendall(request(body("piped 1")) + request(body("piped 2")) + request(body("piped 3"))[:-1])
        statuses = []
        for at in range(3):
            statuses.append(answer_in(file)[0])
            if at == 1:
                kept.sendall(request(body("piped 3"))[-1:])
        assert statuses == [202, 202, 202]


def test_chunks_come_in_any_pieces(bridge):
    content = body("in pieces")
    chunks = b"5;name=value\r\n" + content[:5] + b"\r\n%x\r\n" % len(content[5:]) + content[5:] + b"\r\n0\r\n"
    sent = request(chunks + b"X-Done: yes\r\n\r\n", "Transfer-Encoding: chunked")
    with connect(bridge) as slow:
        for at in range(0, len(sent), 7):
            slow.sendall(sent[at : at + 7])
        assert answer(slow)[0] == 202


@pytest.mark.parametrize("path", ["/webhooks/grafana", "/api/v1/explain", "/login"])
@pytest.mark.parametrize("line", [b"5;" + b"x" * 300, b"5\n"], ids=["long", "bare"])
def test_a_chunk_that_can_not_be_read_is_refused_and_not_waited_for(bridge, path, line):
    """More of them than there are threads; none says more, and none closes."""
    form = "Content-Type: application/x-www-form-urlencoded"
    sent = request(line, "Transfer-Encoding: chunked", form, path=path)
    with ExitStack() as stack:
        for held in [stack.enter_context(connect(bridge, sent)) for _ in range(HELD)]:
            held.settimeout(AT_ONCE)
            assert answer(held)[0] == 400
        assert bridge.post(json.loads(body("beside what is no chunk")))
        content = body("beside what is no chunk, in chunks")
        chunks = (content[at : at + 50] for at in range(0, len(content), 50))
        assert bridge.request("POST", "/webhooks/grafana", content=chunks).status_code == 202


def test_what_is_too_large_is_refused_before_it_is_sent(bridge):
    with connect(bridge, request(b"[", length=10**12)) as large:
        assert answer(large)[0] == 413
    with connect(bridge, request(b"[", length=20_000, path="/webhooks/small")) as large:
        large.sendall(b"[" * 19_999)
        assert answer(large)[0] == 413
    with connect(bridge, request(b"FFFFFFFFF\r\n", "Transfer-Encoding: chunked")) as large:
        large.sendall(b"[" * (BIG + 5_000_000))
        assert answer(large)[0] == 413


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\xff\x1b[31m\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST /webhooks/grafana HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /webhooks/grafana HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST /webhooks/grafana HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n{}", 413),
        (b"POST /webhooks/grafana HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, 431),
    ],
)
def test_what_is_no_request_is_answered_as_the_api_answers(bridge, sent, status):
    with connect(bridge, sent) as odd:
        told = answer(odd)
        assert told[0] == status
        assert list(told[2]) == ["error"]
    assert not [sign for sign in ("\x1b", "\x00", "Traceback") if sign in bridge.process.log()]


def test_a_stop_does_not_wait_for_those_who_never_finish(bridge):
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(bridge, request(body("never"))[:40])) for _ in range(20)]
        assert not any(said(one) for one in opened)
        assert bridge.process.stop() == 0
    bridge.restart()
    assert eventually(lambda: bridge.request("GET", "/healthz").status_code == 200)
