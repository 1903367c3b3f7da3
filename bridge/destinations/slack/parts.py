"""The parts of a Slack message, from the template or, where that fails, built in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.destinations.slack.escape import characters, link, mrkdwn
from bridge.render import builtin

if TYPE_CHECKING:
    from bridge.destinations.base import Want
    from bridge.render.view import View


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message consists of, escaped, each named as its block of the template."""

    headline: str
    text: str
    what: str
    values: str
    alerts: str
    more: str
    facts: str
    links: str
    notes: str
    footer: str


def from_template(want: Want, seen: View) -> Parts:
    """Return the parts as the template words them; raises TemplateFailedError."""
    return Parts(**want.words.blocks("slack", Parts.__slots__, seen, want.settings.text("template") or None))


def built_in(seen: View) -> Parts:
    """Return the parts without a template: every fact, and a mark that the template failed."""
    links, before = builtin.links(seen), builtin.previous(seen)
    footer = mrkdwn(" · ".join([f"Incident {seen.id}", seen.source, *([f"Before: {before}"] if before else [])]))
    return Parts(
        headline=characters(f"{seen.sign} {builtin.headline(seen)}"),
        text=mrkdwn(f"{builtin.headline(seen)} ({', '.join(seen.teams)}) {builtin.MARK}"),
        what=characters(builtin.what(seen)),
        values=characters("\n".join(line for line in (seen.where, builtin.reason(seen)) if line)),
        alerts=characters(builtin.alerts(seen)),
        more="",
        facts=mrkdwn(builtin.facts(seen)),
        links=" · ".join(link(to.text, to.url) for to in links),
        # first: of long notes the end is cut off
        notes=characters("\n".join([builtin.MARK, *seen.notes])),
        footer=footer,
    )
