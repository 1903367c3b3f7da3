"""The sandbox's page: what people would see in Slack, PagerDuty and GitHub, side by side.

The words stand in `data/page.html`, which escapes everything; the page is whole without JavaScript, and `data/page.js`
fetches it again while something changes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, Template

from bridge.drawn import blockkit
from bridge.drawn.requests import FILTERS
from bridge.sandbox import attachments

if TYPE_CHECKING:
    from bridge.sandbox.pagerduty import Page
    from bridge.sandbox.server import Sandbox
    from bridge.sandbox.slack_state import Channel, Workspace

MOST_SHOWN = 50
"""How many of the newest messages of a channel, pages, and issues of a repository are shown."""


def version(sandbox: Sandbox) -> str:
    """Changes whenever the page would: with each request, and when PagerDuty gets to a queued event."""
    return f"{sandbox.changes}-{sum(len(page.log) for page in sandbox.pagerduty.pages[-MOST_SHOWN:])}"


def render(sandbox: Sandbox) -> str:
    """The page as HTML; the caller holds the sandbox's lock."""
    repositories = sandbox.github.repositories.values()
    return _template().render(
        version=version(sandbox),
        channels=[_channel(place, one) for place in sandbox.slack.workspaces for one in place.channels.values()],
        pages=sandbox.pagerduty.pages[: -MOST_SHOWN - 1 : -1],
        open_pages=len(sandbox.pagerduty.open_pages()),
        services=sandbox.pagerduty.services,
        issues=[
            {"repository": repository, "issue": issue}
            for repository in repositories
            for issue in islice(reversed(repository.issues.values()), MOST_SHOWN)
            if not issue.deleted
        ],
    )


def _channel(place: Workspace, channel: Channel) -> dict[str, Any]:
    names = blockkit.Names(
        place.users,
        {one.id: one.name for one in place.channels.values()},
        {place.usergroup_id(handle): handle for handle in place.usergroups},
    )
    shown = list(islice(channel.top(), MOST_SHOWN))[::-1]
    return {"place": place, "channel": channel, "names": names, "messages": shown, "count": len(channel.messages)}


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        **FILTERS,
        "bar": attachments.bar,
        "facts": _facts,
        "folded": attachments.folded,
        "iso": lambda at: datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "time": lambda at, form: datetime.fromtimestamp(at, UTC).strftime(form),
    }
    return environment.from_string(files("bridge.sandbox").joinpath("data", "page.html").read_text("utf-8"))


def _facts(page: Page) -> list[tuple[str, str]]:
    """What a page says besides its title: its custom details, then the fields of the event."""
    payload: dict[str, Any] = page.event["payload"]
    found = dict(payload.get("custom_details") or {})
    found |= {
        name.capitalize(): payload[name] for name in ("source", "component", "group", "class") if payload.get(name)
    }
    return [(name, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)) for name, v in found.items()]
