"""What a payload would become is what it becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_clock import FakeClock
from posts import CONFIG, ENV, Posts, alert

from bridge.preview import preview

OVER = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}


def no_data(**annotations):
    labels = {"alertname": "DatasourceNoData", "rulename": "Disk full", "grafana_folder": "Hosts", "ref_id": "A"}
    return {**alert(fingerprint="n"), "labels": labels, "annotations": annotations}


def places(told):
    """Return kinds and addresses; a preview reads no secret."""
    return {(kind, address if kind != "pagerduty" else "key") for kind, address in told}


BODIES = {
    "no data beside its rule's firing": [no_data(), alert(fingerprint="a")],
    "no data that names its team": [no_data(Team="network"), alert(fingerprint="a")],
    "no data alone": [no_data()],
    "over before what fires": [alert("resolved", fingerprint="b", **OVER), alert(fingerprint="a")],
    "it ends and fires anew": [alert(fingerprint="a"), alert("resolved", fingerprint="a", **OVER)],
    "all over": [alert("resolved", fingerprint=name, **OVER) for name in "abc"],
    "all over, more or less urgent": [
        alert("resolved", fingerprint=f"f{n}", **OVER, Priority=said) for n, said in enumerate(["P2", "P0", "P3"])
    ],
    "teams of their own": [alert(fingerprint="a"), alert(fingerprint="b", Team="network, storage")],
}


@pytest.mark.parametrize("reopen", ["", "reopen_duration: 0\n"], ids=["may reopen", "never reopens"])
@pytest.mark.parametrize("alerts", BODIES.values(), ids=BODIES)
def test_a_preview_is_what_is_absorbed(ledger, tmp_path, alerts, reopen):
    posts = Posts(ledger, FakeClock(), tmp_path, CONFIG + reopen)
    body = json.dumps({"orgId": 1, "alerts": alerts}).encode()
    found = preview(body, "grafana", rules=posts.rules, env=ENV, templates=(Path("templates"),), now=posts.clock.now())
    posts.post(body)
    posts.absorb()
    told = [
        (
            one.title,
            one.teams,
            one.priority,
            one.state,
            one.alerts,
            places((to.kind, to.address) for to in one.deliveries),
        )
        for one in found.incidents
    ]
    assert told == [
        (
            *(one["title"], tuple(one["teams"]), one["priority"], one["state"]),
            len({each["fingerprint"] for each in one["alerts"]}),
            places((to["kind"], to["address"]) for to in one["deliveries"]),
        )
        for one in posts.incidents()
    ]
    assert [one.fingerprint for one in found.alerts] == [one["fingerprint"] for one in alerts]
