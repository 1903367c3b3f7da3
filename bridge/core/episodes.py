"""Which episode an alert tells of, and what that means: a decision as a value with its reason.

An episode is (source, organisation, fingerprint, startsAt). Senders repeat, overtake, forget and contradict
themselves; HA pairs say everything twice, seconds apart. The rules are those of the contract's guarantee 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.core.alert import Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.core.alert import Alert

LATE = timedelta(minutes=10)
"""A firing of a resolved episode that comes within this time of the resolve is late, after it "fires again"."""
TWIN = timedelta(minutes=2)
"""The members of an HA pair start the same episode at most this far apart (they differ by an evaluation's seconds)."""
APART = timedelta(minutes=1)
"""How far the clocks of two hosts that receive may be apart."""


@dataclass(slots=True)
class Episode:
    """An episode as it is stored: one alert of one incident, from a start to its end.

    `starts_at` is None where the sender gave no usable start. `again` counts "fires again, same start". `ended` says
    how it ended: "resolved", "superseded" by a later start elsewhere, or "moved" to another team set's incident.
    `starts_at` and `ends_at` are by the sender's clock, as what it says later is (`told_end`); `received_at` and
    `resolved_at` by ours. `digest` is that of what is shown of it; `reason` says why its end is no recovery.
    """

    id: str
    incident: str
    fingerprint: str
    org: str
    status: Status
    since: datetime
    received_at: datetime
    digest: str
    starts_at: datetime | None = None
    again: int = 1
    ended: str | None = None
    ends_at: datetime | None = None
    resolved_at: datetime | None = None
    reason: str | None = None

    @property
    def firing(self) -> bool:
        """Whether it goes on."""
        return self.status is Status.FIRING

    def silent(self, at: datetime, after: timedelta | None) -> bool:
        """Return whether it was not heard of for so long, whatever else of its incident was; None: never."""
        return after is not None and at - self.received_at >= after

    def begins_before(self, start: datetime | None) -> bool:
        """Return whether it starts before another start, where both are known."""
        return start is not None and self.starts_at is not None and self.starts_at < start


def told_end(ends_at: datetime | None, heard_at: datetime | None) -> datetime | None:
    """Return when an episode ended, as people are told: not after we heard of it, where its sender's clock is ahead."""
    return ends_at if ends_at is None or heard_at is None else min(ends_at, heard_at)


class Verdict(StrEnum):
    """What an alert means for the episodes of its fingerprint."""

    OPENS = "opens"
    REPEATS = "repeats"
    AGAIN = "fires again"
    LATE = "late"
    STRAY = "stray"
    RESOLVES = "resolves"
    RESENT = "resent"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, why, the episode that it is about, and the one that a new episode supersedes."""

    verdict: Verdict
    why: str
    episode: Episode | None = None
    supersedes: Episode | None = None


def outdated(at: datetime, then: datetime | None, now: datetime | None) -> bool:
    """Return whether what was received `at` is older news than what was received `then`.

    It may have waited in quarantine, or behind a large notification. Where `then` is still to come `now`, a clock was
    set back, and times of receipt tell nothing.
    """
    return then is not None and at < then and (now is None or then <= now)


def to_come(then: datetime, now: datetime | None) -> bool:
    """Return whether a time that is stored is yet to come `now`, by more than any two hosts are apart.

    A clock was set back since: that time says no more than that it was long ago.
    """
    return now is not None and then > now + LATE


def soon_after(at: datetime, then: datetime, limit: timedelta, now: datetime | None) -> bool:
    """Return whether what was received `at` came before something else, or no later than so long after it.

    Where both are yet to come, one clock that is ahead has said both.
    """
    return at - then <= limit and (to_come(at, now) or not to_come(then, now))


def judge(
    alert: Alert, at: datetime, known: Sequence[Episode], now: datetime | None = None, *, waited: bool = False
) -> Judgement:
    """Decide what an alert received `at` means `now`, given the fingerprint's known episodes, oldest first.

    Where it has `waited`, what came after it may be known already.
    """
    same = _same(alert, known)
    last = known[-1] if known else None
    if last is not None and alert.starts_at is None:
        return _judge_without_start(alert, at, last, now, waited=waited)
    if alert.status is Status.FIRING:
        return _judge_firing(alert, at, same, last, now)
    found = _judge_resolve(alert, same, last)
    ends = found.episode if found.verdict is Verdict.RESOLVES else None
    if ends is not None and _overtaken(at, ends, now):
        return Judgement(Verdict.STRAY, "received before what fires was heard of last", ends)
    return found


def _overtaken(at: datetime, firing: Episode, now: datetime | None) -> bool:
    """Return whether a resolve received `at` is older news than the episode that it would end.

    It beats firings of up to 10 min after it, in whatever order they are absorbed. What fires again came later than
    that after a resolve: one received before it is of the time before.
    """
    again = firing.again > 1 and outdated(at + APART, firing.since, now)
    return again or outdated(at + LATE, firing.received_at, now)


def _judge_without_start(alert: Alert, at: datetime, last: Episode, now: datetime | None, *, waited: bool) -> Judgement:
    """Decide by the times of receipt alone: the sender gives no usable startsAt.

    A resolve that did not wait is taken in after what came before it; where it seems older, two hosts' clocks differ. A
    firing has no such leave: to open what is over would be the worse error, and who fires says so again.
    """
    why = "no usable startsAt; "
    if alert.status is Status.FIRING:
        if last.firing:
            return Judgement(Verdict.REPEATS, f"{why}the episode that fires goes on", last)
        if outdated(at, last.resolved_at, now):
            return Judgement(Verdict.LATE, f"{why}received before the resolve", last)
        return Judgement(Verdict.OPENS, f"{why}first firing received after a resolve")
    if not last.firing:
        return Judgement(Verdict.RESENT, f"{why}nothing fires", last)
    if outdated(at if waited else at + APART, last.received_at, now):
        return Judgement(Verdict.STRAY, f"{why}received before what fires was heard of last", last)
    return Judgement(Verdict.RESOLVES, f"{why}ends the episode that fires", last)


def _same(alert: Alert, known: Sequence[Episode]) -> Episode | None:
    """Return the episode with this start; one that moved goes on in the incident that it moved to."""
    if alert.starts_at is None:
        return None
    return next((one for one in reversed(known) if one.starts_at == alert.starts_at and one.ended != "moved"), None)


def _judge_firing(  # noqa: PLR0911 - one return a rule, in their order
    alert: Alert, at: datetime, same: Episode | None, last: Episode | None, now: datetime | None
) -> Judgement:
    start = alert.starts_at
    if last is None or start is None:
        return Judgement(Verdict.OPENS, "first firing of this fingerprint")
    if same is not None and same.firing:
        return Judgement(Verdict.REPEATS, "same episode, still firing", same)
    over = not last.firing and not _is_late(at, last, now)
    if same is not None and same.ended == "superseded" and not over:
        return Judgement(Verdict.STRAY, "a later start has superseded this episode", same)
    older = last is not same and last.starts_at is not None and start < last.starts_at
    if same is not None and (not older or _is_late(at, same, now)):
        return _fires_after_resolve(at, same, last, now)
    if _twins(start, last):
        if last.firing:
            return Judgement(Verdict.REPEATS, "an HA twin's firing of the episode that goes on", last)
        return _fires_after_resolve(at, last, last, now)
    if older and over:
        # nobody repeats an old start for so long but a sender for whom it goes on: another than told the resolve
        return Judgement(Verdict.AGAIN, "fires on with an older start, over 10 min after the last resolve", last)
    if older:
        return Judgement(Verdict.STRAY, "an older episode arriving late opens nothing", last)
    return Judgement(Verdict.OPENS, "a later start: a new episode", supersedes=last if last.firing else None)


def _fires_after_resolve(at: datetime, same: Episode, last: Episode, now: datetime | None) -> Judgement:
    if _is_late(at, same, now):
        return Judgement(Verdict.LATE, "the episode was resolved less than 10 min ago: resolved beats firing", same)
    why = "fires again with the same start, over 10 min after its resolve"
    return Judgement(Verdict.AGAIN, why, same, supersedes=last if last.firing else None)


def _is_late(at: datetime, ended: Episode, now: datetime | None) -> bool:
    return soon_after(at, ended.resolved_at or ended.received_at, LATE, now)


def _twins(start: datetime, last: Episode) -> bool:
    """Whether a start is that of an HA twin: seconds before or after ours, and no later than our episode's end."""
    if last.starts_at is None or abs(start - last.starts_at) > TWIN:
        return False
    return last.firing or (last.ends_at is not None and start < last.ends_at)


def _judge_resolve(  # noqa: PLR0911 - one return a rule, in their order
    alert: Alert, same: Episode | None, last: Episode | None
) -> Judgement:
    start = alert.starts_at
    if last is None or start is None:
        return Judgement(Verdict.UNSEEN, "resolved, but never seen firing")
    if same is not None and not same.firing and alert.ends_at is None:
        return Judgement(Verdict.RESENT, "the resolve was heard before", same)
    begun = last.starts_at or (last.since if same is not None else None)
    if last is not same and last.firing and begun is not None and start < begun:
        # one that says no end may be of any time: only a twin's is of this episode
        if begun - start <= TWIN if alert.ends_at is None else alert.ends_at > begun:
            return Judgement(Verdict.RESOLVES, "ends after the newer start: ends that episode too", last)
        if same is not None and not same.firing:
            return Judgement(Verdict.RESENT, "the resolve of an older episode was heard before", same)
        return Judgement(Verdict.STRAY, "the resolve of an older episode", last)
    if same is not None and same.firing:
        return Judgement(Verdict.RESOLVES, "the episode ends", same)
    ends = alert.ends_at
    if same is not None and not (last.firing and ends and same.ends_at and ends > max(same.ends_at, last.since)):
        return Judgement(Verdict.RESENT, "the resolve was heard before", same)
    if last.firing:
        return Judgement(Verdict.RESOLVES, "a newer episode is over: so is the one before", last)
    if _twins(start, last) or (last.starts_at is not None and start <= last.starts_at):
        return Judgement(Verdict.RESENT, "an HA twin's resolve, or an older one", last)
    return Judgement(Verdict.UNSEEN, "resolved, but never seen firing")
