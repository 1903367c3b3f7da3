"""The built-in words of every kind, for a message whose template fails: plain, but no fact is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.render.parts import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.render.view import View

MARK: Final = "(plain: template failed)"
"""Stands in every message that had to do without its template; nothing in it needs escaping."""


def marked(escaped: str, room: int, cut: Callable[[str, int], str]) -> str:
    """Return a text with the mark behind it, cut as its kind is so that both have room."""
    return f"{cut(escaped, room - len(MARK) - 1)} {MARK}"


def headline(seen: View) -> str:
    """Return "P2 firing: Inductor Jobs Broken"."""
    state = "" if seen.word == "test" else f" {seen.word}"
    return f"{'TEST ' if seen.test else ''}{seen.priority}{state}: {seen.title}"


def what(seen: View) -> str:
    """Return what it means and what broke, a fact a line."""
    told = (seen.sentence, seen.count, seen.summary, seen.description)
    return "\n".join(line for line in told if line)


def reason(seen: View) -> str:
    """Return the values in words; once it is over, those of when it fired."""
    words = " · ".join(seen.values)
    return f"was: {words}" if words and seen.over else words


def when(seen: View) -> str:
    """Return since when, or from when to when, and which time it is."""
    heard = f", last heard of {seen.heard}" if seen.heard else ""
    told = f"{seen.span}, {seen.lasted}" if seen.span else f"since {seen.since}{heard}"
    return f"{told} · {seen.again}" if seen.again else told


def facts(seen: View) -> str:
    """Return whose it is, since when, and where."""
    return " · ".join(fact for fact in (", ".join(seen.teams), when(seen), seen.folder) if fact)


def links(seen: View) -> tuple[Link, ...]:
    """Return where to look, where else it is told, the incident before, and this one's page in the console."""
    before = Link("before", "Before", seen.previous.url if seen.previous else "")
    console = Link("console", f"Incident {seen.id}", seen.console)
    return tuple(to for to in (*seen.links, *seen.elsewhere, before, console) if to.url)


def previous(seen: View) -> str:
    """Return "acme/alerts#5, resolved Dec 2 after 51 min; 4th time in 30 days", of the incident before."""
    before = seen.previous
    return ", ".join(words for words in (before.text, before.words) if words) if before else ""


def alerts(seen: View) -> str:
    """Return the alerts of a group, one a line."""
    lines = [" · ".join(word for word in (alert.name, alert.word, alert.values) if word) for alert in seen.alerts]
    return "\n".join([*lines, *([f"and {seen.more} more"] if seen.more else [])])
