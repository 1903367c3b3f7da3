"""What a sender said, as frozen values: one Group of Alerts a notification, whatever the sender's shape was."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Status(StrEnum):
    """An alert either fires or is over; everything a sender may write is read as one of the two."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Priority(StrEnum):
    """How urgent: P0 wakes people, P3 can wait for the morning. Compares by urgency (`P0 < P1`)."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value of an alert.

    `number` is None where the sender had none (null, NaN, and Grafana's -1 is kept as -1). `kind` is what Grafana made
    it with where it says so: "query", "reduce", "math", "threshold", "classic_conditions", …
    """

    name: str
    number: float | None
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """The http(s) links of an alert, absolute, by what they lead to; None where the sender gave none."""

    alert: str | None = None
    dashboard: str | None = None
    panel: str | None = None
    runbook: str | None = None
    silence: str | None = None
    image: str | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a group as its sender told it, labels completed from the group's common ones.

    `starts_at` and `ends_at` are aware UTC, None where absent or unusable (year 1, 1970, not a time).
    `fingerprint` is never empty: without the sender's own it is made from the labels, else the rule, else title and
    receiver (`core.payload.identity`). `state` is the sender's own word for where the alert stands, lower case, as it
    stood before it was read as firing or resolved ("no_data", "paused", "warning"). `test` says that it comes from
    Grafana's Test button. `known_as` is its name without what was measured in it, where that is another one than it is
    shown by: what makes incidents of alerts goes by that.
    """

    status: Status
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    values: tuple[Value, ...] = ()
    links: Links = field(default_factory=Links)
    rule_uid: str | None = None
    org: str = ""
    title: str = ""
    state: str = ""
    test: bool = False
    known_as: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of a group that could not be read: its index in `alerts`, and a sentence that says why."""

    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """One notification, read whole.

    `group_key` and `receiver` are for show, never for identity: Grafana changes them with its policy tree.
    `truncated` counts alerts that the sender left out.
    """

    alerts: Sequence[Alert]
    shape: str
    receiver: str = ""
    group_key: str = ""
    external_url: str = ""
    title: str = ""
    truncated: int = 0
    problems: tuple[Problem, ...] = ()


class UnreadableError(ValueError):
    """The body is no alert notification; the sentence says what was found instead. The receipt goes to quarantine."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact came from, for `explain`: a kind of place, its name as sent, and the text found there.

    `note` says what else was seen on the way there, such as a word that could not be read.
    """

    place: str
    name: str = ""
    text: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Read aloud: `annotation Priority = 'P2'`."""
        found = f"{self.place} {self.name} = {self.text!r}" if self.name else self.place
        return f"{found} ({self.note})" if self.note else found


@dataclass(frozen=True, slots=True)
class NormalAlert:
    """An alert with the facts that routing and people need, each with its origin.

    `teams` are canonical names of configured teams (aliases resolved, in the order said) or the name as said, lower
    case; never empty: without one it is the default team and `team_said` is False. `drop` is True where the
    priority's word is mapped to `drop`.
    """

    alert: Alert
    teams: tuple[str, ...]
    team_origin: Origin
    team_said: bool
    priority: Priority
    priority_origin: Origin
    priority_word: str | None = None
    drop: bool = False
    failure_threshold: float | None = None
    job_count: float | None = None
    no_data: str | None = None

    @property
    def title(self) -> str:
        """The headline name: of the rule for NoData and Error alerts, else the alert's name."""
        labels = self.alert.labels
        if self.no_data and labels.get("rulename"):
            return labels["rulename"]
        return labels.get("alertname") or self.alert.title or "Unnamed alert"
