"""What this process serves, for whoever answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from bridge.compose import Bridge


def bridge() -> Bridge:
    """Return the bridge of the application that answers; only within a request."""
    found: Bridge = current_app.extensions["bridge"]
    return found
