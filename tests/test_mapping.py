"""A source whose bodies have a shape of their own, read through its mapping."""

from __future__ import annotations

import json

import pytest

from bridge.config.load import load
from bridge.config.problem import ConfigError
from bridge.config.sources import SourceSettings
from bridge.core.alert import Status, UnreadableError
from bridge.mapping import reader

CHECKS = {
    "checks": [
        {"id": "a1", "name": "Disk full", "host": "db1", "ok": False, "prio": "P1", "began": "2026-03-02T11:40:00Z"},
        {"id": "a2", "name": "Backup", "host": "db1", "ok": True, "prio": "P3", "began": "2026-03-02T10:00:00Z"},
    ]
}
EACH = """{
    status: (ok && 'resolved') || 'firing', fingerprint: id, startsAt: began,
    labels: {alertname: name, host: host}, annotations: {Priority: prio}
}"""


def read(mapping, document):
    return reader(SourceSettings("checks", mapping=mapping))(json.dumps(document).encode(), "checks")


@pytest.mark.parametrize("mapping", [f"{{alerts: checks[].{EACH}}}", f"checks[].{EACH}"], ids=["group", "list"])
def test_alerts_are_made_of_any_shape(mapping):
    first, second = read(mapping, CHECKS).alerts
    assert (first.status, first.fingerprint, first.labels) == (
        Status.FIRING,
        "a1",
        {"alertname": "Disk full", "host": "db1"},
    )
    assert (second.status, second.annotations["Priority"]) == (Status.RESOLVED, "P3")


def test_one_alert_alone_is_a_group_of_one():
    (alert,) = read(f"checks[0].{EACH}", CHECKS).alerts
    assert alert.fingerprint == "a1"


@pytest.mark.parametrize(
    "mapping",
    [
        f"checks[].{EACH}",
        f"{{alerts: checks[].{EACH}}}",
        f"{{alerts: checks[].{EACH}, title: 'Checks'}}",
        "{labels: {alertname: name, host: host}, status: state}",
    ],
    ids=["list", "group", "group with a title", "one alert"],
)
def test_what_the_mapping_makes_nothing_of_is_read_as_it_came(mapping):
    (alert,) = read(mapping, {"alerts": [{"status": "firing", "labels": {"alertname": "Plain"}}]}).alerts
    assert alert.labels == {"alertname": "Plain"}


@pytest.mark.parametrize(
    ("mapping", "document", "says"),
    [
        ("checks[].name", CHECKS, "`mapping` makes of the body is no notification: the body is a JSON array of 2"),
        ("nothing", CHECKS, "it holds: checks. Its source's `mapping` makes nothing of it"),
        ("{alerts: nothing}", CHECKS, "it holds: checks. Its source's `mapping` makes nothing of it"),
        ("{alerts: nothing[] || `[]`}", CHECKS, "makes of the body is no notification: the list `alerts` is empty"),
        ("{found: checks}", CHECKS, "makes of the body is no notification: the body has no list"),
        ("sum(checks[].name)", CHECKS, "mapping can't be applied"),
        ("length(checks)", CHECKS, "makes of the body is no notification: the body is a JSON number"),
    ],
)
def test_what_is_no_alert_then_goes_to_quarantine_with_the_reason(mapping, document, says):
    with pytest.raises(UnreadableError, match="source checks: ") as refused:
        read(mapping, document)
    assert says in str(refused.value)
    assert "needs a `mapping`" not in str(refused.value)


def test_a_mapping_that_is_none_is_an_error_at_its_line(tmp_path):
    path = tmp_path / "bridge.yml"
    path.write_text(
        'destinations:\n  slack: {webhook_url: "${env:HOOK}"}\nsources:\n  checks:\n    mapping: "checks[].{"\n'
    )
    with pytest.raises(ConfigError, match=r"bridge.yml:5: .*is no JMESPath expression"):
        load(path, {})
