"""PagerDuty: one page an incident under a key of its own, a further one for alerts that join later."""

from __future__ import annotations

from bridge.destinations.pagerduty.client import connect
from bridge.destinations.pagerduty.step import address, next_step

NAME = "pagerduty"
WIDTH = 4
RATE: tuple[float, ...] = (2.0,)
SETTLE = 0.0

__all__ = ["NAME", "RATE", "SETTLE", "WIDTH", "address", "connect", "next_step"]
