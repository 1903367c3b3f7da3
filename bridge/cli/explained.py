"""An explanation in words, alert by alert: where it goes and why, and why not to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli.show import counted, moment, place, table
from bridge.preview_alert import BY_DEFAULT
from bridge.preview_json import shown
from bridge.render.words import number

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = dict[str, Any]
LINKS = ("alert", "dashboard", "panel", "runbook", "silence", "image")
OPENS = {"slack": "posts", "pagerduty": "pages", "github": "opens an issue"}


def explained(found: JSON) -> Iterator[str]:
    """Yield the lines of `explain`."""
    alerts = len(found["alerts"]) + found["more_alerts"]
    shape = f"{counted(alerts, 'alert')}, source {found['source']}, in the shape of {found['shape']}"
    yield f"{shape}; its sender left {counted(found['truncated'], 'more alert')} out" if found["truncated"] else shape
    yield from (f"  left out, in quarantine: {problem}" for problem in found["problems"])
    for index, alert in enumerate(found["alerts"], 1):
        yield ""
        yield f"Alert {index}: {alert['title']}, {alert['status']}"
        yield from table(list(_facts(alert)), indent="  ")
        yield from decided(alert["decision"])
        yield from _targets(alert)
        yield from missed(alert["decision"])
    for told in found["incidents"]:
        yield ""
        yield from _incident(told)


def _facts(alert: JSON) -> Iterator[tuple[str, str]]:
    yield "fingerprint", alert["fingerprint"]
    yield "starts", moment(alert["starts_at"]) if alert["starts_at"] else "not said: counts from when it is received"
    if alert["ends_at"]:
        yield "ends", moment(alert["ends_at"])
    yield "labels", _pairs(alert["labels"])
    yield from (("annotation", f"{name} = {text}") for name, text in alert["annotations"].items())
    yield from (("value", _value(value)) for value in alert["values"])
    yield from ((f"{name} link", alert["links"][name]) for name in LINKS if alert["links"][name])
    yield from (("link left out", link) for link in alert["links"]["dropped"])
    grouped = ", ".join(alert["decision"]["group_by"])
    yield "incident", f"{alert['incident']}, one for each {grouped} of this rule and team"
    yield from (("note", note) for note in alert["notes"])


def _value(value: JSON) -> str:
    labels = f" ({_pairs(value['labels'])})" if value["labels"] else ""
    return f"{value['name']} = {'none' if value['number'] is None else number(value['number'])}{labels}"


def _pairs(pairs: JSON) -> str:
    return ", ".join(f"{name} = {text}" for name, text in pairs.items()) or "none"


def decided(decision: JSON) -> Iterator[str]:
    """Yield team and priority with their origins, and which rules were looked at."""
    priority = "drop" if decision["drop"] else decision["priority"]
    said = [("team", f"{', '.join(decision['teams'])}, from {decision['team_from']}")]
    yield from table([*said, ("priority", f"{priority}, from {decision['priority_from']}")], indent="  ")
    tried = [("matches" if one["matched"] else "no match", one["rule"], one["why"]) for one in decision["tried"]]
    left_out = decision.get("tried_in_all", len(tried)) - len(tried)
    if not tried:
        return
    yield "  rules looked at"
    yield from table(tried, indent="    ")
    if left_out:
        yield f"    and {counted(left_out, 'other')}, which did not match"
    if decision["untried"]:
        yield f"    not looked at, since one before matched and has no continue: {', '.join(decision['untried'])}"


def missed(decision: JSON) -> Iterator[str]:
    """Yield where an alert does not go, and why."""
    if not decision["missed"]:
        return
    yield "  does not go to"
    several = len(decision["teams"]) > 1
    rows = [
        (f"{one['destination']} for team {one['team']}" if several else one["destination"], one["why"])
        for one in decision["missed"]
    ]
    yield from table(rows, indent="    ")


def _targets(alert: JSON) -> Iterator[str]:
    for beginning, aims in (("goes", alert["targets"]), ("would go, were it live,", alert["would"])):
        for aim in aims:
            yield f"  {beginning} to {aim['destination']} for team {aim['team']}: {aim['why']}"
            own = {name: one for name, one in aim["settings"].items() if one["inherited"]["where"] != BY_DEFAULT}
            settings = [(name, shown(one["value"]), f"from {inherited(one)}") for name, one in own.items()]
            yield from table(settings, indent="    ") if settings else ()
            unset = [f"{name} {shown(one['value'])}" for name, one in aim["settings"].items() if name not in own]
            yield f"    by default: {', '.join(unset)}"
    if not alert["targets"]:
        yield "  goes nowhere"


def inherited(setting: JSON) -> str:
    """Say what set a setting, and where that is written."""
    by, where = setting["inherited"]["by"], setting["inherited"]["where"]
    return f"{by} ({where})" if where else by


def _incident(told: JSON) -> Iterator[str]:
    facts = f"{told['priority']}, {told['state']}, {', '.join(told['teams'])}, {counted(told['alerts'], 'alert')}"
    yield f"Incident {told['number']}: {told['title']} ({facts})"
    if not told["deliveries"]:
        yield "  recorded, and told nowhere"
    elif told["state"] == "resolved":
        yield "  where its firing was told before, its end is told too; without that:"
    for planned in told["deliveries"]:
        yield f"  {address(planned)}: {_first(planned)}"
        yield from remarks(planned)


def address(planned: JSON) -> str:
    """Name the address of a delivery."""
    return place(planned["destination"], planned["kind"], planned["address"])


def _first(planned: JSON) -> str:
    if planned["request"] is None:
        return f"nothing: {planned['skipped']}"
    return f'{OPENS[planned["kind"]]} "{planned["says"]}"'


def remarks(planned: JSON) -> Iterator[str]:
    """Yield what else there is to say of a delivery."""
    yield from (f"    also reached by {other}: told once" for other in planned["also"])
    yield from (f"    secret missing: {sentence}" for sentence in planned["missing"])
    yield from (f"    note: {note}" for note in planned["notes"])
