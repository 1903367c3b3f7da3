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
    incident = want.incident
    if incident.state is not State.FIRING or incident.test or want.never_fired:
        return ()
    groups = want.place.get("usergroups")
    handles: Mapping[str, object] = groups if isinstance(groups, dict) else {}
    written = (_mention(one, handles) for one in called(want.settings.values.get("mention"), incident.priority))
    return tuple(dict.fromkeys(one for one in written if one))


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
