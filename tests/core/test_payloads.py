"""Every captured body, and what was read from it, as a golden that a person can check.

BRIDGE_UPDATE_GOLDENS=1 writes the goldens anew; the difference is what a review looks at.
"""

import json
import os
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path

import pytest

from bridge.core.alert import Alert, Links, UnreadableError
from bridge.core.payload import parse

PAYLOADS = Path(__file__).parents[1] / "payloads"
GOLDENS = Path(__file__).parent / "goldens"
BODIES = sorted(PAYLOADS.glob("*/*.json"))


def shown(alert):
    facts = {field.name: getattr(alert, field.name) for field in fields(Alert)}
    links = asdict(alert.links)
    facts["links"] = {name: link for name, link in {**links, "dropped": list(alert.links.dropped)}.items() if link}
    facts["values"] = [
        f"{value.name} = {value.number}" + (f" of {json.dumps(value.labels)}" if value.labels else "")
        for value in alert.values
    ]
    return {
        name: fact.isoformat() if isinstance(fact, datetime) else fact
        for name, fact in facts.items()
        if fact not in (None, "", [], {}, (), False)
    }


def read(body):
    try:
        group = parse(body)
    except UnreadableError as error:
        return {"unreadable": str(error)}
    facts = {field.name: getattr(group, field.name) for field in fields(type(group))}
    facts["problems"] = [asdict(problem) for problem in group.problems]
    facts["alerts"] = [shown(alert) for alert in group.alerts]
    return {name: fact for name, fact in facts.items() if fact not in ("", 0, [])}


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_body_is_read_as_its_golden_says(path):
    golden = GOLDENS / path.parent.name / path.name
    found = read(path.read_bytes())
    if os.environ.get("BRIDGE_UPDATE_GOLDENS"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path",
    [path for path in BODIES if "anomalous" not in path.name],  # a custom payload: unreadable, as its golden says
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_alert_has_an_identity_and_no_private_labels(path):
    body = json.loads(path.read_bytes())
    group = parse(path.read_bytes())
    listed = body if isinstance(body, list) else body.get("alerts", [body])
    assert len(group.alerts) == len(listed)
    assert not group.problems
    for alert in group.alerts:
        assert alert.fingerprint
        assert not [name for name in (*alert.labels, *alert.annotations) if name.startswith("__")]
        for time in (alert.starts_at, alert.ends_at):
            assert time is None or (time.utcoffset().total_seconds() == 0 and time.year > 1970)
        for field in fields(Links):
            link = getattr(alert.links, field.name)
            assert field.name == "dropped" or link is None or link.startswith(("http://", "https://"))


def test_no_golden_is_left_over_and_every_body_has_a_source():
    bodies = {f"{path.parent.name}/{path.name}" for path in BODIES}
    assert {f"{path.parent.name}/{path.name}" for path in GOLDENS.glob("*/*.json")} == bodies
    listed = (PAYLOADS / "SOURCES.md").read_text(encoding="utf-8")
    assert not [name for name in bodies if f"| {name} |" not in listed]


def test_the_inductor_alert_keeps_its_identity_when_it_resolves():
    firing, resolved = (
        parse((PAYLOADS / f"grafana-unified/inductor-jobs-broken{suffix}.json").read_bytes()).alerts[0]
        for suffix in ("", "-resolved")
    )
    assert (firing.fingerprint, firing.starts_at, firing.rule_uid, firing.org) == (
        resolved.fingerprint,
        resolved.starts_at,
        resolved.rule_uid,
        resolved.org,
    )
    assert firing.starts_at.isoformat() == "2025-12-09T17:29:00+00:00"
    assert [(value.name, value.number) for value in firing.values] == [
        ("Failure_Threshold", 1),
        ("Number_of_Jobs_Failing", 1),
    ]
