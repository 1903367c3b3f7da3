"""An alert as the merge takes it: with its keys, and with what of it is stored and shown. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import partial
from json import JSONEncoder
from typing import TYPE_CHECKING

from bridge.core.alert import Links, Status
from bridge.core.identity import incident_key, rule_key
from bridge.core.payload.entries import Slices
from bridge.core.payload.links import pinned
from bridge.core.teams import folded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bridge.core.alert import Alert, Group, NormalAlert, Priority, Value
    from bridge.core.cases import JSON
    from bridge.core.routed import Routed

AHEAD = timedelta(hours=1)
"""How far a sender's clock may be ahead of ours."""
DIGEST = 32
"""Hexadecimal digits that are kept of what an alert shows: two that differ are told apart by far fewer."""
_SORTED = JSONEncoder(sort_keys=True)
_LINKS = [one.name for one in fields(Links)]


@dataclass(slots=True)
class Arrival:
    """One alert on its way in: normalised, with its teams, keys, and what of it is stored and shown.

    `digest` is that of `detail`: a repeat that shows nothing new is silent. `links` are kept from the first firing:
    they differ in every repeat (observed: `from` and `to` move along). `reason` is why a resolve is no recovery,
    `group` the sender's name of the notification's group; `former_key` the key that an older release made of it, which
    minded what was measured in its name; `outdated`, of what the merge has taken in, that it was older news.
    """

    alert: NormalAlert
    teams: tuple[str, ...]
    priority: Priority
    rule_key: str
    key: str
    detail: JSON
    links: JSON
    digest: str
    facts: JSON
    reason: str | None = None
    drop: bool = False
    group: str = ""
    former_key: str = ""
    outdated: bool = False

    @property
    def team_set(self) -> set[str]:
        """The teams as they are compared."""
        return set(map(folded, self.teams))


def in_order(alerts: Sequence[Alert]) -> Sequence[Alert]:
    """Return the alerts of a notification in the order to take them in: those that fire before those that are over.

    Else an incident whose alerts are partly over would seem over, and to fire again, where its notification names the
    others later. The end of an alert that fires anew in the same notification stays before that; where nothing but the
    order tells which came last, an end without a start that follows the last firing is over. Alerts that are so many
    that they are read slice by slice are read once more for that, where they say different things.
    """
    order = order_of(alerts)
    if isinstance(order, range):
        return alerts
    return alerts.arranged(order) if isinstance(alerts, Slices) else tuple(alerts[number] for number in order)


def order_of(alerts: Sequence[Alert]) -> Sequence[int]:
    """Return the places of a notification's alerts in that order; a range where it is their own."""
    as_told = range(len(alerts))
    if isinstance(alerts, Slices) and not alerts.mixed():
        return as_told
    said = [
        (alert.status is Status.FIRING, (alert.org, alert.fingerprint), alert.starts_at is not None) for alert in alerts
    ]
    firing = [number for number, (fires, _, _) in enumerate(said) if fires]
    over = [number for number, (fires, _, _) in enumerate(said) if not fires]
    if not over or not firing:
        return as_told
    last = {said[number][1]: number for number in firing}
    before: list[int] = []
    after: list[int] = []
    for number in over:
        _, which, started = said[number]
        anew = which in last and (started or number < last[which])
        (before if anew else after).append(number)
    return (*before, *firing, *after)


def arrive(alert: NormalAlert, routed: Routed, group: Group, source: str, heard: datetime) -> Arrival:
    """Return an alert, heard of at a time, as the merge takes it: its keys, and what of it is stored and shown.

    A start well after that is none: it would outdate every real one.
    """
    if alert.alert.starts_at is not None and alert.alert.starts_at > heard + AHEAD:
        alert = replace(alert, alert=replace(alert.alert, starts_at=None))
    said = alert.alert
    detail = {
        "labels": dict(said.labels),
        "annotations": dict(said.annotations),
        "values": [_value(one) for one in said.values],
        "no_data": alert.no_data,
        "failure_threshold": alert.failure_threshold,
        "job_count": alert.job_count,
        **({"priority_word": alert.priority_word} if alert.priority_word else {}),
    }
    team_said = alert.team_said or routed.team_set is not None
    facts = {
        "team_said": team_said,
        "unknown_teams": routed.unknown_teams,
        "truncated": group.truncated,
        "drop": routed.drop,
        "external_url": group.external_url,
        "receiver": group.receiver,
        **({"default_known": True} if routed.all_known and not team_said else {}),
    }
    key = partial(incident_key, source, teams=routed.teams, group_by=routed.group_by, drop=routed.drop)
    as_shown = replace(alert, alert=replace(said, known_as="")) if said.known_as else None
    links = pinned(said.links, said.starts_at, heard)
    digest = hashlib.sha256(_SORTED.encode(detail).encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return Arrival(
        alert=alert,
        teams=routed.teams,
        priority=routed.priority,
        rule_key=rule_key(said),
        key=key(alert),
        detail=detail,
        links={name: getattr(links, name) for name in _LINKS},
        digest=digest,
        facts=facts,
        reason=said.annotations.get("grafana_state_reason"),
        drop=routed.drop,
        group=group.group_key,
        former_key=key(as_shown) if as_shown else "",
    )


def unmeasured(arrival: Arrival) -> Arrival:
    """Return what is kept of an alert that was over before it was heard of: not the values of after, zeros mostly.

    Without a digest, for what it showed while it fired is not known.
    """
    detail = {**arrival.detail, "values": [], "failure_threshold": None, "job_count": None}
    return replace(arrival, detail=detail, digest="")


def ended(arrival: Arrival, at: datetime) -> datetime:
    """Return when a resolved alert ended, by its sender's clock, which is not far ahead; never before its start."""
    alert = arrival.alert.alert
    ends = alert.ends_at if alert.ends_at and alert.ends_at <= at + AHEAD else at
    return max(ends, alert.starts_at) if alert.starts_at else ends


def _value(value: Value) -> JSON:
    kind = {"kind": value.kind} if value.kind else {}
    return {"name": value.name, "number": value.number, "labels": dict(value.labels), **kind}
