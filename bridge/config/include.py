"""Which files a configuration includes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.problem import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.document import Document
    from bridge.config.problem import Problem

_WILD = frozenset("*?[")


def included(main: Document, patterns: tuple[str, ...], problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    """Yield each included file once: its name as shown to people, and its path, in the order of the patterns.

    A pattern without `*` names a file that must be there: where it isn't, reading it says so. A pattern that finds
    nothing is a warning.
    """
    seen: set[Path] = {(main.folder / Path(main.file).name).resolve()}
    for index, pattern in enumerate(patterns):
        wild = bool(_WILD & set(pattern))
        found = _matching(main.folder, pattern) if wild else [main.folder / pattern]
        if not found:
            keys = ("include", index)
            problems.append(main.problem(keys, "finds no file", "write a path relative to this file", Level.WARNING))
        for path in found:
            if (real := path.resolve()) not in seen:
                seen.add(real)
                shown = os.path.relpath(path, main.folder)
                yield os.fspath(Path(main.file).parent / shown), path


def _matching(folder: Path, pattern: str) -> list[Path]:
    start = Path(pattern)
    if start.is_absolute():
        folder, start = Path(start.anchor), start.relative_to(start.anchor)
    return sorted(path for path in folder.glob(os.fspath(start)) if path.is_file())
