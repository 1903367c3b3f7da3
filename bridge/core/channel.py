"""A Slack channel as a configuration says it: by its name, in whatever case, or by its id."""

from __future__ import annotations

import re

_ID = re.compile(r"[CGD](?=[A-Z]*[0-9])[A-Z0-9]{7,}")


def is_channel_id(said: str) -> bool:
    """Is it an id (C…, G…, D…) rather than a name? An id holds a digit, a name in capitals hardly ever."""
    return _ID.fullmatch(said) is not None
