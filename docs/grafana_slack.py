"""Grafana's own Slack message for a notification, for the comparison: written anew from the facts of its public source.

The facts are those of grafana/alerting: the default title and text, one attachment with a coloured bar, its title
linked to the rule, a footer with the version. The names are trademarks of their owners.
"""
# ruff: noqa: INP001 - a script's part, not part of the package

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

JSON = dict[str, Any]
VERSION = "12.3.0"
FIRING, RESOLVED = "#D63232", "#36a64f"
LINKS = {"Source": "generatorURL", "Silence": "silenceURL", "Dashboard": "dashboardURL", "Panel": "panelURL"}
_SMALL, _LARGE = -5, 6


def message(body: JSON, at: datetime) -> JSON:
    """Return the message that Grafana posts for what a webhook would get at the same time."""
    firing = body["status"] == "firing"
    urls = {alert.get("generatorURL") or "" for alert in body["alerts"]}
    attachment = {
        "color": FIRING if firing else RESOLVED,
        "title": title(body),
        "title_link": urls.pop() if len(urls) == 1 and "" not in urls else f"{body['externalURL']}alerting/list",
        "fallback": title(body),
        "text": text(body),
        "footer": f"Grafana v{body.get('appVersion', VERSION)}",
        "ts": int(at.timestamp()),
    }
    return {"username": "Grafana", "attachments": [attachment]}


def title(body: JSON) -> str:
    """Return "[FIRING:1] rule folder (other common labels)"."""
    fires, over = _of(body, "firing"), _of(body, "resolved")
    count = "" if body["status"] != "firing" else f":{len(fires)}" + (f", RESOLVED:{len(over)}" if over else "")
    named = _pairs(body["groupLabels"])
    common = dict(_pairs(body["commonLabels"]))
    rest = {name: value for name, value in common.items() if name not in body["groupLabels"]}
    other = f"({' '.join(value for _, value in _pairs(rest))})" if len(common) > len(named) else ""
    return f"[{body['status'].upper()}{count}] {' '.join(value for _, value in named)} {other}"


def text(body: JSON) -> str:
    """Return every alert's values, labels, annotations and addresses, those that fire first."""
    parts = {word: _of(body, word.lower()) for word in ("Firing", "Resolved")}
    return "\n\n".join(f"**{word}**\n{''.join(map(_alert, alerts))}" for word, alerts in parts.items() if alerts)


def _of(body: JSON, status: str) -> list[JSON]:
    return [alert for alert in body["alerts"] if alert["status"] == status]


def _alert(alert: JSON) -> str:
    values = ", ".join(f"{name}={number(value)}" for name, value in sorted((alert.get("values") or {}).items()))
    lines = [f"\nValue: {values or '[no value]'}", "Labels:"]
    lines += [f" - {name} = {value}" for name, value in _pairs(alert["labels"])]
    lines += ["Annotations:", *(f" - {name} = {value}" for name, value in _pairs(alert.get("annotations", {})))]
    lines += [f"{word}: {alert[key]}" for word, key in LINKS.items() if alert.get(key)]
    return "\n".join(lines) + "\n"


def _pairs(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return names and values by name, the alert's name first; names of Grafana's own (`__x__`) are not shown."""
    shown = [(name, value) for name, value in texts.items() if not (name.startswith("__") and name.endswith("__"))]
    return sorted(shown, key=lambda pair: (pair[0] != "alertname", pair[0]))


def number(value: float | None) -> str:
    """Write a number as Go prints it."""
    if value is None or math.isnan(value):
        return "NaN" if value is not None else "<nil>"
    exact = Decimal(repr(float(value))).normalize()
    power = exact.adjusted() if exact else 0
    if _SMALL < power < _LARGE or math.isinf(value):
        return f"{exact:f}"
    digits = exact.scaleb(-power).normalize()
    return f"{digits:f}e{'-' if power < 0 else '+'}{abs(power):02}"
