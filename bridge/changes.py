"""Whether what a configuration was read from has changed: a look at its files every now and then, by `stat` alone.

No notices of the system's are asked for: they don't come over a network's file system, nor where a link above the file
is exchanged, as Kubernetes does with a ConfigMap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.config.include import included

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from bridge.config.loaded import Loaded

EVERY = 1.0
"""Seconds between two looks."""
MOST = 2_000
"""Files of a template folder: one with more is somebody's home, or the root."""

Stamp = tuple[int, int, int, int] | None
State = Mapping["Path", Stamp]


def stamps(files: Iterable[Path]) -> State:
    """Return what tells a changed file from the same one, wherever links lead by now; None where there is none."""
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError):  # it may be no path at all
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def files_of(config: Path, loaded: Loaded | None, templates: Path | None) -> Iterator[Path]:
    """Yield the files that a configuration depends on: itself, what it includes now, the templates."""
    yield config
    if loaded:
        yield from (path for _, path in included(loaded.documents[0], loaded.settings.include, []))
    if templates:
        yield from folder_files(templates)


def folder_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, through links to folders too, without what is hidden, in order.

    A ConfigMap's own folders are hidden: its files are links into them, and so are its folders.
    """
    seen: set[str] = set()
    number = 0
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names) if real not in seen else ():
            if name.startswith("."):
                continue
            yield folder / os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118 - `place` is text
            number += 1
            if number > MOST:
                return
        seen.add(real)


class Changes:
    """Looks at files, and says once that they have changed and come to rest: nobody writes to them any more.

    `read` is how they were when they were read; where nobody knows, the first time they are at rest counts as a change.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, read: State | None = None) -> None:
        self._monotonic = monotonic
        self._look_at = 0.0
        self._last: State | None = None
        self._read = read

    def settled(self, files: Callable[[], Iterable[Path]]) -> bool:
        """Return whether the files differ from when this was last said, and are as they were a look ago."""
        if self._monotonic() < self._look_at:
            return False
        self._look_at = self._monotonic() + EVERY
        before, self._last = self._last, stamps(files())
        if self._last in (self._read, None) or self._last != before:
            return False
        self._read = self._last
        return True
