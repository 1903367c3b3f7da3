"""What a storm's message calls an incident: its title, and where it is, by the labels that its alerts share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bridge.core.incident import State
from bridge.core.rules import MEMBER
from bridge.ledger.members import first_and_last
from bridge.render.text import cut, one_line
from bridge.render.where import where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

TITLE: Final = "Title"
"""The annotation that says what an incident is called by itself."""
LONGEST_TITLE: Final = 70
"""Characters of a title that where it is stands beside: a line has room for both."""
_LINKS: Final = {"alert": "generatorURL", "dashboard": "dashboardURL", "panel": "panelURL", "silence": "silenceURL"}


@dataclass(frozen=True, slots=True)
class Called:
    """What an incident is called in a line of its own, and the links of its newest alert, as a sender writes them."""

    line: str
    links: Mapping[str, str]
    runbook: Mapping[str, str]


def called(
    connection: Connection, rows: Sequence[Row[Any]], team: str, told: Mapping[str, Mapping[str, Any]]
) -> dict[str, Called]:
    """Return what a team's incidents are called, by their ids, told apart from each other and from what is `told`."""
    ends = first_and_last(connection, [row.id for row in rows])
    found = {row.id: _called(row, ends[row.id], team) for row in rows}
    others = [str(detail.get("labels", {}).get(MEMBER)) for one, detail in told.items() if one not in found]
    times = Counter([*others, *(one.line for one in found.values())])
    for row in rows:
        if times[found[row.id].line] > 1:
            found[row.id] = replace(found[row.id], line=_line(row, ends[row.id], team, anything=True))
    return found


def title(row: Row[Any], named: str = "") -> str:
    """Return what an incident is called by itself: silence is no resolve, and is no more than silence."""
    named = named or str(row.title)
    return f"{named} (stale: no longer heard of)" if row.state == State.STALE else named


def _called(row: Row[Any], ends: Sequence[Row[Any]], team: str) -> Called:
    known = ends[-1].links if ends else {}
    links = {field: known[name] for name, field in _LINKS.items() if known.get(name)}
    runbook = {"runbook_url": known["runbook"]} if known.get("runbook") else {}
    return Called(_line(row, ends, team, anything=False), links, runbook)


def _line(row: Row[Any], ends: Sequence[Row[Any]], team: str, *, anything: bool) -> str:
    first, *others = [end.detail.get("labels", {}) for end in ends] or [{}]
    shared = {name: text for name, text in first.items() if all(one.get(name) == text for one in others)}
    place = where(shared, (row.title, team), anything=anything)
    return f"{title(row, cut(one_line(row.title), LONGEST_TITLE))}: {place}" if place else title(row)
