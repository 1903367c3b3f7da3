"""GitHub's Markdown: untrusted text made inert, links written, values fenced."""

from __future__ import annotations

import re
from typing import Final

from bridge.render import text
from bridge.render.escape import AT, Escape, at

_ZERO: Final = "\N{ZERO WIDTH SPACE}"
_HTML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}
# "$" as well: GitHub reads $…$ as mathematics before it reads Markdown, so a backslash comes too late.
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
# GitHub makes links of what begins with "www.", whatever stands before it, and takes a zero-width space for a part of
# the name; a backslash it does not.
_MARKS = re.compile(r"([\\`*_\[\]|~^])")
_LINE_START = re.compile(r"^( *)(?:([-+=#]|:(?=-))|(\d{1,9})([.)]))", re.MULTILINE)
_INDENT = re.compile(r"^ {2,}", re.MULTILINE)
# What GitHub makes links, references or pictures of where it merely stands in text, and what a following value could
# make one of. Emoji: `:name:`.
_REFERENCES = re.compile(
    r"(?:@|#(?=\d|\Z)|(?<![a-z0-9])GH-(?=\d|\Z)|:(?=/|\Z))|(?P<emoji>:)(?=[a-z0-9_+-]+:)",
    re.IGNORECASE,
)
# Without any of these, and "www." or "GH-", a text is as it is.
_SIGN = re.compile(r"[\\`*_\[\]|~^&<>$@#\n]")
_COLON = re.compile(r":(?:/|\Z|[a-z0-9_+-]+:)", re.IGNORECASE)
_START = re.compile(r"[ +=-]|:-|\d{1,9}[.)]")
# GitHub links commits that the repository has, by their first 7 digits or more. Left alone are numbers, words, and what
# people copy: alerts' fingerprints, which have 16, and parts of names of pods, UUIDs and versions.
_COMMIT = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{40}"
    r"|(?<![.-])(?=[a-f]*\d)(?=\d*[a-f])(?![0-9a-f]{16}(?![0-9a-z]))[0-9a-f]{7,39}(?!-))(?![0-9a-z])",
    re.IGNORECASE,
)
_SIX = re.compile(r"\w{6}(?=\w)")
_HOST = re.compile(r"https?://\[[0-9a-f:.]+\]", re.IGNORECASE)
# In a template's own text. GitHub looks for mentions when entities are characters already.
_ENTITY = re.compile(r"&(?:#0*64|#x0*40|commat);", re.IGNORECASE)
_LOOSE = re.compile(r"<(?!!--(?:(?!-->).)*-->|[^<>!][^<>]*>)", re.DOTALL)
_LOOSE_LINK = re.compile(r"\]\((?!\s*<?https?://[^\s<>()/?#]+[/?#)>]|[^()]*\))")
WHOLE: Final = re.compile(r"\\.|&(?:amp|lt|gt|#36);|\[(?:\\.|[^\]\\])*\]\([^()\s]*\)")
"""What a cut leaves whole."""


def plain(untrusted: str) -> str:
    """Return one line for a title, where GitHub reads no Markdown but code and emoji: nobody named in it is called."""
    shown = _unlinked(text.one_line(untrusted))
    return shown.replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}")


def markdown(untrusted: str) -> str:
    """Return untrusted text as Markdown that shows it and does nothing; one line may stand in a table cell."""
    shown = text.clean(untrusted)
    if not _is_lively(shown):
        return shown
    shown = _unlinked(_INDENT.sub(" ", shown))
    shown = _MARKS.sub(r"\\\1", re.sub("[&<>$]", lambda found: _HTML[found[0]], shown))
    shown = _WWW.sub(r"\1\\.", shown)
    return _LINE_START.sub(_stopped, shown)


def _unlinked(shown: str) -> str:
    """Put zero-width spaces where GitHub would link; in a commit so many that no part is long enough to be one."""
    apart = _COMMIT.sub(lambda found: _SIX.sub(_behind, found[0]), shown)
    return _REFERENCES.sub(_behind, apart)


def _behind(found: re.Match[str]) -> str:
    return found[0] + _ZERO


def _is_lively(shown: str) -> bool:
    """Return whether GitHub may make anything of a text but its words."""
    lower = shown.lower()
    named = "www." in lower or "gh-" in lower or _COMMIT.search(shown)
    return bool(named or _SIGN.search(shown) or _COLON.search(shown) or _START.match(shown))


def _stopped(found: re.Match[str]) -> str:
    """Put a backslash before what would begin a heading, a list, a rule or the line below a table's head."""
    return f"{found[1]}\\{found[2]}" if found[2] else f"{found[1]}{found[3]}\\{found[4]}"


def link(label: str, url: str) -> str:
    """Return a link; `url` is an http(s) one already (`bridge.render.text.http_link`)."""
    host = _HOST.match(url)
    end = host.end() if host else 0
    # brackets belong into the address of a host alone; there Markdown wants a backslash
    target = url[:end].replace("[", "\\[").replace("]", "\\]")
    target += url[end:].replace("&", "&amp;").translate({ord(one): f"%{ord(one):02X}" for one in "[]$"})
    return f"[{markdown(text.one_line(label)) or 'link'}]({target})"


def fence(value: str) -> str:
    """Return text in a code fence that is longer than any run of backticks inside."""
    inside = text.clean(value)
    longest = max((len(run) for run in re.findall("`+", inside)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{inside}\n{marks}"


def cut(escaped: str, room: int) -> str:
    """Cut Markdown, never inside of an escape or a link."""
    return text.cut(escaped, room, WHOLE)


def written(own: str) -> str:
    """Return a template's own Markdown, in which nobody is named, and no tag, comment or link is left for a value."""
    closed = _LOOSE.sub("&lt;", _LOOSE_LINK.sub(r"]\(", own))
    return AT.sub(lambda found: at(found, _ZERO), _ENTITY.sub("@", closed))


ESCAPE: Final = Escape(text=markdown, plain=plain, link=link, written=written, plain_blocks=frozenset({"title"}))
