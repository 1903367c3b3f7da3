"""A connection of a web process: what gunicorn knows of it, and the bytes that were gathered before a thread has it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from bridge.web.lingering import READ

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def refusal(status: str, sentence: str) -> bytes:
    """Return a whole answer for a request that no application sees."""
    body = json.dumps({"error": sentence}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    again = "Retry-After: 5\r\n" if status.startswith("503") else ""
    return f"{head}{again}\r\n".encode() + body


CUT = refusal("400 Bad Request", "the request did not come whole: nothing was stored, send it again")
"""For a peer that says no more in the middle of a request, but may still hear."""


class Connection(TConn):  # type: ignore[misc] # gunicorn has no types
    """A connection, closed by `linger` where the peer is to get its answer first.

    Attributes:
        since: when the request that is coming was begun, by the monotonic clock.
        ready_at: when it was there.
        whole: all of it is; else it is to be refused.
        last: and the peer says that nothing follows it.
        weight: the bytes that are held of it.
    """

    def __init__(
        self,
        cfg: Any,  # noqa: ANN401 - gunicorn has no types
        sock: socket.socket,
        client: Any,  # noqa: ANN401 - an address, of whatever family
        server: Any,  # noqa: ANN401 - as above
        *,
        linger: Callable[[Connection], None],
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._linger = linger
        self.since = 0.0
        self.ready_at = 0.0
        self.weight = 0
        self.whole = True
        self.last = False

    def read(self) -> bytes | None:
        """Return what has come; b"" where the peer says no more, and None where nothing is there yet."""
        try:
            return bytes(self.sock.recv(READ))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def ask(self) -> None:
        """Ask for the body."""
        with suppress(OSError):
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def give(self, gathered: bytearray) -> None:
        """Hand the bytes of a request to gunicorn's parser."""
        if not self.initialized:
            self.init()
            self.parser.unreader = Gathered(self.sock)
        self.parser.unreader.give(gathered)

    def take_back(self) -> bytes:
        """Return the bytes that came behind the last request."""
        return bytes(self.parser.unreader.take_buffered()) if self.initialized else b""

    def close(self, graceful: bool = False) -> None:
        """Close; gunicorn would wait for the peer here, in the loop."""
        # of a peer that sends nothing more nothing can come that would make the kernel take the answer back
        if graceful and not self.last:
            self._linger(self)
        else:
            super().close()


class Gathered(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """What the parser reads from: the bytes that were gathered, as if the socket gave them, and then the end.

    Nothing is read from the socket itself, whatever a request says of its length: a thread would wait for the peer.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._bytes = bytearray()
        self._at = 0

    def give(self, gathered: bytearray) -> None:
        """Take the bytes of a request."""
        self._bytes, self._at = gathered, 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece."""
        if self._at >= len(self._bytes):
            self.give(bytearray())
            return b""
        size = max(self.mxchunk, min(size_hint or 0, self.max_body_chunk))
        part = bytes(self._bytes[self._at : self._at + size])
        self._at += len(part)
        return part

    def keep_rest(self) -> None:
        """Put what belongs to the next request where gunicorn looks for it."""
        self.buf.seek(0, 2)
        self.buf.write(self._bytes[self._at :])
        self.give(bytearray())


class Answer:
    """Takes down what gunicorn says of a request that it can't read, in HTML, for it to be said as the API says it."""

    def __init__(self) -> None:
        self.said = b""

    def gettimeout(self) -> float:
        """As a socket that doesn't block."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Take it down."""
        self.said += data

    def status(self) -> str:
        """Return the status; what is our own fault is for the sender to try again."""
        status = self.said.split(b"\r\n", 1)[0].partition(b" ")[2].decode("latin-1") or "400 Bad Request"
        return "503 Service Unavailable" if status.startswith("500") else status
