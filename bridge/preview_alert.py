"""One alert of a payload as a preview shows it: what was parsed, what was decided, and the settings where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.config.defaults import defaults
from bridge.core.decision import decision
from bridge.core.rules import Inherited
from bridge.preview_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from bridge.core.alert import Links, NormalAlert, Value
    from bridge.core.decision import Decision
    from bridge.core.routed import Routed, Target

BY_DEFAULT = "by default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting, and what it was inherited from. Of a secret only the reference is shown."""

    value: object
    inherited: Inherited


@dataclass(frozen=True, slots=True)
class Aim:
    """One destination that an alert goes to for one team, and why; `settings` are all that hold there."""

    destination: str
    kind: str
    team: str
    why: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Seen:
    """One alert: what was parsed, what was decided about it, and where it goes.

    `incident` is the number of its incident in this preview. In shadow mode `would` are the live targets.
    """

    title: str
    status: str
    fingerprint: str
    starts_at: datetime | None
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: tuple[Value, ...]
    links: Links
    decision: Decision
    incident: int
    targets: tuple[Aim, ...]
    would: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = ()


def seen(normal: NormalAlert, routed: Routed, incident: int) -> Seen:
    """Return what is to be said of an alert on its way."""
    alert = normal.alert
    return Seen(
        title=normal.title,
        status=alert.status.value,
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        labels=alert.labels,
        annotations=alert.annotations,
        values=alert.values,
        links=alert.links,
        decision=decision(normal, routed),
        incident=incident,
        targets=tuple(aim(target) for target in routed.targets),
        would=tuple(aim(one) for target in routed.targets for one in target.in_stead_of),
        notes=tuple(_notes(normal)),
    )


def _notes(normal: NormalAlert) -> Iterator[str]:
    if normal.alert.test:
        yield "it comes from Grafana's Test button: an incident of its own, closed at once"
    if normal.no_data and not normal.team_said:
        yield (
            f"it tells of its rule ({normal.no_data}) and names no team: "
            "the teams of its rule's open incident, else of its last one, hear of it where there is one"
        )


def aim(target: Target) -> Aim:
    """Return a target with its settings, those that nobody sets last."""
    settings = {name: Setting(plain(value), target.inherited[name]) for name, value in target.settings.items()}
    unset = Inherited(f"kind {target.kind}", BY_DEFAULT)
    settings |= {
        name: Setting(plain(value), unset) for name, value in defaults(target.kind).items() if name not in settings
    }
    return Aim(target.destination, target.kind, target.team, target.why, settings)
