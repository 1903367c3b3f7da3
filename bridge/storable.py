"""What no database can store, and no log can be written in: NUL, and half a pair of surrogates."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return a text with a replacement character for each that PostgreSQL or UTF-8 refuses."""
    return _UNSTORABLE.sub("\ufffd", text)
