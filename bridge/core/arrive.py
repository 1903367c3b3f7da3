"""An alert as the merge takes it: with its keys, and with what of it is stored and shown. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from bridge.core.cases import Arrival
from bridge.core.identity import incident_key, rule_key
from bridge.core.payload.links import pinned

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.core.alert import Group, NormalAlert
    from bridge.core.rules import Routed


def arrive(alert: NormalAlert, routed: Routed, group: Group, source: str, heard: datetime) -> Arrival:
    """Return an alert, heard of at a time, as the merge takes it: its keys, and what of it is stored and shown."""
    said = alert.alert
    detail = {
        "labels": dict(said.labels),
        "annotations": dict(said.annotations),
        "values": [{"name": one.name, "number": one.number, "labels": dict(one.labels)} for one in said.values],
        "no_data": alert.no_data,
        "failure_threshold": alert.failure_threshold,
        "job_count": alert.job_count,
    }
    facts = {
        "team_said": alert.team_said,
        "unknown_teams": routed.unknown_teams,
        "priority_word": alert.priority_word,
        "truncated": group.truncated,
        "external_url": group.external_url,
        "receiver": group.receiver,
    }
    digest = hashlib.sha256(json.dumps(detail, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
    return Arrival(
        alert=alert,
        teams=routed.teams,
        priority=routed.priority,
        rule_key=rule_key(said),
        key=incident_key(source, alert, routed.teams, routed.group_by),
        detail=detail,
        links=asdict(pinned(said.links, said.starts_at, heard)),
        digest=digest,
        facts=facts,
        reason=said.annotations.get("grafana_state_reason"),
        drop=routed.drop,
    )
