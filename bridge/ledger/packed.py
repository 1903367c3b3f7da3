"""How bodies are kept: compressed by a dictionary of the words that notifications are made of.

A notification of one alert says few things twice, but most of its text is what each other one says: names of fields,
the forms of values and of links. With these known beforehand it takes three fifths of the room, at about the same cost.
"""

from __future__ import annotations

import json
import zlib
from typing import Any


class DamagedError(ValueError):
    """A stored body can't be read; the sentence says why."""


SMALL = 256
"""Bytes up to which compressing a body does not pay."""
LEVEL = 3
"""Of zlib's levels the smallest result at the cost of the first: 17 µs for a notification of one alert."""
_LINK = "https:///d/?from=1765300000000&orgId=1&to=1765300000000"
_SILENCE = (
    "https:///alerting/silence/new?alertmanager=grafana&matcher=__alert_rule_uid__%3D&matcher=alertname%3D&orgId=1"
)
_MESSAGE = "\n".join((
    "**Firing**", "", "Value: A=1, B=1, C=1", "Labels:", " - alertname = ", " - grafana_folder = ", " - instance = ",
    "Annotations:", " - description = ", " - runbook_url = https://", " - summary = ",
    "Source: https:///alerting/grafana//view?orgId=1", f"Silence: {_SILENCE}",
    "Dashboard: https:///d/?from=&orgId=1&to=", "Panel: https:///d/?from=&orgId=1&to=&viewPanel=1", "",
))  # fmt: skip
_ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "", "grafana_folder": "", "instance": "", "job": "", "severity": "critical", "team": ""},
    "annotations": {"description": "", "runbook_url": "https://", "summary": ""},
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https:///alerting/grafana//view?orgId=1",
    "fingerprint": "",
    "silenceURL": _SILENCE,
    "dashboardURL": _LINK,
    "panelURL": f"{_LINK}&viewPanel=1",
    "values": {"A": 1, "B": 1, "C": 1},
    "valueString": "[ var='A' labels={} value=1 ], [ var='B' labels={instance=} type='reduce' value=1 ]",
    "orgId": 1,
}
_RARE: dict[str, Any] = {
    "labels": {"__alert_rule_uid__": "", "alertname": "DatasourceNoData", "datasource_uid": "", "ref_id": "A"},
    "annotations": {"__dashboardUid__": "", "__panelId__": "", "Error": "", "priority": "P1", "Priority": "P2"},
    "generatorURL": "http:///graph?g0.expr=&g0.tab=1",
    "severity": "warning",
    "status": "resolved",
    "title": "[RESOLVED] ",
    "state": "ok",
    "version": "4",
    "imageURL": "",
}
_NOTIFICATION: dict[str, Any] = {
    "rare": _RARE,
    "message": _MESSAGE,
    "state": "alerting",
    "title": "[FIRING:1] ",
    "orgId": 1,
    "truncatedAlerts": 0,
    "version": "1",
    "groupKey": '{}/{}:{alertname="", grafana_folder=""}',
    "externalURL": "https://",
    "commonAnnotations": {"description": ""},
    "commonLabels": {"alertname": "", "grafana_folder": ""},
    "groupLabels": {"alertname": "", "grafana_folder": ""},
    "receiver": "",
    "status": "firing",
    "alerts": [_ALERT],
}
# what is near to the end is referred to by less; Grafana writes without spaces
DICTIONARY = "".join(json.dumps(_NOTIFICATION, separators=between) for between in ((", ", ": "), (",", ":"))).encode()
"""What is known beforehand, for ever: whoever changes a byte of it gives it another name, and keeps this one."""
NAMED = "zlib-dict1"
"""How bodies are said to be encoded that are compressed by it."""


def packed(body: bytes) -> tuple[str, bytes]:
    """Return how a body is encoded in the ledger, and the body so encoded."""
    if len(body) <= SMALL:
        return "raw", body
    by = zlib.compressobj(LEVEL, zdict=DICTIONARY)
    return NAMED, by.compress(body) + by.flush()


def unpacked(encoding: str, stored: bytes) -> bytes:
    """Return a body as it came; an empty one has been pruned.

    Raises:
        DamagedError: it is damaged, or encoded as only a newer release can tell.
    """
    if not stored or encoding == "raw":
        return stored
    if encoding not in {"zlib", NAMED}:
        raise DamagedError(f"its body is stored as {encoding!r}, which this release can't read")
    by = zlib.decompressobj(zdict=DICTIONARY if encoding == NAMED else b"")
    try:
        body = by.decompress(stored)
    except zlib.error as error:
        raise DamagedError("its body is damaged where it is stored") from error
    if not by.eof or by.unused_data:
        raise DamagedError("its body is damaged where it is stored")
    return body
