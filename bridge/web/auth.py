"""Who may post alerts. Secrets are compared in constant time, and read when they are needed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.config.secrets import Secret, resolve_some
from bridge.config.sources import Basic, Bearer, Header, Hmac, Open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from werkzeug.datastructures import Headers

    from bridge.config.secrets import Hidden
    from bridge.config.sources import Auth, SourceSettings

FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
"""Headers that show that a request came through a proxy: then loopback says nothing about who sent it."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
STAMP_DIGITS = 12
"""Of unix seconds, for the next 30,000 years."""


class RefusedError(Exception):
    """The request may not do this; the sentence says what to mend, for whoever sent it."""


class UncheckedError(Exception):
    """A secret is missing, and none of the others fits: nobody knows whether the request may do this.

    Attributes:
        missing: what is missing, with its path; it is the log's, not the sender's.
    """

    def __init__(self, source: str, missing: Sequence[str]) -> None:
        super().__init__(
            f"source {source} can't check credentials now: a secret is missing, the bridge's log says which"
        )
        self.missing = "; ".join(missing)


def at_hand(auth: Auth | None) -> bool:
    """Return whether what a source compares is in memory: a file may be on a disk that hangs."""
    told = [getattr(auth, one.name) for one in fields(auth)] if auth is not None else []
    secrets = [secret for value in told if isinstance(value, tuple) for secret in value]
    return not any(isinstance(secret, Secret) and "${file:" in secret.text for secret in secrets)


def names_loopback(host: str) -> bool:
    """Return whether a host, perhaps with a port, is this machine's own name."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK_NAMES
    except ValueError:  # a bracket that isn't closed
        return False


def admit(  # noqa: PLR0913 - what decides is exactly this
    source: SourceSettings,
    headers: Headers,
    body: bytes,
    *,
    webhook_token: Hidden | None,
    env: Mapping[str, str],
    now: datetime,
) -> None:
    """Let a sender's request in, or raise RefusedError or UncheckedError; `body` is as it was sent, before gunzip."""
    auth: Auth | None = source.auth
    if isinstance(auth, Open):
        return
    if auth is None:
        if webhook_token is not None:
            bearer(headers, [webhook_token.reveal()])
        elif any(name in headers for name in FORWARDING) or _from_a_page(headers):
            raise RefusedError(
                f"source {source.name} has no auth and serves only this machine; "
                "set auth in bridge.yml, or BRIDGE_WEBHOOK_TOKEN"
            )
        return
    missing: list[str] = []
    try:
        _check(auth, headers, body, partial(_read, env=env, missing=missing), now)
    except RefusedError as error:
        if missing:
            raise UncheckedError(source.name, missing) from error
        raise


def _from_a_page(headers: Headers) -> bool:
    """Whether a page from elsewhere makes a browser on this machine post: browsers say so, senders have no origin."""
    origin = headers.get("Origin")
    return origin is not None and not names_loopback(origin.partition("://")[2])


def _check(
    auth: Auth, headers: Headers, body: bytes, read: Callable[[Sequence[Secret]], list[str]], now: datetime
) -> None:
    match auth:
        case Bearer(tokens):
            bearer(headers, read(tokens))
        case Basic(username, passwords):
            _basic(headers, username, read(passwords))
        case Header(name, values):
            if not _said(headers.get(name, ""), read(values)):
                raise RefusedError(f"the header {name} is missing or wrong")
        case Hmac():
            _hmac(auth, headers, body, read(auth.secrets), now)


def _read(secrets: Sequence[Secret], env: Mapping[str, str], missing: list[str]) -> list[str]:
    """Return those that are there, and add what is `missing`."""
    found, gone = resolve_some(secrets, env)
    missing += map(str, gone)
    return [str(one) for one in found]


def _said(given: str, secrets: Sequence[str]) -> bool:
    """Return whether a header says one of the secrets: WSGI gives its bytes as Latin-1 (PEP 3333), many send UTF-8."""
    as_utf8 = given.encode("latin-1", "replace").decode("utf-8", "replace")
    return any_equal(given, secrets) | any_equal(as_utf8, secrets)


def any_equal(given: str, secrets: Sequence[str]) -> bool:
    """Return whether what is given is one of the secrets."""
    # all are compared, so that the time tells nothing of which one fits
    return sum(hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets) > 0


def bearer(headers: Headers, tokens: Sequence[str]) -> None:
    """Let in who brings one of the tokens, or raise RefusedError."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _said(given.strip(), tokens):
        raise RefusedError("Authorization must be `Bearer <token>` with this source's token")


def _basic(headers: Headers, username: str, passwords: Sequence[str]) -> None:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text
        user = password = ""
    right = [hmac.compare_digest(user.encode(), username.encode()), any_equal(password, passwords)]
    if scheme.lower() != "basic" or not all(right):
        raise RefusedError("Authorization must be `Basic` with this source's user and password")


def _hmac(auth: Hmac, headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Check Grafana's signature: lower-case hex HMAC-SHA256 over the raw body, or over `timestamp:body`."""
    signed = body
    if auth.timestamp_header:
        stamp = headers.get(auth.timestamp_header, "")
        # a number of thousands of digits is no time, and can't be computed with
        plain = stamp.isdecimal() and len(stamp) <= STAMP_DIGITS
        if not plain or abs(now.timestamp() - int(stamp)) > auth.tolerance.total_seconds():
            raise RefusedError(f"the header {auth.timestamp_header} is missing, no time, or too far from now")
        signed = f"{stamp}:".encode() + body
    right = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    if not any_equal(headers.get(auth.header, ""), right):
        raise RefusedError(f"the signature in {auth.header} is missing or wrong: use the same secret on both sides")


def signature_of(source: str, how: Hmac, headers: Headers) -> str:
    """Return what makes a signed request of a source one and the same."""
    stamp = headers.get(how.timestamp_header, "") if how.timestamp_header else ""
    given = headers.get(how.header, "")
    return hashlib.sha256(f"{source}\n{stamp}\n{given}".encode()).hexdigest()
