"""Who may look and act at the console and the API, and under which name it is written down.

Somebody is known by the admin token (as bearer, or by a session that a login with it began), by a proxy that says who
it is, or, where there is neither, by being on this machine.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import g, request, session

from bridge.web import served
from bridge.web.auth import FORWARDING, RefusedError, any_equal, bearer, names_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.compose import Bridge
    from bridge.config.settings import AuthProxy

LONGEST_NAME = 100
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was let in. `signed_in`: by a session that can be ended."""

    name: str
    signed_in: bool = False


WITH_TOKEN = Person("the admin token")


class UnknownError(RefusedError):
    """Nobody said who it is; a login or a token would help. RefusedError itself: nothing that is sent would."""


class ForgedError(RefusedError):
    """Another site's page made the browser send this."""


def admit() -> Person:
    """Return who sends this request, and remember it in `g.person`.

    Raises:
        UnknownError, ForgedError, RefusedError: with a sentence for whoever sent it.
    """
    bridge = served.bridge()
    person, ambient = _who(bridge)
    if ambient and request.method not in SAFE:
        _same_site(bridge)
    g.person = person
    return person


def enter() -> None:
    """Let a person in to a page: `admit`, and where something is asked for, only by a form of our own pages.

    Raises:
        UnknownError, ForgedError, RefusedError: as `admit` and `check_form` do.
    """
    admit()
    if request.method not in SAFE:
        check_form(request.form)


def _who(bridge: Bridge) -> tuple[Person, bool]:
    """Return who it is, and whether a browser would say so by itself, whatever page makes it ask."""
    token = bridge.environ.admin_token
    proxy = bridge.loaded.settings.auth_proxy
    if token is not None and request.headers.get("Authorization", "").lower().startswith("bearer"):
        try:
            bearer(request.headers, [token.reveal()])
        except RefusedError:
            raise UnknownError("Authorization must be `Bearer <BRIDGE_ADMIN_TOKEN>`") from None
        return WITH_TOKEN, False
    behind = proxy is not None and _trusted(proxy)
    if proxy is not None and behind and (name := _named(request.headers.get(proxy.header, ""))):
        return Person(name), True
    if token is not None:
        if any_equal(session.get("token", ""), [bridge.effective.digest(token.reveal())]):
            return replace(WITH_TOKEN, signed_in=True), True
        raise UnknownError("this wants BRIDGE_ADMIN_TOKEN: send it as bearer, or sign in at /login")
    if proxy is not None and not behind:
        raise RefusedError("the console and API are served through the proxy of auth_proxy only")
    if proxy is not None:
        raise UnknownError(f"the proxy did not say who you are: it is to send the header {proxy.header}")
    return _this_machine(bridge), True


def _this_machine(bridge: Bridge) -> Person:
    """Let this machine in, under its own name only.

    A page from elsewhere can make a browser here send requests, but can't choose their Host.
    """
    if not bridge.loopback or any(name in request.headers for name in FORWARDING):
        raise RefusedError("the console and API off loopback want BRIDGE_ADMIN_TOKEN: set it and send it as bearer")
    if not names_loopback(request.headers.get("Host", "")):
        raise RefusedError("open the console as http://127.0.0.1:PORT, or set BRIDGE_ADMIN_TOKEN")
    return Person("this machine")


def _trusted(proxy: AuthProxy) -> bool:
    """Whether the request comes from the proxy; who it says it comes from is another matter."""
    try:
        peer = ipaddress.ip_address(request.environ.get("REMOTE_ADDR") or "")
    except ValueError:  # a Unix socket has no address
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(peer in ipaddress.ip_network(network) for network in proxy.trusted)


def _named(said: str) -> str:
    """Return a name as it is written down: what can be printed, and not too much; WSGI's headers are Latin-1."""
    text = said.encode("latin-1", "replace").decode("utf-8", "replace")
    return "".join(character for character in text.strip() if character.isprintable())[:LONGEST_NAME]


def _same_site(bridge: Bridge) -> None:
    """Refuse what another site's page makes a browser send, with whatever the browser adds by itself."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise ForgedError("this was sent by another site's page")
        return
    origin = request.headers.get("Origin")
    if origin is None:
        return
    own = [request.headers.get("Host"), urlsplit(bridge.loaded.rules.external_url or "").netloc]
    if origin.partition("://")[2] not in filter(None, own):
        raise ForgedError("this was sent by another site's page")


# sessions: the cookie holds a keyed digest of the token, so that another token ends them all


def sign_in(given: str) -> bool:
    """Begin a session for who knows the admin token."""
    bridge = served.bridge()
    token = bridge.environ.admin_token
    if token is None or not any_equal(given, [token.reveal()]):
        return False
    session.clear()
    session.permanent = True
    session["token"] = bridge.effective.digest(token.reveal())
    return True


def sign_out() -> None:
    """End the session."""
    session.clear()


def form_token() -> str:
    """Return what each form of this browser's carries, so that nobody else can write one."""
    if "form" not in session:
        session["form"] = secrets.token_urlsafe(32)
    return str(session["form"])


def check_form(form: Mapping[str, str]) -> None:
    """Refuse a form that was not written by one of our pages.

    Raises:
        ForgedError: with what to do.
    """
    if not any_equal(form.get("form_token", ""), [session.get("form") or secrets.token_urlsafe(32)]):
        raise ForgedError(
            "this form is too old, or the browser keeps no session: open the page again, by https or on localhost"
        )
