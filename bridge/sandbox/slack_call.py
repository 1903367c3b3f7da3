"""One call of a Web API method, and how messages and cursors look in its answer."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.sandbox.slack_checks import SlackError
from bridge.sandbox.slack_state import Channel, Message, Workspace, format_ts

if TYPE_CHECKING:
    from bridge.sandbox.slack import SlackDouble


@dataclass(frozen=True)
class Call:
    """One authenticated call with checked arguments; `now` in unix seconds."""

    slack: SlackDouble
    workspace: Workspace
    scopes: frozenset[str]
    arguments: dict[str, Any]
    now: float

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 (a JSON value)
        """An argument, or the default where it is missing or null."""
        value = self.arguments.get(name)
        return default if value is None else value

    def channel(self, *, by_name: bool = False, reads: str = "") -> Channel:
        """The channel asked for, where the bot may see it.

        Args:
            by_name: a name will do; otherwise only an id.
            reads: `history` or `read`, where the token needs the scope of the channel's kind for it.

        Raises:
            SlackError: there is none, or a scope is missing.
        """
        asked = self.arguments["channel"]
        found = self.workspace.channels.get(asked)
        if found is None and by_name:
            found = self.workspace.find(asked) or self._made(asked.removeprefix("#"))
        if found is None or (found.is_private and not found.is_member):
            raise SlackError("channel_not_found")
        if reads:
            self.want(f"{'groups' if found.is_private else 'channels'}:{reads}")
        return found

    def _made(self, name: str) -> Channel | None:
        if self.slack.strict_channels:
            return None
        try:
            return self.workspace.add_channel(name, now=self.now)
        except ValueError:
            return None

    def with_arguments(self, arguments: dict[str, Any]) -> Call:
        """The same call with other arguments."""
        return replace(self, arguments=arguments)

    def want(self, scope: str) -> None:
        """Checks one scope.

        Raises:
            SlackError: the token lacks it.
        """
        if scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def shown(self, message: Message) -> bool:
        """Whether lookups see the message yet."""
        return message.posted_at + self.slack.limits.lag <= self.now


def describe(call: Call, channel: Channel, message: Message, *, metadata: bool) -> dict[str, Any]:
    """A message as the API shows it."""
    made: dict[str, Any] = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    made |= {"team": call.workspace.team_id}
    if message.bot is not None:
        made |= {"bot_id": message.bot, "app_id": call.workspace.app_id}
    for name in ("username", "blocks", "attachments"):
        if getattr(message, name):
            made[name] = getattr(message, name)
    if metadata and message.metadata is not None:
        made["metadata"] = message.metadata
    if message.edited_at is not None:
        made["edited"] = {"user": message.user, "ts": f"{int(message.edited_at)}.000000"}
    if message.thread is not None:
        made["thread_ts"] = format_ts(message.thread)
        if message.broadcast:
            made["subtype"] = "thread_broadcast"
    elif replies := [reply for reply in channel.replies(message) if call.shown(reply)]:
        made |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
    return made


def describe_channel(channel: Channel) -> dict[str, Any]:
    """A channel as the API shows it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_archived": channel.is_archived,
        "is_private": channel.is_private,
        "is_member": channel.is_member,
        "is_ext_shared": False,
    }


def make_cursor(kind: str, value: object) -> str:
    """A cursor as Slack makes them: base64 of a word and a value."""
    return base64.b64encode(f"{kind}:{value}".encode()).decode()


def read_cursor(kind: str, cursor: str) -> str:
    """The value in a cursor.

    Raises:
        SlackError: it is none of ours.
    """
    try:
        found, _, value = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if found != kind or not value.isdecimal():
        raise SlackError("invalid_cursor")
    return value
