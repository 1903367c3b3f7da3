"""What `explain` answers, field by field: for the API's description."""

from typing import Annotated, Any

from typing_extensions import TypedDict

from bridge.ledger.described import Field
from bridge.ledger.shapes import DecisionShape, Moment


class ValueShape(TypedDict):
    """One measured value."""

    name: str
    number: float | None
    labels: dict[str, str]
    kind: Annotated[str, Field(description="what Grafana made it with, where it says so")]


class LinksShape(TypedDict):
    """The links of an alert that can be followed; `dropped` are those that can't."""

    alert: str | None
    dashboard: str | None
    panel: str | None
    runbook: str | None
    silence: str | None
    image: str | None
    dropped: list[str]


class InheritedShape(TypedDict):
    """What of the configuration set a setting, and where that is written."""

    by: str
    where: Annotated[str, Field(description="file:line, by default, or empty where it is not known")]


class SettingShape(TypedDict):
    """One effective setting; of a secret its reference."""

    value: Any
    inherited: InheritedShape


class AimShape(TypedDict):
    """One destination that an alert goes to for one team."""

    destination: str
    kind: str
    team: str
    why: str
    settings: dict[str, SettingShape]


class SeenShape(TypedDict):
    """One alert: what was parsed, what was decided, and where it goes."""

    title: str
    status: str
    fingerprint: str
    starts_at: Moment | None
    ends_at: Moment | None
    labels: dict[str, str]
    annotations: dict[str, str]
    values: list[ValueShape]
    links: LinksShape
    decision: DecisionShape
    incident: Annotated[int, Field(description="the number of its incident")]
    targets: list[AimShape]
    would: Annotated[list[AimShape], Field(description="in shadow mode: where it would go, were it live")]
    notes: list[str]


class RequestShape(TypedDict):
    """One request as it would be sent; a secret in it is its reference."""

    method: str
    url: str
    body: dict[str, Any]
    creates: bool


class PlannedShape(TypedDict):
    """One address of an incident: what would be done there first, or why nothing."""

    id: str
    destination: str
    kind: str
    address: str
    team: str
    why: str
    says: str | None
    also: Annotated[list[str], Field(description="others that lead to the same address: told once")]
    request: RequestShape | None
    skipped: str | None
    missing: list[str]
    notes: list[str]


class ToldShape(TypedDict):
    """One incident of the payload."""

    number: int
    title: str
    state: str
    priority: str
    teams: list[str]
    alerts: int
    deliveries: list[PlannedShape]


class ExplainedShape(TypedDict):
    """Everything that is to say about one payload."""

    quarantine: Annotated[str | None, Field(description="why it can't be read; it would go to quarantine")]
    source: str
    shape: str
    truncated: int
    problems: list[str]
    alerts: list[SeenShape]
    incidents: list[ToldShape]
    more_alerts: int
    more_incidents: int
