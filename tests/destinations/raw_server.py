"""A server on a real socket that plays what a test scripts, byte by byte, one script a connection."""

from __future__ import annotations

import socket
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Raw:
    """Serves each connection with the next script, the last one for all further; keeps what was received."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.received = []
        self.done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            threading.Thread(target=self._play, args=(script, connection), daemon=True).start()

    def _play(self, script, connection):
        with connection:
            try:
                script(self, connection)
            except OSError:
                return

    def request(self, connection):
        """Reads one request whole; empty when the peer closed."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = connection.recv(65536)
            if not more:
                return b""
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.received.append(head + b"\r\n\r\n" + body)
        return got


def answer(raw_answer):
    """A script: answers every request of a connection with these bytes."""

    def script(server, connection):
        while server.request(connection):
            connection.sendall(raw_answer)

    return script


def closed_port():
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
