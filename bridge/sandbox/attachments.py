"""Slack's older attachments: a coloured bar, a title, and a text that is folded where it is long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
NONE = "#dddddd"
LINES = 5
CHARACTERS = 700
"""Slack's reference: a text of 700 characters or more, or with 5 line breaks or more, is folded behind "Show more"."""

_COLOR = re.compile(r"#?[0-9A-Fa-f]{6}")


def bar(attachment: Mapping[str, Any]) -> str:
    """Return the colour of an attachment's bar."""
    said = str(attachment.get("color", ""))
    found = NAMED.get(said, said)
    return f"#{found.removeprefix('#')}" if _COLOR.fullmatch(found) else NONE


def folded(attachment: Mapping[str, Any]) -> tuple[str, str]:
    """Return what of an attachment's text is shown at once, and what is behind "Show more"."""
    text = str(attachment.get("text") or ("" if attachment.get("title") else attachment.get("fallback")) or "").strip(
        "\n"
    )
    if len(text) < CHARACTERS and text.count("\n") < LINES:
        return text, ""
    first = "\n".join(text[:CHARACTERS].split("\n")[:LINES])
    return first, text[len(first) :].lstrip("\n")
