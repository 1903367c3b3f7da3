"""A double of Slack's Web API and incoming webhooks: state in memory, as strict as the real one.

What it knows of Slack is in the shipped descriptions and in Slack's reference: errors come as HTTP 200 with
`ok: false`, only rate limiting is a 429; a token counts only in the Authorization header.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.sandbox import slack_arguments, slack_read, slack_write
from bridge.sandbox.exchange import Request, Response, json_response, text_response
from bridge.sandbox.limits import Bucket, Window, whole_seconds
from bridge.sandbox.slack_call import Call
from bridge.sandbox.slack_checks import SlackError
from bridge.sandbox.slack_state import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bridge.sandbox.slack_state import Channel, Message

METHODS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "auth.test": slack_read.auth_test,
    "chat.getPermalink": slack_read.permalink,
    "chat.postMessage": slack_write.post_message,
    "chat.update": slack_write.update,
    "conversations.history": slack_read.history,
    "conversations.info": slack_read.info,
    "conversations.join": slack_write.join,
    "conversations.list": slack_read.list_channels,
    "conversations.replies": slack_read.replies,
    "usergroups.list": slack_read.usergroups,
}


@dataclass(frozen=True)
class SlackLimits:
    """Rate limits; the default has none.

    Attributes:
        posts_per_second: chat.postMessage in each channel (Slack: about 1).
        burst: how many posts may come at once before that counts.
        per_minute: method → calls a minute and workspace (Slack's tiers: chat.update 50, conversations.list 20).
        history_page: most messages a call of history or replies answers (15 for apps outside the Marketplace).
        lag: seconds until a message shows in history and replies.
    """

    posts_per_second: float | None = None
    burst: int = 3
    per_minute: Mapping[str, int] = field(default_factory=dict)
    history_page: int = 999
    lag: float = 0.0

    @classmethod
    def real(cls) -> SlackLimits:
        """What a workspace's own app meets."""
        tier3 = ("chat.update", "conversations.history", "conversations.replies", "conversations.join")
        return cls(1.0, 3, {**dict.fromkeys(tier3, 50), "conversations.list": 20, "usergroups.list": 20})

    @classmethod
    def outside_marketplace(cls) -> SlackLimits:
        """What a distributed app outside the Marketplace meets: history once a minute, 15 objects."""
        slow = {"conversations.history": 1, "conversations.replies": 1}
        return cls(1.0, 3, {**cls.real().per_minute, **slow}, 15)


class SlackDouble:
    """Slack with its workspaces; `handle` answers one request.

    Args:
        clock: unix seconds.
        workspaces: default: one named acme whose bot token is `xoxb-sandbox`.
        strict_channels: a channel that was not added does not exist. Otherwise posting to a name makes it.
        limits: rate limits and lag, default none.
        page_url: where people look at messages; permalinks lead there.

    Attributes:
        limits: may be replaced at any time.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        workspaces: Iterable[Workspace] | None = None,
        strict_channels: bool = False,
        limits: SlackLimits | None = None,
        page_url: str = "https://slack.test",
    ) -> None:
        self.clock = clock
        self.workspaces = list(workspaces) if workspaces is not None else [Workspace("acme", ["xoxb-sandbox"])]
        self.strict_channels = strict_channels
        self.limits = limits or SlackLimits()
        self.page_url = page_url
        self._posts = Bucket()
        self._calls = Window(60.0)

    @property
    def workspace(self) -> Workspace:
        """The first workspace, in most tests the only one."""
        return self.workspaces[0]

    def channel(self, name: str, workspace: str | None = None) -> Channel:
        """A channel by its name, with or without `#`.

        Raises:
            KeyError: there is none.
        """
        for place in self.workspaces:
            found = place.find(name) if workspace in {None, place.name} else None
            if found is not None:
                return found
        raise KeyError(name)

    def messages(self, name: str) -> list[Message]:
        """A channel's messages, oldest first, without thread replies; none where there is no such channel."""
        try:
            channel = self.channel(name)
        except KeyError:
            return []
        return list(channel.top())[::-1]

    def handle(self, request: Request) -> Response:
        """Answers one request, whose path is `/api/<method>` or `/services/<T>/<B>/<X>`."""
        if request.path.startswith("/services/"):
            return self._webhook(request)
        method = request.path.removeprefix("/api/")
        headers: dict[str, str] = {}
        try:
            return json_response({"ok": True} | self._call(method, request, headers), headers=headers)
        except SlackError as error:
            body: dict[str, Any] = {"ok": False, "error": error.code, **error.extra}
            if error.messages:
                body["response_metadata"] = {"messages": error.messages}
            if error.retry_after:
                return json_response(body, 429, {"Retry-After": error.retry_after})
            return json_response(body, headers=headers)

    def _call(self, method: str, request: Request, headers: dict[str, str]) -> dict[str, Any]:
        run = METHODS.get(method)
        if run is None:
            raise SlackError("unknown_method", req_method=method)
        workspace, scopes = self._authenticate(request)
        headers["x-oauth-scopes"] = ",".join(sorted(scopes))
        needed = slack_arguments.needed_scopes(method)
        if needed and not scopes & needed:
            raise SlackError("missing_scope", needed=",".join(sorted(needed)), provided=",".join(sorted(scopes)))
        self._limit(method, workspace)
        arguments, warning = slack_arguments.read_arguments(method, request)
        slack_arguments.check_arguments(method, arguments)
        answer = run(Call(self, workspace, scopes, arguments, self.clock()))
        if warning:
            answer.setdefault("warning", warning)
            answer.setdefault("response_metadata", {}).setdefault("warnings", []).append(warning)
        return answer

    def _authenticate(self, request: Request) -> tuple[Workspace, frozenset[str]]:
        token = request.token
        if not token:
            raise SlackError("not_authed")
        for workspace in self.workspaces:
            if token in workspace.revoked:
                raise SlackError("token_revoked")
            if token in workspace.tokens:
                return workspace, workspace.tokens[token]
        raise SlackError("invalid_auth")

    def _limit(self, method: str, workspace: Workspace) -> None:
        limit = self.limits.per_minute.get(method)
        if limit is None:
            return
        key, now = (workspace.team_id, method), self.clock()
        wait = self._calls.wait(key, limit, now)
        if wait > 0:
            raise SlackError("ratelimited", retry_after=whole_seconds(wait))
        self._calls.take(key, now)

    def limit_post(self, workspace: Workspace, channel: Channel) -> None:
        """Takes a post from a channel's budget.

        Raises:
            SlackError: the budget is used up.
        """
        if self.limits.posts_per_second is None:
            return
        key = (workspace.team_id, channel.id)
        wait = self._posts.wait(key, self.limits.posts_per_second, self.limits.burst, self.clock())
        if wait > 0:
            raise SlackError("ratelimited", retry_after=whole_seconds(wait))

    def _webhook(self, request: Request) -> Response:
        path = request.path.removeprefix("/services/")
        workspace = next((w for w in self.workspaces if path in w.webhooks), self.workspace)
        name = workspace.webhooks.get(path, None if self.strict_channels else "alerts")
        if name is None or path.count("/") != 2 or not all(path.split("/")):  # noqa: PLR2004 (T/B/X)
            return text_response("no_service", 404)
        try:
            body = request.form()["payload"].encode() if "form" in request.content_type else request.body
            sent = Request("POST", "", body=body).json()
        except (KeyError, ValueError):
            return text_response("invalid_payload", 400)
        channel = workspace.add_channel(name)
        call = Call(self, workspace, frozenset({"chat:write"}), {}, self.clock())
        try:
            slack_write.webhook(call, channel, sent)
        except SlackError as error:
            if error.retry_after:
                return Response(429, {"Retry-After": error.retry_after}, b"rate_limited")
            return text_response(error.code, 400)
        return text_response("ok")
