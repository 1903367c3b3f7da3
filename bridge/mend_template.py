"""What is wrong with a template's own text, and how to mend what Jinja says of its source."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final

from bridge.config.words import did_you_mean, nearest, shown
from bridge.render.escape import UNFINISHED
from bridge.render.filters import FILTERS
from bridge.render.sandbox import TEST_NAMES, TEXT_METHODS
from bridge.render.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/reference/template-view.md"

_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_PART = re.compile(r"'(bridge\.render[\w.]*)\.(\w+) object' has no attribute '(\w+)'")
_KNOWN = (
    (_UNDEFINED, f"what there is stands in {PAGE}"),
    (re.compile(r"has no element \d+"), "it may be empty: ask with {% if … %} first"),
    (re.compile("^extends itself"), "give it a name that no shipped template has"),
    (re.compile("recursion"), "it shows or calls itself without an end, or has too many parts in each other"),
    (re.compile("^(?:does|makes) more than"), "make shorter loops, or do less in each turn"),
    (re.compile("^there is no template"), "mend the name, or write the file; it is relative to the template folder"),
)
_FILTER = re.compile(r"No filter named '([\w.]+)'")
_TEST = re.compile(r"No test named '([\w.]+)'")
_METHOD = re.compile(
    r"access to attribute '(?P<name>\w+)' of 'str' object is unsafe\.|'str object' has no attribute '(?P<also>\w+)'"
)
_NAMED = r"(?<![A-Za-z0-9/])@(?:(?=[A-Za-z0-9])[\w./-]*\w|\Z)"
_CALLS: Final = {
    "slack": re.compile(rf"<[!@][^<>|\n]*(?:\|[^<>\n]*)?>?|{_NAMED}"),
    "github": re.compile(rf"{_NAMED}|&(?:#0*64|#x0*40|commat);[\w/-]*", re.IGNORECASE),
}
_LINKS: Final = {
    "slack": re.compile(r"<(?![!@#])(?P<to>[^<>|\n]*)"),
    "github": re.compile(r"(?:\]\(\s*<?|<(?=[a-z][a-z0-9+.-]*:|\Z))(?P<to>[^)>\s]*)", re.IGNORECASE),
}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HTTP = re.compile(r"https?:", re.IGNORECASE)


def plainly(reason: str) -> str:
    """Return what Jinja says without the names of our modules."""
    reason = _METHOD.sub(lambda found: f"text has no method '{found['name'] or found['also']}'", reason)
    return _PART.sub(r"a \2 has no part '\3'", reason)


def mend(reason: str) -> str:
    """Return how to mend what Jinja, or the sandbox, says."""
    if (found := _PART.search(reason)) and (parts := _parts(found[1], found[2])):
        return did_you_mean(found[3], parts)
    if (found := _UNDEFINED.search(reason)) and (known := nearest(found[1], [one.name for one in fields(View)])):
        return f"did you mean {known}?"
    for pattern, names in ((_FILTER, {*FILTERS, "join"}), (_TEST, TEST_NAMES), (_METHOD, TEXT_METHODS)):
        if found := pattern.search(reason):
            return did_you_mean(found[found.lastindex or 0], [name for name in names if name.isidentifier()])
    told = next((how for pattern, how in _KNOWN if pattern.search(reason)), "")
    return told or f"mend this line; what there is stands in {PAGE}"


def _parts(module: str, name: str) -> list[str]:
    """Return the names of a part's fields."""
    part = getattr(importlib.import_module(module), name, None)
    return [one.name for one in fields(part)] if isinstance(part, type) and is_dataclass(part) else []


def own_faults(kind: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield what a template's own text does that it must not, with the place in the text and how to mend it.

    None of it has an effect, as `Escape.written` says: so its author has to hear of it.
    """
    if kind not in _CALLS:
        return
    for found in _CALLS[kind].finditer(text):
        yield found.start(), f"calls {shown(found[0])}", "mentions come from the destination's setting mention alone"
    if open_end := UNFINISHED.search(text):
        yield open_end.start(), "begins a link whose place a value says", "write {{ link(text, url) }}"
    for found in _LINKS[kind].finditer(text):
        to = found["to"]
        if found.end() == len(text) and not _HTTP.match(to) and (not to or kind == "github"):
            yield found.start(), "begins a link whose place a value says", "write {{ link(text, url) }}"
        elif _SCHEME.match(to) and not _HTTP.match(to):
            what = f"links to {shown(to)}, which is no http or https address"
            yield found.start(), what, "write one, or only the words"
