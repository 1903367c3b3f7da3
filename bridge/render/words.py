"""Numbers, counts and the names of values as a person writes them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from bridge.render.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.core.alert import Value

_COUNT = re.compile(r"(?:number|count|num)[ _]of[ _](?P<noun>.+?)(?:[ _](?P<doing>\w+ing))?", re.IGNORECASE)
_REFERENCE = re.compile(r"[A-Z]\d{0,2}")
"""Grafana names a query or an expression by a letter, classic conditions add a number (B0, B1)."""
_SCALES = ((1e15, ""), (1e12, " trillion"), (1e9, " billion"), (1e6, " million"))
_TINY = 1e-6
MOST_VALUES = 6


def number(value: float | None) -> str:
    """Return a number as a person writes it: 1, 0.93, 12,345.7, 1.2 million; None is "no value"."""
    if value is None or math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size >= _SCALES[0][0] or 0 < size < _TINY:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')} \N{MULTIPLICATION SIGN} 10^{int(exponent)}"
    scale, name = next((pair for pair in _SCALES[1:] if size >= pair[0]), (1.0, ""))
    return _trimmed(f"{value / scale:,.{_decimals(size / scale)}f}") + name


def _decimals(size: float) -> int:
    """Return how many decimals tell enough: about three digits, and never less than the whole number."""
    if size >= 1000:  # noqa: PLR2004 - thousands
        return 1
    return 2 if size >= 1 or size == 0 else 2 - math.floor(math.log10(size))


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def ordinal(n: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th, 21st."""
    if n % 100 in {11, 12, 13}:
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"


def plural(noun: str, n: float | None) -> str:
    """Return a noun in the form that goes with a number; nouns come in either form."""
    head, _, last = noun.rpartition(" ")
    single = _singular(last)
    form = single if n == 1 else _plural(single)
    return f"{head} {form}".strip()


def _singular(noun: str) -> str:
    lower = noun.lower()
    if lower.endswith("ies") and len(noun) > len("ties"):
        return noun[:-3] + "y"
    if lower.endswith(("sses", "xes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else noun


def _plural(noun: str) -> str:
    lower = noun.lower()
    if lower.endswith("y") and lower[-2:-1] not in {"", *"aeiou"}:
        return noun[:-1] + "ies"
    return noun + ("es" if lower.endswith(("s", "x", "ch", "sh")) else "s")


def counted(n: int, noun: str) -> str:
    """Return "1 alert", "3 alerts", "1,200 alerts"."""
    return f"{number(n)} {plural(noun, n)}"


def spelled(name: str) -> str:
    """Return a label's or value's name as words: "Failure_Threshold" is "Failure threshold"."""
    words = one_line(name.replace("_", " ")).split(" ")
    return " ".join([words[0], *(word.lower() if word.istitle() else word for word in words[1:])])


def value_words(name: str, value: float | None, unit: str = "") -> str:
    """Return one measured value: "1 job failing", "Failure threshold: 1", "Load: 93%".

    `Number_of_<things>_<doing>` is a count of things; any other name stands before its number.
    """
    count = _COUNT.fullmatch(one_line(name))
    if count and value is not None:
        things = plural(count["noun"].replace("_", " ").lower(), value)
        return " ".join(part for part in (number(value), things, (count["doing"] or "").lower()) if part)
    shown = number(value)
    if unit and value is not None:
        shown += unit if unit == "%" else f" {unit}"
    return f"{spelled(name)}: {shown}"


def values_words(values: Iterable[Value], unit: str = "") -> tuple[str, ...]:
    """Return the values that tell something, counts first, thresholds last.

    Grafana's single letters stand for expressions, not for facts: they show only where there is nothing else. Values
    of one name are told apart by their labels.
    """
    known = [value for value in values if value.name.strip()]
    telling = [value for value in known if not _REFERENCE.fullmatch(value.name)]
    telling = telling or [value for value in known if value.number is not None]
    names = [value.name for value in telling]
    told = []
    for value in sorted(telling, key=_order):
        words = value_words(value.name, value.number, one_line(unit)[:20])
        if names.count(value.name) > 1 and value.labels:
            words += f" ({', '.join(one_line(text) for text in value.labels.values())})"
        told.append(words)
    unique = list(dict.fromkeys(told))
    rest = len(unique) - MOST_VALUES
    return tuple(unique) if rest <= 0 else (*unique[:MOST_VALUES], f"and {counted(rest, 'more value')}")


def _order(value: Value) -> int:
    if _COUNT.fullmatch(value.name):
        return 0
    return 2 if "threshold" in value.name.lower() else 1


def listing(names: Sequence[str], most: int, total: int | None = None) -> str:
    """Return "host-a, host-b and 37 more"; `total` where `names` are only the first of more."""
    shown = [name for name in names[:most] if name]
    rest = (len(names) if total is None else total) - len(shown)
    text = ", ".join(shown)
    return f"{text} and {number(rest)} more" if rest > 0 and shown else text
