"""What holds for each kind of destination where nobody sets it; a test holds it against the settings in `kinds`."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.config.secrets import resolve_all, resolve_some
from bridge.config.units import Rate
from bridge.core.fill import overlaid

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = timedelta(seconds=8)
_KINDS: dict[str, dict[str, object]] = {
    "slack": {
        "timeout": TIMEOUT,
        "replies": {"state": True, "priority": True, "members": True},
        "api_url": "https://slack.com/api/",
        "rate": (Rate(1, 1),),
    },
    "pagerduty": {
        "timeout": TIMEOUT,
        "severity": {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"},
        "page_again": timedelta(minutes=5),
        "api_url": "https://events.pagerduty.com",
        "rate": (Rate(2, 1),),
    },
    "github": {
        "timeout": TIMEOUT,
        "labels": ("area:alerting", "Pri:{priority}", "Team:{team}", "Source:{source}"),
        "visibility": "auto",
        "api_url": "https://api.github.com",
        "rate": (Rate(1, 1), Rate(500, 3600)),
    },
}


def defaults(kind: str) -> Mapping[str, object]:
    """Return a kind's settings that hold where nobody sets them."""
    return MappingProxyType(_KINDS[kind])


def effective(kind: str, settings: Mapping[str, object], env: Mapping[str, str]) -> dict[str, object]:
    """Return a destination's settings for one step: defaults below, secrets read now.

    Raises:
        MissingSecretError: a secret isn't there; of several routing keys, none of them.
    """
    return overlaid(_KINDS[kind], {name: _read(name, value, env) for name, value in settings.items()})


def _read(name: str, value: object, env: Mapping[str, str]) -> object:
    # an old key that is gone must not hold the pages that the new one opens
    if name == "routing_key" and isinstance(value, list | tuple):
        found, missing = resolve_some(value, env)
        if missing and not found:
            raise missing[0]
        return tuple(found)
    return resolve_all(value, env)
