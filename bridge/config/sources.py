"""Who may post alerts: a source's settings, and the forms of authentication as frozen values for intake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.config.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from bridge.config.secrets import Secret

MAX_BODY = parse_size("16MiB")


@dataclass(frozen=True, slots=True)
class Bearer:
    """`Authorization: Bearer <token>`; any of the tokens will do."""

    tokens: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Hmac:
    """Lower-case hex HMAC-SHA256 in `header`, over the raw body, or `timestamp:body` where a timestamp header is named.

    Any of the secrets will do. A timestamp further off than `tolerance` is refused.
    """

    secrets: tuple[Secret, ...]
    header: str
    timestamp_header: str | None
    tolerance: timedelta


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP basic authentication; any of the passwords will do."""

    username: str
    passwords: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A header with a secret value; any of the values will do."""

    name: str
    values: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """`auth: none`, said outright: anybody may post."""


Auth = Bearer | Hmac | Basic | Header | Open


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source: `POST /webhooks/<name>`.

    `auth` is None where the file says nothing of it: then BRIDGE_WEBHOOK_TOKEN counts, else only loopback may post.
    `max_body` in bytes, after gunzip too. `mapping` is a JMESPath expression for a custom payload.
    """

    name: str
    auth: Auth | None = None
    max_body: int = MAX_BODY
    mapping: str | None = None


def usual(sources: Mapping[str, SourceSettings]) -> str:
    """Return the source that is meant where nobody names one: grafana, else the first."""
    return "grafana" if "grafana" in sources else next(iter(sources))
