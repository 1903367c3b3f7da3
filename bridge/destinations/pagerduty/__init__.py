"""PagerDuty: one page an incident under a key of its own, a further one for alerts that join later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations.http import Http
from bridge.destinations.pagerduty.step import address, next_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import Settings
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

NAME = "pagerduty"
WIDTH = 4
RATE: tuple[float, ...] = (2.0,)
SETTLE = 0.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for these settings; only a process that sends has the libraries for it in memory."""
    from bridge.destinations.pagerduty import client  # noqa: PLC0415 - as said

    return client.connect(settings, http)
