"""A file that was read: plain values, with the line and column of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bridge.config.problem import Level, Problem
from bridge.config.words import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.config.problem import Keys

Tree = str | None | list["Tree"] | dict[str, "Tree"]


class Place(NamedTuple):
    """Where a key or list entry is written, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read. `file` is its name as shown to people; `folder` is what relative paths in it start from.

    `swallowed` holds, for values that YAML found empty, the text that it took for a comment.
    """

    file: str
    folder: Path
    data: dict[str, Tree] = field(default_factory=dict)
    places: Mapping[Keys, Place] = field(default_factory=dict)
    swallowed: Mapping[Keys, str] = field(default_factory=dict)

    def place(self, keys: Keys) -> Place:
        """Return where a key is written, or the nearest key above it that is."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, Place(1, 1))

    def where(self, keys: Keys) -> str:
        """Return "file:line" of a key."""
        return f"{self.file}:{self.place(keys).line}"

    def problem(self, keys: Keys, what: str, mend: str = "", level: Level = Level.ERROR) -> Problem:
        """Return a finding about a key, the key's name first; of a list written as one value the key itself."""
        while keys and isinstance(keys[-1], int) and keys not in self.places:
            keys = keys[:-1]
        return Problem(self.file, self.place(keys).line, f"{dotted(keys)} {what}".strip(), mend, level)
