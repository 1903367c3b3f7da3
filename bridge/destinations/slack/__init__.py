"""Slack: one message an incident and channel, edited in place, with thread replies for what is worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations.http import Http
from bridge.destinations.slack.step import address, next_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import Settings
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

NAME = "slack"
WIDTH = 4
RATE: tuple[float, ...] = (1.0,)
SETTLE = 2.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for these settings; only a process that sends has the libraries for it in memory."""
    from bridge.destinations.slack import client  # noqa: PLC0415 - as said

    return client.connect(settings, http)
