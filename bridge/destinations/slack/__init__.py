"""Slack: one message an incident and channel, edited in place, with thread replies for what is worth a look."""

from __future__ import annotations

from bridge.destinations.slack.client import connect
from bridge.destinations.slack.step import address, next_step

NAME = "slack"
WIDTH = 4
RATE: tuple[float, ...] = (1.0,)
SETTLE = 2.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]
