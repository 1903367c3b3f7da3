"""Each way in which a request can fail, or an answer can come: what it is called, and whether anything had left us."""

import gzip
import socket
import ssl
import struct
import threading
import zlib
from contextlib import closing, suppress

import pytest
from authority import Authority
from raw_server import OK, Raw, answer, closed_port

from bridge.destinations.deadline import Deadline
from bridge.destinations.http import ExchangeError, Http
from bridge.destinations.line import tls

BROKEN = ("connection closed or broken answer", True)
RESET = ("connection reset", True)
LATE = ("no answer in time", True)
UNREADABLE = ("unreadable answer", True)
NEVER = ("no connection in time", False)


def post(base, *, seconds=5.0, content=b"{}", http=None, cap=1000):
    deadline = Deadline(seconds)
    http = http or Http(base)
    return http.exchange("POST", f"{base}/x", deadline=deadline, ready=lambda: None, content=content, cap=cap)


def fails(*arguments, **keywords):
    with pytest.raises(ExchangeError) as raised:
        post(*arguments, **keywords)
    return raised.value.code, raised.value.unknown


def reset(connection):
    """Close so that the peer gets an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says(raw, *, then="close"):
    """A script: takes a request in, answers these bytes, and ends so."""

    def script(server, connection):
        server.request(connection)
        connection.sendall(raw)
        if then == "reset":
            server.done.wait(0.1)  # an RST overtakes what was not read yet
            reset(connection)
        elif then == "hang":
            server.done.wait(10)
        elif then == "listen":
            connection.recv(65536)

    return script


def head(status=b"200 OK", *lines, body=b""):
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"
ZIPPED = gzip.compress(b"zipped", mtime=0)
RAW_DEFLATE = zlib.compress(b"deflated")[2:-4]


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (says(b""), BROKEN),
        (says(b"HTTP/1.1 200 O"), BROKEN),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), BROKEN),
        (says(head(b"200 OK", b"Content-Length: 9", body=b"half")), BROKEN),
        (says(head(b"200 OK", CHUNKED, body=b"9\r\nhalf")), BROKEN),
        (says(head(b"200 OK", CHUNKED, body=b"4\r\nhalf\r\n")), BROKEN),
        (says(head(b"200 OK", CHUNKED, body=b"4\r\nhalf\r\n0\r\n")), BROKEN),
        (says(b"", then="reset"), RESET),
        (says(b"HTTP/1.1 200 O", then="reset"), RESET),
        (says(head(b"200 OK", b"Content-Length: 9", body=b"half"), then="reset"), RESET),
        (says(b"", then="hang"), LATE),
        (says(b"HTTP/1.1 200 OK\r\nA: b", then="hang"), LATE),
        (says(head(b"200 OK", b"Content-Length: 9", body=b"half"), then="hang"), LATE),
        (says(head(b"200 OK", CHUNKED, body=b"9\r\nhalf"), then="hang"), LATE),
        (says(head(b"100 Continue"), then="hang"), LATE),
        (says(head(b"100 Continue")), BROKEN),
    ],
)
def test_an_answer_that_does_not_come_whole(script, outcome):
    with Raw(script) as server:
        assert fails(server.url, seconds=0.5) == outcome
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/one 200 OK\r\n\r\n",
        head(b"200 OK", b"no colon"),
        head(b"200 OK", b"Space before : colon"),
        head(b"200 OK", b": no name"),
        head(b"200 OK", b"Zero: \x00"),
        head(b"200 OK", b" folded: but the first"),
        head(b"200 OK", b"Content-Length: 1", b"Content-Length: 2", body=b"ab"),
        head(b"200 OK", b"Content-Length: -1"),
        head(b"200 OK", b"Content-Length: +1", body=b"a"),
        head(b"200 OK", b"Content-Length: 1x", body=b"a"),
        head(b"200 OK", b"Content-Length: " + b"1" * 30),
        head(b"200 OK", b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        head(b"200 OK", CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"x\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"-1\r\na\r\n0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"0x1\r\na\r\n0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"2\nab\r\n0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"3\r\nab\r\n0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"2\r\nab\r\n0\r\nno trailer\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"2\r\nabcd\r\n0\r\n\r\n"),
        head(b"200 OK", CHUNKED, body=b"f" * 30 + b"\r\nab\r\n0\r\n\r\n"),
        head(b"101 Switching Protocols", b"Upgrade: h2c", b"Connection: Upgrade"),
        head(b"200 OK", b"Long: " + b"x" * 200_000),
        head(b"200 OK", *(b"Many: " + b"x" * 1000 for _ in range(200))),
        head(b"200 OK", CHUNKED, body=b"2;" + b"x" * 200_000 + b"\r\nab\r\n0\r\n\r\n"),
    ],
)
def test_an_answer_that_is_none(raw):
    with Raw(says(raw)) as server:
        assert fails(server.url) == BROKEN


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (head(b"200", b"Content-Length: 2", body=b"ok"), b"ok"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
        (head(b"200 OK", b"content-LENGTH:2", body=b"ok"), b"ok"),
        (head(b"200 OK", b"Content-Length: 2, 2", body=b"ok"), b"ok"),
        (head(b"200 OK", b"Content-Length: 2", b"Content-Length: 2", body=b"ok"), b"ok"),
        (head(b"200 OK", b"Content-Length: 0"), b""),
        (head(b"200 OK", body=b"until it closes"), b"until it closes"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (head(b"200 OK", CHUNKED, body=b"2\r\nab\r\n0\r\n\r\n"), b"ab"),
        (
            head(b"200 OK", CHUNKED, body=b"2;a=b\r\nab\r\nA\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n"),
            b"ab0123456789",
        ),
        (head(b"200 OK", CHUNKED, b"Content-Length: 99", body=b"002\r\nab\r\n0\r\n\r\n"), b"ab"),
        (head(b"200 OK", b"Transfer-Encoding:", b" chunked", body=b"1\r\na\r\n0\r\n\r\n"), b"a"),
        (head(b"200 OK", b"transfer-encoding: Chunked", body=b"0\r\n\r\n"), b""),
        (head(b"204 No Content", b"Content-Length: 5"), b""),
        (head(b"304 Not Modified", b"Content-Length: 5"), b""),
        (head(b"100 Continue") + head(b"103 Early Hints", b"Link: x") + OK, b"ok"),
        (head(b"200 OK", b"Content-Length: %d" % len(ZIPPED), b"Content-Encoding: gzip", body=ZIPPED), b"zipped"),
        (
            head(b"200 OK", CHUNKED, b"content-encoding: GZIP", body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(ZIPPED), ZIPPED)),
            b"zipped",
        ),
        (head(b"200 OK", b"Content-Encoding: deflate", body=zlib.compress(b"deflated")), b"deflated"),
        (head(b"200 OK", b"Content-Encoding: deflate", body=RAW_DEFLATE), b"deflated"),
        (
            head(b"200 OK", b"Content-Encoding: deflate, gzip", body=gzip.compress(zlib.compress(b"both"), mtime=0)),
            b"both",
        ),
        (head(b"200 OK", b"Content-Encoding: identity", body=b"plain"), b"plain"),
        (head(b"200 OK", b"Content-Encoding: unheard-of", body=b"plain"), b"plain"),
    ],
)
def test_an_answer_in_each_of_its_forms(raw, body):
    with Raw(says(raw)) as server:
        assert post(server.url).body == body


def test_an_answer_that_comes_byte_by_byte():
    raw = head(b"200 OK", CHUNKED, b"X: y", body=b"2\r\nab\r\n3\r\ncde\r\n0\r\nT: u\r\n\r\n")

    def script(server, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while server.request(connection):
            for at in range(len(raw)):
                connection.sendall(raw[at : at + 1])
                server.done.wait(0.002)

    with Raw(script) as server:
        http = Http(server.url)
        assert [post(server.url, http=http).body for _ in range(2)] == [b"abcde"] * 2


def test_headers_are_read_in_lower_case_joined_where_they_repeat_and_unfolded():
    raw = head(
        b"200 OK", b"X-One: a", b"x-one:  b ", b"Folded: c", b"\t d", b"Latin: caf\xe9", b"Empty:", b"Content-Length: 0"
    )
    with Raw(says(raw)) as server:
        headers = post(server.url).headers
    assert headers == {
        "x-one": "a, b",
        "folded": "c d",
        "latin": "caf\u00e9",
        "empty": "",
        "content-length": "0",
    }
    with Raw(says(head(b"200 OK", "Utf: caf\u00e9".encode(), b"Content-Length: 0"))) as server:
        assert post(server.url).headers["utf"] == "caf\u00e9"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"gzip", b"no gzip at all"),
        (b"gzip", ZIPPED[:10] + b"\xff" * 20),
        (b"deflate", b"no deflate"),
        (b"gzip", gzip.compress(b"x" * 5000, mtime=0)),
        (b"gzip, gzip", gzip.compress(gzip.compress(b"x" * 50_000_000, mtime=0), mtime=0)),
    ],
)
def test_a_body_that_can_not_be_unpacked_within_the_cap(kind, body):
    line = b"Content-Encoding: " + kind
    with Raw(says(head(b"200 OK", line, b"Content-Length: %d" % len(body), body=body))) as server:
        assert fails(server.url, cap=4000) == UNREADABLE


@pytest.mark.parametrize("then", ["close", "reset", "hang"])
@pytest.mark.parametrize(
    "raw",
    [
        head(b"403 Forbidden", b"Content-Length: 9", body=b"half"),
        head(b"500 Oh", CHUNKED, body=b"9\r\nhalf"),
        head(b"400 Bad Request", CHUNKED, body=b"4\r\nhalf\r\nx\r\n\r\n"),
        head(b"429 Slow", b"Content-Length: 3000", body=b"half"),
    ],
)
def test_of_a_refusal_whatever_came_is_enough(raw, then):
    with Raw(says(raw, then=then)) as server:
        assert post(server.url, seconds=0.5).body == b"half"


# Before it has left: no doubt.


def unanswering():
    """A port whose queue of connections is full, so that a further one is not answered at all."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)  # noqa: FBT003 - as the standard library has it
        waiting[-1].connect_ex(listener.getsockname())
    return listener, waiting


def test_a_machine_that_does_not_answer_is_no_doubt():
    listener, waiting = unanswering()
    try:
        assert fails(f"http://127.0.0.1:{listener.getsockname()[1]}", seconds=0.3) == NEVER
    finally:
        for each in (listener, *waiting):
            each.close()


def test_all_addresses_of_a_name_are_tried(monkeypatch):
    def look(host, port, *_, **__):
        found = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    with Raw(answer(OK)) as server:
        base = f"http://localhost:{server.port}"
        assert post(base).body == b"ok"
        assert f"Host: localhost:{server.port}".encode() in server.received[0]
    assert fails(f"http://localhost:{closed_port()}") == ("connection refused", False)


def test_a_name_without_any_address_is_no_doubt(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    assert fails("https://slack.example") == ("no connection", False)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda _server, connection: connection.recv(65536) and None, ("TLS failure", False)),
        (lambda _server, connection: connection.recv(9) and reset(connection), ("no connection", False)),
        (lambda server, _connection: server.done.wait(10), NEVER),
        (lambda _server, connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), ("TLS failure", False)),
    ],
)
def test_a_handshake_that_fails_is_no_doubt(end, outcome):
    def script(server, connection):
        connection.recv(65536, socket.MSG_PEEK)
        end(server, connection)

    with Raw(script) as server:
        assert fails(f"https://127.0.0.1:{server.port}", seconds=0.5) == outcome


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (says(head(b"407 Proxy Authentication Required", b"Content-Length: 0")), ("the proxy refused", False)),
        (says(head(b"302 Found", b"Location: http://elsewhere/")), ("the proxy refused", False)),
        (says(b"HTTP/1.0 502 Bad Gateway\r\n\r\n"), ("the proxy refused", False)),
        (says(b"garbage\r\n\r\n"), (BROKEN[0], False)),
        (says(b""), (BROKEN[0], False)),
        (says(b"", then="reset"), (RESET[0], False)),
        (says(b"", then="hang"), (LATE[0], False)),
        (says(head(b"200 OK"), then="listen"), ("TLS failure", False)),
        (says(head(b"200 OK"), then="hang"), NEVER),
    ],
)
def test_what_a_proxy_spoils_is_no_doubt(monkeypatch, script, outcome):
    with Raw(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert fails("https://slack.example", seconds=0.5) == outcome
        assert len(proxy.received) == 1


def test_what_a_proxy_says_beyond_its_consent_is_not_taken_for_the_other_end(monkeypatch):
    with Raw(says(head(b"200 OK", body=OK), then="hang")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        code, unknown = fails("https://slack.example", seconds=0.5)
    assert (code in {NEVER[0], "TLS failure", BROKEN[0]}, unknown) == (True, False)


def test_a_proxy_that_can_not_be_reached_is_no_doubt(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    assert fails("https://slack.example") == ("connection refused", False)
    monkeypatch.setenv("HTTPS_PROXY", "http://name.invalid:3128")
    assert fails("https://slack.example") == ("name not found", False)


# While it leaves: in doubt.


def test_a_peer_that_goes_while_the_request_is_written_is_in_doubt():
    def script(_server, connection):
        connection.recv(10)
        reset(connection)

    with Raw(script) as server:
        code, unknown = fails(server.url, content=b"x" * 20_000_000)
    assert (code in {"connection reset", BROKEN[0]}, unknown) == (True, True)


def test_an_answer_that_comes_before_the_whole_request_was_taken_in_counts():
    def script(_server, connection):
        connection.recv(10)
        connection.sendall(head(b"413 Too Large", b"Connection: close", b"Content-Length: 3", body=b"big"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with Raw(script) as server:
        refused = post(server.url, content=b"x" * 3_000_000)
    assert (refused.status, refused.body) == (413, b"big")


# Connections that are kept.


def connections(*scripts):
    """Count the connections that a server takes."""
    count = []

    def counted(script):
        def play(server, connection):
            count.append(1)
            script(server, connection)

        return play

    return Raw(*map(counted, scripts)), count


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (OK, True),
        (head(b"200 OK", CHUNKED, body=b"2\r\nok\r\n0\r\n\r\n"), True),
        (head(b"204 No Content"), True),
        (head(b"500 Oh", b"Content-Length: 2", body=b"no"), True),
        (head(b"302 Found", b"Location: /", b"Content-Length: 0"), True),
        (head(b"103 Early Hints") + OK, True),
        (head(b"200 OK", b"Connection: close", b"Content-Length: 2", body=b"ok"), False),
        (head(b"200 OK", b"connection: x, Close", b"Content-Length: 2", body=b"ok"), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (head(b"400 Bad", b"Content-Length: 2000", body=b"x" * 2000), False),
    ],
)
def test_a_connection_is_kept_where_its_answer_was_read_whole(raw, kept):
    server, count = connections(answer(raw))
    with server:
        http = Http(server.url)
        for _ in range(3):
            post(server.url, http=http)
    assert len(count) == (1 if kept else 3)
    assert len(server.received) == 3


def test_a_kept_connection_that_its_peer_has_closed_is_noticed_before_anything_is_written():
    server, count = connections(says(OK), says(OK, then="reset"), answer(OK))
    with server:
        http = Http(server.url)
        for _ in range(3):
            assert post(server.url, http=http).body == b"ok"
            server.done.wait(0.3)
    assert len(count) == len(server.received) == 3


def test_what_was_cut_off_is_not_taken_for_the_next_answer():
    late = head(b"200 OK", b"Content-Length: 4", body=b"late")

    def slow(server, connection):
        server.request(connection)
        server.done.wait(0.4)
        connection.sendall(late)
        server.done.wait(5)

    with Raw(slow, answer(OK)) as server:
        http = Http(server.url)
        assert fails(server.url, http=http, seconds=0.2) == LATE
        server.done.wait(0.4)
        assert post(server.url, http=http).body == b"ok"


def test_eight_connections_are_kept():
    gate = threading.Barrier(10, timeout=10)

    def script(server, connection):
        first = True
        while server.request(connection):
            if first:
                gate.wait()
            first = False
            connection.sendall(OK)

    server, count = connections(script)
    with server:
        http = Http(server.url)
        threads = [threading.Thread(target=post, args=(server.url,), kwargs={"http": http}) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(5):
            post(server.url, http=http)
    assert len(count) == 10


# TLS, and proxies that let through.


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "tests")


class Secure(Raw):
    """The same over TLS."""

    def __init__(self, authority, *scripts, names=("localhost",)):
        super().__init__(*scripts)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*authority.issue(names[0], *names))
        self.url = f"https://{names[0]}:{self.port}"

    def _play(self, script, connection):
        try:
            inside = self._tls.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        super()._play(script, inside)


@pytest.fixture
def trusted(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    tls.cache_clear()
    yield
    tls.cache_clear()


@pytest.mark.usefixtures("trusted")
def test_over_tls_a_connection_is_kept_and_a_closed_one_is_noticed(authority):
    script = answer(OK)
    with Secure(authority, says(OK), script) as server:
        http = Http(server.url)
        for _ in range(4):
            assert post(server.url, http=http, content=b"x" * 300_000).body == b"ok"
            server.done.wait(0.1)
        assert len(server.received) == 4


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (says(b""), BROKEN),
        (says(b"", then="hang"), LATE),
        (says(head(b"200 OK", b"Content-Length: 9", body=b"half")), BROKEN),
    ],
)
def test_over_tls_what_does_not_come_whole_is_in_doubt(authority, script, outcome):
    with Secure(authority, script) as server:
        assert fails(server.url, seconds=0.5) == outcome


def test_a_certificate_that_nobody_vouches_for_is_no_doubt(authority):
    with Secure(authority, answer(OK)) as server:
        assert fails(server.url) == ("TLS failure", False)
        assert not server.received


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_no_doubt(authority):
    with Secure(authority, answer(OK), names=("other.example",)) as server:
        assert fails(f"https://localhost:{server.port}") == ("TLS failure", False)


def tunnel(target):
    """A script of a proxy: notes the CONNECT, and passes on to a port."""

    def pump(source, sink):
        with suppress(OSError, ValueError):
            while part := source.recv(65536):
                sink.sendall(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def script(server, connection):
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n")
        with closing(socket.create_connection(("127.0.0.1", target))) as upstream:
            back = threading.Thread(target=pump, args=(upstream, connection), daemon=True)
            back.start()
            pump(connection, upstream)
            back.join(5)

    return script


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("over_tls", [False, True])
def test_through_a_proxy_with_a_password(authority, monkeypatch, over_tls):
    with Secure(authority, answer(OK), names=("inner.example",)) as server:
        script = tunnel(server.port)
        with Secure(authority, script) if over_tls else Raw(script) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://me:p%40ss@"))
            http, base = Http("https://inner.example"), "https://inner.example"
            for _ in range(3):
                assert post(base, http=http, content=b"x" * 300_000).body == b"ok"
            assert len(server.received) == 3
            [connect] = proxy.received
            assert connect.startswith(b"CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n")
            assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in connect
            assert b"Proxy-Authorization" not in b"".join(server.received)


@pytest.mark.usefixtures("trusted")
def test_an_https_proxy_whose_tunnel_breaks(authority, monkeypatch):
    def closes(server, connection):
        server.request(connection)

    with Secure(authority, closes, names=("inner.example",)) as server, Secure(authority, tunnel(server.port)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        code, unknown = fails("https://inner.example", seconds=2)
    assert (code in {RESET[0], BROKEN[0]}, unknown) == (True, True)


# Requests that can't be sent.


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("POST", "/x", {"X": "a\r\nInjected: b"}),
        ("POST", "/x", {"X": "a\nb"}),
        ("POST", "/x", {"X": "caf\u00e9"}),
        ("POST", "/x", {"X": "a\x00"}),
        ("POST", "/x", {"X: y\r\nZ": "a"}),
        ("POST", "/x", {"": "a"}),
        ("POST / HTTP/1.1\r\nX: ", "/x", {}),
        ("POST", "/x HTTP/1.1\r\nX: y", {}),
        ("POST", "/x\x7f", {}),
        ("POST", "//elsewhere.example/x", None),
    ],
)
def test_nothing_is_sent_that_could_be_read_as_more_than_one_request(method, url, headers):
    with Raw(answer(OK)) as server:
        at = url if headers is None else f"{server.url}{url}"
        with pytest.raises(ExchangeError) as raised:
            Http(server.url).exchange(
                method, at, deadline=Deadline(5), ready=lambda: None, headers=headers, content=b"{}"
            )
        assert (raised.value.code, raised.value.unknown) == ("no usable address", False)
        assert server.received == []


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("", b"/"),
        ("?a=b", b"/?a=b"),
        ("/a b\u00e9/%20?c=\u00e9 d#fragment", b"/a%20b%C3%A9/%20?c=%C3%A9%20d"),
        ("/services/T0/B0/x-y_z.~?a=b&c=d%26", b"/services/T0/B0/x-y_z.~?a=b&c=d%26"),
    ],
)
def test_an_address_as_it_is_asked_for(url, asked):
    with Raw(answer(OK)) as server:
        headers = {"user-agent": "own", "X-One": "a b"}
        for method, content in (("POST", b"{}"), ("POST", None), ("GET", None), ("DELETE", b"{}")):
            Http(server.url).exchange(
                method, f"{server.url}{url}", deadline=Deadline(5), ready=lambda: None, headers=headers, content=content
            )
    first = b"%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: keep-alive"
    lines = first % (asked, server.port) + b"\r\nuser-agent: own\r\nX-One: a b\r\n"
    assert server.received == [
        b"POST " + lines + b"Content-Length: 2\r\n\r\n{}",
        b"POST " + lines + b"Content-Length: 0\r\n\r\n",
        b"GET " + lines + b"\r\n",
        b"DELETE " + lines + b"Content-Length: 2\r\n\r\n{}",
    ]


def test_a_name_in_another_script_is_asked_for_as_the_net_has_it(monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    assert fails("https://b\u00fccher.example") == ("no connection", False)
    assert asked == ["xn--bcher-kva.example"]
