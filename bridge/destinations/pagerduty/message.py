"""A page: an event of PagerDuty's Events API v2, without its routing key, which the client adds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bridge.core.rules import STORM
from bridge.destinations.pagerduty.escape import inert, spoken
from bridge.render import builtin, members, times
from bridge.render.changes import last_since
from bridge.render.facts import counted_more
from bridge.render.jinja import TemplateFailedError
from bridge.render.members import tally
from bridge.render.text import cut, one_line
from bridge.render.view import View, view
from bridge.render.words import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.incident import Incident
    from bridge.destinations.base import Want

CLIENT: Final = "Alert bridge"
SUMMARY: Final = 1_024
"""Characters (source: Events API v2, alert event)."""
DETAIL: Final = 20_000
SHORT: Final = 255
LARGEST: Final = 524_288 - 1_024
"""Bytes of a whole event, 512 KB, less room for the routing key."""

SEVERITY: Final = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}
COMPONENT: Final = ("service", "job", "instance")
DETAILS: Final = {
    "what": "What",
    "where": "Where",
    "values": "Values",
    "team": "Team",
    "since": "Since",
    "folder": "Folder",
    "alerts": "Alerts",
    "notes": "Note",
    "before": "Before",
}
"""Custom details by block, in the order in which they show: PagerDuty sorts by name, so each carries its number."""
BLOCKS: Final = {"summary": SUMMARY, **dict.fromkeys(DETAILS, DETAIL)}
"""The blocks of a template, each with its room."""
LINKS: Final = {"runbook": "Runbook", "dashboard": "Dashboard", "slack": "Slack thread", "alert": "View alert"}


def trigger(want: Want, key: str, members: tuple[str, ...] | None, page: int, count: int = 0) -> dict[str, Any]:
    """Return the event that opens a page, or raises the severity of one.

    Args:
        want: the incident and its settings.
        key: the deduplication key, one a page.
        members: ids of the members that the page is for; None for all.
        page: which page of the incident it is; one after the first says that it is about more alerts.
        count: how many members the page is for, where not all of them are loaded.
    """
    told = _only(want, members, count)
    seen = view(told)
    summary, details = _words(told, seen)
    began = last_since(told.incident)  # what the page is about
    event: dict[str, Any] = {
        "event_action": "trigger",
        "dedup_key": key,
        "client": CLIENT,
        "client_url": seen.console or None,
        "payload": {
            "summary": cut(_news(want, told) + summary if page > 1 and members is not None else summary, SUMMARY),
            "source": seen.host,
            "severity": _severity(want),
            "timestamp": times.iso(began),
            "component": _component(told.incident),
            "group": cut(inert(seen.folder), SHORT) or None,
            "class": cut(inert(seen.title), SHORT),
            "custom_details": details,
        },
        "links": _links(seen),
        "images": [{"src": seen.image, "alt": "Panel"}] if seen.image else None,
    }
    return _within(_without_nothing(event))


def resolve(key: str) -> dict[str, Any]:
    """Return the event that resolves a page."""
    return {"event_action": "resolve", "dedup_key": key}


def _news(want: Want, told: Want) -> str:
    """Say what a later page is about: how many alerts are new, and how many there are in all."""
    fresh, total = (tally(one.incident).firing for one in (told, want))
    if want.incident.source == STORM:
        return f"{number(total)} in all by now. "
    return f"{counted_more(fresh)}, {number(total)} in all. "


def _only(want: Want, chosen: tuple[str, ...] | None, count: int) -> Want:
    """Return want with the chosen members alone; all where none of them is known any more."""
    those = tuple(member for member in want.incident.members if member.id in (chosen or ()))
    if not those:
        return want
    more = max(min(count - len(those), want.incident.more_firing), 0)
    since = min(member.since for member in those)  # not when others fired
    only = replace(
        want.incident,
        members=those,
        opened_at=since,
        more_firing=more,
        more_unsure=min(more, want.incident.more_unsure),
        more_over=0,
        more_ended=0,
    )
    return replace(want, incident=only)


def _words(want: Want, seen: View) -> tuple[str, dict[str, str]]:
    """Return the summary and the custom details, numbered in their order."""
    template = want.settings.text("template") or None
    try:
        blocks = want.words.blocks("pagerduty", ("summary", *DETAILS), seen, template)
        summary = blocks.pop("summary")
    except TemplateFailedError as error:
        want.words.on_fallback("pagerduty", str(error))
        summary, blocks = _built_in(seen)
    told = [(DETAILS[block], cut(words, DETAIL)) for block, words in blocks.items() if words]
    summary = " ".join(summary.split()) or spoken(builtin.headline(seen))
    return summary, {f"{place} {name}": words for place, (name, words) in enumerate(told, start=1)}


def _built_in(seen: View) -> tuple[str, dict[str, str]]:
    blocks = {
        "what": builtin.what(seen),
        "where": seen.where,
        "values": ", ".join(seen.values),
        "team": ", ".join(seen.teams),
        "since": f"{seen.since}, {seen.again}" if seen.again else seen.since,
        "folder": seen.folder,
        "alerts": builtin.alerts(seen),
        "notes": "\n".join([builtin.MARK, *seen.notes]),
        "before": builtin.previous(seen),
    }
    said = {name: inert(words) for name, words in blocks.items()}
    return spoken(f"{builtin.headline(seen)}, team {' and '.join(seen.teams)}"), said


def _severity(want: Want) -> str:
    said = want.settings.values.get("severity")
    chosen: Mapping[str, object] = said if isinstance(said, dict) else {}
    priority = want.incident.priority.value
    severity = str(chosen.get(priority) or SEVERITY[priority])
    return severity if severity in SEVERITY.values() else SEVERITY[priority]


def _component(incident: Incident) -> str | None:
    labels = members.common(incident.members)
    return next((cut(inert(one_line(labels[name])), SHORT) for name in COMPONENT if labels.get(name)), None)


def _links(seen: View) -> list[dict[str, str]]:
    urls = {link.name: link.url for link in (*seen.links, *seen.elsewhere)}
    return [{"href": urls[name], "text": text} for name, text in LINKS.items() if name in urls]


def _without_nothing(event: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, value in event.items():
        kept = _without_nothing(value) if isinstance(value, dict) else value
        if kept is not None and kept not in ([], {}):
            made[name] = kept
    return made


def _within(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event that PagerDuty takes: a page with fewer details is better than none."""
    if len(json.dumps(event, ensure_ascii=False).encode()) > LARGEST:
        event["payload"].pop("custom_details", None)
        event["links"] = event.get("links", [])[:1]
    return event
