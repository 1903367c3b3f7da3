"""Who is called by an opening message: from the configuration alone, never from an alert."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.core.fill import called
from bridge.core.incident import State
from bridge.destinations.base import Lack
from bridge.destinations.slack.escape import mrkdwn
from bridge.destinations.steps import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.base import Settings, Want

_SPECIAL = re.compile(r"@?(here|channel|everyone)")
_HANDLE = re.compile(r"@(?!(?:here|channel|everyone)$)[^{]+")
_SLACK = re.compile(r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!(?:here|channel|everyone)>")


def mentions(want: Want) -> tuple[str, ...]:
    """Return the mentions of a message that opens now; none unless the incident fires, and none for a test.

    A name that still holds `{team}` is that of a team which is not configured: it calls nobody. A handle that is no
    known user group is shown as text, which says so.
    """
    handles = _handles(want)
    written = (_mention(one, handles) for one in _called(want))
    return tuple(dict.fromkeys(one for one in written if one))


def unknown(want: Want) -> bool:
    """Return whether a message that opens now calls a handle which is among no user groups that were learned."""
    handles = _handles(want)
    return any(one[:1] == "@" and "<" not in _mention(one, handles) and "{" not in one for one in _called(want))


def calls_group(want: Want) -> bool:
    """Return whether a message that opens now calls anybody by a handle: who that is must be asked for."""
    return any(_HANDLE.fullmatch(one) for one in _called(want))


def handles(settings: Settings) -> tuple[str, ...]:
    """Return the handles that `mention` holds, at any priority."""
    mention = settings.values.get("mention")
    values = mention.values() if isinstance(mention, dict) else (mention,)
    words = (word for value in values for word in names({"mention": value}, "mention"))
    return tuple(dict.fromkeys(word for word in words if _HANDLE.fullmatch(word)))


def uncalled(handles: tuple[str, ...], groups: object, scope: str = "usergroups:read") -> list[Lack]:
    """Return what keeps handles from calling anybody; `groups` is what was learned, None where it can't be read.

    `scope` is what may be granted then, nothing for who can ask nothing at all.
    """
    other = "write a group as <!subteam^S…>, a person as <@U…>"
    if handles and not isinstance(groups, dict):
        many = "calls" if len(handles) == 1 else "call"
        mend = f"grant {scope}, or {other}" if scope else other
        return [Lack(f"user groups can't be read: {', '.join(handles)} {many} nobody", mend)]
    missing = [one for one in handles if isinstance(groups, dict) and "<" not in _mention(one, groups)]
    return [Lack(f"{one} calls nobody: there is no such user group", f"correct it, or {other}") for one in missing]


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
    group = _group(said.removeprefix("@").lower(), handles)
    if isinstance(group, str) and re.fullmatch(r"S[A-Z0-9]+", group):
        return f"<!subteam^{group}>"
    return mrkdwn(f"{said} (not called: no known user group)")


def _group(name: str, handles: Mapping[str, object]) -> object:
    """Return a user group's id: its handle is in lower case there, which a team's name that is filled in may not be."""
    found = handles.get(name)
    return found or next((group for handle, group in handles.items() if handle.lower() == name), None)
