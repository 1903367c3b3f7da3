"""What is shown of receipts, incidents and deliveries, field by field: what the API answers, and is described from."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, NotRequired, TypeVar

from typing_extensions import TypedDict

from bridge.ledger.described import Field

T = TypeVar("T")

ReceiptState = Literal["new", "absorbed", "quarantined", "dismissed"]
IncidentState = Literal["firing", "stale", "resolved", "closed"]
DeliveryState = Literal["pending", "retrying", "delivered", "held", "skipped", "dead"]
PriorityName = Literal["P0", "P1", "P2", "P3"]
ULID = "[0-9A-HJKMNP-TV-Z]{26}"
Id = Annotated[str, Field(pattern=f"^{ULID}$", description="a ULID: it sorts by time")]
Moment = Annotated[str, Field(description="ISO 8601, in UTC", format="date-time")]


class Done(TypedDict):
    """What a person did to a receipt."""

    at: Moment
    what: Annotated[str, Field(description="replayed, dismissed")]
    who: str


class ReceiptShape(TypedDict):
    """One stored request."""

    id: Id
    source: str
    received_at: Moment
    state: ReceiptState
    problem: Annotated[str | None, Field(description="why it, or a part of it, could not be read")]
    alerts: Annotated[int | None, Field(description="how many it held; null until it is read")]
    incidents: Annotated[list[Id], Field(description="what its alerts belong to")]
    acts: Annotated[list[Done], Field(description="what people did to it")]


class IncidentShape(TypedDict):
    """One incident in a list."""

    id: Id
    source: str
    title: str
    teams: list[str]
    priority: Annotated[
        PriorityName, Field(description="of its most urgent firing alert; the last one's once it is over")
    ]
    state: IncidentState
    state_reason: Annotated[str | None, Field(description="why it ended, where that is no recovery")]
    opened_at: Moment
    resolved_at: Moment | None
    previous: Annotated[Id | None, Field(description="the incident that this one is a recurrence of")]
    times: Annotated[int, Field(description="how often it fired, reopenings counted")]


class AlertShape(TypedDict):
    """One alert of an incident: one episode."""

    fingerprint: str
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    values: Annotated[dict[str, float | None], Field(description="as last heard while it fired")]
    links: Annotated[
        dict[str, str], Field(description="as first heard: alert, dashboard, panel, runbook, silence, image")
    ]
    starts_at: Moment | None
    ends_at: Moment | None


class RemoteShape(TypedDict, total=False):
    """What a delivery is out there: what of it is known."""

    url: str
    ts: Annotated[str, Field(description="of a Slack message")]
    channel: Annotated[str, Field(description="the id of a Slack channel")]
    number: Annotated[int, Field(description="of a GitHub issue")]
    dedup_key: Annotated[str, Field(description="of the last page in PagerDuty")]


class DeliveryShape(TypedDict):
    """One incident at one address."""

    id: Id
    incident: Id
    destination: str
    kind: Literal["slack", "pagerduty", "github"]
    address: Annotated[str, Field(description="a channel, a digest of a service's key, a repository")]
    state: DeliveryState
    attempts: int
    next_attempt_at: Moment | None
    last_error: str | None
    reason: Annotated[str | None, Field(description="why it is held, skipped or dead, and what to mend")]
    remote: RemoteShape


class OriginShape(TypedDict):
    """Where a team or priority was said: annotation, label, or the setting that holds where nobody says one."""

    place: str
    name: str
    text: str
    note: str


class TriedShape(TypedDict):
    """One rule that was looked at; of one that did not match the matcher that failed, and what the alert has there."""

    rule: str
    matched: bool
    why: str
    matcher: str | None
    value: str | None


class SentShape(TypedDict):
    """One destination that an alert goes to, and what of the configuration sends it there."""

    destination: str
    kind: str
    team: str
    why: str


class MissedShape(TypedDict):
    """One destination that an alert does not go to, and why."""

    destination: str
    team: str
    why: str
    kind: NotRequired[str]


class DecisionShape(TypedDict):
    """Where an alert goes and why. Kept with an incident its lists and texts are cut; how many there were is said."""

    teams: list[str]
    team_from: str
    team_origin: OriginShape
    priority: PriorityName
    priority_from: str
    priority_origin: OriginShape
    drop: bool
    group_by: list[str]
    tried: list[TriedShape]
    untried: Annotated[list[str], Field(description="routes that were not looked at, since one before them matched")]
    sent: list[SentShape]
    missed: list[MissedShape]
    tried_in_all: NotRequired[int]
    untried_in_all: NotRequired[int]


class LastTry(TypedDict, total=False):
    """The last of several tries that failed alike."""

    at: Moment
    method: str
    request: str
    ms: int
    status: int
    retry_after: float
    until: Moment


class EventShape(TypedDict):
    """One line of an incident's time line; of a step also where it was, its request, and the answer."""

    at: Moment
    what: str
    why: str | None
    receipt: NotRequired[Id]
    delivery: NotRequired[Id]
    destination: NotRequired[str]
    kind: NotRequired[str]
    address: NotRequired[str]
    method: NotRequired[str]
    request: NotRequired[Annotated[str, Field(description="the destination's own id of the request")]]
    ms: NotRequired[Annotated[int, Field(description="how long it took")]]
    status: NotRequired[Annotated[int, Field(description="of the HTTP answer")]]
    retry_after: NotRequired[Annotated[float, Field(description="seconds that the destination asked for")]]
    until: NotRequired[Annotated[Moment, Field(description="when it is tried again at the earliest")]]
    times: NotRequired[Annotated[int, Field(description="how many tries failed alike")]]
    last: NotRequired[LastTry]
    decision: NotRequired[DecisionShape]


class PagingShape(TypedDict):
    """Whether an incident has paged at one place, and if not why."""

    paged: Literal["yes", "not yet", "no"]
    where: Annotated[
        str | None, Field(description="a destination, with a digest of the service's key where it is sent there")
    ]
    at: Annotated[Moment | None, Field(description="of the last page")]
    why: Annotated[str | None, Field(description="why not; of a page what it did not bring")]


class WholeIncident(IncidentShape):
    """One incident with its alerts, where it is told, and what happened."""

    paging: list[PagingShape]
    alerts: list[AlertShape]
    deliveries: list[DeliveryShape]
    timeline: list[EventShape]


class Page(TypedDict, Generic[T]):
    """A page of a list, newest first."""

    items: list[T]
    next: Annotated[str | None, Field(description="the cursor of the next page; null on the last one")]
