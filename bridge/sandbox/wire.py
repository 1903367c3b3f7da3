"""The socket side of the sandbox: HTTP/1.1 with keep-alive, bodies in chunks, and connections that can be cut."""

from __future__ import annotations

import errno
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from bridge.sandbox.exchange import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 32 * 1024 * 1024
"""Bodies above this are not read."""


class Cut(Exception):  # noqa: N818 (no error: the script wants it)
    """Raised by an application that wants the connection cut instead of an answer."""


class PortError(RuntimeError):
    """The port can't be listened on; the sentence says why."""


class Server(ThreadingHTTPServer):
    """Hands each request to `application`, whose answer it writes; a `Cut` becomes a TCP reset.

    Args:
        address: host and port; port 0 takes a free one.
        application: called in the thread of the connection.

    Raises:
        PortError: somebody else listens there, or nobody may.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], application: Callable[[Request], Response]) -> None:
        self.application = application
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        try:
            super().__init__(address, Handler)
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
            raise PortError(f"port {address[1]} {why}: choose another, or leave --port out") from error

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (socketserver's own types)
        """Remembers the connection, so that stopping can end it."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as above
        """Closes without a FIN of its own, which would spoil a reset."""
        with self._lock:
            self._connections.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Clients may hang up; whatever else goes wrong is a fault of the sandbox, and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def cut_all(self) -> None:
        """Ends all connections that are open."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def _serve(self) -> None:
        try:
            body = self._body()
        except ValueError:
            self.send_error(400)
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self._write(self.server.application(Request(self.command, parts.path, query, headers, body)))
        except Cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 (http.server's names)

    def _body(self) -> bytes:
        """The body, chunks put together.

        Raises:
            ValueError: lengths are wrong, or it is too long.
            ConnectionAbortedError: the client hung up before its end.
        """
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 <= length <= MOST_BYTES:
            raise ValueError(length)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return body

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline(20).partition(b";")[0], 16):
            if not 0 < size <= MOST_BYTES - len(body):
                raise ValueError(size)
            body += self.rfile.read(size)
            self.rfile.readline(3)
        while self.rfile.readline(65536).strip():
            pass
        return bytes(body)

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Server", self.version_string())
        if "Date" not in response.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """The sandbox keeps a log of its own."""
