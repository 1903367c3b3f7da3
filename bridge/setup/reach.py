"""Asking Slack, PagerDuty and GitHub whether an answer works, through the clients that alerts go through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.destinations import KINDS
from bridge.destinations.base import Failed, Fault, instead_of_replay
from bridge.destinations.slack.app import greet, whose

if TYPE_CHECKING:
    from bridge.destinations.base import Lack
    from bridge.destinations.slack.app import Workspace
    from bridge.setup.answers import Answers

SECONDS: Final = 8.0
HELLO: Final = "This is a test message from `bridge init`: alerts will be told here."
_TOKENS: Final = {
    "xoxp-": "a user's token",
    "xapp-": "an app-level token",
    "xoxe.": "a token that rotates",
    "xoxe-": "a refresh token",
    "xoxs-": "a browser's token",
    "xoxc-": "a browser's token",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer doesn't work, and how to mend it; never with a secret."""

    what: str
    mend: str

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.what}: {self.mend}" if self.mend else self.what


def slack_token(answers: Answers) -> Workspace | Trouble:
    """Ask Slack whose the token is."""
    for beginning, kind in _TOKENS.items():
        if answers.token.startswith(beginning):
            return Trouble(f"that is {kind}", "the bot's begins with xoxb- (OAuth & Permissions, Bot User OAuth Token)")
    try:
        found = whose(answers.settings("slack"), SECONDS)
    except ValueError as error:
        return Trouble(str(error), "copy the Bot User OAuth Token once more")
    if not isinstance(found, Failed):
        return found
    if found.error == "invalid_auth":
        return Trouble("Slack does not know this token (invalid_auth)", "copy the Bot User OAuth Token once more")
    return _failed("Slack", found)


def slack_channel(answers: Answers, workspace: Workspace) -> tuple[str, ...] | Trouble:
    """Ask for the channel, which is joined where it is public; return what the bot could do only with more rights."""
    lacks = _lacks(answers, "slack")
    untold = next((lack for lack in lacks if not lack.told), None)
    if untold is None:
        return tuple(f"{lack.what}; {lack.mend}" for lack in lacks)
    if untold.what.startswith("there is no "):
        invite = f"make it; or, where it is private, type /invite @{workspace.bot} in it"
        return Trouble(untold.what, f"correct the name, or {invite}")
    return _lack("Slack", untold)


def hello(answers: Answers, workspace: Workspace) -> str | Trouble:
    """Post a test message; return where it is to be seen, empty where Slack doesn't say."""
    told = greet(answers.settings("slack"), workspace, HELLO, SECONDS)
    if isinstance(told, Failed):
        if told.error == "not_in_channel":
            return Trouble(
                f"the bot is not in {answers.channel} (not_in_channel)", f"type /invite @{workspace.bot} there"
            )
        return _failed("Slack", told)
    return str(told.remote.get("url") or "")


def pagerduty(answers: Answers) -> Trouble | None:
    """Ask PagerDuty whether it takes the key, without paging anybody."""
    if not re.fullmatch(r"[A-Za-z0-9]{32}", answers.routing_key):
        return Trouble(
            "a routing key has 32 letters and digits", "copy the Integration Key of an Events API v2 integration"
        )
    return _first("PagerDuty", _lacks(answers, "pagerduty"))


def github(answers: Answers) -> Trouble | None:
    """Ask GitHub for the repository."""
    return _first("GitHub", _lacks(answers, "github"))


def _first(service: str, lacks: list[Lack]) -> Trouble | None:
    return next((_lack(service, lack) for lack in lacks if not lack.told), None)


def _lacks(answers: Answers, kind: str) -> list[Lack]:
    client = KINDS[kind].connect(answers.settings(kind))
    try:
        return client.lacks(SECONDS)
    finally:
        client.close()


def _lack(service: str, lack: Lack) -> Trouble:
    if lack.mend:
        return Trouble(
            f"{service} says {lack.what}" if " " not in lack.what else lack.what, instead_of_replay(lack.mend)
        )
    return _away(service, lack.what)


def _failed(service: str, failed: Failed) -> Trouble:
    if failed.fault in {Fault.RETRY, Fault.LIMITED} or not failed.hint:
        return _away(service, failed.error)
    return Trouble(f"{service} says {failed.error}", instead_of_replay(failed.hint))


def _away(service: str, error: str) -> Trouble:
    mend = "see whether this machine is online; where a proxy stands between, set HTTPS_PROXY; then try again"
    return Trouble(f"{service} does not answer as it should ({error})", mend)
