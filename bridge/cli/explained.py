"""A preview in words: for `explain` alert by alert, for `render` request by request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.cli.readable import headline, readable
from bridge.cli.show import counted, json_text, moment, place, table
from bridge.preview_json import plain
from bridge.render.words import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.core.alert import Value
    from bridge.preview import Preview, Seen, Told
    from bridge.preview_step import Planned

_DESTINATION = "destination "


def explained(found: Preview) -> Iterator[str]:
    """Yield the lines of `explain`."""
    shape = f"{counted(len(found.alerts), 'alert')}, source {found.source}, in the shape of {found.shape}"
    yield f"{shape}; its sender left {counted(found.truncated, 'more alert')} out" if found.truncated else shape
    yield from (f"  left out, in quarantine: {problem}" for problem in found.problems)
    for index, alert in enumerate(found.alerts, 1):
        yield ""
        yield f"Alert {index}: {alert.title}, {alert.status}"
        yield from table(list(_facts(alert)), indent="  ")
        yield from _way(alert)
    for told in found.incidents:
        yield ""
        yield from _incident(told)


def _facts(alert: Seen) -> Iterator[tuple[str, str]]:
    yield "fingerprint", alert.fingerprint
    yield "starts", moment(alert.starts_at) if alert.starts_at else "not said: counts from when it is received"
    if alert.ends_at:
        yield "ends", moment(alert.ends_at)
    yield "labels", _pairs(alert.labels)
    for value in alert.values:
        yield "value", _value(value)
    for name in ("alert", "dashboard", "panel", "runbook", "silence", "image"):
        if link := getattr(alert.links, name):
            yield f"{name} link", link
    yield from (("link left out", link) for link in alert.links.dropped)
    yield "team", f"{', '.join(alert.teams)}, from {alert.team_from}"
    yield "priority", f"{'drop' if alert.drop else alert.priority}, from {alert.priority_from}"
    yield "incident", f"{alert.incident}, one for each {', '.join(alert.group_by)} of this rule and team"
    yield from (("note", note) for note in alert.notes)


def _value(value: Value) -> str:
    labels = f" ({_pairs(value.labels)})" if value.labels else ""
    return f"{value.name} = {'none' if value.number is None else number(value.number)}{labels}"


def _pairs(pairs: Any) -> str:  # noqa: ANN401 - a mapping of texts
    return ", ".join(f"{name} = {text}" for name, text in pairs.items()) or "none"


def _way(alert: Seen) -> Iterator[str]:
    """Yield which rules were looked at, where the alert goes, and where it does not."""
    rules = [one for one in alert.tried if not one.rule.startswith(_DESTINATION)]
    if rules:
        yield "  rules looked at"
        rows = [("matches" if one.matched else "no match", one.rule, one.why) for one in rules]
        yield from table(rows, indent="    ")
    for beginning, aims in (("goes", alert.targets), ("would go, were it live,", alert.would)):
        for aim in aims:
            yield f"  {beginning} to {aim.destination} for team {aim.team}: {aim.why}"
            settings = [(name, _shown(one.value), f"from {one.inherited}") for name, one in aim.settings.items()]
            yield from table(settings, indent="    ") if settings else ()
    if not alert.targets:
        yield "  goes nowhere"
    missed = [one for one in alert.tried if one.rule.startswith(_DESTINATION)]
    if missed:
        yield "  does not go to"
        yield from table([(one.rule.removeprefix(_DESTINATION), one.why) for one in missed], indent="    ")


def _shown(value: object) -> str:
    said = plain(value)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _incident(told: Told) -> Iterator[str]:
    facts = f"{told.priority}, {told.state}, {', '.join(told.teams)}, {counted(told.alerts, 'alert')}"
    yield f"Incident {told.number}: {told.title} ({facts})"
    if not told.deliveries:
        yield "  recorded, and told nowhere"
    elif told.state == "resolved":
        yield "  where its firing was told before, its end is told too; without that:"
    for planned in told.deliveries:
        yield f"  {_address(planned)}: {_first(planned)}"
        yield from _remarks(planned)


def _address(planned: Planned) -> str:
    return place(planned.destination, planned.kind, planned.address)


def _first(planned: Planned) -> str:
    if planned.request is None:
        return f"nothing: {planned.skipped}"
    opens = {"slack": "posts", "pagerduty": "pages", "github": "opens an issue"}[planned.kind]
    return f'{opens} "{headline(planned.kind, planned.request.body)}"'


def _remarks(planned: Planned) -> Iterator[str]:
    yield from (f"    also reached by {other}: told once" for other in planned.also)
    yield from (f"    secret missing: {sentence}" for sentence in planned.missing)
    yield from (f"    note: {note}" for note in planned.notes)


def rendered(found: Preview, destination: str | None) -> Iterator[str]:
    """Yield the lines of `render`: what people would read, and the request."""
    anything = False
    for told in found.incidents:
        for planned in _of(told, destination):
            yield from [""] * anything
            anything = True
            yield f"{_address(planned)}, incident {told.number}: {told.title}"
            yield from _remarks(planned)
            yield from _request(planned)
    if not anything:
        yield f"Nothing is sent to {destination or 'any destination'}; `bridge explain` says why."


def _request(planned: Planned) -> Iterator[str]:
    if planned.request is None:
        yield f"  nothing is sent: {planned.skipped}"
        return
    yield from (f"  | {line}" for line in readable(planned.kind, planned.request.body))
    yield f"  {planned.request.method} {planned.request.url}"
    yield from (f"  {line}" for line in json_text(plain(planned.request.body)).splitlines())


def rendered_json(found: Preview, destination: str | None) -> list[object]:
    """Return what `render --json` prints: a request, or why there is none, for each address."""
    return [
        {"incident": told.number, **_fields(planned)} for told in found.incidents for planned in _of(told, destination)
    ]


def _fields(planned: Planned) -> dict[str, object]:
    found = plain(planned)
    assert isinstance(found, dict)
    return found


def _of(told: Told, destination: str | None) -> list[Planned]:
    """Return the deliveries that a destination's name has a part in."""
    return [
        planned
        for planned in told.deliveries
        if destination in {None, planned.destination, *(other.split()[0] for other in planned.also)}
    ]
