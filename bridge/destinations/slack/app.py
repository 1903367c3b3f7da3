"""Making the app, and trying it: the link that makes it, whose token it is and what it may do, a first message."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bridge.destinations.base import Failed, Intent, Step
from bridge.destinations.deadline import Deadline
from bridge.destinations.http import Http, bearer
from bridge.destinations.slack.client import API, connect
from bridge.destinations.slack.errors import About
from bridge.destinations.slack.step import channel_name, shown_name
from bridge.destinations.slack.web import RefusedError, Web
from bridge.render.text import one_line

if TYPE_CHECKING:
    from bridge.destinations.base import Outcome, Settings

SCOPES: Final = {
    "chat:write": "post and edit messages",
    "chat:write.public": "post in public channels that the bot has not joined",
    "channels:read": "find a public channel by its name",
    "groups:read": "find a private channel by its name",
    "channels:join": "join public channels, to read them",
    "channels:history": "look up a message whose answer was lost",
    "groups:history": "the same in private channels",
    "usergroups:read": "mention user groups by their handle",
}
"""What the manifest asks for, and what each is for; without the first nothing works."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Whose token it is: the workspace's name and address, the bot's name, and what the token may do."""

    name: str
    url: str
    bot: str
    scopes: frozenset[str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The scopes that the token lacks; none where Slack did not say what it has."""
        return tuple(scope for scope in SCOPES if self.scopes and scope not in self.scopes)


def link() -> str:
    """Return the address at which Slack makes the app from our manifest.

    Fact: https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests, "Sharing manifests".
    """
    text = files(__package__).joinpath("manifest.yml").read_text("utf-8")
    bare = "".join(f"{line}\n" for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return f"https://api.slack.com/apps?new_app=1&manifest_yaml={quote(bare, safe='')}"


def whose(settings: Settings, seconds: float) -> Workspace | Failed:
    """Ask whose token it is.

    Raises:
        ValueError: the token or the address can't be used.
    """
    base = settings.text("api_url", API).rstrip("/") + "/"
    bearer(settings.text("token"))
    http = Http(base)
    try:
        web = Web(settings.text("token"), base, http).within(Deadline(seconds), lambda: None)
        record, _ = web.ask(About("auth.test", ""), params={})
        said = {name: one_line(str(record.get(name) or "")) for name in ("team", "url", "user")}
        scopes = frozenset(scope.strip() for scope in web.scopes.split(",") if scope.strip())
        return Workspace(said["team"], said["url"], said["user"], scopes)
    except RefusedError as error:
        return error.failed
    finally:
        http.close()


def greet(settings: Settings, workspace: Workspace, words: str, seconds: float) -> Outcome:
    """Post a message, as any step is sent; `Done.remote` has its url.

    Raises:
        ValueError: as `whose` does.
    """
    name = channel_name(settings)
    request = {"channel": shown_name(name), "text": words, "unfurl_links": False}
    step = Step(Intent.OPEN, 1, "chat.postMessage", request, {}, creates=True, path=workspace.url)
    client = connect(settings)
    try:
        return client.send(step, {}, seconds, lambda: None)
    finally:
        client.close()
