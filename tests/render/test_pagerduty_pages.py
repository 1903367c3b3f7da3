"""Pages: severity, who they are for, and what is read aloud."""

import json
from dataclasses import replace

import pytest
from scenes import disks, host, incident, member, want

from bridge.core.alert import Links, Priority, Value
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.pagerduty.escape import spoken


def page(told, members=None, n=1, **settings):
    return pagerduty.trigger(want(told, "pagerduty", **settings), "k", members, n)


@pytest.mark.parametrize(
    ("priority", "setting", "severity"),
    [
        ("P0", None, "critical"),
        ("P1", None, "error"),
        ("P2", None, "warning"),
        ("P3", None, "info"),
        ("P1", {"P1": "critical"}, "critical"),
        ("P1", {"P0": "critical"}, "error"),
        ("P1", {"P1": "loud"}, "error"),
    ],
)
def test_severity(priority, setting, severity):
    event = page(incident(priority=Priority(priority)), severity=setting)
    assert event["payload"]["severity"] == severity


def test_a_page_for_those_who_joined_tells_of_them_alone():
    told = disks([host(n) for n in range(1, 6)])
    event = page(told, ("h004", "h005"), 2)
    assert event["payload"]["summary"] == (
        "2 more alerts, 5 in all. P1 Disk full: A disk is nearly full, host-4, host-5, team storage"
    )
    assert event["payload"]["timestamp"] == "2025-12-09T17:33:00Z"
    assert "host-1" not in json.dumps(event)
    assert "host-1" in json.dumps(page(told, ("gone",), 2))


def test_component_only_from_a_label_that_all_share():
    one = member(labels={"alertname": "x", "job": "api", "instance": "a"})
    other = replace(one, id="m2", fingerprint="g", labels={**one.labels, "instance": "b"})
    assert page(incident(members=(one,)))["payload"]["component"] == "api"
    assert page(incident(members=(one, other)))["payload"]["component"] == "api"
    assert "component" not in page(disks([host(1), host(2)]))["payload"]


def test_source_is_the_sender_s_host():
    assert page(incident())["payload"]["source"] == "pytorchci.grafana.net"
    assert page(incident(external_url="javascript:x"))["payload"]["source"] == "grafana"


def test_details_are_numbered_without_gaps():
    details = page(incident(members=(member(labels={}, values=(), failure_threshold=None, job_count=None),)))
    names = list(details["payload"]["custom_details"])
    assert names == ["1 What", "2 Team", "3 Since"]


def test_images_only_over_https():
    shown = incident(members=(member(links=Links(image="https://a.example/x.png")),))
    assert page(shown)["images"] == [{"src": "https://a.example/x.png", "alt": "Panel"}]
    assert "images" not in page(incident(members=(member(links=Links(image="http://a.example/x.png")),)))


def test_an_event_is_never_too_large():
    big = "\N{FIRE}" * 400_000
    told = incident(members=(member(annotations={"description": big}, values=(Value("x", 1.0, {"a": big}),)),))
    assert len(json.dumps(page(told)).encode()) < 512 * 1024


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CPU [host-a] is {high} (95%)", "CPU host-a is high 95%"),
        ("🔥 disk_used on https://a.example:443/x now!", "disk used on a.example now!"),
        ("write to ops@a.example or http://localhost/x, now", "write to or now"),
        ("👩\u200d💻 नमस्ते é e\u0301", "नमस्ते é e\u0301"),
        ("one\ntwo\x07", "one two"),
        ("2.5 \N{MULTIPLICATION SIGN} 10^-7", "2.5 \N{MULTIPLICATION SIGN} 10 to the power of minus 7"),
        ("1.2 \N{MULTIPLICATION SIGN} 10^15 bytes", "1.2 \N{MULTIPLICATION SIGN} 10 to the power of 15 bytes"),
        ("node <10.0.0.5> is <down>, 3>2", "node 10.0.0.5 is down, 3 above 2"),
        ("free < 5%, load>=2.5 and <b>hot</b> -> now", "free below 5%, load at least 2.5 and b hot /b - now"),
    ],
)
def test_summaries_read_aloud(text, said):
    assert spoken(text) == said
