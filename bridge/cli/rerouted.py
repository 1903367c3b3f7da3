"""What another configuration would change, in words and as JSON: `bridge explain --diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli.show import counted, moment, table
from bridge.preview_json import plain, shown
from bridge.reroute import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bridge.reroute import Alike, Change

JSON = dict[str, Any]
NAMED = 3
"""Incidents that are named for each change."""


def said(change: Change) -> Iterator[str]:
    """Yield what would be otherwise, a line each."""
    if change.quarantine:
        before, after = (f"quarantine: {one}" if one else "it is read" for one in change.quarantine)
        yield f"{before} → {after}"
    if change.teams:
        yield f"team {', '.join(change.teams[0]) or 'none'} → {', '.join(change.teams[1]) or 'none'}"
    if change.priority:
        yield f"priority {change.priority[0] or 'none'} → {change.priority[1] or 'none'}"
    if change.group_by:
        yield f"group_by {', '.join(change.group_by[0])} → {', '.join(change.group_by[1])}"
    yield from (f"no longer told at {address}" for address in change.removed)
    yield from (f"newly told at {address}" for address in change.added)
    for one in change.altered:
        yield f"at {one.address}: {one.setting} {_shown(one.before)} → {_shown(one.after)}"


def _shown(value: object) -> str:
    return "not set" if value is None else shown(value)


def of_payload(found: Sequence[tuple[str, Change]], other: str) -> Iterator[str]:
    """Yield what another configuration would change for a payload's alerts."""
    otherwise = sum(bool(change) for _, change in found)
    yield f"By {other}, {otherwise} of {counted(len(found), 'alert')} would go otherwise."
    for index, (title, change) in enumerate(found, 1):
        if change:
            yield f"Alert {index}: {title}"
            yield from (f"  {line}" for line in said(change))


def payload_json(found: Sequence[tuple[str, Change]]) -> JSON:
    """Return the same as JSON."""
    alerts = [{"alert": number, "title": title, **as_json(one)} for number, (title, one) in enumerate(found, 1) if one]
    return {"alerts": len(found), "otherwise": len(alerts), "changes": alerts}


def of_past(looked_at: int, found: Sequence[Alike], since: datetime, other: str, *, cut: bool) -> Iterator[str]:
    """Yield what another configuration would have changed for the incidents that are stored."""
    newest = "the newest " if cut else ""
    otherwise, incidents = sum(one.count for one in found), counted(looked_at, "incident")
    yield f"By {other}, {otherwise} of {newest}{incidents} since {moment(since)} would go otherwise."
    if not found:
        return
    rows = [("COUNT", "PRIO", "TEAMS", "WHAT WOULD CHANGE")]
    for one in found:
        first, *more = said(one.change)
        rows.append((str(one.count), one.priority, ", ".join(one.teams), first))
        rows += [("", "", "", line) for line in more]
        rows += [("", "", "", f"  {incident}  {title}") for incident, title in one.incidents[:NAMED]]
    yield ""
    yield from table(rows)


def past_json(looked_at: int, found: Sequence[Alike], since: datetime, *, cut: bool) -> JSON:
    """Return the same as JSON."""
    changes = [
        {
            "count": one.count,
            "teams": list(one.teams),
            "priority": one.priority,
            "change": as_json(one.change),
            "incidents": [{"id": incident, "title": title} for incident, title in one.incidents],
        }
        for one in found
    ]
    otherwise = sum(one.count for one in found)
    return {"since": plain(since), "incidents": looked_at, "cut": cut, "otherwise": otherwise, "changes": changes}
