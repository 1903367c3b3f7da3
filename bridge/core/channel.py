"""A Slack channel as a configuration says it: by its name, in whatever case, or by its id."""

from __future__ import annotations

import re

_ID = re.compile(r"[CGD](?=[A-Z]*[0-9])[A-Z0-9]{7,}")
_LETTERS = re.compile(r"[CGD](?:[A-Z]{8}|[A-Z]{10})")
"""An id that has no digit by chance, as one in fourteen of nine characters (observed: `CPPKBEDLZ`)."""


def is_channel_id(said: str) -> bool:
    """Is it an id (C…, G…, D…) rather than a name? One of letters alone is none behind a #, as nobody writes ids."""
    bare = said.removeprefix("#")
    return _ID.fullmatch(bare) is not None or (said == bare and _LETTERS.fullmatch(said) is not None)
