"""How many alerts there are, and how far a group or a storm has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.core.rules import STORM
from bridge.render.text import cut, one_line
from bridge.render.words import counted, number, plural

if TYPE_CHECKING:
    from bridge.core.incident import Incident
    from bridge.render.members import Tally

LONGEST_TITLE: Final = 200


def title(incident: Incident, tally: Tally) -> str:
    """Return what broke, one line; of a storm how many more: "Storm: 190 more pages of storage"."""
    told = one_line(incident.title)
    if incident.source == STORM:
        kind, _, rest = told.partition(": more ")
        noun, _, whose = rest.partition(" ")
        told = f"{kind}: {number(tally.total)} more {plural(noun, tally.total)} {whose}"
    return cut(told, LONGEST_TITLE)


def count(incident: Incident, tally: Tally) -> str:
    """Return of a group how many there are, and how far it has come: "40 alerts", "3 of 5 resolved"."""
    alone = tally.total == 1 or incident.source == STORM  # a storm's title says it
    return mixed(tally) or ("" if alone else counted(tally.total, "alert"))


def tells_of_several(incident: Incident, tally: Tally) -> bool:
    """Return whether its alerts are told one by one: of one alert the title says what it is, but not a storm's."""
    return tally.total > 1 or incident.source == STORM


def mixed(tally: Tally) -> str:
    """Return "3 of 5 resolved" where a part of a group is over and a part is not; "ended" where not all recovered."""
    return f"{number(tally.over)} of {number(tally.total)} {tally.how}" if tally.over and tally.firing else ""
