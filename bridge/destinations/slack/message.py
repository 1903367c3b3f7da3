"""A Slack message and its thread replies: the words of the template, set in Block Kit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.slack.escape import ESCAPE, cut, link, mrkdwn, neutral
from bridge.destinations.slack.mentions import mentions
from bridge.destinations.slack.parts import Parts, built_in, from_template
from bridge.destinations.steps import text
from bridge.render import builtin, changes, times
from bridge.render.jinja import TemplateFailedError
from bridge.render.shadow import heading
from bridge.render.text import units
from bridge.render.view import view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.base import Want

__all__ = ["announced", "content", "mentions", "reply"]

HEADER: Final = 150
"""Block Kit's limit."""
TEXT: Final = 3_900
"""chat.update refuses text above 4,000 characters, where chat.postMessage cuts it."""

# The blocks of a message hold about 10,000 characters; these rooms, but for the text's, and MENTIONS add up to less.
ROOMS: Final = {
    "headline": HEADER,
    "text": 700,
    "what": 900,
    "values": 700,
    "alerts": 1_000,
    "more": 1_000,
    "facts": 500,
    "links": 2_500,
    "notes": 700,
    "footer": 900,
}
PLAIN_ROOMS: Final = {
    "headline": HEADER,
    "what": 700,
    "values": 300,
    "alerts": 500,
    "more": 300,
    "facts": 300,
    "links": 800,
    "notes": 350,
    "footer": 250,
}
"""Without blocks all of it shares TEXT."""
BLOCKS: Final = {**ROOMS, "reply": TEXT}
"""The blocks of a template, each with its room."""
READ: Final = ("headline", "what", "alerts")
"""What people miss where it is cut."""
UNFORMATTED: Final = ESCAPE.plain_blocks
MENTIONS: Final = 1_000
"""Room for who is called: some forty user groups. One that is left out is not called."""
SHADOW: Final = 300
"""Above the message, in shadow mode, which calls nobody."""


def content(want: Want, *, plain: bool = False, mentions: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return `text` and `blocks` for an incident's present state; a pure function of want, so that repeats are silent.

    Args:
        want: what is to be told.
        plain: leave the blocks out, all words in `text`: for a message whose blocks Slack refused.
        mentions: those of the opening message (`mentions`), kept in every edit of it.
    """
    parts = _parts(want, PLAIN_ROOMS if plain else ROOMS)
    called = cut(" ".join(mentions), MENTIONS)
    if want.would:
        called = f"*{cut(mrkdwn(heading(want.incident, want.would)), SHADOW)}*"
    if plain:
        return {"text": _flat(parts, called)}
    kept = {name: cut(getattr(parts, name), room) for name, room in ROOMS.items()}
    return {"text": f"{called} {kept['text']}".strip(), "blocks": _blocks(kept, called, above=bool(want.would))}


def announced(want: Want) -> dict[str, Any]:
    """Return what a later `reply` compares with, as JSON."""
    return changes.announced(want.incident)


def reply(want: Want, before: dict[str, Any], mentions: tuple[str, ...] = (), *, whole: bool = False) -> str | None:
    """Return a thread reply for what changed since `before`, None where nothing is worth one.

    It mentions nobody but those whom the opening message did not call since nothing fired then (`mentions`): they are
    called whatever the setting `replies` says, as is told what is to be told `whole`.
    """
    zone = times.zone_named(want.settings.text("timezone", "UTC"))
    about = changes.ALL if mentions or whole else changes.wanted(want.settings.values.get("replies"))
    told = changes.changes(want.incident, before, zone, about)
    if not told:
        return None
    called = cut(" ".join(mentions), MENTIONS)
    return f"{called} {_said(want, told, TEXT - units(called) - 1)}".strip() or None


def reminder(want: Want) -> str:
    """Return what is said again of an incident that still fires; it stands in the channel too, so it names it."""
    seen, begun = view(want), changes.began_at(want.incident)
    after = times.duration((want.now - begun).total_seconds())
    words = f"Still {seen.word} after {after}: {seen.priority} {seen.title}{f', {seen.count}' if seen.count else ''}."
    # a template that says nothing of it would have Slack refuse an empty message
    return _said(want, (changes.Change("reminder", words),)) or cut(mrkdwn(words), TEXT)


def _said(want: Want, told: tuple[changes.Change, ...], room: int = TEXT) -> str:
    try:
        template = want.settings.text("template") or None
        words = want.words.block("slack", "reply", view(want, told), template)
    except TemplateFailedError as error:
        want.words.on_fallback("slack", str(error))
        words = builtin.marked(mrkdwn("\n".join(change.words for change in told)), room, cut)
    return cut(words, room)


def _parts(want: Want, rooms: Mapping[str, int]) -> Parts:
    """Return the parts; where one is longer than its room, a link to the whole comes before the others."""
    seen, parts = view(want), want.once("parts", lambda: _worded(want))
    if not seen.console or all(units(getattr(parts, name)) <= rooms[name] for name in READ):
        return parts
    return replace(parts, links=" · ".join(words for words in (link("Whole text", seen.console), parts.links) if words))


def _worded(want: Want) -> Parts:
    seen = view(want)
    try:
        return from_template(want, seen)
    except TemplateFailedError as error:
        want.words.on_fallback("slack", str(error))
        return built_in(seen)


def _flat(parts: Parts, called: str) -> str:
    """Return all parts as one mrkdwn text; what was for plain_text elements is made inert for it."""
    lines = [called]
    for name, room in PLAIN_ROOMS.items():
        words = getattr(parts, name)
        lines.append(cut(neutral(words) if name in UNFORMATTED else words, room))
    return cut("\n".join(line for line in lines if line), TEXT)


def _blocks(kept: dict[str, str], called: str, *, above: bool) -> list[dict[str, Any]]:
    """Set the parts in Block Kit; what is empty is left out. Who is called stands below the headline, or `above` it."""
    blocks = (
        _block("section", _mrkdwn(called if above else "")),
        _block("header", _plain(kept["headline"])),
        _block("section", _mrkdwn("" if above else called)),
        _block("section", _plain("\n".join(words for words in (kept["what"], kept["values"]) if words))),
        _block("section", _plain(kept["alerts"])),
        _block("section", _mrkdwn(kept["more"])),
        _block("context", _mrkdwn(kept["facts"])),
        _block("section", _mrkdwn(kept["links"])),
        _block("context", _plain(kept["notes"])),
        _block("context", _mrkdwn(kept["footer"])),
    )
    return [block for block in blocks if block is not None]


def _block(kind: str, text: dict[str, Any]) -> dict[str, Any] | None:
    if not text["text"]:
        return None
    return {"type": kind, "elements": [text]} if kind == "context" else {"type": kind, "text": text}


def _plain(escaped: str) -> dict[str, Any]:
    # emoji false: a ":name:" in an alert's text stays text
    return {"type": "plain_text", "text": escaped, "emoji": False}


def _mrkdwn(escaped: str) -> dict[str, Any]:
    # verbatim: Slack makes no links or mentions of its own of what it finds in the text
    return {"type": "mrkdwn", "text": escaped, "verbatim": True}


def stands_at(want: Want) -> str:
    """Return by which address an incident is told in this very channel already: it was renamed, or is named by its id.

    Several teams may call others each: they are told by each of their names. So is what shadow mode says.
    """
    channel, base = text(want.place, "channel_id"), text(want.place, "team_url").rstrip("/")
    if not channel or want.would or len(want.incident.teams) > 1:
        return ""
    here = f"{base}/archives/{channel}/"
    return next((address for url, address in want.incident.places.items() if here in url), "")
