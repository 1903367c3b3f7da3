"""Small notifications are served by the web process's loop itself: no thread waits for the disk.

A request that has a thread waits in it for its commit, and each waits for Python's lock several times on the way: it
cost more than the request itself. Here the loop reads and checks what is there, and all that a round of it brought is
stored by one statement: by the loop itself where nobody else writes, else by the writer's thread. Then the loop sends
the answers, which were made before and kept.
"""

from __future__ import annotations

import re
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from bridge.config.sources import Hmac
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log
from bridge.web.auth import at_hand
from bridge.web.connection import refusal

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bridge.ledger.write import Write
    from bridge.web.arriving import Arriving
    from bridge.web.connection import Connection
    from bridge.web.worker import WebWorker

SMALL = 262_144
"""Bytes of a request up to which the loop serves it: to compress so many takes a few milliseconds."""
_HERE = re.compile(rb"(?:POST|PUT) /+webhooks/+([A-Za-z0-9._-]{1,100})/* HTTP/1\.[01]\r\n")
_DEAR = re.compile(rb"\r\n(?:content|transfer)-encoding:", re.IGNORECASE)
"""What says that a body is to be unpacked, or put together from chunks, of which there may be very many."""


class KeptAnswer:
    """Stands in for a connection's socket while the loop serves its request: what is answered is kept, not sent.

    An application finds it as `gunicorn.socket` in the environment of its request, and may say what the answer is true
    after (`after`).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.said = b""
        self.write: Write | None = None
        self._told: Callable[[UnavailableError | None], None] = lambda _error: None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else is asked of a socket
        return getattr(self._sock, name)

    def setblocking(self, _flag: bool) -> None:
        """Stay as it is: it never waits."""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.said += data

    def after(self, write: Write, told: Callable[[UnavailableError | None], None]) -> None:
        """Send the answer once something is stored; where it could not be, 503 instead. `told` hears which."""
        self.write, self._told = write, told

    def answer(self) -> tuple[bytes, bool]:
        """Return what is to be sent, and whether it is what was answered."""
        error = self._outcome()
        try:
            self._told(error)
        except Exception as wrong:  # noqa: BLE001 - what is counted must not change what is true, nor end the loop
            log.error("not counted", exc_info=wrong)
        if error is None:
            return self.said, True
        return refusal("503 Service Unavailable", f"not stored: {error}"), False

    def _outcome(self) -> UnavailableError | None:
        try:
            if self.write is not None:
                self.write.result()
        except UnavailableError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is: the sender tries again, and the loop goes on
            log.error("request failed", error=type(error).__name__, exc_info=error)
            return UnavailableError("the bridge could not do this; its log says why")
        return None


class Direct:
    """What a web process's loop serves itself."""

    def __init__(self, worker: WebWorker) -> None:
        self._worker = worker
        self._waiting: dict[Connection, tuple[KeptAnswer, bool]] = {}  # who has waited longest comes first
        self._gathered: list[tuple[Connection, KeptAnswer, Write]] = []  # not handed over yet
        self._ready: deque[tuple[Connection, KeptAnswer]] = deque()
        self._called = False

    def takes(self, arriving: Arriving) -> bool:
        """Return whether a request is served here: small, whole, and nothing in it that may take long."""
        if not arriving.whole or arriving.expects or len(arriving.bytes) > SMALL:
            return False
        found = _HERE.match(arriving.bytes)
        if not found or _DEAR.search(arriving.bytes, 0, arriving.body):
            return False
        # to measure how much is stored may take a while
        return found[1].decode() in self._sources and bool(self._worker.app.serving.room.known())

    @cached_property
    def _sources(self) -> frozenset[str]:
        """The sources that can be served here: a signed request's answer depends on what is stored."""
        sources = self._worker.app.serving.loaded.settings.sources.values()
        return frozenset(one.name for one in sources if not isinstance(one.auth, Hmac) and at_hand(one.auth))

    def serve(self, conn: Connection) -> None:
        """Serve a request, up to its answer, which is sent at once or after what it waits for."""
        sock = conn.sock
        conn.sock = kept = KeptAnswer(sock)
        try:
            goes_on = bool(self._worker.handle(conn))
        finally:
            conn.sock = sock
        self._waiting[conn] = (kept, goes_on)
        if kept.write is None:
            # not from here: behind it there may be hundreds more, each of which would be served inside the last one
            self._done(conn, kept)
        else:
            self._gathered.append((conn, kept, kept.write))

    def store(self) -> None:
        """Have stored what the requests of a round brought, and answer those of which that is known at once."""
        # one that was overdue has its answer: it is not stored
        gathered = [one for one in self._gathered if self._waits(one[0], one[1])]
        self._gathered = []
        if not gathered:
            return
        self._worker.app.serving.ledger.append([write for _, _, write in gathered], here=True)
        for conn, kept, write in gathered:
            if write.known:
                self._answer(conn)
            else:
                write.then(partial(self._done, conn, kept))

    def overdue(self) -> None:
        """Answer those whose time is up."""
        now = time.monotonic()
        for conn, (kept, _) in list(self._waiting.items()):
            if kept.write is not None and kept.write.deadline > now:
                break
            if kept.write is None or kept.write.overdue():
                self._answer(conn)
        if self._gathered:
            # who was answered had sent more, which came too late for this round
            self._worker.method_queue.defer(self.store)

    def _done(self, conn: Connection, kept: KeptAnswer) -> None:
        """Have the loop answer; the writer's thread calls this too."""
        self._ready.append((conn, kept))
        if not self._called:
            self._called = True
            self._worker.method_queue.defer(self._answer_all)

    def _answer_all(self) -> None:
        self._called = False  # first: what is ready from here on calls once more
        for _ in range(len(self._ready)):
            conn, kept = self._ready.popleft()
            # one that was overdue has its answer
            if self._waits(conn, kept):
                self._answer(conn)

    def _waits(self, conn: Connection, kept: KeptAnswer) -> bool:
        """Return whether a request still waits for its answer: the connection may have another one by now."""
        return self._waiting.get(conn, (None,))[0] is kept

    def _answer(self, conn: Connection) -> None:
        kept, goes_on = self._waiting.pop(conn)
        said, meant = kept.answer()
        goes_on = goes_on and meant
        sent = 0
        with suppress(OSError):  # nobody there, or no room for it
            conn.sock.settimeout(0)
            sent = conn.sock.send(said)
        if sent < len(said):
            try:
                rest = self._worker.tpool.submit(_send, conn, said[sent:], goes_on)
            except RuntimeError:  # no thread to be had
                goes_on = False
            else:
                rest.add_done_callback(
                    lambda done: self._worker.method_queue.defer(self._worker.finish_request, conn, done)
                )
                return
        finished: Future[bool] = Future()
        finished.set_result(goes_on)
        self._worker.finish_request(conn, finished)


def _send(conn: Connection, rest: bytes, goes_on: bool) -> bool:
    """Send what did not go at once, in a thread, which may wait."""
    conn.sock.settimeout(None)
    conn.sock.sendall(rest)
    return goes_on
