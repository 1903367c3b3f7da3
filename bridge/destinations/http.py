"""One HTTP exchange as all destinations want it: once, within a total deadline, and sure whether anything left us.

No retries, no redirects, no cookies. Keep-alive connections are reused; one that its server closed before any byte of
an answer is told as "unknown", never tried again here, for the request had been written.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
import time
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import httpcore2
import httpx2

import bridge
from bridge.destinations.answer import Answer
from bridge.destinations.base import Failed, Fault, Scope
from bridge.destinations.deadline import Backend, Deadline, NameNotFoundError, held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIB: Final = 1_048_576
USER_AGENT: Final = f"grafana-alert-bridge/{bridge.__version__}"

for _library in ("httpx2", "httpcore2"):  # at INFO they log whole addresses, and an incoming webhook's is a secret
    logging.getLogger(_library).setLevel(logging.WARNING)


class ExchangeError(Exception):
    """No whole answer came: {code}. `unknown` says that the request, or a part of it, had left us."""

    def __init__(self, code: str, *, unknown: bool) -> None:
        super().__init__(code)
        self.code = code
        self.unknown = unknown

    def failed(self) -> Failed:
        """Read it as the outcome of a step: to be tried again; in doubt where something had been sent."""
        return Failed(Fault.RETRY, self.code, Scope.CHANNEL, unknown=self.unknown)


class _Exchange:
    """What is known about one exchange while it runs: has its first byte been written?"""

    def __init__(self, deadline: Deadline, ready: Callable[[], None]) -> None:
        self._deadline = deadline
        self._ready = ready
        self.sent = False

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """Called by the library at each stage. A proxy's CONNECT is not our request yet."""
        if event != "http11.send_request_headers.started" or facts["request"].method == b"CONNECT":
            return
        if self._deadline.left() <= 0:
            raise httpcore2.ConnectTimeout("the deadline has passed")
        self._ready()
        self.sent = True

    def error(self, cause: Exception) -> ExchangeError:
        """Name what went wrong, in words that hold no address and no header."""
        return ExchangeError(_name(cause), unknown=self.sent)


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
        self._client = httpx2.Client(
            verify=_tls(),
            trust_env=not plain,  # HTTPS_PROXY; nothing stands between us and a loopback address
            follow_redirects=False,
            timeout=None,  # the deadline holds instead
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=15.0),
        )
        for transport in (self._client._transport, *self._client._mounts.values()):  # noqa: SLF001 - no public way in
            if isinstance(transport, httpx2.HTTPTransport):
                transport._pool._network_backend = Backend()  # noqa: SLF001 - as above

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
        this = _Exchange(deadline, ready)
        extensions = {"trace": this.trace}
        try:
            with (
                held(deadline),
                self._client.stream(
                    method, url, headers=dict(headers or {}), content=content, extensions=extensions
                ) as response,
            ):
                names = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(response.status_code, names, _read(response, cap))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise this.error(error) from None
        if answer.epoch is not None:
            self.ahead = min(max(time.time() - answer.epoch, 0.0), DAY)  # noqa: TID251 - the edge itself
        return answer

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _read(response: httpx2.Response, cap: int) -> bytes:
    """Read the body; of a refusal whatever came is enough, its status has said it."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > cap:
                raise httpx2.DecodingError("too large an answer")
    except httpx2.HTTPError:
        if response.status_code < httpx2.codes.BAD_REQUEST:
            raise
    return bytes(body[:cap])


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


@cache
def _tls() -> ssl.SSLContext:
    """One TLS context for all: it takes tens of milliseconds to make. SSL_CERT_FILE and SSL_CERT_DIR are heard."""
    return httpx2.create_ssl_context(trust_env=True)


_NAMES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx2.ConnectTimeout, "no connection in time"),
    (httpx2.TimeoutException, "no answer in time"),
    (httpx2.ProxyError, "the proxy refused"),
    (httpx2.ConnectError, "no connection"),
    (httpx2.RemoteProtocolError, "connection closed or broken answer"),
    (httpx2.DecodingError, "unreadable answer"),
    (httpx2.NetworkError, "connection reset"),
    (httpx2.InvalidURL, "no usable address"),
)


def _name(error: Exception) -> str:
    """A short name for a failure of the transport; its own text may hold the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx2.ConnectError):
            return "TLS failure"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, NameNotFoundError):
            return "name not found"
        cause = cause.__cause__ or cause.__context__
    return next((name for kind, name in _NAMES if isinstance(error, kind)), "transport failure")
