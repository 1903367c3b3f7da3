"""A step as the request that its kind's client sends; a secret in it is its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.destinations.github.session import API as GITHUB
from bridge.destinations.pagerduty.client import API as PAGERDUTY
from bridge.destinations.slack.client import API as SLACK

if TYPE_CHECKING:
    from bridge.destinations.base import JSON, Settings, Step


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it would be sent; a secret in it is its reference. `creates` says that something new appears."""

    method: str
    url: str
    body: JSON
    creates: bool


def request_of(step: Step, settings: Settings) -> Request:
    """Return a step as the kind's client sends it."""
    body = dict(step.request)
    if settings.kind == "github":
        url = settings.text("api_url", GITHUB).rstrip("/") + step.path
        return Request(step.method.partition(" ")[0], url, body, step.creates)
    if settings.kind == "pagerduty":
        keys = settings.values.get("routing_key")
        key = keys[0] if isinstance(keys, list) and keys else keys
        url = settings.text("api_url", PAGERDUTY).rstrip("/") + "/v2/enqueue"
        return Request("POST", url, {"routing_key": key, **body}, creates=True)
    if step.method == "webhook":
        return Request("POST", settings.text("webhook_url"), body, step.creates)
    return Request("POST", settings.text("api_url", SLACK).rstrip("/") + f"/{step.method}", body, step.creates)
