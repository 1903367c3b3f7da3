"""PagerDuty shows plain text and reads summaries aloud: nothing to escape, but nothing hidden or unspeakable."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from bridge.render import text
from bridge.render.escape import Escape

_URL = re.compile(r"\S{0,80}://\S*|(?:www\.|mailto:)\S+|\w[\w.+-]{0,80}@\w[\w.-]*", re.IGNORECASE)
_HOST = re.compile(r"://(?:[^/@\s]*@)?([\w-]+(?:\.[\w-]+)+)(?=[/:?#),.;!]|$)")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=@)(?=\w)|(?<=www)(?=\.)", re.IGNORECASE)
_LOOSE = re.compile(r"\s+([,.:;!?])")
_ZERO: Final = "\N{ZERO WIDTH SPACE}"
_SPACED = re.compile(r"[\[\](){}<>|*_`~#\\\"]+")
_POWER = re.compile(r"10\^(-?)(\d+)")
_COMPARED = re.compile(r"(?<![-=<>])\s*([<>]=?)\s*(?=[-+]?\.?\d(?![^\s<>]*>))")
_SAID: Final = {"<": "below", ">": "above", "<=": "at most", ">=": "at least"}
_UNSPOKEN: Final = frozenset({"So", "Sk", "Mn", "Co", "Cn", "Cf"})


def spoken(untrusted: str) -> str:
    """Return text on one line as a machine can read it aloud: without brackets, emoji and markup.

    Of an address its host is left: without it a sentence has a hole. A power, or a comparison with a number, is said in
    words: without its sign it would be another one.
    """
    kept = _spoken(_numbers(text.one_line(untrusted)))
    words = _URL.sub(_host, kept) if _may_address(kept) else kept
    return _LOOSE.sub(r"\1", " ".join(_SPACED.sub(" ", words).split())).strip(" ,;:")


def _numbers(said: str) -> str:
    if "^" in said:
        said = _POWER.sub(lambda found: f"10 to the power of {'minus ' if found[1] else ''}{found[2]}", said)
    if "<" in said or ">" in said:
        said = _COMPARED.sub(lambda found: f" {_SAID[found[1]]} ", said)
    return said


def _may_address(words: str) -> bool:
    """Return whether there may be an address in a text: all others cost no searching."""
    lower = words.lower()
    return "://" in words or "@" in words or "www." in lower or "mailto:" in lower


def _spoken(said: str) -> str:
    """Return a text without signs that nobody can say."""
    if said.isascii():
        return said.replace("^", "").replace("`", "")
    return "".join(one for one in said if one.isalnum() or unicodedata.category(one) not in _UNSPOKEN or _letters(one))


def _host(found: re.Match[str]) -> str:
    host = _HOST.search(found[0])
    return f" {host[1]} " if host else " "


def inert(untrusted: str) -> str:
    """Return text in which PagerDuty and phones find no address to make a link of; the look stays."""
    shown = text.clean(untrusted)
    return _ADDRESS.sub(_ZERO, shown) if _may_address(shown) else shown


def _letters(mark: str) -> bool:
    """Say whether a mark belongs to letters: all combining ones but those that make emoji of what stands before."""
    return unicodedata.category(mark) == "Mn" and not "\ufe00" <= mark <= "\ufe0f"


def link(label: str, url: str) -> str:
    """Return a link in plain text: its name and its address."""
    return f"{text.one_line(label)}: {url}"


def written(own: str) -> str:
    """Return a template's own text: PagerDuty has no markup that it could hold."""
    return own


ESCAPE: Final = Escape(text=inert, plain=spoken, link=link, written=written, plain_blocks=frozenset({"summary"}))
