"""Everything of a configuration that isn't a rule of routing, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.schema import AuthProxy, FallbackRow, Retention, Test
    from bridge.config.sources import SourceSettings
    from bridge.core.alert import Priority


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
