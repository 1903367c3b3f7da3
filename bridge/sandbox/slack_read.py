"""The Web API methods that only read: history, replies, channels, permalinks, user groups, whose token this is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.sandbox.slack_call import Call, describe, describe_channel, make_cursor, read_cursor
from bridge.sandbox.slack_checks import SlackError
from bridge.sandbox.slack_state import format_ts, parse_ts

if TYPE_CHECKING:
    from bridge.sandbox.slack_state import Channel, Message

DEFAULT_PAGE = 100
"""What a page holds where no limit is given."""


def history(call: Call) -> dict[str, Any]:
    """conversations.history: newest first, without thread replies that were not broadcast."""
    channel = _readable(call)
    within = _range(call)
    found = []
    for message in reversed(channel.messages.values()):
        if message.micros < within.start:
            break
        if message.micros in within and call.shown(message) and (message.thread is None or message.broadcast):
            found.append(message)
    return _page(call, channel, found, newest=True)


def replies(call: Call) -> dict[str, Any]:
    """conversations.replies: the parent, which no bound leaves out, then its replies, oldest first."""
    channel = _readable(call)
    parent = channel.messages.get(parse_ts(call.arguments["ts"]))
    if parent is not None and parent.thread is not None:
        parent = channel.messages.get(parent.thread)
    if parent is None or not call.shown(parent):
        raise SlackError("thread_not_found")
    within = _range(call)
    found = [m for m in channel.replies(parent) if m.micros in within and call.shown(m)]
    return _page(call, channel, [parent, *found], newest=False)


def _readable(call: Call) -> Channel:
    channel = call.channel(reads="history")
    if not channel.is_member:
        raise SlackError("not_in_channel")
    return channel


def _range(call: Call) -> range:
    """The `micros` between `oldest` and `latest`; the bounds themselves only with `inclusive`."""
    outside = 0 if call.get("inclusive", default=False) else 1
    oldest, latest = parse_ts(call.get("oldest", "0")), parse_ts(call.get("latest", "9999999999.999999"))
    return range(oldest + outside, latest + 1 - outside)


def _page(call: Call, channel: Channel, found: list[Message], *, newest: bool) -> dict[str, Any]:
    """One page of messages; the cursor names the first message of the next one."""
    limit = min(call.get("limit", DEFAULT_PAGE), call.slack.limits.history_page)
    if "cursor" in call.arguments:
        start = read_cursor("next_ts", call.arguments["cursor"])
        found = [m for m in found if (m.micros <= int(start) if newest else m.micros >= int(start))]
    rest = found[limit:]
    metadata = call.get("include_all_metadata", default=False)
    shown = [describe(call, channel, message, metadata=metadata) for message in found[:limit]]
    answer: dict[str, Any] = {"messages": shown, "has_more": bool(rest), "pin_count": 0}
    if rest:
        answer["response_metadata"] = {"next_cursor": make_cursor("next_ts", rest[0].micros)}
    return answer


def list_channels(call: Call) -> dict[str, Any]:
    """conversations.list: of private channels only those the bot is in."""
    kinds = set(call.get("types", "public_channel").split(","))
    if not kinds <= {"public_channel", "private_channel", "im", "mpim"}:
        raise SlackError("invalid_types")
    for kind, scope in (("public_channel", "channels:read"), ("private_channel", "groups:read")):
        if kind in kinds:
            call.want(scope)
    found = [c for c in call.workspace.channels.values() if _listed(c, kinds)]
    if call.get("exclude_archived", default=False):
        found = [channel for channel in found if not channel.is_archived]
    start = int(read_cursor("offset", call.arguments["cursor"])) if call.get("cursor") else 0
    end = start + call.get("limit", DEFAULT_PAGE)
    cursor = make_cursor("offset", end) if end < len(found) else ""
    shown = [describe_channel(channel) for channel in found[start:end]]
    return {"channels": shown, "response_metadata": {"next_cursor": cursor}}


def _listed(channel: Channel, kinds: set[str]) -> bool:
    if channel.is_private:
        return "private_channel" in kinds and channel.is_member
    return "public_channel" in kinds


def info(call: Call) -> dict[str, Any]:
    """conversations.info."""
    return {"channel": describe_channel(call.channel(reads="read"))}


def permalink(call: Call) -> dict[str, Any]:
    """chat.getPermalink: leads to the sandbox's page."""
    channel = call.channel()
    message = channel.messages.get(parse_ts(call.arguments["message_ts"]))
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.slack.page_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread is not None:
        link += f"?thread_ts={format_ts(message.thread)}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def auth_test(call: Call) -> dict[str, Any]:
    """auth.test: whose token this is."""
    place = call.workspace
    return {
        "url": f"{call.slack.page_url}/",
        "team": place.name,
        "team_id": place.team_id,
        "user": place.users[place.bot_user],
        "user_id": place.bot_user,
        "bot_id": place.bot_id,
        "is_enterprise_install": False,
    }


def usergroups(call: Call) -> dict[str, Any]:
    """usergroups.list."""
    place = call.workspace
    groups = [
        {
            "id": place.usergroup_id(handle),
            "team_id": place.team_id,
            "is_usergroup": True,
            "name": name,
            "handle": handle,
        }
        for handle, name in place.usergroups.items()
    ]
    return {"usergroups": groups}
