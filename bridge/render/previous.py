"""The incident before this one in words: "resolved Dec 2 after 51 min; 4th time in 30 days"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.incident import MOST_COUNTED, State
from bridge.render import times
from bridge.render.changes import began_at
from bridge.render.facts import text_of
from bridge.render.figures import ordinal
from bridge.render.parts import PreviousView
from bridge.render.states import over
from bridge.render.text import http_link, one_line

if TYPE_CHECKING:
    from datetime import tzinfo

    from bridge.core.incident import Previous
    from bridge.destinations.base import Want


def previous(want: Want, zone: tzinfo, *, public: bool = False) -> PreviousView | None:
    """Return the incident before this one, linked to where it was told: here, else in the same kind of place.

    In a `public` place no other place is named.
    """
    before = want.incident.previous
    if before is None:
        return None
    near = None if public else before.remotes.get(want.settings.kind) or before.remotes.get("github")
    remote = before.remotes.get(want.address.text) or near or {}
    text = one_line(text_of(remote, "text"))[:200]
    resolved = times.date(before.resolved_at, zone, began_at(want.incident)) if before.resolved_at else ""
    lasted = times.duration(before.seconds) if before.seconds is not None else ""
    return PreviousView(
        # in the same repository an issue's number says it all
        text=text.removeprefix(want.address.text)
        if text.startswith(f"{want.address.text}#")
        else text or "the one before",
        url=http_link(text_of(remote, "url")) or "",
        resolved=resolved,
        lasted=lasted,
        times=before.times,
        words="; ".join(words for words in (_ended(before, resolved, lasted), _often(before.times)) if words),
    )


def _ended(before: Previous, day: str, lasted: str) -> str:
    """Return "resolved Dec 2 after 51 min"; what was no recovery is not said to be resolved."""
    if not day:
        return ""
    how = "closed" if before.state is State.CLOSED else "resolved" if over(before.state_reason).recovered else "ended"
    return f"{how} {day}{f' after {lasted}' if lasted else ''}"


def _often(times: int) -> str:
    if times > MOST_COUNTED:
        return f"more than {MOST_COUNTED} times in 30 days"
    return f"{ordinal(times)} time in 30 days" if times > 1 else ""
