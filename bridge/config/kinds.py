"""The settings of each kind of destination, and what a declared one can't be without."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from bridge.config.fields import (
    ApiUrl,
    ByPriority,
    Channel,
    Label,
    Mention,
    OneOrMore,
    Rates,
    Repo,
    SecretRef,
    SecretWithin,
    Span,
    Strict,
    Switch,
    Template,
    Text,
    Timeout,
)
from bridge.config.units import Rate
from bridge.core.alert import Priority


class Common(Strict):
    """What every kind understands."""

    kind: Text | None = Field(None, description="Where the name isn't one.")
    timeout: Timeout = Field(timedelta(seconds=8), description="The whole step, at most 8s.")
    template: Template | None = Field(None, description="A name relative to the template folder.")


class Replies(Strict):
    """Which changes make a reply in the message's thread."""

    state: Switch = True
    priority: Switch = True
    members: Switch = True


def _one_or_map(value: object) -> str:
    return "map" if isinstance(value, dict) else "one"


def _for_all(value: Mention | Mapping[Priority, Mention]) -> Mapping[Priority, Mention]:
    """Give what calls somebody to all priorities, so that a map is all there is to read."""
    return dict.fromkeys(Priority, value) if isinstance(value, str | tuple) else value


Mentions = Annotated[
    Annotated[Mention, Tag("one")] | Annotated[ByPriority[Mention], Tag("map")],
    Discriminator(_one_or_map),
    AfterValidator(_for_all),
]


class Slack(Common):
    """A Slack channel, by a bot's token, or degraded by an incoming webhook."""

    token: SecretRef | None = Field(None, description="The bot's token, as a reference.")
    channel: Channel | None = Field(None, description="With or without #, or an id; {team} may stand in it.")
    fallback_channel: Channel | None = Field(None, description="For teams that aren't configured, channels not there.")
    mention: Mentions | None = Field(
        None,
        description=(
            "@handle, <@U…>, <!subteam^…>, <!here>, several apart by spaces; or a map by priority; off: nobody."
        ),
    )
    replies: Replies = Field(Replies(), description="Which changes make a thread reply.")
    reply_broadcast: OneOrMore[Literal["state", "priority", "members"]] = Field(
        (), description="Which of the replies are shown in the channel too."
    )
    api_url: ApiUrl = "https://slack.com/api/"
    rate: Rates = Field((Rate(1, 1),), description="Requests per time, or off.")
    webhook_url: SecretWithin | None = Field(None, description="Degraded: posts only, no edits; instead of a token.")


class Severity(Strict):
    """PagerDuty's severity by priority."""

    P0: Literal["critical", "error", "warning", "info"] = "critical"
    P1: Literal["critical", "error", "warning", "info"] = "error"
    P2: Literal["critical", "error", "warning", "info"] = "warning"
    P3: Literal["critical", "error", "warning", "info"] = "info"


class PagerDuty(Common):
    """A PagerDuty service, by the routing key of its Events API v2 integration."""

    routing_key: OneOrMore[SecretRef] = Field((), description="A reference; a list while rotating, the new one first.")
    severity: Severity = Field(Severity(), description="PagerDuty's severity by priority.")
    page_again: Span = Field(timedelta(minutes=5), description="An alert that joins later than this pages again.")
    api_url: ApiUrl = "https://events.pagerduty.com"
    rate: Rates = Field((Rate(2, 1),), description="Requests per time, or off.")


class App(Strict):
    """A GitHub App's installation."""

    id: Text
    installation: Text
    private_key: SecretRef


class GitHub(Common):
    """A GitHub repository's issues."""

    token: SecretRef | None = Field(None, description="A token with Issues: write, as a reference.")
    app: App | None = Field(None, description="A GitHub App, instead of a token.")
    repo: Repo | None = Field(None, description="owner/name; {team} may stand in it, then with fallback_repo.")
    fallback_repo: Repo | None = Field(None, description="For teams that aren't configured, where repo holds {team}.")
    labels: OneOrMore[Label] = ("area:alerting", "Pri:{priority}", "Team:{team}", "Source:{source}")
    assignees: OneOrMore[Text] = ()
    visibility: Literal["auto", "public", "private"] = "auto"
    api_url: ApiUrl = "https://api.github.com"
    rate: Rates = Field((Rate(1, 1), Rate(500, 3600)), description="Requests per time, or off.")


Kind = Slack | PagerDuty | GitHub
KINDS: Mapping[str, type[Kind]] = {"slack": Slack, "pagerduty": PagerDuty, "github": GitHub}


def written(settings: Strict) -> dict[str, object]:
    """Return the settings that the file sets, as plain values; the rest is left to who is inherited from."""
    return {
        name: _plain(getattr(settings, name))
        for name in type(settings).model_fields
        if name in settings.model_fields_set and name != "kind"
    }


def _plain(value: object) -> object:
    if isinstance(value, Strict):
        return written(value)
    return dict(value) if isinstance(value, Mapping) else value


def lacking(kind: str, settings: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Yield what a declared destination can't do without: the key that is wrong ("" for none), what, and the mend."""
    if kind == "slack":
        yield from _slack_lacks(settings)
    if kind == "github":
        yield from _github_lacks(settings)


def _slack_lacks(settings: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    if "webhook_url" in settings:
        if "token" in settings:
            yield "webhook_url", "stands beside a token", "keep the token: a webhook can't edit messages"
        return
    if "token" not in settings:
        yield "", "has no token", 'add token: "${env:SLACK_BOT_TOKEN}"'
    if "channel" not in settings:
        yield "", "has no channel", 'add channel: "#alerts"'
    if "{team}" in str(settings.get("channel", "")) and "fallback_channel" not in settings:
        mend = 'add fallback_channel: "#alerts", for alerts of teams that aren\'t configured'
        yield "channel", "holds {team} without a fallback_channel", mend
    if "{team}" in str(settings.get("fallback_channel", "")):
        yield "fallback_channel", "holds {team}, but is for teams that aren't configured", "name one channel"


def rivals(kind: str, inherited: Mapping[str, object], own: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Yield what a team sets that has no effect beside what it inherits, as `lacking` does."""
    if kind == "slack" and "token" not in own and "token" in inherited and "webhook_url" in own:
        yield "webhook_url", "stands beside the destination's token", "write channel: a token posts in any channel"
    if kind == "slack" and "webhook_url" in inherited and "channel" in own and not {"token", "webhook_url"} & {*own}:
        mend = "give the team a webhook_url of its own, or the destination a token"
        yield "channel", "stands beside the destination's webhook_url, which leads to its own channel", mend
    if kind == "github" and "app" not in own and "app" in inherited and "token" in own:
        yield "token", "stands beside the destination's app", "leave it out, or declare a destination with the token"


def _github_lacks(settings: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    if "token" not in settings and "app" not in settings:
        yield "", "has no token", 'add token: "${env:GITHUB_TOKEN}", or app: {id, installation, private_key}'
    if "token" in settings and "app" in settings:
        yield "app", "stands beside a token", "keep one of the two"
    if "repo" not in settings:
        yield "", "has no repo", 'add repo: "owner/name"'
    if "{team}" in str(settings.get("repo", "")) and "fallback_repo" not in settings:
        mend = "add fallback_repo: owner/name, for alerts of teams that aren't configured"
        yield "repo", "holds {team} without a fallback_repo", mend
    if "{team}" in str(settings.get("fallback_repo", "")):
        yield "fallback_repo", "holds {team}, but is for teams that aren't configured", "name one repository"
