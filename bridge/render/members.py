"""The alerts of a group: which of them tell most, and what to call each, by the labels that tell them apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.core.alert import Status
from bridge.core.rules import MEMBER, STORM
from bridge.render.states import over
from bridge.render.text import cut, one_line
from bridge.render.words import spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.core.incident import Incident, Member

_NEVER_NAMES = frozenset({"alertname", "grafana_folder", "rulename", "datasource_uid", "ref_id"})
_MOST_LABELS = 3
_MOST_COMPARED = 8
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Tally:
    """How many alerts of an incident fire, and how many are over; `recovered` where all of these are well again."""

    firing: int
    over: int
    recovered: bool = True

    @property
    def total(self) -> int:
        """All of them."""
        return self.firing + self.over

    @property
    def how(self) -> str:
        """What those that are over are said to be."""
        return "resolved" if self.recovered else "ended"


def tally(incident: Incident) -> Tally:
    """Count the alerts of an incident, those that are not loaded too."""
    members = latest(incident.members)
    firing = sum(member.status is Status.FIRING for member in members)
    reasons = {member.reason for member in members if member.status is not Status.FIRING}
    recovered = not incident.more_ended and all(over(reason).recovered for reason in reasons)
    return Tally(firing + incident.more_firing, len(members) - firing + incident.more_over, recovered)


def latest(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return one member a fingerprint, the newest: an alert that fired again stands in an incident once an episode."""
    newest: dict[str, Member] = {}
    for member in members:
        known = newest.get(member.fingerprint)
        if known is None or _age(member) >= _age(known):
            newest[member.fingerprint] = member
    return tuple(newest.values())


def telling(members: Sequence[Member]) -> list[Member]:
    """Return members the most telling first: firing, urgent, measured, long standing."""
    return sorted(
        members,
        key=lambda member: (member.status is not Status.FIRING, member.priority, bool(member.no_data), member.since),
    )


def varying(members: Sequence[Member]) -> tuple[str, ...]:
    """Return the names of the labels that differ between members, hidden and technical ones left out.

    Of the first few also those that say nothing new: a container `api` beside its pod `api-7d9f8c6b5d-2xkqp`.
    """
    names = dict.fromkeys(name for member in members for name in member.labels)
    differing = [
        name
        for name in names
        if name not in _NEVER_NAMES
        and not name.startswith("__")
        and len({member.labels.get(name, "") for member in members}) > 1
    ]
    kept = differing[:_MOST_COMPARED]
    for name in reversed(differing[:_MOST_COMPARED]):
        if any(_says(other, name, members) for other in kept if other != name):
            kept.remove(name)
    return (*kept, *differing[_MOST_COMPARED:])


def _says(label: str, other: str, members: Sequence[Member]) -> bool:
    """Return whether one label's value tells another's, of every member."""
    return all(member.labels.get(other, "") in member.labels.get(label, "") for member in members)


def common(members: Sequence[Member]) -> dict[str, str]:
    """Return the labels that all members share, hidden ones left out."""
    if not members:
        return {}
    shared = set(members[0].labels.items()).intersection(*(member.labels.items() for member in members[1:]))
    return {name: value for name, value in members[0].labels.items() if (name, value) in shared and name[:2] != "__"}


def name_of(member: Member, labels: Sequence[str]) -> str:
    """Return what to call a member: the value of the one label that varies, or the first few with their names."""
    known = [(name, one_line(member.labels[name])) for name in labels if member.labels.get(name)]
    if not known:
        return cut(one_line(member.labels.get("alertname", "")), _LONGEST_NAME) or f"alert {member.fingerprint[:8]}"
    if len(known) == 1 or len(labels) == 1:
        return cut(known[0][1], _LONGEST_NAME)
    return cut(", ".join(f"{spelled(name).lower()} {value}" for name, value in known[:_MOST_LABELS]), _LONGEST_NAME)


def naming(incident: Incident) -> tuple[str, ...]:
    """Return the labels by which an incident's members are called; those of a storm are always called what they are."""
    return (MEMBER,) if incident.source == STORM else varying(latest(incident.members))


def names(chosen: Sequence[Member], incident: Incident, most: int) -> list[str]:
    """Return the names of the first `most` chosen members, as they are told apart among all, in natural order."""
    labels = naming(incident)
    return sorted((name_of(member, labels) for member in telling(chosen)[:most]), key=_natural)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() and part.isascii() else (0, part) for part in re.split(r"(\d+)", name)]


def _age(member: Member) -> tuple[int, float]:
    return member.again, member.since.timestamp()
