"""What happened when, as an incident's own values tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from bridge.core.incident import LEFT_OUT, OVER
from bridge.render import members as group
from bridge.render import times
from bridge.render.changes import began_at, ended_at, last_since
from bridge.render.states import standing
from bridge.render.words import listing, number, ordinal

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bridge.core.incident import Incident

MOST_JOINED = 8
_MOST_NAMES = 3
_SOME = 15
"""Of a long history the beginning and the end are told."""
_PLACES = {"slack": "posted in {}", "pagerduty": "paged"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a history: `at` in the team's zone, and what happened."""

    at: str
    what: str


def history(incident: Incident, zone: tzinfo, *, places: bool = True) -> tuple[Event, ...]:
    """Return when it began, what became of it, and how it ended; the day is said where it changes, the middle cut.

    Where it was told is left out without `places`: a channel's name is not for everybody's eyes.
    """
    began, end = began_at(incident), ended_at(incident)
    happened = [(began, "firing"), *_joined(incident), *_noted(incident, places=places)]
    if incident.state in OVER and end:
        happened.append((max(end, began), standing(incident).word))
    told: list[Event] = []
    day = ""
    for at, what in sorted(happened, key=lambda event: event[0]):
        today = times.day(at, zone)
        told.append(Event(times.clock(at, zone) if today == day else times.moment(at, zone), what))
        day = today
    return tuple(told)


def _noted(incident: Incident, *, places: bool) -> list[tuple[datetime, str]]:
    """Return what its history says beside its alerts: where it was told, its priority's ups and downs, its returns."""
    told: list[tuple[datetime, str]] = []
    opened = {one.at for one in incident.happened if one.what == "opened"}
    known: set[tuple[str, str]] = set()
    again, returns = 1, _returns(incident)
    for place, one in enumerate(incident.happened):
        if one.what == LEFT_OUT:
            again = incident.times - sum(later.what == "fires again" for later in incident.happened[place:])
        elif one.what == "fires again" and one.at in returns:
            again += 1
            told.append((one.at, f"firing again, {ordinal(again)} time"))
        elif one.what == "priority" and one.at not in opened:
            told.append((one.at, one.why))
        elif one.what == "stale":
            told.append((one.at, "no longer heard of"))
        elif one.what == "open" and one.kind in _PLACES and (one.kind, one.address) not in known:
            known.add((one.kind, one.address))
            told.append((one.at, _PLACES[one.kind].format(one.address) if places else _PLACES[one.kind].split()[0]))
    if incident.times > 1 and again == 1:
        last = max((member.since for member in incident.members), default=incident.opened_at)
        told.append((last, f"firing again, {ordinal(incident.times)} time"))
    return told[:_SOME] + told[-_SOME:] if len(told) > 2 * _SOME else told


def _joined(incident: Incident) -> list[tuple[datetime, str]]:
    """Return who joined after the first minute, a minute a line; of very many lines the last stands for the rest."""
    members = group.latest(incident.members)
    after = _minute(last_since(incident)) + timedelta(minutes=1)
    # who fires again joins nobody
    again = min(_returns(incident), default=None)
    new = (one for one in members if one.again == 1 and one.since >= after)
    later = sorted((one for one in new if again is None or one.since < again), key=lambda member: member.since)
    minutes = [list(same) for _, same in groupby(later, key=lambda member: _minute(member.since))]
    labels = group.naming(incident) if minutes else ()
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


def _returns(incident: Incident) -> list[datetime]:
    """Return when it fired again; what was over when it was heard of first fired for the first time then."""
    found = [one.at for one in incident.happened if one.what == "fires again"]
    return found[max(len(found) - incident.times + 1, 0) :]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
