"""Which incident an alert belongs to: the rule key and the incident key."""

from __future__ import annotations

import hashlib
from json import JSONEncoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.core.alert import Alert, NormalAlert

RULE_KEY_LENGTH = 300
_PLAIN = JSONEncoder(ensure_ascii=False)


def rule_key(alert: Alert) -> str:
    """Name the rule that an alert comes from, the same for its NoData and Error alerts.

    The rule's uid where the sender gives it, else folder and rule name, else the alert's name: of one that is a title,
    without what was measured. Grafana's `rulename` label stands only on DatasourceNoData and DatasourceError alerts,
    there with the original name.
    """
    if alert.rule_uid:
        key = f"uid:{alert.rule_uid}"
    else:
        name = alert.labels.get("rulename") or alert.known_as or alert.labels.get("alertname") or alert.title
        folder = alert.labels.get("grafana_folder", "")
        key = f"name:{folder}/{name}" if folder else f"name:{name}"
    if len(key) <= RULE_KEY_LENGTH:
        return key
    return key[: RULE_KEY_LENGTH - 33] + "~" + hashlib.sha256(key.encode()).hexdigest()[:32]


def incident_key(
    source: str, alert: NormalAlert, teams: tuple[str, ...], group_by: tuple[str, ...], *, drop: bool = False
) -> str:
    """Return a digest of what makes one incident: source, organisation, rule, the values of `group_by`, team set.

    What is told nowhere (`drop`) has incidents of its own: it would keep another one open, and join what is told. A
    NoData or Error alert counts with its rule's name as `alertname`. Where every label of `group_by` is missing, the
    fingerprint stands in, so that unrelated alerts never share an incident.
    """
    labels = alert.alert.labels
    if alert.alert.known_as and labels.get("alertname"):
        labels = {**labels, "alertname": alert.alert.known_as}
    if alert.no_data and labels.get("rulename"):
        labels = {**labels, "alertname": labels["rulename"]}
        del labels["rulename"]
    names = sorted(labels) if group_by == ("...",) else group_by
    values = [[name, labels.get(name, "")] for name in names]
    if not any(value for _, value in values):
        values = [["fingerprint", alert.alert.fingerprint]]
    parts = [source, alert.alert.org, rule_key(alert.alert), values, sorted(team.lower() for team in teams)]
    parts += ["dropped"] if drop else []
    return hashlib.sha256(_PLAIN.encode(parts).encode()).hexdigest()
