"""GitHub: one issue an incident and repository, edited quietly, with comments for what is worth a look."""

from __future__ import annotations

from bridge.destinations.github.client import connect
from bridge.destinations.github.step import address, next_step

NAME = "github"
WIDTH = 1
RATE: tuple[float, ...] = (1.0, 500 / 3600)
SETTLE = 5.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]
