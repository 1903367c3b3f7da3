"""What happened when, as an incident's own values tell it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bridge.core.incident import State
from bridge.render import members as group
from bridge.render import times
from bridge.render.changes import began_at, ended_at
from bridge.render.states import standing
from bridge.render.words import listing, number, ordinal

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.core.incident import Incident

MOST_JOINED = 8
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a history: `at` in the team's zone, and what happened."""

    at: str
    what: str


def history(incident: Incident, zone: tzinfo) -> tuple[Event, ...]:
    """Return when it began, who joined, and how it ended; the day is said where it changes, the middle cut."""
    began, end = began_at(incident), ended_at(incident)
    happened = [(began, "firing"), *_joined(incident)]
    if incident.times > 1:
        last = max((member.since for member in incident.members), default=began)
        happened.append((last, f"firing again, {ordinal(incident.times)} time"))
    if incident.state in {State.RESOLVED, State.CLOSED} and end:
        happened.append((max(end, began), standing(incident).word))
    told: list[Event] = []
    day = ""
    for at, what in sorted(happened, key=lambda event: event[0]):
        today = times.day(at, zone)
        told.append(Event(times.clock(at, zone) if today == day else times.moment(at, zone), what))
        day = today
    return tuple(told)


def _joined(incident: Incident) -> list[tuple[datetime, str]]:
    """Return who joined after the first minute, a minute a line; of very many lines the last stands for the rest."""
    members = group.latest(incident.members)
    began = _minute(began_at(incident))
    later = sorted((one for one in members if _minute(one.since) > began), key=lambda member: member.since)
    minutes = [list(same) for _, same in groupby(later, key=lambda member: _minute(member.since))]
    labels = group.varying(members) if minutes else ()
    # where not all are loaded, how many joined in a minute is not known
    partial = incident.more_firing or incident.more_over
    joined = []
    for those in minutes[:MOST_JOINED]:
        names = [group.name_of(member, labels) for member in those[:_MOST_NAMES]]
        who = f"{', '.join(names)} and more" if partial else listing(names, _MOST_NAMES, len(those))
        joined.append((those[0].since, f"{who} joined"))
    rest = minutes[MOST_JOINED:]
    if rest:
        many = "" if partial else f"{number(sum(map(len, rest)))} "
        joined.append((rest[0][0].since, f"and later {many}more joined"))
    return joined


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
