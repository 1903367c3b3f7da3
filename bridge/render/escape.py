"""What a kind's escaping is: how untrusted text and links are put into its markup."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Escape:
    """How a kind is escaped. `bridge.destinations.<kind>.escape.ESCAPE` holds its one.

    `text` makes untrusted text inert in the kind's markup. `plain` does so for the blocks in `plain_blocks`, which are
    shown as plain text. `link` writes a link in the markup, both parts escaped.
    """

    text: Callable[[str], str]
    plain: Callable[[str], str]
    link: Callable[[str, str], str]
    plain_blocks: frozenset[str] = field(default_factory=frozenset)

    def of(self, block: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        """Return how text and links are written in one block; a link in a plain block is its text alone."""
        if block in self.plain_blocks:
            return self.plain, lambda text, _url: self.plain(text)
        return self.text, self.link


@cache
def escape_of(kind: str) -> Escape:
    """Return the escaping of a kind, by the place where every kind keeps it."""
    module = importlib.import_module(f"bridge.destinations.{kind}.escape")
    escape: Escape = module.ESCAPE
    return escape
