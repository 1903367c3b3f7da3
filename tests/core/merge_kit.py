"""Alerts as the merge takes them, said in few words, and a book to put them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from bridge.core.alert import Alert, Group, NormalAlert, Origin, Priority, Status
from bridge.core.arrive import arrive
from bridge.core.merge import Book
from bridge.core.routed import Routed

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""Noon; tests count in minutes from it."""


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def alert(  # noqa: PLR0913 - an alert has these sides
    status="firing",
    start=0.0,
    end=None,
    *,
    fingerprint="f1",
    labels=None,
    annotations=None,
    org="1",
    rule_uid="rule-1",
    test=False,
) -> Alert:
    """Return an alert; `start` and `end` are minutes after noon, None for no usable time."""
    return Alert(
        status=Status(status),
        fingerprint=fingerprint,
        labels={"alertname": "Disk full", **(labels or {})},
        annotations=annotations or {},
        starts_at=None if start is None else at(start),
        ends_at=None if end is None else at(end),
        rule_uid=rule_uid,
        org=org,
        test=test,
    )


def normal(told: Alert, teams=("storage",), priority=Priority.P2, no_data=None) -> NormalAlert:
    return NormalAlert(told, tuple(teams), Origin("label"), True, priority, Origin("label"), no_data=no_data)  # noqa: FBT003 - the fields in their order


LATER = T0 + timedelta(days=10_000)


def arrival(  # noqa: PLR0913 - an arrival has these sides
    *args,
    teams=("storage",),
    priority=Priority.P2,
    drop=False,
    group_by=("alertname",),
    received=LATER,
    truncated=0,
    group="",
    unknown=(),
    **more,
):
    """Return an arrival: the alert's words as in `alert`, its teams and priority as routed."""
    one = normal(alert(*args, **more), teams, Priority(priority))
    routed = Routed(tuple(teams), Priority(priority), (), (), group_by, drop, unknown_teams=tuple(unknown))
    return arrive(
        one, routed, Group(alerts=(), shape="grafana", truncated=truncated, group_key=group), "grafana", received
    )


def book(reopen_minutes: float = 10) -> Book:
    ids = count(1)
    return Book(
        "grafana", lambda: f"{next(ids):026}", timedelta(minutes=reopen_minutes), stale_after=timedelta(hours=12)
    )


def heard(into: Book, minutes: float, *args, **more):
    """Absorb one alert received so many minutes after noon; return its incident."""
    return into.absorb(arrival(*args, received=at(minutes), **more), at(minutes))


def firing(into: Book) -> set[tuple[str, str]]:
    """Return (fingerprint, incident) of every member that fires."""
    known = [one for episodes in into.episodes.values() for one in episodes]
    return {(one.fingerprint, one.incident) for one in known if one.firing}
