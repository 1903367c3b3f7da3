"""One HTTP exchange as all destinations want it: once, within a total deadline, and sure whether anything left us.

No retries, no redirects, no cookies. Keep-alive connections are reused; one that its server closed before any byte of
an answer is told as "unknown", never tried again here, for the request had been written.
"""

from __future__ import annotations

import ipaddress
import re
import time
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlsplit

import bridge
from bridge.destinations.answer import Answer
from bridge.destinations.base import Failed, Fault, Scope
from bridge.destinations.connect import Place, connect
from bridge.destinations.deadline import LostError
from bridge.destinations.kept import Kept
from bridge.destinations.line import NOT_IN_TIME
from bridge.destinations.proxies import proxy_for
from bridge.destinations.wire import Incoming, request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.destinations.deadline import Deadline

MIB: Final = 1_048_576
USER_AGENT: Final = f"grafana-alert-bridge/{bridge.__version__}"

_PORTS: Final = {"https": 443, "http": 80}
_OURS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive", "User-Agent": USER_AGENT}
"""Headers of each request, but where it has its own."""
_PRINTED: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_AS_IT_IS: Final = "!$&'()*+,;=:@/?%-._~[]"
"""What stands in a path and a query as it is, beside letters and digits."""


class ExchangeError(Exception):
    """No whole answer came: {code}. `unknown` says that the request, or a part of it, had left us."""

    def __init__(self, code: str, *, unknown: bool) -> None:
        super().__init__(code)
        self.code = code
        self.unknown = unknown

    def failed(self) -> Failed:
        """Read it as the outcome of a step: to be tried again; in doubt where something had been sent."""
        return Failed(Fault.RETRY, self.code, Scope.CHANNEL, unknown=self.unknown)


DAY: Final = 86_400.0


class Transport(Protocol):
    """What carries a client's requests; a simulator brings its own.

    `ahead` are the seconds by which this machine's time is ahead of the destination's, by its last answer.
    """

    ahead: float

    def exchange(  # noqa: PLR0913 - one request has these parts
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        ready: Callable[[], None],
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        cap: int = MIB,
    ) -> Answer:
        """Send one request and read its answer (`Http.exchange`)."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class Http:
    """Connections to one base address. Safe to use from several threads at once.

    Args:
        base: the address that requests go to; `https`, or plain `http` to a loopback address only.

    Raises:
        ValueError: the base is neither.
    """

    def __init__(self, base: str) -> None:
        plain = check_base(base)
        self.ahead = 0.0
        self._origin = _origin(base)
        scheme, host, port = self._origin
        # HTTPS_PROXY; nothing stands between us and a loopback address
        self._place = Place(host, port, secure=not plain, proxy=None if plain else proxy_for(host, port))
        self._host = self._place.name if port == _PORTS[scheme] else f"{self._place.name}:{port}"
        self._kept = Kept()

    def exchange(  # noqa: PLR0913 - one request has these parts
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        ready: Callable[[], None],
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        cap: int = MIB,
    ) -> Answer:
        """Send one request and read its answer, at most `cap` bytes of it.

        `ready` is called right before the first byte is written; what it raises stops the request and goes through.

        Raises:
            ExchangeError: there is no whole answer.
        """
        parts = self._request(method, url, headers or {}, content)
        line, keep, sent = None, False, False
        try:
            line = self._kept.take() or connect(self._place, deadline)
            deadline.share(NOT_IN_TIME)
            ready()
            sent = True
            written = all(line.write(part, deadline) for part in parts)
            incoming = Incoming(line, deadline)
            head = incoming.head()
            answer = Answer(head.status, head.headers, incoming.body(head, cap))
            keep = written and incoming.whole and not incoming.held
        except LostError as error:
            raise ExchangeError(error.code, unknown=sent) from None
        finally:
            if line is not None:
                self._kept.leave(line, good=keep)
        if (epoch := answer.epoch) is not None:
            self.ahead = min(max(time.time() - epoch, 0.0), DAY)  # noqa: TID251 - the edge itself
        return answer

    def close(self) -> None:
        """Give the connections back; what is under way ends by itself."""
        self._kept.close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> list[bytes]:
        """A request's bytes.

        Raises:
            ExchangeError: it can't be sent.
        """
        given = {name.lower() for name in headers}
        ours = {name: value for name, value in _OURS.items() if name.lower() not in given}
        try:
            return request(method, self._target(url), {"Host": self._host, **ours, **headers}, content)
        except ValueError:
            raise ExchangeError("no usable address", unknown=False) from None

    def _target(self, url: str) -> str:
        """The path and query that are asked for.

        Raises:
            ValueError: no request can name that address, or it is not below ours.
        """
        if _origin(url) != self._origin or not _PRINTED.fullmatch(url):
            raise ValueError("not below our address")
        parts = urlsplit(url)
        path = parts.path or "/"
        return quote(f"{path}?{parts.query}" if parts.query else path, _AS_IT_IS)


def _origin(url: str) -> tuple[str, str, int]:
    """An address's scheme, its host in ASCII, and its port.

    Raises:
        ValueError: it has none that can be used.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme, 0)


def check_base(base: str) -> bool:
    """Check a destination's base address; True where it is plain http, to a loopback address.

    Raises:
        ValueError: no http address at all, or plain http to somewhere else.
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return False
    if parts.scheme == "http" and is_loopback(host):
        return True
    raise ValueError("the address of a destination must be https://…, or http:// to a loopback address")


def is_loopback(host: str) -> bool:
    """Does a host's name stand for this machine itself?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bearer(token: str) -> str:
    """The `Authorization` header for a token.

    Raises:
        ValueError: no header can carry it (a line end, a letter outside ASCII); the sentence doesn't show it.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("the token is empty or holds characters that no HTTP header can carry")
    return f"Bearer {token}"
