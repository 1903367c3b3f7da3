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
    nothing is a warning; one that can't be looked for is left out, loudly.
    """
    # `Path.resolve` raises where links lead in a circle: reading such a file says what is wrong with it
    seen = {os.path.realpath(main.folder / Path(main.file).name)}
    for index, pattern in enumerate(patterns):
        keys, mend = ("include", index), "write a path relative to this file"
        try:
            wild = bool(_WILD & set(pattern))
            found = [(path, os.path.realpath(path)) for path in _found(main.folder, pattern, wild=wild)]
        except (OSError, RuntimeError, ValueError):
            problems.append(main.problem(keys, "can't be looked for, its files are left out", mend))
            continue
        if not found:
            problems.append(main.problem(keys, "finds no file", mend, Level.WARNING))
        for path, real in found:
            if real not in seen:
                seen.add(real)
                shown = os.path.relpath(path, main.folder)
                yield os.fspath(Path(main.file).parent / shown), path


def _found(folder: Path, pattern: str, *, wild: bool) -> list[Path]:
    if not wild:
        return [folder / pattern]
    start = Path(pattern)
    if start.is_absolute():
        folder, start = Path(start.anchor), start.relative_to(start.anchor)
    return sorted(path for path in folder.glob(os.fspath(start)) if path.is_file())
