"""What Go's templates leave in an author's text, as a person writes it: `map[…]`, `<no value>`, 3.3333333333333335.

Grafana fills annotations with Go's text/template, which prints maps as `map[A:1 B:2]` (keys sorted, nothing quoted),
floats with all their digits or an exponent, and `<no value>` for what is missing; `$value` and `.ValueString` print as
`[ var='A' labels={…} value=1 ]`. Only these are reworded; all else of a text is its author's, links above all.
"""

from __future__ import annotations

import math
import re
from typing import Final

from bridge.core.payload import value_string
from bridge.render.figures import NO_VALUE, number
from bridge.render.text import ELLIPSIS
from bridge.render.words import value_words

LONGEST: Final = 200_000
"""Characters of a text that are looked at; nothing of what comes later is ever shown."""

_ENTRY = re.compile(r"\[ (?=(?:var|metric)='|labels=\{|value=)")
_ENTRY_END = re.compile(r"(?<=\s)value=[^\s\[\]]{1,40} \]")
_BRACKETS = re.compile(r"https?://[^\s\[\]]*+\[?|(?<!\w)map\[|[\[\]]")
"""Brackets, of which a map's and those inside of links are told from others."""

_KEY = re.compile(r"([A-Za-z_][\w./-]*):(?!//)(.*)", re.DOTALL)
_DEEPEST = 4
"""Maps in maps; what is deeper stays as Go wrote it."""
_GLUE = "\N{NULL}"
"""A blank inside of an inner map; a text that may be shown has no such character (`text.clean`)."""
_MISSING = re.compile(r"<no value>|\[no value\]|<nil>")
_RAW = re.compile(
    r"(?P<link>https?://\S+|www\.\S+)"
    r"|(?<![\w./-])(?<![0-9]{2}:[0-9]{2}:)(?P<float>-?(?:[0-9]++(?:\.[0-9]++)?[eE][+-][0-9]{2,3}|[0-9]++\.[0-9]{7,}+)"
    r"(?![0-9]))(?P<unit>[A-Za-zµμ%°]{0,3})(?![\w]|[.-]\w)"
)
"""A link, which is left alone, or a float as Go writes it, perhaps with a unit at its end; not a version or a time."""

_FLOAT = re.compile(r"[0-9](?:[eE][+-]|\.[0-9]{7})")
"""Part of any such float."""


def humane(text: str) -> str:
    """Return an author's text with what Go wrote into it put as people write; takes time linear in its length."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + ELLIPSIS
    if "[ " in text:
        text = _entries(text)
    if "map[" in text:
        text = _maps(text, _DEEPEST)
    if "no value" in text or "<nil>" in text:
        text = _MISSING.sub(NO_VALUE, text)
    return _RAW.sub(_number, text) if _FLOAT.search(text) else text


def _number(found: re.Match[str]) -> str:
    raw, unit = found["float"], found["unit"]
    if found["link"] or not math.isfinite(float(raw)):
        return found[0]
    shown = number(float(raw))
    return f"{shown} {unit}" if unit.isalpha() and not shown[-1:].isdecimal() else shown + unit


def _entries(text: str) -> str:
    """Word each `[ var='A' labels={…} value=1 ]`; what stands between them, and one without an end, stays."""
    told: list[str] = []
    at = 0
    while (first := _ENTRY.search(text, at)) and (end := _ENTRY_END.search(text, first.end())):
        start = max(found.start() for found in _ENTRY.finditer(text, first.start(), end.start()))
        entry = text[start : end.end()]
        values = (value_words(value.name, value.number) for value in value_string.parse(entry))
        told += [text[at:start], ", ".join(values) or entry]
        at = end.end()
    return "".join(told) + text[at:]


def _maps(text: str, deep: int) -> str:
    """Word each map that no other map holds; their brackets are matched first, so that all is read once."""
    told: list[str] = []
    at = 0
    for start, end in _spans(text):
        words = _pairs(text[start + len("map[") : end - 1], deep)
        if words is not None:
            told += [text[at:start], words]
            at = end
    return "".join(told) + text[at:]


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where the outermost maps begin and end."""
    opened: list[tuple[int, bool]] = []
    spans: list[tuple[int, int]] = []
    for bracket in _BRACKETS.finditer(text):
        if bracket[0][-1] == "[":
            opened.append((bracket.start(), bracket[0] == "map["))
        elif bracket[0] == "]" and opened:
            start, is_map = opened.pop()
            if is_map:
                while spans and spans[-1][0] > start:
                    spans.pop()
                spans.append((start, bracket.end()))
    return spans


def _pairs(inside: str, deep: int) -> str | None:
    """Return "A: 3.33, B: 1 million" of what stands in a map; None where it is none, such as `map[string]`.

    Nothing is quoted: a word with a colon begins a pair, any other goes on with the value before it.
    """
    if not inside.strip(" "):
        return "none"
    if deep > 1 and "map[" in inside:
        inside = _maps(inside, deep - 1)
    pairs: list[list[str]] = []
    for word in _MISSING.sub(NO_VALUE.replace(" ", _GLUE), inside).split(" "):
        key = _KEY.fullmatch(word)
        if key:
            pairs.append([f"{key[1]}:", *([key[2]] if key[2] else [])])
        elif pairs:
            pairs[-1].append(word)
        else:
            return None
    told = ", ".join(" ".join(pair) for pair in pairs)
    return told.replace(_GLUE, " ") if deep == _DEEPEST else f"({told})".replace(" ", _GLUE)
