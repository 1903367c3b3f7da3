"""What a kind's escaping is: how untrusted text and links are put into its markup."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

AT: Final = re.compile(r"(?P<url>https?:(?://[^\s<>|()\[\]]*|/?\Z))|(?<![A-Za-z0-9])@", re.IGNORECASE)
"""In a template's own text: addresses, and each @ that a name could follow."""
UNFINISHED: Final = re.compile(r"https?:(?:/?|//[^\s<>|()\[\]/?#]*)\Z", re.IGNORECASE)
"""An address at the end of a text, whose host a value would say."""


def at(found: re.Match[str], joint: str) -> str:
    """Return what `AT` found, made inert with an invisible `joint`; in an address that is whole, @ is written %40."""
    url: str = found["url"]
    if not url:
        return f"@{joint}"
    if found.end() == len(found.string) and UNFINISHED.fullmatch(url):
        return url.replace(":", f":{joint}", 1)
    return url.replace("@", "%40")


@dataclass(frozen=True, slots=True)
class Escape:
    """How a kind is escaped. `bridge.destinations.<kind>.escape.ESCAPE` holds its one.

    `text` makes untrusted text inert in the kind's markup. `plain` does so for the blocks in `plain_blocks`, which are
    shown as plain text. `link` writes a link in the markup, both parts escaped. `written` is for what a template's
    author wrote, which is markup: it leaves it so, but for what would mention people, and links that a value would end.
    """

    text: Callable[[str], str]
    plain: Callable[[str], str]
    link: Callable[[str, str], str]
    written: Callable[[str], str]
    plain_blocks: frozenset[str] = field(default_factory=frozenset)

    def of(self, block: str) -> tuple[Callable[[str], str], Callable[[str, str], str], Callable[[str], str]]:
        """Return how values, links and the template's own text are written in one block.

        A link in a plain block is its text alone.
        """
        if block in self.plain_blocks:
            return self.plain, lambda text, _url: self.plain(text), self.written
        return self.text, self.link, self.written


@cache
def escape_of(kind: str) -> Escape:
    """Return the escaping of a kind, by the place where every kind keeps it."""
    module = importlib.import_module(f"bridge.destinations.{kind}.escape")
    escape: Escape = module.ESCAPE
    return escape


@lru_cache(maxsize=256)
def writing(kind: str, block: str) -> tuple[Callable[[str], str], Callable[[str, str], str], Callable[[str], str]]:
    """Return how values, links and the template's own text are written in a block of a kind (`Escape.of`)."""
    return escape_of(kind).of(block)
