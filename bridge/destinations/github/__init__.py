"""GitHub: one issue an incident and repository, edited quietly, with comments for what is worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations.github.step import address, next_step
from bridge.destinations.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import Settings
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

NAME = "github"
WIDTH = 1
RATE: tuple[float, ...] = (1.0, 500 / 3600)
SETTLE = 5.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for these settings; only a process that sends has the libraries for it in memory."""
    from bridge.destinations.github import client  # noqa: PLC0415 - as said

    return client.connect(settings, http)
