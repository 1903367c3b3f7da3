"""Slack's mrkdwn: untrusted text made inert, links written, cuts that leave entities and links whole."""

from __future__ import annotations

import re
from typing import Final

from bridge.render import text
from bridge.render.escape import AT, Escape, at

_JOINER: Final = "\N{WORD JOINER}"
_LOOKALIKE: Final = {
    "*": "\N{ASTERISK OPERATOR}",
    "_": "\N{MODIFIER LETTER LOW MACRON}",
    "~": "\N{TILDE OPERATOR}",
    "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
}
_SIGN = re.compile(r"[*_~`&<>@]|(?i::(?:/|[a-z0-9_+'-]+:))")
"""Without any of these a text is as it is."""
_RUN = re.compile(r"[*_~`]+")
_QUOTE = re.compile(r"^(?=\s*&gt;)", re.MULTILINE)
_EMOJI = re.compile(r":(?=[a-z0-9_+'-]+:)", re.IGNORECASE)
_AT = re.compile(r"@(?=\w)")
_SCHEME = re.compile(r"(?<=[a-z]):(?=//)", re.IGNORECASE)
_LOOSE = re.compile(r"<(?!https?://[^\s<>|/?#]+[/?#|>]|#[CG][A-Z0-9]+[|>])")
WHOLE: Final = re.compile(r"<[^<>\n]*>|&(?:amp|lt|gt);")
"""What a cut leaves whole."""


def characters(untrusted: str) -> str:
    """Escape the three characters that Slack wants escaped (docs.slack.dev, formatting message text), no others."""
    return text.clean(untrusted).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def neutral(escaped: str) -> str:
    """Take from escaped text what mrkdwn would format: the look stays, with look-alikes and joiners at word edges."""
    inert = _RUN.sub(_inert, escaped)
    if "&gt;" in inert:
        inert = _QUOTE.sub(_JOINER, inert)
    if inert.count(":") > 1:
        inert = _EMOJI.sub(f":{_JOINER}", inert)
    if "://" in inert:
        inert = _SCHEME.sub(f":{_JOINER}", inert)
    return _AT.sub(f"@{_JOINER}", inert) if "@" in inert else inert


def _inert(run: re.Match[str]) -> str:
    """Slack formats at the edges of words: inside of one (disk_used, 2*3) and between spaces marks are left alone."""
    before, after = run.string[run.start() - 1 : run.start()], run.string[run.end() : run.end() + 1]
    if (before.isalnum() and after.isalnum()) or (before.isspace() and after.isspace()):
        # but for code, which may begin and end anywhere, and for marks that are each other's edge
        return run[0] if len(set(run[0])) == 1 and run[0][0] != "`" else _alike(run[0])
    return _alike(run[0])


def _alike(marks: str) -> str:
    return "".join(_LOOKALIKE[mark] for mark in marks)


def mrkdwn(untrusted: str) -> str:
    """Return untrusted text as mrkdwn that shows it and does nothing."""
    shown = text.clean(untrusted)
    return neutral(characters(shown)) if _SIGN.search(shown) else shown


def link(label: str, url: str) -> str:
    """Return a link; `url` is an http(s) one already (`bridge.render.text.http_link`)."""
    words = mrkdwn(text.one_line(label)).replace("|", "\N{BROKEN BAR}")
    return f"<{url.replace('&', '&amp;')}|{words or url.replace('&', '&amp;')}>"


def cut(escaped: str, room: int) -> str:
    """Cut escaped text to Slack's limits, never inside of an entity or a link."""
    return text.cut(escaped, room, WHOLE)


def written(own: str) -> str:
    """Return a template's own text, in which `<` begins nothing but a channel, or a link whose host it says itself."""
    return AT.sub(lambda found: at(found, _JOINER), _LOOSE.sub("&lt;", own))


ESCAPE: Final = Escape(
    text=mrkdwn,
    plain=characters,
    link=link,
    written=written,
    plain_blocks=frozenset({"headline", "what", "values", "alerts", "notes"}),
)
"""The plain blocks go into plain_text elements: commands in a description can be copied as they are."""
