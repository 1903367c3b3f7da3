"""Text from a sender made fit to show: without controls, cut at a word, with links that are http(s) only."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

ELLIPSIS: Final = "…"
LONGEST_LINK: Final = 3000
"""Slack takes no longer URL (Block Kit reference); a longer one, as it is written in markup, is left out everywhere."""

_BREAK: Final = "\x0b\x0c\x85\u2028\u2029"
# What never shows but changes what does: C0 and C1 controls, soft hyphen, bidi marks, overrides and isolates, invisible
# joiners and operators, BOM, interlinear marks, controls of shorthand and music, tags. Kept: ZWNJ and ZWJ, which
# Persian, Indic scripts and emoji need.
_HIDE: Final = (
    "\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HALF: Final = "\ud800-\udfff"
_BREAKS = re.compile(rf"\r\n?|[{_BREAK}]")
_HIDDEN = re.compile(f"[{_HIDE}]")
_SURROGATE = re.compile(f"[{_HALF}]")
_ODD = re.compile(f"[\t\r{_BREAK}{_HIDE}{_HALF}]")
"""Whatever cleaning could have to change."""
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_SAFE_URL = re.compile(r"(?ai:https?)://(?![/?#])[A-Za-z0-9%/:?#@!$&*+,;=~._\[\]-]+")
"""A URL in which nothing needs encoding."""
_EDGE = 0.8
"""A cut goes back to the last space only while that keeps this part of the room."""


_LONGEST_PIECE = 20_000
"""No escaped link is longer; what comes later than that behind a cut can't matter."""
_LONG_PIECE = 200
"""Units of a link that alone gives way where it has no room: what comes after it may have."""


def clean(text: str) -> str:
    r"""Return text without anything hidden; every kind of line break is `\n`, a tab a space."""
    if (text.isascii() and text.isprintable()) or not _ODD.search(text):
        return text
    text = _BREAKS.sub("\n", text).replace("\t", " ")
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _HIDDEN.sub("", text))


def one_line(text: str) -> str:
    """Return text cleaned, as one line with single spaces."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """Return the length in UTF-16 units: what a destination written in JavaScript or Java counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, room: int, whole: re.Pattern[str] | None = None) -> str:
    """Return text in at most `room` UTF-16 units, cut at a word, the cut marked with "…".

    A long link for which there is no room is a "…" in its place, and what follows it stays.

    Args:
        text: what to shorten; returned as it is where it fits.
        room: UTF-16 units, at least 1.
        whole: what must not be cut in two, such as entities and links; all else is cut between characters, but never
            before a mark that joins the character before it.
    """
    if 2 * len(text) <= room or units(text) <= room:
        return text
    kept: list[str] = []
    used = units(ELLIPSIS)
    for whole_piece in _pieces(text[: room + _LONGEST_PIECE], whole):
        size = units(whole_piece)
        piece = ELLIPSIS if size > _LONG_PIECE and used + size > room else whole_piece
        used += units(piece)
        if used > room:
            return _to_word("".join(kept), whole) + ELLIPSIS
        kept.append(piece)
    return "".join(kept)


def _pieces(text: str, whole: re.Pattern[str] | None) -> list[str]:
    joined = r".[\u0300-\u036f\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]*"
    pattern = joined if whole is None else f"(?:{whole.pattern})|{joined}"
    return re.findall(pattern, text, re.DOTALL)


def _to_word(text: str, whole: re.Pattern[str] | None) -> str:
    """Go back to the last space, unless that gives up too much or the space stands inside of something whole."""
    space = max(text.rfind(" "), text.rfind("\n"))
    inside = whole is not None and any(match.start() < space < match.end() for match in whole.finditer(text))
    if space >= len(text) * _EDGE and not inside:
        text = text[:space]
    return text.rstrip(" \n,·")


def http_link(url: str | None) -> str | None:
    """Return a URL that may stand in any of the destinations' markups, or None where it is no http(s) one.

    What could end a link early in some markup (quotes, brackets, pipes, backslashes, spaces) is percent-encoded.
    """
    if not url:
        return None
    if _written(url) <= LONGEST_LINK and _SAFE_URL.fullmatch(url):
        return url
    safe = quote(clean(url).strip(), safe="%/:?#@!$&*+,;=~-._[]'").replace("'", "%27")
    if not _URL.fullmatch(safe) or _written(safe) > LONGEST_LINK:
        return None
    return safe


def _written(url: str) -> int:
    """Return how long a URL is at most in a kind's markup: an "&" is "&amp;", a bracket or "$" percent-encoded.

    Some thousand of them in a handful of links would be more than a template may put out.
    """
    return len(url) + 4 * url.count("&") + 2 * sum(map(url.count, "[]$"))
