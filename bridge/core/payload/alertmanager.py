"""Prometheus Alertmanager's webhook (versions 3 and 4), and what Grafana hides in it.

Alertmanager's words are a subset of Grafana's. An Alertmanager fed by Grafana passes Grafana's private labels and
annotations on; `unfold` turns them back into the fields that Grafana's own webhook has, so that both read alike.
Facts: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and Grafana's `state/compat.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.payload import fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHAPE = "alertmanager"
FROM_GRAFANA = "alertmanager from grafana"

_OF_GRAFANA_GROUPS = frozenset({"orgId", "state", "appVersion"})
_OF_GRAFANA_ALERTS = frozenset({"valueString", "values", "silenceURL", "dashboardURL", "panelURL", "ruleUID"})
_PRIVATE = (
    ("annotations", "__value_string__"),
    ("annotations", "__values__"),
    ("annotations", "__orgId__"),
    ("labels", "__alert_rule_uid__"),
)


def is_alertmanager(document: Mapping[str, object], listed: Sequence[object]) -> bool:
    """Say whether a body with alerts lacks every word that only Grafana uses.

    Its `version` proves nothing: Google's managed Alertmanager says "1" as Grafana does, others 0 or nothing.
    """
    if _OF_GRAFANA_GROUPS & document.keys():
        return False
    return not any(isinstance(entry, dict) and _OF_GRAFANA_ALERTS & entry.keys() for entry in listed)


def fed_by_grafana(listed: Sequence[object]) -> bool:
    """Say whether any alert carries what Grafana hides from people."""
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        for place, name in _PRIVATE:
            mapping = entry.get(place)
            if isinstance(mapping, dict) and name in mapping:
                return True
    return False


def unfold(entry: dict[str, object], labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, object]:
    """Return an alert with its private labels and annotations as Grafana's own fields, where it lacks those."""
    hidden: dict[str, object] = {
        "valueString": annotations.get("__value_string__"),
        "values": _object(annotations.get("__values__")),
        "orgId": annotations.get("__orgId__") or labels.get("__orgId__"),
        "ruleUID": labels.get("__alert_rule_uid__"),
    }
    found = {name: value for name, value in hidden.items() if value and not entry.get(name)}
    return {**entry, **found} if found else entry


def _object(written: str | None) -> object:
    """Read `__values__`, a JSON object as text; None where it is none."""
    return fields.written(written) if written else None
