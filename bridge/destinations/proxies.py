"""Which proxy stands between us and a host, by the usual variables: HTTPS_PROXY, ALL_PROXY, NO_PROXY."""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, whether TLS leads to it, and what opens it (a header's value, a secret)."""

    host: str
    port: int
    secure: bool
    opens: str = field(repr=False)


def proxy_for(host: str, port: int) -> Proxy | None:
    """Return the proxy through which an https address is reached; None where nothing stands between.

    Raises:
        ValueError: the variables name one that can't be used; the sentence says so without showing it.
    """
    found = getproxies()
    named = found.get("https") or found.get("all")
    if not named or any(_spared(entry.strip(), host, port) for entry in found.get("no", "").split(",")):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    try:
        usual = _PORTS[parts.scheme]
        where, at = parts.hostname, parts.port or usual
    except (KeyError, ValueError):
        where, at = None, 0
    if not where:
        raise ValueError("HTTPS_PROXY must be http://… or https://…, with a host and perhaps a port")
    opens = ""
    if parts.username or parts.password:
        words = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        opens = f"Basic {b64encode(words.encode()).decode()}"
    return Proxy(where, at, parts.scheme == "https", opens)


def _spared(entry: str, host: str, port: int) -> bool:
    """Does an entry of NO_PROXY speak of a host?

    `example.com` stands for that host and all below it, `.example.com` and `*.example.com` for those below it only.
    """
    if entry == "*":
        return True
    scheme, _, rest = entry.rpartition("://")
    if scheme not in {"", "all", "https"}:
        return False
    with suppress(ValueError):
        network = ipaddress.ip_network(rest.strip("[]"), strict=False)
        address = _address(host)
        return address is not None and address in network
    name, colon, number = rest.lower().rpartition(":")
    if not colon or not number.isdigit():
        name = rest.lower()
    elif int(number) != port:
        return False
    if name.startswith(("*.", ".")):
        return host.endswith(name.removeprefix("*"))
    exact = scheme or name == "localhost"
    return bool(name) and (host == name or (not exact and host.endswith(f".{name}")))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
