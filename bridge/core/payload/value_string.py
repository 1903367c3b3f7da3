"""Grafana's `valueString`: `[ var='B' metric='m' labels={k=v, k2=v2} type='query' value=22 ], [ … ]`.

Nothing in it is escaped, so quotes, braces and brackets may stand inside names and labels; `var`, `metric`, `labels`
and `type` may each be missing. It is therefore read from the outside in, never fails, and takes time in proportion to
its length. The `values` object is the better source where a sender gives it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.core.alert import Value
from bridge.core.payload.fields import number

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAIL = 60
"""Characters at an entry's end that may hold its `type`."""
UNNAMED = "value"
"""The name of a value that has neither `var` nor a `metric` that says something."""

_BETWEEN = re.compile(r"\s\]\s*,\s*\[\s")
_KIND = re.compile(r"type='([a-z_]{1,40})'\Z")
_PLAIN = re.compile(
    r"\s*var='(?P<variable>[^'{]*)'\s+labels=\{(?P<labels>[^{}]*)\}"
    r"(?:\s+type='(?P<kind>[a-z_]{1,40})')?\s+value=(?P<value>[^\s=]+)\s*"
)
"""An entry as Grafana writes most: nothing in it can be meant otherwise, so that it is read at one go."""
_BETWEEN_LABELS = re.compile(r",\s+(?=[^\s=,]+=)")


def parse(written: str) -> tuple[Value, ...]:
    """Return the values of a `valueString` in its order; empty for an empty or quite different text."""
    return tuple(_entries(_unbracket(written.strip())))


def _unbracket(written: str) -> str:
    """Take off the outermost bracket at either end."""
    return written.removeprefix("[").removesuffix("]")


def _entries(written: str) -> Iterator[Value]:
    """Yield the value of each entry.

    A separator inside a metric's name cuts an entry in two; the part before it has no `value=` at its end, and is
    joined with the next one.
    """
    begun: list[str] = []
    for piece in _BETWEEN.split(written):
        if not begun and (plain := _PLAIN.fullmatch(piece)):
            name, labels, kind, said = plain.groups("")
            yield Value(name or UNNAMED, number(said), _labels(labels), kind)
            continue
        head, found, tail = piece.rpartition("value=")
        value = tail.strip()
        if not found or (head and not head[-1].isspace()) or not value or len(value.split()) > 1:
            begun.append(piece)
            continue
        yield _entry(" ], [ ".join([*begun, head]), value)
        begun = []


def _entry(head: str, value: str) -> Value:
    """Read one entry from the text before `value=` and the text after it."""
    before, found, after = head.rpartition("labels={")
    labels = _labels(after[: after.rfind("}")]) if found and "}" in after else {}
    names = (before if found else head).strip()
    variable, metric = _names(names)
    kind = _KIND.search(head.rstrip()[-_TAIL:])
    return Value(variable or metric or UNNAMED, number(value), labels, kind[1] if kind else "")


def _names(written: str) -> tuple[str, str]:
    """Return `var` and `metric` of the text that stands before the labels; either may be empty."""
    variable, found, metric = written.partition("metric='")
    quoted = variable.strip()
    variable = quoted.removeprefix("var='").removesuffix("'") if quoted.startswith("var='") else ""
    if not found:
        return variable.partition("' type='")[0], ""
    return variable, metric.partition("' type='")[0].removesuffix("'")


def _labels(written: str) -> dict[str, str]:
    """Read `k=v, k2=v2`; a comma belongs to a value where no `name=` follows it."""
    pairs = (pair.partition("=") for pair in _BETWEEN_LABELS.split(written) if "=" in pair)
    return {name.strip(): value for name, _, value in pairs}
