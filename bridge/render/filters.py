"""The filters that templates have: few, and none that could make markup of text or grow it without bound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Undefined, pass_context
from jinja2.exceptions import FilterArgumentError, TemplateRuntimeError
from jinja2.filters import FILTERS as JINJA

from bridge.render import bounds, text, times, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2.runtime import Context

_LONGEST = 1e11
"""Seconds; more than three thousand years are no duration."""
_LONGEST_TIME = 40
_LAST_YEAR = 9999

_MOST_DIGITS = 15
"""More digits a float has not."""

# These do not look at all of what they are given.
_QUICK = ("default", "first", "length")
_BY_ITEM = ("list", "map", "reject", "rejectattr", "select", "selectattr", "sort", "unique")


def short(value: object, room: int = 80) -> str:
    """Cut text to `room` characters at a word, marked with "…"."""
    return text.cut(_text(value), max(int(room), 1))


def truncate(value: object, room: int = 80) -> str:
    """The same as `short`, by the name that it has in Jinja."""
    return short(value, room)


def oneline(value: object) -> str:
    """Make one line of text."""
    return text.one_line(_text(value))


def upper(value: object) -> str:
    """Put text in capitals."""
    return _text(value).upper()


def lower(value: object) -> str:
    """Put text in small letters."""
    return _text(value).lower()


def capitalize(value: object) -> str:
    """Put the first letter in a capital, the rest as it is."""
    plain = _text(value)
    return plain[:1].upper() + plain[1:]


def trim(value: object) -> str:
    """Take the spaces from both ends."""
    return _text(value).strip()


def number(value: float | None) -> str:
    """Write a number as people do."""
    return words.number(value)


def counted(value: int, noun: str) -> str:
    """Write a number with its noun: "37 alerts"."""
    return words.counted(value, _text(noun))


def ordinal(value: int) -> str:
    """Write 1st, 2nd, 3rd."""
    return words.ordinal(value)


def plural(noun: str, value: float) -> str:
    """Put a noun into the form that goes with a number: "job" with 3 is "jobs"."""
    return words.plural(_text(noun), value)


def duration(seconds: float | None) -> str:
    """Write seconds as a length of time: "2 h 18 min"; nothing where there are none."""
    return "" if seconds is None else times.duration(min(float(seconds), _LONGEST))


@pass_context
def moment(context: Context, value: object) -> str:
    """Show a time in the team's zone: "Dec 9, 2025 9:29 AM PST". Takes ISO text or Unix seconds; other text stays."""
    at = _time(value)
    zone = times.zone_named(str(context.get("timezone") or ""))
    return _text(value) if at is None else times.moment(at, zone)


def _time(value: object) -> datetime | None:
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(_text(value).strip()[:_LONGEST_TIME])
        # a whole day of room, so that any zone's time can be written
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC) if 1 < at.year < _LAST_YEAR else None
    except (ValueError, OverflowError, OSError):
        return None


def rounded(value: float, precision: int = 0, method: str = "common") -> float:
    """Round to a number of digits, at most 15: `round(1)`, `round(0, "ceil")`, `round(0, "floor")`."""
    if not bounds.calculable(value) or abs(int(precision)) > _MOST_DIGITS:
        raise FilterArgumentError(f"round takes a number, and at most {_MOST_DIGITS} digits")
    made: float = JINJA["round"](value, precision, method)
    return made


def _text(value: object) -> str:
    """Return plain text: what was markup is escaped anew when it is put out."""
    if value is None or isinstance(value, (str, int, float, Undefined)):
        return str.__str__(value) if isinstance(value, str) else str(value)
    raise TemplateRuntimeError(f"a {type(value).__name__} is no text; name one of its parts")


_OURS: Final = (
    *(capitalize, counted, duration, lower, moment, number, oneline),
    *(ordinal, plural, short, trim, truncate, upper),
)
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA[name] for name in _QUICK},
    **{name: bounds.counted(JINJA[name], items=True) for name in _BY_ITEM},
    **{name: bounds.counted(JINJA[name]) for name in ("dictsort", "last")},
    "round": bounds.counted(rounded),
    **{function.__name__: bounds.counted(function) for function in _OURS},
}
"""By name. `join` is added by the sandbox, which escapes what it joins."""
