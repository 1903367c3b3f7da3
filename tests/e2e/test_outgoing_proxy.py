"""Behind a company's proxy: HTTPS_PROXY and a private authority hold for all three destinations."""

import socket
import ssl
import threading
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from authority import Authority
from harness import alert, config, eventually, group, issues, messages, pages

HOSTS = {"slack": "slack.example.test", "pagerduty": "events.example.test", "github": "api.example.test"}
"""Names that no resolver knows: only the proxy can find them."""
CHUNK = 65_536


class Proxy:
    """Answers CONNECT, plays the host that was asked for with its authority's certificate, and passes on to doubles."""

    def __init__(self, authority, port):
        self.asked = []
        self._port = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*authority.issue("doubles", *HOSTS.values()))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client):
        with closing(client), suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(CHUNK)
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.asked.append((method, target))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._tls.wrap_socket(client, server_side=True) as inside:
                upstream = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=pump, args=(upstream, inside), daemon=True).start()
                pump(inside, upstream)


def pump(source, target):
    """Pass on what comes, until an end closes."""
    with suppress(OSError, ValueError):
        while part := source.recv(CHUNK):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "a-company")


@pytest.fixture
def proxy(authority, sandbox):
    with closing(Proxy(authority, urlsplit(sandbox.slack_url).port)) as made:
        yield made


def behind(sandbox):
    """The three destinations at names that only the proxy can reach."""
    settings = config(sandbox)
    for name, host in HOSTS.items():
        own = settings["destinations"][name]
        own["api_url"] = f"https://{host}{urlsplit(own['api_url']).path}"
    return settings


def test_all_three_are_reached_through_it(start, sandbox, proxy, authority):
    env = {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": str(authority.path)}
    bridge = start(behind(sandbox), env=env)
    bridge.post(group(alert("Disk full", Priority="P0")))
    bridge.settle()
    assert len(messages(sandbox)) == len(pages(sandbox)) == len(issues(sandbox)) == 1
    assert set(proxy.asked) == {("CONNECT", f"{host}:443") for host in HOSTS.values()}


def test_an_authority_that_is_not_known_is_refused_and_said(start, sandbox, proxy):
    bridge = start(behind(sandbox), env={"HTTPS_PROXY": proxy.address})
    bridge.post(group(alert("Disk full")))
    eventually(lambda: bridge.incidents() and bridge.delivery("Disk full", "slack")["last_error"])
    assert bridge.delivery("Disk full", "slack")["last_error"] == "TLS failure"
    assert not messages(sandbox)
