"""What is wrong with a template's output, and how to mend what Jinja says of its source."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from bridge.config.words import did_you_mean, nearest, shown
from bridge.render.escape import escape_of
from bridge.render.filters import FILTERS
from bridge.render.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/reference/template-view.md"

_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_PART = re.compile(r"'(bridge\.render[\w.]*)\.(\w+) object' has no attribute '(\w+)'")
_KNOWN = (
    (_UNDEFINED, f"what there is stands in {PAGE}"),
    (re.compile(r"has no element \d+"), "it may be empty: ask with {% if … %} first"),
    (re.compile("recursion"), "a template can't extend itself: give yours a name that no shipped one has"),
    (re.compile("^there is no template"), "mend the name, or write the file; it is relative to the template folder"),
)
_FILTER = re.compile(r"No filter named '(\w+)'")
_CONTROL = re.compile(r"<([^<>|\n]+)(?:\|[^<>\n]*)?>")
_MARKDOWN = re.compile(r"\]\(\s*<?([a-z][a-z0-9+.-]*:[^)\s>]*)|<([a-z][a-z0-9+.-]*:[^>\s]*)>", re.IGNORECASE)
_HTTP = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)


def plainly(reason: str) -> str:
    """Return what Jinja says without the names of our modules."""
    return _PART.sub(r"a \2 has no part '\3'", reason)


def mend(reason: str) -> str:
    """Return how to mend what Jinja, or the sandbox, says."""
    if (found := _PART.search(reason)) and (parts := _parts(found[1], found[2])):
        return did_you_mean(found[3], parts)
    if (found := _UNDEFINED.search(reason)) and (known := nearest(found[1], [one.name for one in fields(View)])):
        return f"did you mean {known}?"
    if found := _FILTER.search(reason):
        return did_you_mean(found[1], [*FILTERS, "join"])
    told = next((how for pattern, how in _KNOWN if pattern.search(reason)), "")
    return told or f"mend this line; what there is stands in {PAGE}"


def _parts(module: str, name: str) -> list[str]:
    """Return the names of a part's fields."""
    part = getattr(importlib.import_module(module), name, None)
    return [one.name for one in fields(part)] if isinstance(part, type) and is_dataclass(part) else []


def markup_faults(kind: str, block: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield what a template's own markup does that it must not: links that are no http(s) ones, mentions.

    Values are escaped: what of a rendering is markup was written in the template.
    """
    if block in escape_of(kind).plain_blocks:
        return
    if kind == "slack":
        for target in _CONTROL.findall(text):
            if target.startswith(("!", "@")):
                yield f"calls {shown(f'<{target}>')}", "mentions come from the destination's setting mention alone"
            elif not target.startswith("#") and not _HTTP.match(target):
                yield _no_link(target)
    if kind == "github":
        for one, other in _MARKDOWN.findall(text):
            if not _HTTP.match(one or other):
                yield _no_link(one or other)


def _no_link(target: str) -> tuple[str, str]:
    return f"links to {shown(target)}, which is no http or https address", "write one, or only the words"
