"""Grafana's contact point for a source, as plain values: what to fill in where, with secrets only as variables' names.

Facts: the settings' names are those of Grafana's `receivers/webhook/v1/config.go` (repository grafana/alerting), which
the provisioning API, provisioning files and exports share; extra headers and HMAC signatures came with Grafana 12.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from bridge.config.secrets import REFERENCE, Secret
from bridge.config.sources import Basic, Bearer, Header, Hmac

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.config.sources import SourceSettings

NAME = "alert-bridge"
GROUP_BY = ("grafana_folder", "alertname")
WAIT, INTERVAL, REPEAT = "5s", "1m", "4h"
"""How long Grafana gathers: the bridge makes incidents of alerts itself, and should hear of them soon. A repeat well
within `stale_after` keeps what fires from being marked stale."""
ADDRESS = "WEBHOOK_BASE_URL"
TOKEN = "BRIDGE_WEBHOOK_TOKEN"  # noqa: S105 - a variable's name
_LONGEST_UID = 40
_REFUSED = frozenset(
    {
        "host",
        "accept-encoding",
        "accept-charset",
        "content-encoding",
        "content-length",
        "user-agent",
        "transfer-encoding",
        "connection",
        "upgrade",
        "trailer",
        "te",
        "proxy-authorization",
        "proxy-authenticate",
        "cookie",
        "set-cookie",
        "referer",
        "origin",
        "x-forwarded-for",
        "x-real-ip",
        "via",
        "forwarded",
        "expect",
        "keep-alive",
        "date",
        "max-forwards",
    }
)
"""Headers that Grafana doesn't let a contact point set (`restrictedHeaders`, the file named above)."""


class NoContactPointError(ValueError):
    """Grafana can't send what the source asks for; the sentence says what to mend."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: its name, what its value is, and whether that is a secret."""

    name: str
    about: str
    secret: bool = field(default=True, kw_only=True)


Text = tuple[str | Variable, ...]
"""A setting's text: parts as they are, and variables."""
Settings = dict[str, "Text | int | bool | Settings"]


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """One contact point with one webhook. `settings` have Grafana's own names and nesting."""

    name: str
    uid: str
    source: str
    settings: Settings = field(repr=False)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable in the settings, once."""
        return tuple(dict.fromkeys(_variables(self.settings)))


def contact_point(source: SourceSettings, address: str | None) -> ContactPoint:
    """Return the contact point that posts to a source.

    Args:
        source: the source's settings; where they say nothing of `auth`, BRIDGE_WEBHOOK_TOKEN is its bearer token.
        address: what Grafana reaches the bridge by, like `https://alerts.acme.com`; None where it isn't known.

    Raises:
        NoContactPointError: the source asks for a header that Grafana doesn't send.
    """
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", source.name)
    digest = sha256(source.name.encode()).hexdigest()[:8]
    name = NAME if source.name == "grafana" else f"{NAME}-{slug}"
    if slug != source.name:
        name += f"-{digest}"  # of another source it may be the same else
    uid = name if len(name) <= _LONGEST_UID else f"{name[: _LONGEST_UID - len(digest) - 1]}-{digest}"
    unknown = Variable(
        ADDRESS, "the address at which Grafana reaches the bridge, like https://alerts.acme.com", secret=False
    )
    base: Text = (address.rstrip("/"),) if address else (unknown,)
    settings: Settings = {
        "url": _joined((*base, f"/webhooks/{source.name}")),
        "httpMethod": ("POST",),
        "maxAlerts": 0,
        **_auth(source),
    }
    return ContactPoint(name, uid, source.name, settings)


def _auth(source: SourceSettings) -> Settings:
    match source.auth:
        case None:
            token = Variable(TOKEN, "the value that it has where the bridge runs")
            return {"authorization_scheme": ("Bearer",), "authorization_credentials": (token,)}
        case Bearer(tokens):
            return {"authorization_scheme": ("Bearer",), "authorization_credentials": _text(tokens[0], source)}
        case Basic(username, passwords):
            return {"username": (username,), "password": _text(passwords[0], source)}
        case Hmac(secrets, header, timestamp_header):
            stamped: Settings = {"timestampHeader": (timestamp_header,)} if timestamp_header else {}
            return {"hmacConfig": {"secret": _text(secrets[0], source), "header": (header,), **stamped}}
        case Header(name, values):
            return _header(name, _text(values[0], source))
    return {}


def _header(name: str, text: Text) -> Settings:
    """Return a header with a secret; Grafana has settings of their own for `Authorization`."""
    if name.lower() in _REFUSED:
        raise NoContactPointError(f"Grafana lets no contact point set the header {name}: use another name, or bearer")
    if name.lower() != "authorization":
        return {"headers": {name: text}}
    scheme, _, rest = text[0].partition(" ") if isinstance(text[0], str) else ("", "", "")
    if not scheme or len(text) == 1:
        raise NoContactPointError(
            f"Grafana puts a scheme before what it sends as {name}: write the value with one, like "
            '"Token ${env:NAME}", or use bearer'
        )
    return {"authorization_scheme": (scheme,), "authorization_credentials": _joined((rest.lstrip(), *text[1:]))}


def _text(secret: Secret, source: SourceSettings) -> Text:
    """Return a secret's text with its references as variables; one to a file becomes a variable of the source."""
    parts: list[str | Variable] = []
    end = files = 0
    for hit in REFERENCE.finditer(secret.text):
        parts.append(secret.text[end : hit.start()])
        kind, inside = hit.groups()
        if kind == "env":
            parts.append(Variable(inside, "the value that it has where the bridge runs"))
        else:
            files += 1
            stem = re.sub(r"[^A-Z0-9]+", "_", f"BRIDGE_{source.name}_SECRET".upper())
            parts.append(Variable(stem if files == 1 else f"{stem}_{files}", f"what the bridge's file {inside} holds"))
        end = hit.end()
    return _joined((*parts, secret.text[end:]))


def _joined(parts: Text) -> Text:
    """Put neighbouring plain parts together, and leave out empty ones."""
    found: list[str | Variable] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part:
            found.append(part)
    return tuple(found)


def _variables(settings: Mapping[str, Text | int | bool | Settings]) -> Iterator[Variable]:
    for value in settings.values():
        if isinstance(value, dict):
            yield from _variables(value)
        elif isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, Variable))
