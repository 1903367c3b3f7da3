"""Incidents on their way through a merge: the ledger loads them, `core.merge` changes them, the ledger stores them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bridge.core.alert import Priority, Status
from bridge.core.episodes import soon_after, to_come
from bridge.core.incident import OPEN, State
from bridge.core.teams import folded

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.arrive import Arrival

JSON = dict[str, Any]
MOST_GROUPS = 20
"""Groups of the sender's that are known of one incident."""
GONE = timedelta(days=1)
"""What a group left out that was not heard of for so long counts no more, where nothing is ever stale."""
ONCE = timedelta(days=1)
"""A sender's repeats of what was closed are a line in its history once in this time."""

CLOSED_BY = "closed by "
"""How the reason of an incident begins that a person closed; in a storm it is its alert's."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's standing: all that an incident's own state is made of. `ended` says how, as an episode's does."""

    status: Status
    priority: Priority
    fingerprint: str = ""
    ended: str | None = None
    reason: str | None = None
    ends_at: datetime | None = None

    def left_before(self, at: datetime) -> bool:
        """Return whether it went on elsewhere before a time of receipt, by which such an end is told."""
        return self.ended in {"moved", "superseded"} and self.ends_at is not None and self.ends_at < at


@dataclass(slots=True)
class Case:
    """An incident on the way through a merge. `changed` asks for a new version; `fresh` for an insert.

    `members` are the standings of its episodes by id; `firing` counts those that fire by priority (a group may hold
    thousands, and each of them is settled). Where there are very many, those that are over come with `rest`, once they
    are needed.
    """

    id: str
    source: str
    org: str
    rule_key: str
    key: str
    title: str
    teams: tuple[str, ...]
    priority: Priority
    state: State
    opened_at: datetime
    heard_at: datetime
    facts: JSON
    state_reason: str | None = None
    resolved_at: datetime | None = None
    settled_at: datetime | None = None
    previous: str | None = None
    times: int = 1
    version: int = 1
    never_fired: bool = False
    test: bool = False
    members: dict[str, Standing] = field(default_factory=dict)
    firing: Counter[Priority] = field(default_factory=Counter)
    fresh: bool = False
    changed: bool = False
    history: list[tuple[str, str]] = field(default_factory=list)
    rest: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state in OPEN

    @property
    def team_set(self) -> set[str]:
        """The teams as they are compared."""
        return set(map(folded, self.teams))

    def stand(self, episode: str, standing: Standing) -> None:
        """Take in how an episode stands now."""
        before = self.members.get(episode)
        if before is not None and before.status is Status.FIRING:
            self.firing[before.priority] -= 1
        if standing.status is Status.FIRING:
            self.firing[standing.priority] += 1
        self.members[episode] = standing

    def hear(
        self, arrival: Arrival, at: datetime, stale_after: timedelta | None = None, now: datetime | None = None
    ) -> None:
        """Take in that it was heard of, and what is told beside its alerts, unless that is older news."""
        if to_come(self.heard_at, now):
            self.heard_at = at
        if at >= self.heard_at and self.open and arrival.alert.alert.status is Status.FIRING:
            self._hear_teams(arrival)
            self._hear_left_out(arrival, at, stale_after or GONE)
        self.heard_at = max(self.heard_at, at)

    def _hear_teams(self, arrival: Arrival) -> None:
        """Take in whether its teams were said, which one alert of it does for all, and which are configured by now."""
        known, told = self.facts, arrival.facts
        said = known.get("team_said", True) or told["team_said"]
        default = not said and told.get("default_known", False)
        # the order of the teams is each alert's own
        unknown = set(map(folded, known.get("unknown_teams", ())))
        before = (known.get("team_said", True), known.get("default_known", False), unknown)
        if before == (said, default, set(map(folded, told["unknown_teams"]))) or self.team_set != arrival.team_set:
            return
        facts = {**known, "team_said": said, "unknown_teams": told["unknown_teams"], "default_known": default}
        self.facts, self.changed = facts, True

    def _hear_left_out(self, arrival: Arrival, at: datetime, gone: timedelta) -> None:
        """Take in how many alerts its notification left out.

        An incident may be of several of the sender's groups, each of which leaves out its own. A group that is heard of
        no more may have got another name: Grafana's is made of its notification policies.
        """
        count, before = arrival.facts["truncated"], self.facts.get("truncated", 0)
        if not count and not before:
            return
        group, now = hashlib.sha256(arrival.group.encode("utf-8", "surrogatepass")).hexdigest()[:16], at.isoformat()
        known, times = self.facts.get("left_out", {}), self.facts.get("left_out_at", {})
        # older releases kept no times
        heard = {name: times.get(name, now) for name in known} | {group: now}
        others = [name for name in known if name != group and at - datetime.fromisoformat(heard[name]) < gone]
        names = [*others, group][-MOST_GROUPS:] if count else others
        left_out = {name: count if name == group else known[name] for name in names}
        total, times = sum(left_out.values()), {name: heard[name] for name in names}
        self.changed = self.changed or total != before
        self.facts = {**self.facts, "left_out": left_out, "left_out_at": times, "truncated": total}

    def fires(self, since: datetime, at: datetime) -> None:
        """Take in that an alert fires, which may do so since before those that were heard of first."""
        self.opened_at = min(self.opened_at, since)
        self.heard_firing(at)

    def heard_firing(self, at: datetime) -> None:
        """Take in that a member was heard to fire: nothing else ends that it is stale, but its own end."""
        if self.state is State.STALE:
            self.state = State.FIRING
        self.settle(at)

    def settle(self, at: datetime) -> None:
        """Make its own state and priority those of its members. While some fire, it stays open as it is."""
        if self.state is State.CLOSED:
            return
        firing = [priority for priority, count in self.firing.items() if count]
        if firing:
            self.state = self.state if self.open else State.FIRING
            if min(firing) != self.priority:
                self.note("priority", f"{self.priority} → {min(firing)}")
                self.priority = min(firing)
        elif self.open:
            if self.rest is not None:
                self.rest()
            ends = [member.ends_at for member in self.members.values() if member.ends_at]
            self.state, self.state_reason = State.RESOLVED, self._reason(at)
            self.resolved_at, self.settled_at = max(ends, default=at), at
            self.note("resolved", self.state_reason or "no member fires any more")

    def _reason(self, at: datetime) -> str | None:
        """Return why it ended; that a person closed some of a storm says nothing of it where others ended otherwise."""
        reasons = {member.reason or "" for member in self._told(at)}
        closed = {reason for reason in reasons if reason.startswith(CLOSED_BY)}
        return "; ".join(sorted(filter(None, reasons - closed or closed))) or None

    def _told(self, at: datetime) -> list[Standing]:
        """Return the members whose end counts: each alert's newest, and not those that went on elsewhere before.

        With who did so at its very end it is not over, whoever else recovered.
        """
        newest = {member.fingerprint: member for _, member in sorted(self.members.items())}
        staying = [member for member in newest.values() if not member.left_before(at)]
        return staying or list(newest.values())

    def takes_ends(self, at: datetime) -> bool:
        """Return whether what was over before it was heard of belongs here, though nothing fires again here.

        Here all were so, or it ended by the same notification.
        """
        return self.never_fired or self.settled_at == at

    def may_reopen(self, at: datetime, within: timedelta, now: datetime | None) -> bool:
        """Return whether it goes on as the same where it fires again, by the times that we heard.

        People see the message end then, and senders' clocks differ. A later end that is yet to come `now` was long ago.
        """
        if self.state is not State.RESOLVED or not within or self.settled_at is None:
            return False
        return soon_after(at, self.settled_at, within, now)

    def reopen(self, at: datetime) -> None:
        """Go on as the same incident: it fires again within reopen_duration, or the first time that we hear of.

        Then it begins with what fires, and not with what was over before.
        """
        if self.never_fired:
            self.opened_at = at
        self.state, self.state_reason, self.resolved_at, self.settled_at = State.FIRING, None, None, None
        self.times += 0 if self.never_fired else 1
        self.never_fired = False
        if self.facts.get("truncated"):  # whoever fires now says what is left out now
            self.facts = {**self.facts, "left_out": {}, "truncated": 0}
        self.note("fires again", "within reopen_duration of its end")

    def fires_on(self, at: datetime) -> None:
        """Keep in the history of what is closed that its sender repeats it, once a day."""
        last = self.facts.get("fired_on")
        known = self.settled_at if last is None else datetime.fromisoformat(last) + ONCE
        if known is None or at > known:
            self.facts = {**self.facts, "fired_on": at.isoformat()}
            self.history.append(("still firing", "after it was closed"))

    def note(self, what: str, why: str) -> None:
        """Add a line to its history, and ask for a new version."""
        self.history.append((what, why))
        self.changed = True
