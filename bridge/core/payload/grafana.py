"""Grafana's unified alerting (8 to 13), and every other body with a list of `alerts`: they share these words.

Facts: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
and the captured bodies under tests/payloads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bridge.core.alert import Alert, Group, Value
from bridge.core.payload import alertmanager, entries, fields, identity, links, times, value_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.core.alert import Status

SHAPE = "grafana"

GROUP_NAMES: Mapping[str, str] = fields.variants(
    "alerts",
    "commonAnnotations",
    "commonLabels",
    "externalURL",
    "groupKey",
    "groupLabels",
    "orgId",
    "receiver",
    "state",
    "status",
    "title",
    "truncatedAlerts",
)

ALERT_NAMES: Mapping[str, str] = {
    **fields.variants(
        "annotations",
        "dashboardURL",
        "endsAt",
        "fingerprint",
        "generatorURL",
        "imageURL",
        "labels",
        "orgId",
        "panelURL",
        "ruleUID",
        "silenceURL",
        "startsAt",
        "state",
        "status",
        "valueString",
        "values",
    ),
    "sendsat": "endsAt",  # written so by several hand-made senders
}

_NOTHING = Value("", None)
_QUOTED = re.compile(r"\\([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True, slots=True)
class Common:
    """What a group says for all of its alerts."""

    status: Status | None
    labels: Mapping[str, str]
    group_labels: Mapping[str, str]
    annotations: Mapping[str, str]
    external_url: str
    org: str
    title: str
    receiver: str


def read(document: dict[str, object], listed: Sequence[object], shape: str) -> Group:
    """Read a notification whose alerts are a list.

    Args:
        document: The whole body, under its usual names.
        listed: Its alerts.
        shape: Which sender's shape it was recognised as.

    Returns:
        The group; an entry that is no alert is a Problem, and the others go on.
    """
    common = _common(document)
    found, problems = entries.sorted_out(listed)
    return Group(
        alerts=entries.alerts(found, partial(read_alert, common=common)),
        shape=shape,
        receiver=common.receiver,
        group_key=fields.text(document.get("groupKey")) or "",
        external_url=common.external_url,
        title=fields.text(document.get("title")) or "",
        truncated=fields.count(document.get("truncatedAlerts")),
        problems=problems,
    )


def read_alert(entry: dict[str, object], common: Common) -> Alert:
    """Read one alert; whatever an entry lacks, it is an alert."""
    entry = fields.canonical(entry, ALERT_NAMES)
    own_labels, own_annotations, known_by = entries.structured(entry, common.labels)
    entry = alertmanager.unfold(entry, own_labels, own_annotations)
    org = identity.organisation(fields.identifier(entry.get("orgId"))) or common.org
    rule = fields.identifier(entry.get("ruleUID")) or links.rule_uid(entry.get("generatorURL"), entry.get("silenceURL"))
    annotations = {**common.annotations, **own_annotations}
    title = _title(annotations, common)
    labels = {**common.labels, **own_labels}
    state = fields.word(entry.get("status")) or fields.word(entry.get("state"))
    said = fields.identifier(entry.get("fingerprint"))
    return Alert(
        status=fields.status(state, common.status),
        fingerprint=identity.fingerprint(
            said,
            {**common.group_labels, **known_by} if known_by else labels,
            rule or "",
            title,
            common.receiver,
        ),
        labels=fields.without_private(labels),
        annotations=fields.without_private(annotations),
        starts_at=times.time(entry.get("startsAt")),
        ends_at=times.time(entry.get("endsAt")),
        values=_values(entry),
        links=links.read(entry, annotations, common.external_url, org),
        rule_uid=rule or None,
        org=org,
        title=title,
        state=state,
        test=identity.is_test(said, labels),
        known_as=_known_as(labels, known_by, title),
    )


def _known_as(labels: Mapping[str, str], known_by: Mapping[str, str], title: str) -> str:
    """Return an alert's name without what was measured, empty where it is the one that it is shown by."""
    shown = labels.get("alertname", "")
    known = known_by.get("alertname", shown) if shown else identity.unmeasured(title)
    return " ".join(known.split()) if known != (shown or title) else ""


def _common(document: dict[str, object]) -> Common:
    """Read what the group says for all."""
    group_labels = _filled(fields.string_map(document.get("groupLabels")))
    annotations = fields.string_map(document.get("commonAnnotations"))
    receiver = fields.text(document.get("receiver")) or ""
    return Common(
        status=fields.group_status(fields.word(document.get("status")), fields.word(document.get("state"))),
        labels={**group_labels, **_filled(fields.string_map(document.get("commonLabels")))},
        group_labels=group_labels,
        annotations=annotations,
        external_url=links.absolute(document.get("externalURL")) or "",
        org=identity.organisation(fields.identifier(document.get("orgId"))),
        title=fields.text(document.get("title")) or "",
        receiver=_QUOTED.sub(r"\1", receiver) if "\\" in receiver else receiver,
    )


def _filled(labels: dict[str, str]) -> dict[str, str]:
    """Leave out empty labels of the group: they complete nothing (Grafana groups by labels that an alert lacks)."""
    return {name: value for name, value in labels.items() if value}


def _title(annotations: Mapping[str, str], common: Common) -> str:
    """Return what an alert without a name is called, the same when it fires and when it resolves."""
    return (
        annotations.get("title", "").strip()
        or annotations.get("summary", "").strip()
        or identity.bare_title(common.title)
        or annotations.get("description", "").strip()
    )


def _values(entry: Mapping[str, object]) -> tuple[Value, ...]:
    """Return the values from `values`, with the labels that `valueString` adds, else from `valueString` alone."""
    written = entry.get("valueString")
    described = value_string.parse(written) if isinstance(written, str) and written else ()
    named = entry.get("values")
    if not isinstance(named, dict) or not named:
        return described
    known = {value.name: value for value in described}
    return tuple(
        Value(name, found, (described_as := known.get(name, _NOTHING)).labels, described_as.kind)
        for name, value in named.items()
        # what is neither a number nor none ("up", true, infinity) is not said to be missing
        if (found := fields.number(value)) is not None or value is None or fields.is_nan(value)
    )
