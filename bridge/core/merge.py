"""Alerts into incidents: what a received alert changes in the book of what is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bridge.core.alert import Status
from bridge.core.arrive import Arrival, ended, unmeasured
from bridge.core.cases import Case, Standing
from bridge.core.episodes import LATE, TWIN, Episode, Judgement, Verdict, judge, outdated, told_end
from bridge.core.incident import State
from bridge.core.rules import ALONE, STORM, TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta


@dataclass(slots=True)
class Book:
    """What is known of everything that a slice of alerts can touch, and what the merge makes of it.

    `episodes` by (organisation, fingerprint), oldest first; `cases` by id; `latest` the newest case's id by key.
    """

    source: str
    new_id: Callable[[], str]
    reopen_duration: timedelta
    episodes: dict[tuple[str, str], list[Episode]] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    dirty: dict[str, Episode] = field(default_factory=dict)
    details: dict[str, Arrival] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    now: datetime | None = None
    stale_after: timedelta | None = None

    def absorb(self, arrival: Arrival, at: datetime, *, waited: bool = False) -> Case:
        """Take in one alert received `at`, which may have `waited` (`judge`); return the incident it belongs to."""
        alert = arrival.alert.alert
        if alert.test:
            return self._test(arrival, at)
        known = self.episodes.get((alert.org, alert.fingerprint), [])
        judgement = judge(alert, at, known, self.now, waited=waited)
        case = _ACTS[judgement.verdict](self, arrival, at, judgement)
        case.hear(arrival, at, self.stale_after, self.now)
        return case

    def _opens(self, arrival: Arrival, at: datetime, judgement: Judgement) -> Case:
        case = self._place(arrival, at)
        if judgement.verdict is Verdict.AGAIN and not case.members:
            case.opened_at = at
        old = judgement.supersedes
        here = old is not None and old.incident == case.id
        silent = old is not None and (case.state is State.STALE or old.silent(at, self.stale_after))
        if old is not None and here and not (silent and old.begins_before(arrival.alert.alert.starts_at)):
            # the same member goes on under its later start; nobody needs to hear of it
            return self._repeat(case, old, arrival, at)
        before = judgement.episode
        self._add(case, arrival, at, before.again + 1 if before else 1, before)
        if old is not None:
            why = "after it was no longer heard of" if here else f"for {', '.join(arrival.teams)}"
            self._end(old, at, at, "superseded", f"fires anew {why}")
        return case

    def _repeats(self, arrival: Arrival, at: datetime, judgement: Judgement) -> Case:
        episode = judgement.episode
        assert episode is not None
        case = self.cases[episode.incident]
        arrival.outdated = outdated(at, episode.received_at, self.now)
        if arrival.outdated:
            return case
        elsewhere = case.facts.get("drop") or case.team_set != arrival.team_set
        if not arrival.drop and case.state is not State.CLOSED and elsewhere:
            return self._move(arrival, at, episode, case)
        return self._repeat(case, episode, arrival, at)

    def _repeat(self, case: Case, episode: Episode, arrival: Arrival, at: datetime) -> Case:
        self._starts(episode, arrival)
        if case.state is State.CLOSED:
            case.fires_on(at)
            return case
        episode.received_at, self.dirty[episode.id] = at, episode
        if not episode.digest.startswith(arrival.digest):  # older releases kept more of it
            episode.digest = arrival.digest
            self.details[episode.id] = arrival
            case.changed = True
        if (standing := case.members[episode.id]).priority != arrival.priority:
            case.stand(episode.id, replace(standing, priority=arrival.priority))
        if case.state is State.STALE:
            case.note("heard of again", "the sender repeats that it fires")
        case.heard_firing(at)
        return case

    def _starts(self, episode: Episode, arrival: Arrival) -> None:
        """Let an episode take a later start: what is older stays recognised as older, what follows as the same."""
        start = arrival.alert.alert.starts_at
        if start is not None and (episode.starts_at is None or start > episode.starts_at):
            episode.starts_at = start
            self.dirty[episode.id] = episode

    def _move(self, arrival: Arrival, at: datetime, episode: Episode, old: Case) -> Case:
        new = self._place(arrival, at)
        self._add(new, arrival, at, episode.again, episode)
        self._end(episode, at, at, "moved", f"moved to {', '.join(arrival.teams)}")
        teams = f"the teams changed from {', '.join(old.teams)}"
        new.note("moved here", "it was told nowhere before" if old.facts.get("drop") else teams)
        return new

    def _late(self, arrival: Arrival, _at: datetime, judgement: Judgement) -> Case:
        episode = judgement.episode
        assert episode is not None
        case = self.cases[episode.incident]
        if case.never_fired or not episode.digest:
            case.never_fired, case.opened_at = False, min(case.opened_at, episode.since)
            # the values of when it fired, not the zeros of after
            self.dirty[episode.id], self.details[episode.id], episode.digest = episode, arrival, arrival.digest
            case.note("fired late", judgement.why)
        else:
            case.history.append(("late firing", judgement.why))
        return case

    def _stray(self, arrival: Arrival, at: datetime, judgement: Judgement) -> Case:
        case = self._resent(arrival, at, judgement)
        case.history.append(("stray", judgement.why))
        return case

    def _resolves(self, arrival: Arrival, at: datetime, judgement: Judgement) -> Case:
        assert judgement.episode is not None
        episode = judgement.episode
        self._starts(episode, arrival)
        alone = self.source == STORM and arrival.reason == ALONE
        self._end(episode, at, at if alone else ended(arrival, at), "moved" if alone else "resolved", arrival.reason)
        return self.cases[episode.incident]

    def _resent(self, _arrival: Arrival, _at: datetime, judgement: Judgement) -> Case:
        assert judgement.episode is not None
        return self.cases[judgement.episode.incident]

    def _unseen(self, arrival: Arrival, at: datetime, judgement: Judgement) -> Case:
        last = self.cases.get(self.latest.get(arrival.key, ""))
        within = max(self.reopen_duration, LATE) if last and last.takes_ends(at) else self.reopen_duration
        if last is not None and (last.open or last.may_reopen(at, within, self.now)):
            case = last  # which is over before we heard of it too, or will be: nothing fires again by this
        else:
            case = self._open_case(arrival, at, last)
            case.never_fired = True
        case.priority = min(case.priority, arrival.priority) if case.never_fired else case.priority
        episode = self._add(case, unmeasured(arrival), at)
        self._end(episode, at, ended(arrival, at), "resolved", arrival.reason)
        case.history.append(("resolve of an unseen alert", judgement.why))
        return case

    def _test(self, arrival: Arrival, at: datetime) -> Case:
        case = self._open_case(arrival, at, None)
        self._add(case, arrival, at)
        case.test, case.state, case.state_reason = True, State.CLOSED, "a test"
        case.resolved_at = case.settled_at = at
        return case

    def _place(self, arrival: Arrival, at: datetime) -> Case:
        """Return the incident that a firing episode joins: the open one of its key, one that may reopen, or a new."""
        last = self.cases.get(self.latest.get(arrival.key, ""))
        if last is not None and last.open:
            return last
        if last is not None and last.may_reopen(at, self.reopen_duration, self.now):
            last.reopen(at)
            return last
        return self._open_case(arrival, at, last)

    def _open_case(self, arrival: Arrival, at: datetime, last: Case | None) -> Case:
        alert = arrival.alert.alert
        case = Case(
            id=self.new_id(),
            source=self.source,
            org=alert.org,
            rule_key=arrival.rule_key,
            key=arrival.key,
            title=arrival.alert.title,
            teams=arrival.teams,
            priority=arrival.priority,
            state=State.FIRING,
            opened_at=alert.starts_at or at,
            heard_at=at,
            facts=arrival.facts,
            test=self.source == TEST,
            previous=last.id if last else None,
            fresh=True,
        )
        case.note("opened", f"{arrival.alert.title} fires")
        self.cases[case.id] = case
        self.latest[arrival.key] = case.id
        return case

    def _add(
        self, case: Case, arrival: Arrival, at: datetime, again: int = 1, before: Episode | None = None
    ) -> Episode:
        alert = arrival.alert.alert
        start = alert.starts_at
        if start and before and before.starts_at and before.starts_at - start <= TWIN:
            # an HA twin may have told the one before under a later start, and may tell this one's end so
            start = max(start, before.starts_at)
        since = at if again > 1 or alert.starts_at is None else alert.starts_at
        episode = Episode(
            id=self.new_id(),
            incident=case.id,
            fingerprint=alert.fingerprint,
            org=alert.org,
            status=Status.FIRING,
            since=since,
            received_at=at,
            digest=arrival.digest,
            starts_at=start,
            again=again,
        )
        self.episodes.setdefault((alert.org, alert.fingerprint), []).append(episode)
        self.dirty[episode.id], self.details[episode.id] = episode, arrival
        self.added.add(episode.id)
        case.stand(episode.id, Standing(Status.FIRING, arrival.priority, alert.fingerprint))
        if not case.fresh or len(case.members) > 1:
            case.note("member joined", alert.labels.get("alertname", alert.fingerprint))
        if alert.status is Status.FIRING:
            case.fires(since, at)
        return episode

    def _end(self, episode: Episode, at: datetime, ends_at: datetime, how: str, reason: str | None) -> None:
        episode.status, episode.ended, episode.ends_at, episode.resolved_at = Status.RESOLVED, how, ends_at, at
        self.dirty[episode.id] = episode
        case = self.cases[episode.incident]
        ends, stood = told_end(ends_at, at), case.members[episode.id]
        case.stand(episode.id, replace(stood, status=Status.RESOLVED, ended=how, reason=reason, ends_at=ends))
        episode.reason = reason
        if case.state is State.CLOSED:
            case.history.append((how, "after it was closed"))
            return
        case.note(how, reason or "the sender says so")
        case.settle(at)


_ACTS: Mapping[Verdict, Callable[[Book, Arrival, datetime, Judgement], Case]] = {
    Verdict.OPENS: Book._opens,  # noqa: SLF001 - the table of its own acts
    Verdict.AGAIN: Book._opens,  # noqa: SLF001 - as above
    Verdict.REPEATS: Book._repeats,  # noqa: SLF001 - as above
    Verdict.LATE: Book._late,  # noqa: SLF001 - as above
    Verdict.STRAY: Book._stray,  # noqa: SLF001 - as above
    Verdict.RESOLVES: Book._resolves,  # noqa: SLF001 - as above
    Verdict.RESENT: Book._resent,  # noqa: SLF001 - as above
    Verdict.UNSEEN: Book._unseen,  # noqa: SLF001 - as above
}
