"""The built-in words of every kind, for a message whose template fails: plain, but no fact is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    """Return since when, or from when to when."""
    return f"{seen.span}, {seen.lasted}" if seen.span else f"since {seen.since}"


def facts(seen: View) -> str:
    """Return whose it is, since when, and where."""
    return " · ".join(fact for fact in (", ".join(seen.teams), when(seen), seen.folder) if fact)


def alerts(seen: View) -> str:
    """Return the alerts of a group, one a line."""
    lines = [" · ".join(word for word in (alert.name, alert.word, alert.values) if word) for alert in seen.alerts]
    return "\n".join([*lines, *([f"and {seen.more} more"] if seen.more else [])])
