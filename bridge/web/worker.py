"""The web process: a request has a thread only once it is there as a whole, so that who is slow holds up nobody.

Gunicorn gives a connection one of its threads as soon as it is open; as many slow senders as there are threads then
shut everybody out, and a peer that does not close holds up the loop itself. Here the loop gathers the bytes, bounded in
number and in time, closes without waiting, and makes room where it is crowded by letting the slowest go.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import time
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import ThreadWorker

from bridge.web.arriving import LONGEST_HEAD, UNSAID, Arriving
from bridge.web.connection import CUT, Answer, Connection, refusal
from bridge.web.direct import Direct
from bridge.web.lingering import Lingering
from bridge.web.listening import wake_one

if TYPE_CHECKING:
    from concurrent.futures import Future

PATIENCE = 30.0
"""Seconds in which a request has to come, or be begun: so long Grafana itself waits for an answer."""
QUEUED = 10.0
"""Seconds for which a whole request may wait for a thread; then its sender is told to come again."""
SLOW = 1.0
"""Seconds after which one that is still coming counts as slow, where it is crowded."""
STOPPING = 1.0
"""Seconds that requests still have to come once the process is told to stop."""
ROOM = 128 * 1024 * 1024
"""Bytes of requests that a process holds at once, coming or being worked on; if more, twice the largest one."""
CROWDED = 16
"""Connections short of the most that a process has, where it begins to make room."""
TAKEN = 4
"""Connections that are taken in a round at most: what they bring is stored together; some are left to the others."""
STUCK = struct.pack("ll", 10, 0)
"""Seconds (and microseconds) that a thread may wait for a peer to take its answer."""
FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class WebWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """A web process."""

    def init_process(self) -> None:
        """Begin with nobody waiting."""
        self._arriving: dict[Connection, Arriving] = {}  # who has waited longest comes first
        self._held = 0
        self._direct = Direct(self)
        self._lingering = Lingering(lambda: self.poller)
        self._stopped: float | None = None
        self._most = LONGEST_HEAD + max(one.max_body for one in self.app.reloader.loaded.settings.sources.values())
        super().init_process()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Go one round; what its requests brought is stored together."""
        super().wait_for_and_dispatch_events(timeout)
        self._direct.store()

    # coming in

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections, or none. One that is new wakes one of the processes that wait, not all of them."""
        begins = enabled and not self._accepting
        super().set_accept_enabled(enabled)
        if begins:
            wake_one(self.poller, self.sockets)

    def accept(self, listener: socket.socket) -> None:
        """Take connections, some of those that wait."""
        for _ in range(TAKEN):
            if not self._accept(listener) or self.nr_conns >= self.worker_connections:
                break

    def _accept(self, listener: socket.socket) -> bool:
        """Take a connection, and return whether there was one; where no more files may be opened, make room."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in FULL:
                self._make_room(time.monotonic() - SLOW)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return False
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, STUCK)
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, client, address, listener.getsockname(), linger=self._lingering.begin))
        return True

    def enqueue_req(self, conn: Connection) -> None:
        """Gather a request: here comes each connection that is new, or kept alive and has something to say."""
        self._arriving[conn] = Arriving(self._most)
        conn.since, conn.data_ready = time.monotonic(), True
        conn.sock.settimeout(0)
        early = conn.take_back()
        if early and self._take(conn, early):
            return
        if self._read(conn):
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Take up a connection that was kept alive, unless an event of the same round made room of it."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def _readable(self, conn: Connection, sock: socket.socket) -> None:
        if conn not in self._arriving:
            return  # refused by an event of the same round
        # what is handed on or dropped has left the poller first: its number may be another's soon
        self.poller.unregister(sock)
        if self._read(conn):
            self.poller.register(sock, selectors.EVENT_READ, partial(self._readable, conn))

    def _read(self, conn: Connection) -> bool:
        """Read what is there; return whether more is to come."""
        part = conn.read()
        if part == b"":
            self._drop(conn, CUT if conn.weight else b"")
            return False
        return part is None or not self._take(conn, part)

    def _take(self, conn: Connection, part: bytes) -> bool:
        """Add to what has come; return whether that is all: handed on, or refused."""
        arriving = self._arriving[conn]
        expected = arriving.expects
        conn.weight += len(part)
        self._held += len(part)
        if arriving.feed(part):
            if arriving.endless:
                self._drop(conn, refusal("431 Request Header Fields Too Large", "the headers are too long"))
            elif arriving.unsaid:
                self._drop(conn, refusal("400 Bad Request", UNSAID))
            else:
                self._hand_on(conn)
            return True
        if arriving.expects and not expected:
            conn.ask()
        if self._held > max(ROOM, 2 * self._most):
            largest = max(self._arriving, key=lambda one: one.weight)
            self._refuse(largest, "the bridge has too much to read at once: send it again")
            return largest is conn
        return False

    def _hand_on(self, conn: Connection) -> None:
        arriving = self._arriving.pop(conn)
        conn.whole, conn.last = arriving.whole, arriving.last
        conn.ready_at = time.monotonic()
        conn.give(arriving.bytes)
        if self._direct.takes(arriving):
            self._direct.serve(conn)
            return
        try:
            super().enqueue_req(conn)
        except RuntimeError:  # no thread to be had; one that comes to it later finds that it has waited for long
            conn.ready_at = 0.0
            self._drop(conn, refusal("503 Service Unavailable", "the bridge is short of threads: send it again"))

    # in a thread

    def handle(self, conn: Connection) -> Any:  # noqa: ANN401 - gunicorn's
        """Serve a request, unless it has waited for so long that its sender can't be far from giving up."""
        if time.monotonic() - conn.ready_at > QUEUED:
            with suppress(OSError):
                conn.sock.sendall(refusal("503 Service Unavailable", "the bridge is overloaded: send it again"))
            return False
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:  # noqa: ANN401 - gunicorn's
        """Serve it: who waited to be asked for the body was asked when it was gathered, or is refused without it."""
        req._expected_100_continue = False  # noqa: SLF001 - gunicorn would ask once more
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Answer a request that can't be read as the API answers."""
        answer = Answer()
        super().handle_error(req, answer, addr, exc)
        status = answer.status()
        with suppress(OSError):
            client.sendall(refusal(status, f"this is no request that the bridge can read: {status.partition(' ')[2]}"))

    def _keepalive_after(self, conn: Connection, keepalive: Any) -> bool:  # noqa: ANN401 - gunicorn's
        # for the rest of what is refused no thread waits
        goes_on = conn.whole and bool(super()._keepalive_after(conn, keepalive))
        if goes_on:
            conn.parser.unreader.keep_rest()
        return goes_on

    # going out

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Let go of what was held of a request."""
        self._held -= conn.weight
        conn.weight = 0
        super().finish_request(conn, fs)

    def _drop(self, conn: Connection, answer: bytes = b"") -> None:
        """Close a connection whose request has not come, or is not served."""
        self._arriving.pop(conn, None)
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        self._held -= conn.weight
        conn.weight = 0
        if answer:
            with suppress(OSError):
                conn.sock.send(answer)
        conn.close(graceful=bool(answer))

    def _refuse(self, conn: Connection, sentence: str) -> None:
        self._drop(conn, refusal("503 Service Unavailable", sentence) if conn.weight else b"")

    # every now and then

    def murder_pending(self) -> None:
        """Let go of what does not come in time; gunicorn's loop calls this after every round."""
        self._direct.overdue()
        now = time.monotonic()
        if not self.alive:
            self._stopped = self._stopped or now
        stopped = self._stopped is not None and now > self._stopped + STOPPING
        why = "the bridge is stopping" if stopped else f"the request did not come within {PATIENCE:.0f} s"
        for conn in self._overdue(now if stopped else now - PATIENCE):
            self._refuse(conn, f"{why}: send it again")
        self._lingering.end(now)
        if self.nr_conns > self.worker_connections - CROWDED:
            self._make_room(now - SLOW)

    def _overdue(self, before: float) -> list[Connection]:
        return list(takewhile(lambda conn: conn.since <= before, self._arriving))

    def _make_room(self, before: float) -> None:
        """Let those go that have said nothing for long or say it slowly: the ones kept alive first."""
        most = min(self.nr_conns, self.worker_connections) - CROWDED
        while self.keepalived_conns and self.nr_conns > most:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()
        for conn in self._overdue(before):
            if self.nr_conns <= most:
                break
            self._refuse(conn, "the bridge is overloaded, and this request came slowly: send it again")
