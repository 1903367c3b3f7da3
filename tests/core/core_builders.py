"""Short ways to make alerts and rules for tests."""

import json

from bridge.core.alert import Priority
from bridge.core.normalize import normalize
from bridge.core.payload import parse
from bridge.core.rules import DestinationRules, FieldName, Normalizing, Rules, Sending, TeamRules

WORDS = {
    **dict.fromkeys(("critical", "page", "emergency", "sev1"), "P0"),
    **dict.fromkeys(("high", "error", "sev2"), "P1"),
    **dict.fromkeys(("warning", "medium", "sev3"), "P2"),
    **dict.fromkeys(("info", "low"), "P3"),
    "none": "drop",
}

NORMALIZING = Normalizing(
    team=(FieldName("Teams"), FieldName("Team")),
    priority=(FieldName("Priority"), FieldName("severity")),
    priority_words=WORDS,
    default_team="unrouted",
    default_priority=Priority.P2,
    unknown_priority=Priority.P1,
    failure_threshold=(FieldName("Failure_Threshold"),),
    job_count=(FieldName("Number_of_Jobs_Failing"),),
)

TEAMS = {
    "broken-inductor": TeamRules(
        "broken-inductor",
        aliases=("inductor", "oncall: pt2"),
        destinations={
            "slack": {"channel": "#broken-inductor"},
            "github": {"repo": "pytorch/pytorch", "labels": ["oncall: pt2"]},
        },
        send={Priority.P0: Sending(add=("leads",)), Priority.P3: Sending(names=("slack", "github"))},
    ),
    "Dev-Infra": TeamRules("Dev-Infra", send={Priority.P0: Sending(remove=("pagerduty",))}),
}

DESTINATIONS = {
    name: DestinationRules(name, kind, settings)
    for name, kind, settings in (
        (
            "slack",
            "slack",
            {
                "token": "${env:SLACK_BOT_TOKEN}",
                "channel": "#{team}-alerts",
                "fallback_channel": "#alerts",
                "mention": {"P0": "@{team}-oncall"},
            },
        ),
        ("pagerduty", "pagerduty", {"routing_key": "${env:PAGERDUTY_KEY}"}),
        (
            "github",
            "github",
            {"repo": "acme/alerts", "labels": ["Pri:{priority}", "Team:{team}", "Source:{source}"]},
        ),
        ("leads", "slack", {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#leads"}),
    )
}

SEND = {
    Priority.P0: ("slack", "pagerduty", "github"),
    Priority.P1: ("slack", "pagerduty"),
    Priority.P2: ("slack", "github"),
    Priority.P3: ("slack",),
}


def rules(**changes):
    return Rules(**{"normalize": NORMALIZING, "destinations": DESTINATIONS, "send": SEND, "teams": TEAMS, **changes})


def body(*alerts, **group):
    return json.dumps({"alerts": list(alerts), **group}).encode()


def told(labels=None, annotations=None, values=None, **fields):
    """Return one alert and its group, as parsed."""
    entry = {
        "labels": {"alertname": "Some alert", **(labels or {})},
        "annotations": annotations or {},
        "values": values,
        **fields,
    }
    group = parse(body(entry, status="firing"))
    return group.alerts[0], group


def normal(labels=None, annotations=None, values=None, normalizing=NORMALIZING, teams=TEAMS, **fields):
    """Return one alert as normalised."""
    alert, group = told(labels, annotations, values, **fields)
    return normalize(alert, group, normalizing, teams)
