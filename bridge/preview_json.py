"""A preview as JSON has it; settings as the configuration writes them, of secrets the references only."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta

from bridge.config.secrets import Secret
from bridge.config.units import Rate

_UNITS = {"d": 86_400, "h": 3_600, "m": 60}
_PER = {1: "s", 60: "m", 3600: "h"}


def _duration(span: timedelta) -> str:
    """Return a duration as the configuration writes it: "10m", "90s"."""
    seconds = span.total_seconds()
    unit, size = next(((unit, size) for unit, size in _UNITS.items() if seconds and not seconds % size), ("s", 1))
    return f"{seconds / size:g}{unit}"


def plain(value: object) -> object:  # noqa: PLR0911 - one return a kind of value
    """Return a value as JSON has it: times in UTC, durations and rates as the configuration writes them."""
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, Rate):
        return f"{value.count:g}/{_PER.get(int(value.seconds), f'{value.seconds:g}s')}"
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def shown(value: object) -> str:
    """Return a setting's value, as JSON has it, as the configuration would hold it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
