"""Everything of a configuration that isn't a rule of routing, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from bridge.config.sources import SourceSettings
    from bridge.core.alert import Priority


@dataclass(frozen=True, slots=True)
class FallbackRow:
    """Where an incident is told too, and when: after a time, or once a delivery is dead (`on`)."""

    after: timedelta | None
    on: str | None
    send: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuthProxy:
    """The proxy in front that says who somebody is."""

    header: str
    trusted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept."""

    receipts: timedelta
    incidents: timedelta
    quarantine: timedelta


@dataclass(frozen=True, slots=True)
class TestAlert:
    """The alert of a test."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    status: str


@dataclass(frozen=True, slots=True)
class Expect:
    """What a test expects; of what is None nothing."""

    team: tuple[str, ...] | None
    priority: Priority | None
    send: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Test:
    """An alert and where it should go. `source` is None where the file names none."""

    name: str | None
    source: str | None
    alert: TestAlert
    expect: Expect


@dataclass(frozen=True, slots=True)
class Case:
    """One of the configuration's own tests, with its place "file:line"."""

    test: Test
    where: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The typed settings beside `Rules`.

    `fallback` by priority or "default".
    `auth_proxy` and `operators` (a team's canonical name) are None where off or not set. `max_storage` in bytes.
    """

    sources: Mapping[str, SourceSettings]
    retention: Retention
    max_storage: int
    fallback: Mapping[Priority | str, FallbackRow] = field(default_factory=dict)
    operators: str | None = None
    auth_proxy: AuthProxy | None = None
    include: tuple[str, ...] = ()
    tests: tuple[Case, ...] = ()
