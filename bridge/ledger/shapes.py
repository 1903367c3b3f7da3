"""What is shown of receipts, incidents and deliveries, field by field: what the API answers, and is described from."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

T = TypeVar("T")

ReceiptState = Literal["new", "absorbed", "quarantined", "dismissed"]
IncidentState = Literal["firing", "stale", "resolved", "closed"]
DeliveryState = Literal["pending", "retrying", "delivered", "held", "skipped", "dead"]
PriorityName = Literal["P0", "P1", "P2", "P3"]
Id = Annotated[str, Field(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="a ULID: it sorts by time")]
Moment = Annotated[str, Field(description="ISO 8601, in UTC", json_schema_extra={"format": "date-time"})]


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
    starts_at: Moment | None
    ends_at: Moment | None


class RemoteShape(TypedDict, total=False):
    """What a delivery is out there: what of it is known."""

    url: str
    ts: Annotated[str, Field(description="of a Slack message")]
    channel: Annotated[str, Field(description="the id of a Slack channel")]
    number: Annotated[int, Field(description="of a GitHub issue")]


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


class EventShape(TypedDict):
    """One line of an incident's time line."""

    at: Moment
    what: str
    why: str | None


class WholeIncident(IncidentShape):
    """One incident with its alerts, where it is told, and what happened."""

    alerts: list[AlertShape]
    deliveries: list[DeliveryShape]
    timeline: list[EventShape]


class Page(TypedDict, Generic[T]):
    """A page of a list, newest first."""

    items: list[T]
    next: Annotated[str | None, Field(description="the cursor of the next page; null on the last one")]
