"""A usable configuration, as whoever serves holds it: frozen values, nothing that reads or checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.config.document import Document
    from bridge.config.problem import Problem
    from bridge.config.settings import Settings
    from bridge.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable configuration.

    `warnings` holds what was left out on the way: a broken included file's problems (level error, since
    `bridge check` fails for them) and names that lead nowhere for want of it. `documents` are the files that it was
    made of, the main one first; `load` takes them as last good ones. `templates` are the texts of the own templates by
    name, where a process holds them (`bridge.reload`). `stamps` tell whether the files are still as they were when they
    were read (`bridge.changes`), where that is known.
    """

    rules: Rules
    settings: Settings
    warnings: tuple[Problem, ...] = ()
    documents: tuple[Document, ...] = field(default=(), repr=False)
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    stamps: Mapping[Path, tuple[int, int, int, int] | None] | None = field(default=None, repr=False, compare=False)
