"""What a lane learns before a post: of its channel the id and whether the bot is in it, user groups by handle.

Posting works by name too, so only what is wrong with the way there (no answer, a limit, a dead token) fails the step.
Anything else leaves the channel unsearchable, with Slack's code: a lost answer can then not be looked up. User groups
are asked for by themselves: where they can't be, the channel is known all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.base import Done, Failed, Fault
from bridge.destinations.http import MIB
from bridge.destinations.slack.errors import About
from bridge.destinations.slack.step import is_id
from bridge.destinations.slack.web import RefusedError, Web
from bridge.destinations.steps import moment, table

if TYPE_CHECKING:
    from bridge.destinations.base import JSON, Step
    from bridge.destinations.deadline import Deadline

PAGE: Final = 1000
"""Channels a page: Slack's largest."""

SPARE: Final = 2.0
"""Seconds that must be left to ask for one more page."""

GROUPS: Final = "usergroups.list"

BOTH: Final = "public_channel,private_channel"

DEAD_TOKEN: Final = frozenset({"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"})


def learn(web: Web, step: Step, deadline: Deadline) -> Done | Failed:
    """Learn the place that a step names; `Done.remote` becomes `Want.place`."""
    channel = str(step.request.get("channel") or "")
    if step.method == GROUPS:
        return _groups(web, step, channel)
    place: JSON = {"channel_id": channel if is_id(channel) else None, "member": False, "private": None}
    try:
        place["team_url"] = _team_url(web, channel)
        place |= _channel(web, channel, deadline)
    except RefusedError as error:
        return error.failed
    return Done(place | _groups_before(table(step.request, "known")))


def _groups_before(known: JSON) -> JSON:
    """What is known of user groups, and since when: that their channel is asked about anew makes it no newer."""
    if "usergroups" not in known:
        return {}
    return {"usergroups": known["usergroups"], "groups_at": moment(known, "groups_at", moment(known, "learned_at"))}


def _groups(web: Web, step: Step, channel: str) -> Done | Failed:
    """Learn the workspace's user groups."""
    try:
        return Done({"usergroups": _usergroups(web, channel), "groups_at": step.request.get("at")})
    except RefusedError as error:
        return error.failed


def _tolerate(error: RefusedError) -> str:
    """The code of a refusal that posting can live with.

    Raises:
        RefusedError: it can't; asking again later may help.
    """
    failed = error.failed
    if failed.fault in {Fault.RETRY, Fault.LIMITED} or failed.error in DEAD_TOKEN:
        raise error
    return failed.error


def _team_url(web: Web, channel: str) -> str:
    """The workspace's address, from which links to messages are made; empty where Slack doesn't say."""
    try:
        record, _ = web.ask(About("auth.test", channel), params={})
    except RefusedError as error:
        _tolerate(error)
        return ""
    url = str(record.get("url") or "")
    return url if url.startswith(("https://", "http://")) else ""


def _channel(web: Web, channel: str, deadline: Deadline) -> JSON:
    """The channel's id and standing; a public channel is joined."""
    if is_id(channel):
        return _join(web, {"id": channel}, channel)
    types = BOTH
    try:
        try:
            found = _listed(web, channel, types, deadline)
        except RefusedError as error:
            if error.failed.error != "missing_scope":
                raise
            found = _listed(web, channel, "public_channel", deadline)
    except RefusedError as error:
        return {"unsearchable": _tolerate(error)}
    if isinstance(found, str):
        return {"unsearchable": found}
    if found.get("is_member") or found.get("is_private"):
        facts: JSON = {"member": bool(found.get("is_member")), "private": bool(found.get("is_private"))}
        return {"channel_id": found["id"], **facts}
    return _join(web, found, channel)


def _listed(web: Web, channel: str, types: str, deadline: Deadline) -> dict[str, Any] | str:
    """The channel of that name, walked to page by page, or the code that says why it is not known."""
    name = channel.removeprefix("#")
    cursor: str | None = None
    while True:
        params: JSON = {"types": types, "exclude_archived": True, "limit": PAGE, "cursor": cursor}
        try:
            record, _ = web.ask(About("conversations.list", channel), params=params, cap=4 * MIB)
        except RefusedError as error:
            if cursor is not None and error.failed.fault is Fault.LIMITED:
                return "too_many_channels"  # beginning again would meet the same limit again, and nothing be posted
            raise
        for found in record.get("channels") or ():
            if found.get("name") == name and is_id(str(found.get("id"))):
                return dict(found)
        cursor = (record.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None:
            return "channel_not_found"
        if deadline.left() < SPARE:
            return "too_many_channels"


def _join(web: Web, found: dict[str, Any], channel: str) -> JSON:
    """Join a channel, so that it can be read; one that can't be joined can perhaps still be posted to."""
    known: JSON = {"channel_id": found["id"]}
    try:
        record, _ = web.ask(About("conversations.join", channel), json={"channel": found["id"]})
    except RefusedError as error:
        code = _tolerate(error)
        if code == "method_not_supported_for_channel_type":
            return {**known, "private": True}  # private: the bot is in it, or its posts will tell
        return {**known, "unsearchable": code}
    joined = record.get("channel")
    private = bool(joined.get("is_private")) if isinstance(joined, dict) else False
    return {**known, "member": True, "private": private}


def _usergroups(web: Web, channel: str) -> JSON | None:
    """User groups' ids by handle, without the @; None where they can't be read, so that it is asked sooner again."""
    try:
        record, _ = web.ask(About(GROUPS, channel), params={})
    except RefusedError as error:
        _tolerate(error)
        return None
    named = [one for one in record.get("usergroups") or () if one.get("handle") and one.get("id")]
    return {str(one["handle"]).lower(): str(one["id"]) for one in named}
