"""Times as senders write them, read leniently: what nobody can have meant is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

FIRST_REAL_YEAR = 1971
LAST_REAL_YEAR = 2200
"""Year 1 is Go's zero time, 1970 the epoch, 9999 somebody's "for ever": none is a time that anybody meant."""

_EPOCH = re.compile(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_MILLISECONDS = 1e11
_PLAUSIBLE = (1e8, 7e9)
"""Seconds since 1970: from 1973 to 2191."""
LONGEST_TIME = 200
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d+))?"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d\d:?\d\d)?(?:\s.*)?",
    re.ASCII | re.DOTALL,
)


def time(value: object) -> datetime | None:
    """Return a time as aware UTC with microseconds, None where it is absent or nobody can have meant it.

    Reads RFC 3339 with any number of fraction digits, what Go prints for a time (`2026-05-27 15:36:00.1 +0000 UTC
    m=+8560.2`), and seconds or milliseconds since 1970. Without a zone it is taken as UTC.
    """
    if isinstance(value, (int, float)) or (isinstance(value, str) and _EPOCH.fullmatch(value)):
        return _since_epoch(float(value))
    if not isinstance(value, str) or len(value) > LONGEST_TIME:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        match = _TIME.fullmatch(value.strip())
        return _usable(_from_match(match)) if match else None
    return _usable(found)


def _since_epoch(number: float) -> datetime | None:
    seconds = number / 1000 if number > _MILLISECONDS else number
    return datetime.fromtimestamp(seconds, UTC) if _PLAUSIBLE[0] < seconds < _PLAUSIBLE[1] else None


def _from_match(match: re.Match[str]) -> datetime | None:
    """Build a time from the parts that `_TIME` found; a leap second counts as the one before."""
    clock = match["time"].replace(":60", ":59") if match["time"].endswith(":60") else match["time"]
    micros = (match["fraction"] or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{match['date']}T{clock}.{micros}").replace(tzinfo=_zone(match["zone"]))
    except ValueError:
        return None


def _zone(written: str | None) -> timezone:
    """Return the zone of a written offset."""
    if written is None or written[0] not in "+-":
        return UTC
    digits = written[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if written[0] == "-" else offset)


def _usable(found: datetime | None) -> datetime | None:
    """Turn a time into UTC, or None where it is Go's zero, the epoch, or outside what can be written."""
    if found is None or not FIRST_REAL_YEAR <= found.year <= LAST_REAL_YEAR:
        return None
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None
