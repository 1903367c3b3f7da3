"""Opening a connection within a deadline: look the name up, connect, pass the proxy, begin TLS. Nothing is sent yet."""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from bridge.destinations.deadline import LostError
from bridge.destinations.line import NO_CONNECTION, NOT_IN_TIME, Plain, secure
from bridge.destinations.wire import BROKEN, Incoming

if TYPE_CHECKING:
    from bridge.destinations.deadline import Deadline
    from bridge.destinations.line import Line
    from bridge.destinations.proxies import Proxy


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go: a host in ASCII, its port, with TLS or without, and the proxy on the way."""

    host: str
    port: int
    secure: bool
    proxy: Proxy | None = None

    @property
    def name(self) -> str:
        """The host as addresses have it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def connect(place: Place, deadline: Deadline) -> Line:
    """Open a connection.

    Raises:
        LostError: there is none, or not in time.
    """
    if place.proxy is not None:
        return _through(place, place.proxy, deadline)
    line = _reach(place.host, place.port, deadline)
    return secure(line, place.host, deadline) if place.secure else line


def _through(place: Place, proxy: Proxy, deadline: Deadline) -> Line:
    """Open a connection through a proxy; what it answers to CONNECT is no answer to a request of ours."""
    line = _reach(proxy.host, proxy.port, deadline)
    line = secure(line, proxy.host, deadline) if proxy.secure else line
    try:
        _ask(line, place, proxy, deadline)
        if not proxy.secure:
            return secure(line, place.host, deadline)
        from bridge.destinations.nested import Inner  # noqa: PLC0415 - few proxies are reached by TLS

        return Inner(line, place.host, deadline)
    except LostError:
        line.close()
        raise


def _ask(line: Line, place: Place, proxy: Proxy, deadline: Deadline) -> None:
    """Ask a proxy to let us through.

    Raises:
        LostError: it doesn't, or says more than that.
    """
    target = f"{place.name}:{place.port}"
    opens = f"Proxy-Authorization: {proxy.opens}\r\n" if proxy.opens else ""
    line.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nAccept: */*\r\n{opens}\r\n".encode("ascii"), deadline)
    incoming = Incoming(line, deadline)
    if incoming.head().status // 100 != 2:  # noqa: PLR2004 - any success
        raise LostError("the proxy refused")
    if incoming.held:
        raise LostError(BROKEN)


def _reach(host: str, port: int, deadline: Deadline) -> Plain:
    """Connect to the first address that answers; they share what is left."""
    addresses = _resolve(host, port, deadline)
    code = NO_CONNECTION
    for index, address in enumerate(addresses):
        share = deadline.share(NOT_IN_TIME) / (len(addresses) - index)
        try:
            connected = socket.create_connection((address, port), share)
        except TimeoutError:
            code = NOT_IN_TIME
        except ConnectionRefusedError:
            code = "connection refused"
        except OSError:
            code = NO_CONNECTION
        else:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Plain(connected)
    raise LostError(code)


def _resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """The addresses of a host, in the system's order.

    A look-up can't be interrupted: one that outlives the deadline ends by itself in its thread.
    """
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    answers: SimpleQueue[list[str] | None] = SimpleQueue()

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError):
            answers.put(None)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        addresses = answers.get(timeout=deadline.share(NOT_IN_TIME))
    except Empty:
        raise LostError(NOT_IN_TIME) from None
    if addresses is None:
        raise LostError("name not found")
    return addresses
