"""A total deadline for one exchange, held on the socket itself: resolve, connect, TLS, every write, every read.

The HTTP library's own time-outs hold for one socket call each, so a peer that sends a byte now and then could hold a
request for ever, and a resolver that hangs is not bounded at all. Here every call gets what is left of the whole.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import httpcore2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

_CHUNK = 65_536


class Deadline:
    """A point on the monotonic clock, `seconds` from now; a machine that sleeps or sets its clock doesn't move it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; zero or less when it has passed."""
        return self._end - time.monotonic()


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def held(deadline: Deadline) -> Iterator[None]:
    """Hold every socket call of this thread to a deadline."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def _left(passed: type[Exception]) -> float | None:
    """Seconds left of the current deadline, None without one.

    Raises:
        passed: nothing is left.
    """
    deadline = _current.get()
    if deadline is None:
        return None
    left = deadline.left()
    if left <= 0:
        raise passed("the deadline has passed")
    return left


class NameNotFoundError(httpcore2.ConnectError):
    """No such host, or no name server that would say."""


class _Stream(httpcore2.NetworkStream):
    """A connection whose calls each get what is left of the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline rules
        return self._inner.read(max_bytes, _left(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline rules
        for start in range(0, len(buffer), _CHUNK):
            self._inner.write(buffer[start : start + _CHUNK], _left(httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (the library's signature)
        return self._inner.get_extra_info(info)


class Backend(httpcore2.NetworkBackend):
    """Opens connections within the deadline: the name is looked up in a thread, its addresses share what is left."""

    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers.

        Raises:
            httpcore2.ConnectTimeout: nobody answered in time.
            httpcore2.ConnectError: no such name, or all addresses refused.
        """
        addresses = _resolve(host, port)
        failure: Exception = httpcore2.ConnectError("no address")
        for index, address in enumerate(addresses):
            left = _left(httpcore2.ConnectTimeout)
            share = None if left is None else left / (len(addresses) - index)
            try:
                return _Stream(self._inner.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the system's order.

    A look-up can't be interrupted: one that outlives the deadline ends by itself in its thread.
    """
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=_left(httpcore2.ConnectTimeout))
    except Empty:
        raise httpcore2.ConnectTimeout("the name was not looked up in time") from None
    if isinstance(answer, Exception):
        raise NameNotFoundError("name not found") from answer
    return answer
