"""The keys that are accepted and validated, but have no effect yet: one list, an entry goes when its key works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.problem import Level, Problem
from bridge.config.words import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.document import Document

LATER: tuple[tuple[str, ...], ...] = (
    ("mode",),
    ("teams", "*", "mode"),
    ("shadow",),
)
"""Ways to keys; `*` stands for any name."""


def without_effect(document: Document) -> Iterator[Problem]:
    """Yield a note for each key of a file that has no effect yet."""
    for keys, place in document.places.items():
        if any(len(way) == len(keys) and _fits(way, keys) for way in LATER):
            what = f"{dotted(keys)} is accepted, but has no effect yet in this version"
            yield Problem(document.file, place.line, what, level=Level.NOTE)


def _fits(way: tuple[str, ...], keys: tuple[str | int, ...]) -> bool:
    return all(wanted in {"*", key} for wanted, key in zip(way, keys, strict=True))
