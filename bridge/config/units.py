"""Durations, sizes and rates as people write them: "10m", "16MiB", "500/h"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from bridge.config.problem import WrongError
from bridge.config.words import quoted

OFF = frozenset({"off", "no", "false", "none"})
ON = frozenset({"on", "yes", "true"})
LONGEST = timedelta(days=36_500)
"""A hundred years: what is so long before or after now is a date still."""
LARGEST = 2**60
"""An exbibyte: a number of bytes that databases can hold."""
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_PER = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B)", re.IGNORECASE)
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|m|h)")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds: 500/h is `Rate(500, 3600)`."""

    count: float
    seconds: float


def parse_duration(text: str) -> timedelta:
    """Read "90s", "10m", "1h30m", "400d"; "0" needs no unit.

    Raises:
        WrongError: the text is no duration, or one too long to count with.
    """
    written = text.strip().lower()
    if written == "0":
        return timedelta(0)
    parts = _DURATION.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise WrongError(
            f"is {quoted(text)}, which is no duration", "write a number and a unit, like 30s, 10m, 12h, 30d"
        )
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise WrongError("is a duration too long to count with", "write at most some years, like 400d")
    return timedelta(seconds=seconds)


def parse_size(text: str) -> int:
    """Read "16MiB", "10 GB" as bytes.

    Raises:
        WrongError: the text is no size, or nothing at all.
    """
    hit = _SIZE.fullmatch(text.strip())
    size = float(hit[1]) * _BYTES[hit[2].upper()] if hit else 0
    if size < 1:
        raise WrongError(f"is {quoted(text)}, which is no size", "write a number and a unit, like 16MiB or 10GiB")
    if size > LARGEST:
        raise WrongError("is a size too large to count with", "write at most some thousand TiB")
    return int(size)


def parse_rate(text: str) -> Rate:
    """Read "1/s", "80/m", "500/h".

    Raises:
        WrongError: the text is no rate, or a rate of nothing.
    """
    hit = _RATE.fullmatch(text.strip().lower())
    if not hit or not float(hit[1]):
        raise WrongError(f"is {quoted(text)}, which is no rate", "write requests per time, like 1/s or 500/h, or off")
    return Rate(float(hit[1]), _PER[hit[2]])


def parse_switch(text: str) -> bool:
    """Read on and off, true and false, yes and no, in any case.

    Raises:
        WrongError: the text is none of these.
    """
    word = text.strip().lower()
    if word in ON:
        return True
    if word in OFF:
        return False
    raise WrongError(f"is {quoted(text)}, neither on nor off", "write on or off")
