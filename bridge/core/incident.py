"""An incident: what people see. Alerts of one rule and team set, from first firing to last resolve."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bridge.core.alert import Priority, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.core.alert import Links, Value


PAGES = "page"
"""The annotation by which the sender of a test asks that it pages, like any other incident."""


class State(StrEnum):
    """Where an incident stands."""

    FIRING = "firing"
    STALE = "stale"
    RESOLVED = "resolved"
    CLOSED = "closed"


OPEN: Final = (State.FIRING, State.STALE)
OVER: Final = (State.RESOLVED, State.CLOSED)
"""The states of an incident that goes on, and of one that does not."""


@dataclass(frozen=True, slots=True)
class Member:
    """One episode of an alert inside an incident, as last told by the sender.

    `values` are those of when it last fired (a resolve's zeros are not kept). `since` is what people are shown as the
    start: `starts_at` where usable, else when it was first received. `received_at` is when it was heard of last,
    `joined_at` when first. `again` counts "fires again, same start". `priority_word` is a priority that can't be read.
    """

    id: str
    fingerprint: str
    status: Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: datetime
    priority: Priority
    received_at: datetime
    joined_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    resolved_at: datetime | None = None
    values: tuple[Value, ...] = ()
    links: Links | None = None
    reason: str | None = None
    no_data: str | None = None
    failure_threshold: float | None = None
    job_count: float | None = None
    priority_word: str | None = None
    again: int = 1

    @property
    def never_fired(self) -> bool:
        """Whether it was over when it was first heard of, and its firing did not come later, by all that is known."""
        measured = self.values or self.job_count is not None
        return not measured and self.resolved_at is not None and self.resolved_at == self.joined_at


MOST_COUNTED = 100
"""Recurrences that are counted one by one."""
LEFT_OUT = "left out"
"""What a line says that stands for those of a long history which are not loaded."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The incident before this one with the same key, as a recurrence shows it.

    `times` counts the incidents of that key that opened within the 30 days before the recurrence did, the recurrence
    among them: a fact of its opening, so that no message changes because time goes by. From MOST_COUNTED on, "more
    than" is meant. `remotes` are by kind, the first of each, and by address.
    """

    id: str
    resolved_at: datetime | None
    seconds: float | None
    times: int = 1
    state: State = State.RESOLVED
    state_reason: str | None = None
    remotes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of an incident's history that people care for.

    `what` is opened, priority ("P2 → P0" in `why`), fires again, stale, or open: told at a place of a `kind`, named
    `address`; or left out (`LEFT_OUT`).
    """

    at: datetime
    what: str
    why: str = ""
    kind: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """All that may be told of an incident, at one version. Times are aware UTC.

    `version` grows with every change worth storing; deliveries compare it with what they told. `times` counts how
    often it fired again within `reopen_duration`. `team_said` is False where no team was named, nor set by a route, and
    the default team stands in: `default_known` where that one is configured. `unknown_teams` were named, but are not
    configured. `more_firing` and `more_over` count the members that are there beside those that are loaded: of these
    `more_unsure` fire without data, `more_ended` are over and did not recover. `remotes` are the message, page and
    issue of the same incident by kind, for cross-links; `places` are the addresses of all that are told on, by
    URL. `happened` is its history, oldest first.
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
    version: int = 1
    state_reason: str | None = None
    resolved_at: datetime | None = None
    members: tuple[Member, ...] = ()
    more_firing: int = 0
    more_unsure: int = 0
    more_over: int = 0
    more_ended: int = 0
    times: int = 1
    previous: Previous | None = None
    team_said: bool = True
    default_known: bool = False
    unknown_teams: tuple[str, ...] = ()
    truncated: int = 0
    external_url: str = ""
    receiver: str = ""
    test: bool = False
    never_fired: bool = False
    remotes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    happened: tuple[Happening, ...] = ()

    @property
    def pages(self) -> bool:
        """Whether it may page people: any incident, but of tests only those for which that was asked."""
        return not self.test or any(PAGES in member.annotations for member in self.members)

    @property
    def firing(self) -> tuple[Member, ...]:
        """The members that fire now."""
        return tuple(member for member in self.members if member.status is Status.FIRING)

    @property
    def fires(self) -> int:
        """How many members fire now, whether they are loaded or not."""
        return len(self.firing) + self.more_firing
