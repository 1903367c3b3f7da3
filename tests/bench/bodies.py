"""The bodies that are sent: real notifications, with a number in each that is found again at the destination."""

from __future__ import annotations

import copy
import json

from sender import MARK, URGENCY

from bridge.sandbox.payloads import payload

NAME = f"mark{MARK.decode()}"
NEVER = "2999-01-01T00:00:00Z"


def grafana(alerts: int) -> str:
    """A notification of one group; each number is a rule of its own, and so an incident of its own.

    Each alert of it is another instance with a fingerprint of its own.
    """
    body = payload("inductor-jobs-broken")
    (first,) = body["alerts"]
    first["labels"]["alertname"] = NAME
    first["annotations"]["Priority"] = URGENCY.decode()
    first["generatorURL"] = f"https://grafana.test/alerting/grafana/{NAME}/view?orgId=1"
    body["alerts"] = []
    for number in range(alerts):
        one = copy.deepcopy(first)
        one["fingerprint"] = f"{number:09x}{MARK.decode()}"
        if alerts > 1:
            one["labels"]["instance"] = f"runner-{number}"
        body["alerts"].append(one)
    for part in ("groupLabels", "commonLabels"):
        body[part]["alertname"] = NAME
    body["commonAnnotations"]["Priority"] = URGENCY.decode()
    body["groupKey"] = f'{{}}:{{alertname="{NAME}"}}'
    body["title"] = f"[FIRING:{alerts}] {NAME} PyTorch CI "
    return json.dumps(body)


def alertmanager(alerts: int) -> str:
    """The same as Prometheus tells it to an Alertmanager."""
    (one,) = payload("inductor-jobs-broken")["alerts"]
    told = []
    for number in range(alerts):
        labels = {**one["labels"], "alertname": NAME, "instance": f"runner-{number}"}
        annotations = {**one["annotations"], "Priority": URGENCY.decode()}
        told.append(
            {"labels": labels, "annotations": annotations, "endsAt": NEVER, "generatorURL": one["generatorURL"]}
        )
    return json.dumps(told)


def slack(_alerts: int) -> str:
    """A message straight to the double: what sending costs without anybody between."""
    return json.dumps({"channel": "#alerts", "text": NAME})
