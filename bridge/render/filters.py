"""The filters that templates have: few, and none that could make markup of text or grow it without bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.filters import FILTERS as JINJA

from bridge.render import text, words

if TYPE_CHECKING:
    from collections.abc import Callable

_FROM_JINJA = (
    "default",
    "dictsort",
    "first",
    "last",
    "length",
    "list",
    "map",
    "reject",
    "rejectattr",
    "round",
    "select",
    "selectattr",
    "sort",
    "unique",
)


def short(value: object, room: int = 80) -> str:
    """Cut text to `room` characters at a word, marked with "…"."""
    return text.cut(_text(value), max(int(room), 1))


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


def _text(value: object) -> str:
    """Return plain text: what was markup is escaped anew when it is put out."""
    return str.__str__(value) if isinstance(value, str) else str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA[name] for name in _FROM_JINJA},
    "capitalize": capitalize,
    "counted": counted,
    "lower": lower,
    "number": number,
    "oneline": oneline,
    "ordinal": ordinal,
    "short": short,
    "trim": trim,
    "upper": upper,
}
"""By name. `join` is added by the sandbox, which escapes what it joins."""
