"""A request's body as a person reads it: what will stand in the channel, the page, the issue."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK = re.compile(r"<(https?://[^|>]*)\|([^>]*)>")
_CALL = re.compile(r"<!(?:subteam\^)?([^|>]*)>")


def readable(kind: str, body: dict[str, Any]) -> list[str]:
    """Return the words of a request, line by line."""
    return [line for text in _READERS[kind](body) for line in text.splitlines() or [""]]


def headline(kind: str, body: dict[str, Any]) -> str:
    """Return the one line by which a person knows the message again."""
    if kind == "pagerduty":
        return str(body["payload"]["summary"])
    return str(body["title"]) if kind == "github" else _slack_text(str(body["text"]))


def _slack(body: dict[str, Any]) -> Iterator[str]:
    if not body.get("blocks"):
        yield _slack_text(str(body["text"]))
    for block in body.get("blocks", ()):
        for text in [block["text"]] if "text" in block else block.get("elements", ()):
            said = str(text.get("text", ""))
            yield html.unescape(said) if text.get("type") == "plain_text" else _slack_text(said)


def _slack_text(mrkdwn: str) -> str:
    """Return mrkdwn with its links written out, and with mentions as people know them."""
    return html.unescape(_CALL.sub(r"@\1", _LINK.sub(r"\2 (\1)", mrkdwn)))


def _pagerduty(body: dict[str, Any]) -> Iterator[str]:
    payload = body["payload"]
    yield f"{payload['severity']}: {payload['summary']}"
    for name, text in payload.get("custom_details", {}).items():
        yield f"{name}: {text}"
    for link in body.get("links", ()):
        yield f"{link['text']} ({link['href']})"


def _github(body: dict[str, Any]) -> Iterator[str]:
    yield str(body["title"])
    if body.get("labels"):
        yield f"labels: {', '.join(body['labels'])}"
    if body.get("assignees"):
        yield f"assignees: {', '.join(body['assignees'])}"
    yield ""
    yield str(body["body"])


_READERS = {"slack": _slack, "pagerduty": _pagerduty, "github": _github}
