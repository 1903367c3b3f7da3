"""Values that Grafana names by a letter: which of them tell something, and what to call them.

Queries and expressions are A, B, C …; what a classic condition found is B0, B1 …. One of the letters is the rule's
condition, whose 0 or 1 is no measurement (Grafana, pkg/expr/threshold.go); others repeat what a named value says.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.core.alert import Value

REFERENCE: Final = re.compile(r"[A-Z]\d{0,2}")
METRIC: Final = "__name__"
"""The label in which Prometheus keeps a metric's own name."""
_CONDITIONS = frozenset({"threshold", "classic_conditions"})
_MEASURES = frozenset({"query", "reduce", "resample"})
_SAYS_LITTLE = frozenset({0.0, 1.0, -1.0})
"""What a condition results in, and what Grafana writes where it has no value."""

Pairs = frozenset[tuple[str, str]]


def beyond(value: Value, known: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a value that its alert lacks: they tell which series was measured."""
    return {name: text for name, text in value.labels.items() if name != METRIC and known.get(name) != text}


def telling(values: Sequence[Value], known: Mapping[str, str]) -> list[Value]:
    """Return the values that tell something, in their order, a lettered one under its metric's name where it has one.

    Args:
        values: of one alert, named and lettered ones.
        known: the alert's own labels.
    """
    lettered = {at: value for at, value in enumerate(values) if REFERENCE.fullmatch(value.name)}
    named = [value for at, value in enumerate(values) if at not in lettered]
    measured = _measured(lettered, alone=not named) if lettered else {}
    if not measured:
        return named
    kept = _unsaid(measured, named, known)
    alike = Counter((value.labels.get(METRIC), _pairs(value, known)) for value in kept.values())

    def called(value: Value) -> Value:
        metric = value.labels.get(METRIC)
        single = alike[metric, _pairs(value, known)] == 1
        return replace(value, name=metric if single else f"{metric} {value.name}") if metric else value

    told = {at: called(value) for at, value in kept.items()}
    return [told.get(at, value) for at, value in enumerate(values) if at in told or at not in lettered]


def _measured(lettered: Mapping[int, Value], *, alone: bool) -> dict[int, Value]:
    """Return those that were measured; a 0 or 1 is one only where that is known, or where there is nothing else."""
    found = {at: one for at, one in lettered.items() if one.number is not None and one.kind not in _CONDITIONS}
    sure = {
        at: one
        for at, one in found.items()
        if one.kind in _MEASURES or len(one.name) > 1 or one.number not in _SAYS_LITTLE
    }
    if sure or not alone:
        return sure
    conditions = {one.name for one in lettered.values() if one.kind in _CONDITIONS}
    last = {max((one.name for one in lettered.values()), default="")}
    return {at: one for at, one in found.items() if one.name not in (conditions or last) and one.number != -1}


def _unsaid(lettered: dict[int, Value], named: Sequence[Value], known: Mapping[str, str]) -> dict[int, Value]:
    """Leave out what says again what another value says: the same number, of nothing more."""
    said: set[tuple[float | None, Pairs]] = set()
    for value in named:
        said |= {(value.number, _pairs(value, known)), (value.number, frozenset())}
    kept: dict[int, Value] = {}
    for at, value in sorted(lettered.items(), key=lambda pair: not _pairs(pair[1], known)):
        pairs = _pairs(value, known)
        if (value.number, pairs) not in said:
            kept[at] = value
        said |= {(value.number, pairs), (value.number, frozenset())}
    return kept


def _pairs(value: Value, known: Mapping[str, str]) -> Pairs:
    return frozenset(beyond(value, known).items())
