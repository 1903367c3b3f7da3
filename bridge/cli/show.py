"""How verbs print: aligned columns, times in UTC, and nothing of an alert's text that a terminal would obey."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bridge.render.text import clean, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GAP = "  "
NARROWEST = 20
"""Columns that a title keeps, however narrow the terminal."""
_OUTSIDE_ASCII = re.compile(r"[^\x20-\x7e\n]")


def json_text(value: object) -> str:
    """Return JSON for people and programs; characters that don't print are escaped."""
    return _OUTSIDE_ASCII.sub(_escaped, json.dumps(value, indent=2, ensure_ascii=False))


def print_json(value: object) -> None:
    """Print JSON."""
    click.echo(json_text(value))


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, each made safe for a terminal."""
    for line in lines:
        click.echo(clean(line).replace("\n", " ").rstrip())


def moment(at: datetime | str | None, *, short: bool = False) -> str:
    """Return a time as "2025-12-09 17:29:00 UTC", or short, for a column that says UTC."""
    if at is None:
        return "-"
    found = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
    return found.strftime("%Y-%m-%d %H:%M") if short else found.strftime("%Y-%m-%d %H:%M:%S UTC")


def counted(number: int, noun: str) -> str:
    """Return "1 alert", "2 alerts"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place(destination: str, kind: str, address: str) -> str:
    """Name an address with its destination's name, where that is not the kind's."""
    return f"{kind} {address}" if destination == kind else f"{destination}, {kind} {address}"


def table(rows: Sequence[Sequence[str]], *, indent: str = "", last_cut: bool = False) -> Iterator[str]:
    """Yield rows as aligned columns.

    Args:
        rows: the cells, a header row among them where there is one; all rows have the same number.
        indent: what stands before each row.
        last_cut: cut the last column to the terminal's width; where the output is no terminal, nothing is cut.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    room = 0
    if last_cut and (columns := shutil.get_terminal_size((0, 0)).columns):
        room = max(columns - len(indent) - sum(widths[:-1]) - len(GAP) * (len(widths) - 1), NARROWEST)
    for row in cells:
        *first, last = row
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(first, widths, strict=False)]
        yield (indent + GAP.join([*padded, _cut(last, room) if room else last])).rstrip()


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200c\u200d\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _cut(text: str, room: int) -> str:
    if _width(text) <= room:
        return text
    kept, used = "", 1
    for character in text:
        used += _columns(character)
        if used > room:
            break
        kept += character
    return f"{kept.rstrip()}…"
