"""Who is called by an opening message: from the configuration alone, never from an alert."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.core.fill import called
from bridge.core.incident import State
from bridge.destinations.slack.escape import mrkdwn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.base import Want

_SPECIAL = re.compile(r"@?(here|channel|everyone)")
_SLACK = re.compile(r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!(?:here|channel|everyone)>")


def mentions(want: Want) -> tuple[str, ...]:
    """Return the mentions of a message that opens now; none unless the incident fires, and none for a test.

    A name that still holds `{team}` is that of a team which is not configured: it calls nobody. A handle that the
    workspace doesn't know is shown as text.
    """
    handles = _handles(want)
    written = (_mention(one, handles) for one in _called(want))
    return tuple(dict.fromkeys(one for one in written if one))


def unknown(want: Want) -> bool:
    """Return whether a message that opens now calls a handle which is among no user groups that were learned."""
    handles = _handles(want)
    return any(one[:1] == "@" and "<" not in _mention(one, handles) and "{" not in one for one in _called(want))


def _called(want: Want) -> tuple[str, ...]:
    incident = want.incident
    if incident.state is not State.FIRING or incident.test or want.never_fired:
        return ()
    return called(want.settings.values.get("mention"), incident.priority)


def _handles(want: Want) -> Mapping[str, object]:
    groups = want.place.get("usergroups")
    return groups if isinstance(groups, dict) else {}


def _mention(said: str, handles: Mapping[str, object]) -> str:
    if "{" in said:
        return ""
    if _SLACK.fullmatch(said):
        return said
    special = _SPECIAL.fullmatch(said)
    if special:
        return f"<!{special[1]}>"
    group = handles.get(said.removeprefix("@"))
    if isinstance(group, str) and re.fullmatch(r"S[A-Z0-9]+", group):
        return f"<!subteam^{group}>"
    return mrkdwn(said)
