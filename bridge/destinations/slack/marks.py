"""The marks by which our messages are found again: what a step puts into a message's metadata, and reading it back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.steps import number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.destinations.base import JSON, Have, Want

EVENT: Final = "bridge_delivery"
"""The type of the metadata that marks our messages."""

Mark = tuple[str, int]
"""A delivery's id and a step's number."""


def marked(want: Want, have: Have) -> JSON:
    """Return the metadata by which a message is found again."""
    if have.get("bare"):
        return {}
    payload = {"delivery": want.delivery, "step": number(have)}
    return {"metadata": {"event_type": EVENT, "event_payload": payload}}


def mark_of(metadata: JSON) -> Mark | None:
    """Read the mark from a message's metadata; None where there is none of ours."""
    payload = table(metadata, "event_payload")
    delivery, step = text(payload, "delivery"), payload.get("step")
    if metadata.get("event_type") != EVENT or not delivery or not re.fullmatch(r"\d{1,9}", str(step)):
        return None
    return delivery, int(str(step))


def marks_in(messages: Any) -> Iterator[tuple[Mark, str]]:  # noqa: ANN401 (JSON as it came)
    """Give the marks in a page of messages, each with its message's ts."""
    for message in messages if isinstance(messages, list) else ():
        mark = mark_of(table(message, "metadata"))
        if mark and message.get("ts"):
            yield mark, str(message["ts"])
