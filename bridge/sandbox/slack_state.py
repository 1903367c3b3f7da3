"""What a Slack workspace holds: channels, messages, tokens, user groups. No HTTP here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BOT_SCOPES = frozenset(
    {
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "groups:history",
        "groups:read",
        "usergroups:read",
    }
)
"""The scopes of a token that is given none: all that the served methods can want, but not `chat:write.public`."""

CHANNEL_NAME = re.compile(r"[\w-]{1,80}")
"""What a channel may be called, lower case besides."""


def make_id(letter: str, *parts: str) -> str:
    """A Slack-like id that is the same in every run: a letter and ten characters of a hash."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return letter + digest[:10].upper()


def format_ts(micros: int) -> str:
    """A message's `ts` from microseconds since 1970."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def parse_ts(ts: str) -> int:
    """Microseconds since 1970 of a `ts`, whose fraction may be short or missing."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6])


@dataclass
class Message:
    """One message or thread reply. `micros` is its `ts` as a number, `thread` that of its parent."""

    micros: int
    user: str
    bot: str | None
    text: str
    posted_at: float
    blocks: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread: int | None = None
    broadcast: bool = False
    edited_at: float | None = None
    username: str | None = None
    edits: int = 0

    @property
    def ts(self) -> str:
        """The id Slack gives it, unique in its channel."""
        return format_ts(self.micros)


@dataclass
class Channel:
    """A channel with its messages by `micros`, oldest first; replies are among them."""

    id: str
    name: str
    created: int
    is_private: bool = False
    is_archived: bool = False
    is_member: bool = True
    messages: dict[int, Message] = field(default_factory=dict)
    threads: dict[int, list[Message]] = field(default_factory=dict)
    last_micros: int = 0

    def next_micros(self, now: float) -> int:
        """A fresh `ts`: the time, and always later than the last one."""
        self.last_micros = max(round(now * 1_000_000), self.last_micros + 1)
        return self.last_micros

    def add(self, message: Message) -> None:
        """Stores a message, in its thread too."""
        self.messages[message.micros] = message
        if message.thread is not None:
            self.threads.setdefault(message.thread, []).append(message)

    def delete(self, ts: str) -> None:
        """Removes a message, as a person with the right to it would.

        Raises:
            KeyError: there is no such message.
        """
        message = self.messages.pop(parse_ts(ts))
        if message.thread is not None:
            self.threads[message.thread].remove(message)

    def top(self) -> Iterator[Message]:
        """What the channel itself shows, newest first: no replies, except those broadcast."""
        return (m for m in reversed(self.messages.values()) if m.thread is None or m.broadcast)

    def replies(self, parent: Message) -> list[Message]:
        """The replies of a thread, oldest first."""
        return self.threads.get(parent.micros, [])

    def say(self, text: str, now: float, user: str = "U0PERSON") -> Message:
        """A person writes into the channel; `now` in unix seconds."""
        message = Message(self.next_micros(now), user, None, text, now)
        self.add(message)
        return message


class Workspace:
    """One workspace with its bot, which all its tokens belong to.

    Attributes:
        tokens: token → its scopes; `revoked` lists those that were good once.
        channels: id → channel.
        usergroups: handle (without @) → name, as `usergroups.list` shows them.
        users: id → name, for the page.
        webhooks: path of an incoming webhook (`T…/B…/X…`) → channel name.
    """

    def __init__(self, name: str, tokens: Iterable[str] = (), scopes: Iterable[str] = BOT_SCOPES) -> None:
        self.name = name
        self.team_id = make_id("T", name)
        self.bot_user = make_id("U", name, "bridge")
        self.bot_id = make_id("B", name, "bridge")
        self.app_id = make_id("A", name, "bridge")
        self.tokens: dict[str, frozenset[str]] = dict.fromkeys(tokens, frozenset(scopes))
        self.revoked: set[str] = set()
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, str] = {}
        self.users: dict[str, str] = {self.bot_user: "bridge", "U0PERSON": "sam"}
        self.webhooks: dict[str, str] = {}

    def grant(self, *scopes: str) -> None:
        """Gives every token more scopes: an app that is made from our manifest has `chat:write.public` too."""
        self.tokens = {token: has.union(scopes) for token, has in self.tokens.items()}

    def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, member: bool = True, now: float = 0
    ) -> Channel:
        """Makes a channel, or gives the one of that name.

        Args:
            name: without the `#`.
            private: only members see it.
            archived: it can be read, not written.
            member: the bot is in it.
            now: unix seconds of its making.

        Raises:
            ValueError: Slack would refuse the name.
        """
        known = self.find(name)
        if known is not None:
            return known
        if not CHANNEL_NAME.fullmatch(name) or name != name.lower():
            raise ValueError(f"{name!r} is no channel name")
        channel = Channel(make_id("C", self.name, name), name, int(now), private, archived, member)
        self.channels[channel.id] = channel
        return channel

    def find(self, name: str) -> Channel | None:
        """The channel of a name, with or without its `#`."""
        name = name.removeprefix("#")
        return next((channel for channel in self.channels.values() if channel.name == name), None)

    def usergroup_id(self, handle: str) -> str:
        """The id of a user group's handle."""
        return make_id("S", self.name, handle)
