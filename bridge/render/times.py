"""Times and durations as people read them, in a team's zone with its abbreviation."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

TO = "\N{EN DASH}"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# month names are not taken from strftime: it follows the process's locale


def zone_named(name: str) -> tzinfo:
    """Return the zone of an IANA name; UTC where there is none of that name (the configuration's check says so)."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(at: datetime, zone: tzinfo) -> str:
    """Return "Dec 9, 2025 9:29 AM PST"."""
    local = at.astimezone(zone)
    return f"{_day(local)}, {local.year} {_clock(local)} {_half(local)} {_zone(local)}"


def clock(at: datetime, zone: tzinfo) -> str:
    """Return "9:29 AM"."""
    local = at.astimezone(zone)
    return f"{_clock(local)} {_half(local)}"


def day(at: datetime, zone: tzinfo) -> str:
    """Return "Dec 9, 2025"."""
    local = at.astimezone(zone)
    return f"{_day(local)}, {local.year}"


def date(at: datetime, zone: tzinfo, near: datetime) -> str:
    """Return "Dec 9", with its year where that is not the year of a moment near by."""
    local = at.astimezone(zone)
    return _day(local) if local.year == near.astimezone(zone).year else day(at, zone)


def span(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return from when to when, nothing said twice: "Dec 9, 2025 9:29-11:47 AM PST".

    What differs is said on both sides: the half of the day, the day, the year, the zone where the clocks changed.
    """
    first, last = start.astimezone(zone), end.astimezone(zone)
    # within one zone two times are compared by the clock on the wall, which is set back once a year
    if end.astimezone(UTC) < start.astimezone(UTC) or moment(start, zone) == moment(end, zone):
        return moment(start, zone)
    begin, finish = f"{_day(first)}, {first.year} {_clock(first)}", f"{_clock(last)} {_half(last)} {_zone(last)}"
    if first.date() == last.date() and _zone(first) == _zone(last):
        if _half(first) == _half(last):
            return f"{begin}{TO}{finish}"
        return f"{begin} {_half(first)} {TO} {finish}"
    begin += f" {_half(first)}"
    if _zone(first) != _zone(last):
        begin += f" {_zone(first)}"
    if first.year != last.year:
        return f"{begin} {TO} {_day(last)}, {last.year} {finish}"
    return f"{begin} {TO} {finish}" if first.date() == last.date() else f"{begin} {TO} {_day(last)} {finish}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: "41 s", "51 min", "2 h 18 min", "3 days 4 h"."""
    whole = max(int(seconds), 0)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    if days:
        return _two(f"{days} day{'s' if days > 1 else ''}", hours, "h")
    if hours:
        return _two(f"{hours} h", minutes, "min")
    return f"{minutes} min" if minutes else f"{left} s"


def iso(at: datetime) -> str:
    """Return "2025-12-09T17:29:00Z", for machines."""
    return at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _two(larger: str, smaller: int, unit: str) -> str:
    return f"{larger} {smaller} {unit}" if smaller else larger


def _day(local: datetime) -> str:
    return f"{_MONTHS[local.month - 1]} {local.day}"


def _clock(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local.minute:02}"


def _half(local: datetime) -> str:
    return "AM" if local.hour < 12 else "PM"  # noqa: PLR2004 - noon


def _zone(local: datetime) -> str:
    """Return the abbreviation; zones that have none are named by their offset ("UTC+3", "UTC+5:30")."""
    name = local.tzname() or "UTC"
    if not name.startswith(("+", "-")):
        return name
    hours, minutes = name[1:3].lstrip("0") or "0", name[3:5]
    return f"UTC{name[0]}{hours}" + (f":{minutes}" if minutes not in {"", "00"} else "")
