"""What changed since it was last told: the difference between two announcements, in words, for replies and comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.core.incident import OVER, State
from bridge.render import members as group
from bridge.render.states import over, standing
from bridge.render.times import duration, moment
from bridge.render.words import listing, number, ordinal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, tzinfo

    from bridge.core.incident import Incident, Member

MOST_NAMES = 5
ALL = frozenset({"state", "priority", "members"})
"""What may be worth a reply; the words of the setting `replies`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is worth telling.

    `what`: resolved, ended, stale, heard, anew, again, closed, worse, better, joined, reminder.
    """

    what: str
    words: str


def announced(incident: Incident) -> dict[str, Any]:
    """Return, as JSON, all that `changes` compares; stored with what was last told."""
    stale = incident.state is State.STALE
    return {
        "state": incident.state.value,
        "state_reason": incident.state_reason,
        "priority": incident.priority.value,
        "firing": sorted(member.id for member in incident.firing),
        "more": incident.more_firing,
        "n": incident.times,
        **({"silent": sorted(member.fingerprint for member in incident.firing)} if stale else {}),
    }


def changes(
    incident: Incident, before: Mapping[str, Any], zone: tzinfo, about: Collection[str] = ALL
) -> tuple[Change, ...]:
    """Return what is worth telling of the difference to `before`; nothing where nothing was announced yet."""
    if not before:
        return ()
    told = (
        *(_state(incident, before, zone) if "state" in about else ()),
        *(_priority(incident, before) if "priority" in about else ()),
        *(_members(incident, before, about) if "members" in about else ()),
    )
    return tuple(told)


def wanted(replies: object) -> frozenset[str]:
    """Return what the setting `replies` asks for; each of its three is on unless switched off."""
    if not hasattr(replies, "get"):
        return frozenset() if replies in {False, "off"} else ALL
    return frozenset(name for name in ALL if replies.get(name, True) not in {False, "off", None})


def ended_at(incident: Incident) -> datetime | None:
    """Return when an incident that is over ended."""
    if incident.resolved_at or incident.firing:
        return incident.resolved_at
    return max((end for member in incident.members if (end := member.ends_at or member.resolved_at)), default=None)


def began_at(incident: Incident) -> datetime:
    """Return since when its first alert fired, the first time.

    Of an alert that fired anew only the last time is known, and of very many alerts not each: `opened_at` is what keeps
    the beginning.
    """
    return min(first_since(incident), incident.opened_at)


def last_since(incident: Incident) -> datetime:
    """Return since when it fires this time; what of it fired again is known by that alone."""
    return first_since(incident) if incident.times > 1 else began_at(incident)


def first_since(incident: Incident) -> datetime:
    """Return since when the first alert fired of those that are known.

    One that was over before it was heard of may be of any time: it counts only where none fired.
    """
    fired = [member for member in incident.members if not member.never_fired] or incident.members
    return min((member.since for member in fired), default=incident.opened_at)


def lasted(incident: Incident) -> str:
    """Return how long an incident that is over went on; empty where that is unknown."""
    end = ended_at(incident)
    return duration((end - began_at(incident)).total_seconds()) if end else ""


def _state(incident: Incident, before: Mapping[str, Any], zone: tzinfo) -> Iterator[Change]:
    was, reason, times = before.get("state"), before.get("state_reason"), before.get("n", 1)
    if incident.state is State.FIRING:
        holds = standing(incident).word
        if times != incident.times or was in OVER:
            yield Change("again", f"{holds[:1].upper()}{holds[1:]} again ({ordinal(incident.times)} time).")
        else:
            yield from _roused(incident, before, holds)
    elif was == incident.state and (reason == incident.state_reason or incident.state is not State.RESOLVED):
        return
    elif incident.state is State.STALE:
        heard = max((member.received_at for member in incident.firing), default=None)
        since = f" since {moment(heard, zone)}" if heard else ""
        yield Change("stale", f"No longer heard of{since}: stale, not resolved.")
    elif incident.state is State.CLOSED:
        yield Change("closed", "Closed: a test." if incident.test else "Closed by a person.")
    else:
        yield _end(incident)


def _roused(incident: Incident, before: Mapping[str, Any], holds: str) -> Iterator[Change]:
    """Tell what is heard of again after silence: that it still fires (`holds` is the word), or fires anew."""
    if before.get("state") == State.STALE and _heard_again(incident, before):
        yield Change("heard", f"Heard of again: still {holds}.")
    if anew := _anew(incident, before):
        latest = group.latest(incident.members)
        which = listing(group.names(anew, incident, MOST_NAMES), MOST_NAMES, len(anew)) if len(latest) > 1 else ""
        yield Change("anew", f"Fires anew, after it was no longer heard of{which and f': {which}'}.")


def _anew(incident: Incident, before: Mapping[str, Any]) -> list[Member]:
    """Return the members that are new episodes of alerts which were told to fire, and then to be no longer heard of."""
    known, silent = set(before.get("firing") or ()), set(before.get("silent") or ())
    return [member for member in incident.firing if member.id not in known and member.fingerprint in silent]


def _heard_again(incident: Incident, before: Mapping[str, Any]) -> bool:
    """Return whether it is what was stale that is heard of again, not only an alert that joined since."""
    known = set(before.get("firing") or ())
    joined = min(
        (member.joined_at or member.since for member in incident.firing if member.id not in known), default=None
    )
    return joined is None or any(member.received_at >= joined for member in incident.firing if member.id in known)


def _end(incident: Incident) -> Change:
    how, after = over(incident.state_reason), lasted(incident)
    if not how.recovered:
        return Change("ended", how.after(after))
    if incident.times > 1 and after:
        after = f"{after}, having fired {number(incident.times)} times"
    return Change("resolved", f"Resolved after {after}." if after else "Resolved.")


def _priority(incident: Incident, before: Mapping[str, Any]) -> Iterator[Change]:
    was = str(before.get("priority") or incident.priority)
    if was == incident.priority or incident.state is not State.FIRING:
        return
    if incident.priority.value < was:
        yield Change("worse", f"Worse: {was} → {incident.priority.value}.")
    else:
        yield Change("better", f"Less urgent: {was} → {incident.priority.value}.")


def _members(incident: Incident, before: Mapping[str, Any], about: Collection[str]) -> Iterator[Change]:
    """Tell members that fire now and didn't; not on a reopening, which is told as a whole."""
    if (
        incident.state is not State.FIRING
        or before.get("state") not in {State.FIRING, State.STALE}
        or before.get("n", 1) != incident.times
    ):
        return
    known, unknown = set(before.get("firing") or ()), int(before.get("more") or 0)
    # these are told as such, where that is asked for
    anew = {member.id for member in _anew(incident, before)} if "state" in about else set()
    new = [member for member in incident.firing if member.id not in known | anew]
    joined = len(new)
    if unknown or incident.more_firing:
        # not all of them are known by id; of as many as there are more now, the newest are new (ids go with time)
        joined = max(incident.fires - len(known) - unknown, 0)
        new = sorted(new, key=lambda member: member.id)[-min(joined, MOST_NAMES) :] if joined else []
    if joined:
        names = group.names(new, incident, MOST_NAMES)
        yield Change("joined", f"{number(joined)} more{': ' if names else ''}{listing(names, MOST_NAMES, joined)}.")
