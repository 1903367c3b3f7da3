"""What is wrong with a configuration, in words for the person who mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.storable import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

Keys = tuple[str | int, ...]
"""The way to a value: mapping keys and list indexes from the top of the file."""


class Level(StrEnum):
    """How much a finding weighs: an error makes `bridge check` exit 1, a warning and a note don't."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where, what, and how to mend it.

    `line` counts from 1; 0 where the file as a whole, or no file, is meant. Neither text ever holds a secret.
    """

    file: str
    line: int
    what: str
    mend: str = ""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        """One line: `file:line: what: how to mend it`, a warning marked as one."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        marked = "warning: " if self.level is Level.WARNING else ""
        mend = f": {self.mend}" if self.mend else ""
        return storable(f"{where}: {marked}{self.what}{mend}")

    def as_json(self) -> dict[str, str | int]:
        """Return the finding as `bridge check --json` prints it."""
        return {
            "file": storable(self.file),
            "line": self.line,
            "level": str(self.level),
            "what": storable(self.what),
            "mend": storable(self.mend),
        }


class ConfigError(Exception):
    """The configuration can't be used. `problems` holds everything that was found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WrongError(ValueError):
    """A value that can't be: `what` goes on after the key's name ("is empty"), `mend` says what to write instead."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
