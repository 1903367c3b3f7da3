"""Connections that are closed and still read, so that the peer gets its answer whatever it was sending."""

from __future__ import annotations

import selectors
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.web.connection import Connection

LINGER = 2.0
"""Seconds for which one is still read."""
MOST = 200
"""So many at most."""
READ = 262_144
"""Bytes that are read of a connection at once."""


class Lingering:
    """Closes connections as RFC 9112, 9.6 asks: says that nothing more comes, and reads on for a moment."""

    def __init__(self, poller: Callable[[], selectors.BaseSelector]) -> None:
        self._poller = poller
        self._until: dict[Connection, float] = {}

    def begin(self, conn: Connection) -> None:
        """Begin to close a connection."""
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
            self._poller().register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError, KeyError):
            conn.close()
            return
        self._until[conn] = time.monotonic() + LINGER
        if len(self._until) > MOST:
            self._let_go(next(iter(self._until)))

    def end(self, now: float) -> None:
        """Let those go whose time is up."""
        while self._until and self._until[conn := next(iter(self._until))] < now:
            self._let_go(conn)

    def _drain(self, conn: Connection, sock: socket.socket) -> None:
        try:
            if conn not in self._until or sock.recv(READ):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._let_go(conn)

    def _let_go(self, conn: Connection) -> None:
        del self._until[conn]
        self._poller().unregister(conn.sock)
        conn.close()
