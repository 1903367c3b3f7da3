"""Measured values, counts and lists as a person writes them."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bridge.render import letters, nouns
from bridge.render.figures import NO_VALUE, number, ordinal
from bridge.render.names import LONGEST, MOST_KNOWN, is_count, spelled, things
from bridge.render.text import cut, one_line
from bridge.render.units import measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.core.alert import Value

__all__ = ["counted", "listing", "number", "ordinal", "plural", "spelled", "value_words", "values_words"]

MOST_VALUES: Final = 6
MOST_LOOKED_AT: Final = 500
"""An alert may bring values without end: no more than these are put in words."""

_CONDITION = re.compile(r"condition|breach|firing|alert|triggered|exceeded|result|violat", re.IGNORECASE)
_MOST_LABELS = 3
_LONGEST_LABEL = 60


def plural(noun: str, n: float | None) -> str:
    """Return a noun in the form that goes with a number; nouns come in either form."""
    head, _, last = noun.rpartition(" ")
    form = nouns.singular(last) if n == 1 else nouns.plural(last)
    return f"{head} {form}".strip()


def counted(n: int, noun: str) -> str:
    """Return "1 alert", "3 alerts", "1,200 alerts"."""
    return f"{number(n)} {plural(noun, n)}"


def value_words(name: str, value: float | None, unit: str = "") -> str:
    """Return one measured value: "1 job failing", "Failure threshold: 1", "Load: 93%".

    `Number_of_<things>_<doing>` is a count of things; any other name stands before its number. Neither counts nor
    thresholds have a unit. A count below zero is none, and so is a threshold of failures: Grafana writes -1 where it
    has no value.
    """
    if is_count(name):
        return _count_words(name, value)
    if value is not None and value < 0 and _is_threshold(name) and "fail" in name[:LONGEST].lower():
        value = None
    return f"{spelled(name)}: {number(value) if _is_threshold(name) else measured(value, unit)}"


def _count_words(name: str, value: float | None) -> str:
    found = things(name)
    shown = NO_VALUE if value is None or value < 0 else number(value)
    if found is None:
        return f"{spelled(name)}: {shown}"
    if shown == NO_VALUE:
        words = found.words(None)
        return f"{words[:1].upper()}{words[1:]}: {shown}"
    return f"{shown} {found.words(value)}"


def values_words(values: Iterable[Value], unit: str = "", labels: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values that tell something, counts first, thresholds last.

    Values of one name are told apart by their labels. A unit goes to what was measured, where that can be told.

    Args:
        values: of one alert.
        unit: what the alert says that it measures in.
        labels: the alert's own; those that only a value has are shown with it, and none where they aren't known.
    """
    telling = letters.telling([value for value in values if value.name.strip()], labels or {})
    distinct = {(value.name, value.number, *sorted(value.labels.items())): value for value in telling}
    chosen = sorted(distinct.values(), key=_order)[:MOST_LOOKED_AT]
    measure = _measure(telling) if unit else None
    apart = _labels_apart(chosen)
    told: dict[str, int] = {}
    for value in chosen:
        words = value_words(value.name, value.number, unit if value.name == measure else "")
        if value.labels:
            beyond = letters.beyond(value, labels) if labels is not None else ()
            words += _apart(value, (*apart.get(value.name, ()), *beyond))
        told[words] = told.get(words, 0) + 1
    shown = list(told)[:MOST_VALUES]
    rest = len(distinct) - sum(told[words] for words in shown)
    return (*shown, f"and {counted(rest, 'more value')}") if rest else tuple(shown)


def _measure(telling: Sequence[Value]) -> str | None:
    """Return the name of what a unit belongs to: what has a number and is no count, threshold or condition's result.

    None where that leaves several names. Conditions result in 0 or 1 (Grafana, pkg/expr/threshold.go).
    """
    names = dict.fromkeys(
        value.name
        for value in telling
        if value.number is not None and not (is_count(value.name) or _is_threshold(value.name) or _is_condition(value))
    )
    return next(iter(names)) if len(names) == 1 else None


def _is_condition(value: Value) -> bool:
    return _CONDITION.search(value.name) is not None and value.number in {0.0, 1.0}


def _is_threshold(name: str) -> bool:
    return "threshold" in name[:LONGEST].lower()


def _order(value: Value) -> int:
    return _rank(value.name[:LONGEST])


@lru_cache(maxsize=MOST_KNOWN)
def _rank(name: str) -> int:
    if is_count(name):
        return 0
    return 2 if _is_threshold(name) else 1


def _labels_apart(chosen: Sequence[Value]) -> dict[str, tuple[str, ...]]:
    """Return by name which labels tell values of one name apart; a name that stands alone has none."""
    same: dict[str, list[Value]] = {}
    for value in chosen:
        same.setdefault(value.name, []).append(value)
    return {name: _differing(those) for name, those in same.items() if len(those) > 1}


def _differing(those: Sequence[Value]) -> tuple[str, ...]:
    """Return the labels that not all values have alike, few enough to read."""
    pairs = Counter(pair for value in those for pair in value.labels.items())
    differing = dict.fromkeys(name for (name, _), times in pairs.items() if times < len(those))
    return tuple(differing)[:_MOST_LABELS]


def _apart(value: Value, labels: Sequence[str]) -> str:
    texts = (value.labels.get(name, "") for name in list(dict.fromkeys(labels))[:_MOST_LABELS])
    told = [cut(one_line(text[:LONGEST]), _LONGEST_LABEL) for text in texts if text]
    return f" ({', '.join(told)})" if told else ""


def listing(names: Sequence[str], most: int, total: int | None = None) -> str:
    """Return "host-a, host-b and 37 more"; `total` where `names` are only the first of more."""
    shown = [name for name in names[:most] if name]
    rest = (len(names) if total is None else total) - len(shown)
    text = ", ".join(shown)
    return f"{text} and {number(rest)} more" if rest > 0 and shown else text
