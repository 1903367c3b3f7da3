"""The kinds of destination that there are. A new kind is one folder here, and one line below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations import github, pagerduty, slack

if TYPE_CHECKING:
    from bridge.destinations.ports import Kind

KINDS: dict[str, Kind] = {"slack": slack, "pagerduty": pagerduty, "github": github}
