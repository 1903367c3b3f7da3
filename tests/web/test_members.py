"""How an incident's page shows its alerts: once what all say, bounded whatever they say."""

from __future__ import annotations

import pytest

from bridge.web.members import FEW, PAIRS, ROOM, SHORT, TEXT, shown


def member(labels=None, annotations=None, links=None, values=None):
    return {
        "fingerprint": "f", "status": "firing", "labels": labels or {}, "annotations": annotations or {},
        "values": values or {}, "links": links or {}, "starts_at": None, "ends_at": None,
    }  # fmt: skip


def test_one_alert_says_all_by_itself():
    found = shown([member({"a": "1"}, {"summary": "bad"}, {"runbook": "https://wiki.test/r"}, {"B": 1.5})])
    ((_, own),) = found.rows
    assert (found.common.annotations, found.common.links) == ({}, {})
    assert (own.labels, own.annotations, own.values) == ({"a": "1"}, {"summary": "bad"}, {"B": 1.5})
    assert own.links == {"Runbook": "https://wiki.test/r"}


def test_what_all_say_is_said_once():
    runbook = {"runbook": "https://wiki.test/r"}
    found = shown(
        [
            member(annotations={"summary": "bad", "pod": "a"}, links={**runbook, "silence": "https://g.test/a"}),
            member(annotations={"summary": "bad", "pod": "b"}, links={**runbook, "silence": "https://g.test/b"}),
        ]
    )
    assert found.common.annotations == {"summary": "bad"}
    assert found.common.links == {"Runbook": "https://wiki.test/r"}
    assert [own.annotations for _, own in found.rows] == [{"pod": "a"}, {"pod": "b"}]
    assert [own.links for _, own in found.rows] == [{"Silence": "https://g.test/a"}, {"Silence": "https://g.test/b"}]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "", "https://"])
def test_what_is_no_link_is_none(url):
    assert shown([member(links={"runbook": url})]).rows[0][1].links == {}


def test_a_long_text_is_whole_and_an_endless_one_is_cut():
    ((_, own),) = shown([member(annotations={"a": "x" * TEXT, "b": "y" * (TEXT + 1)})]).rows
    assert own.annotations == {"a": "x" * TEXT, "b": "y" * TEXT + "…"}


def test_a_page_stays_bounded_whatever_many_alerts_say():
    alerts = [
        member({f"l{n}": "x" * TEXT for n in range(2 * PAIRS)}, {f"a{n}": f"{one}" * TEXT for n in range(2 * PAIRS)})
        for one in range(200)
    ]
    found = shown(alerts)
    texts = [text for _, own in found.rows for text in (*own.labels.values(), *own.annotations.values())]
    assert len(found.rows) == 200
    assert 200 * 2 * FEW <= len(texts) < 200 * 3 * FEW
    assert sum(map(len, texts)) < ROOM + len(texts) * (SHORT + 1)
    assert found.cut
    assert not shown(alerts[:0]).cut
