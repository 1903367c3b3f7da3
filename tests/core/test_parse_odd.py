import contextlib
import json
import re
from unittest.mock import patch

import pytest
from core_builders import body
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.alert import Group, Status, UnreadableError
from bridge.core.payload import fields, links, parse, times


def only(*args, **group):
    found = parse(body(*args, **group))
    assert len(found.alerts) == 1
    return found.alerts[0]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", "is empty"),
        (b" \r\n\xef\xbb\xbf\x00", "is empty"),
        (b"hello", "not JSON"),
        (b'{"alerts": [', "not JSON"),
        (b"[]", "array of 0 without alerts"),
        (b'[1, "x", {}]', "array of 3 without alerts"),
        (b"null", "JSON null"),
        (b"17", "JSON number"),
        (b"true", "JSON truth value"),
        (b'"text"', "JSON text"),
        (b"{}", "it holds: nothing"),
        (b'{"text": "\xf0\x9f\x9a\xa8 TestAlert"}', "it holds: text"),
        (b'{"alerts": null}', "it holds: alerts"),
        (b'{"alerts": []}', "is empty"),
        (b'{"alerts": [1, null]}', "holds no alert: alert 1 is not an object but a number"),
        (b"[" * 200_000, "too deeply"),
        (b'{"a":' * 200_000, "too deeply"),
        (b'[{"alerts": [{}]}, ' * 700 + b"1" + b"]" * 700, "too deeply"),
        (b'{"title": "no state"}', "no legacy Grafana"),
    ],
)
def test_what_is_no_notification_says_what_it_is(sent, says):
    with pytest.raises(UnreadableError, match=says) as caught:
        parse(sent, "grafana")
    assert str(caught.value).startswith("source grafana: ")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("alert", "group", "expected"),
    [
        ({"status": "firing"}, {"status": "resolved"}, Status.FIRING),
        ({"status": "resolved"}, {"status": "firing"}, Status.RESOLVED),
        ({"status": "Resolved "}, {}, Status.RESOLVED),
        ({"status": "ok"}, {}, Status.RESOLVED),
        ({"status": "warning"}, {"status": "resolved"}, Status.FIRING),
        ({"status": ""}, {"status": "resolved"}, Status.RESOLVED),
        ({}, {"status": "resolved"}, Status.RESOLVED),
        ({}, {"status": "", "state": "ok"}, Status.RESOLVED),
        ({}, {"status": "warning"}, Status.FIRING),
        ({}, {}, Status.FIRING),
        ({"status": None}, {"status": 7}, Status.FIRING),
        ({"status": {"state": "active"}}, {"status": "resolved"}, Status.FIRING),
        ({"state": "normal"}, {}, Status.RESOLVED),
        (
            {"startsAt": "2018-08-30T16:59:09Z", "endsAt": "2018-08-30T17:01:09Z"},
            {"status": ""},
            Status.FIRING,
        ),
    ],
)
def test_status_is_the_alerts_own_word_then_the_groups_then_firing(alert, group, expected):
    assert only(alert, **group).status is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-12-09T09:29:00-08:00", "2025-12-09T17:29:00+00:00"),
        ("2025-12-09T17:29:00Z", "2025-12-09T17:29:00+00:00"),
        ("2025-12-09t17:29:00z", "2025-12-09T17:29:00+00:00"),
        ("2025-12-09T17:29:00.1Z", "2025-12-09T17:29:00.100000+00:00"),
        ("2025-12-09T17:29:00.123456789Z", "2025-12-09T17:29:00.123456+00:00"),
        ("2025-12-09T17:29:60Z", "2025-12-09T17:29:59+00:00"),
        ("2025-12-09T17:29:00", "2025-12-09T17:29:00+00:00"),
        ("2026-05-27 15:36:00.112013015 +0000 UTC m=+8560.285724134", "2026-05-27T15:36:00.112013+00:00"),
        ("2026-05-27 15:36:00 +0200 CEST", "2026-05-27T13:36:00+00:00"),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01 00:00:00 +0000 UTC", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-08:00", None),
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T01:00:00+01:00", None),
        ("2025-13-09T17:29:00Z", None),
        ("2025-12-09 25:00:00 +9999 XX", None),
        ("not-a-valid-timestamp", None),
        ("", None),
        (None, None),
        (1700000000, "2023-11-14T22:13:20+00:00"),
        ("1700000000123", "2023-11-14T22:13:20.123000+00:00"),
        (5, None),
        (1e300, None),
        ("9999-12-31T23:59:59Z", None),
        ({"a": 1}, None),
    ],
)
def test_times(written, expected):
    found = times.time(written)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize("key", ["endsAt", "EndsAt", "sendsAt", "endsat"])
def test_misspelt_time_keys_count(key):
    assert only({key: "2025-12-09T17:29:00Z"}).ends_at.year == 2025


def test_an_exact_key_wins_over_a_misspelt_one():
    alert = only({"endsAt": "2025-12-09T17:29:00Z", "EndsAt": "2020-01-01T00:00:00Z"})
    assert alert.ends_at.year == 2025


def test_go_field_names_are_understood():
    sent = {"Alerts": [{"Status": "resolved", "Labels": {"alertname": "A"}, "StartsAt": "2025-12-09T17:29:00Z"}]}
    alert = parse(json.dumps(sent).encode()).alerts[0]
    assert (alert.status, alert.labels, alert.starts_at.year) == (Status.RESOLVED, {"alertname": "A"}, 2025)


def test_labels_are_completed_and_not_overridden():
    alert = only(
        {"labels": {"a": "own", "b": "", "n": 1.5, "t": True, "gone": None, "o": {"x": [1]}, "__private__": "p"}},
        commonLabels={"a": "common", "b": "common", "c": "common", "d": ""},
        groupLabels={"c": "group", "e": "group", "f": None},
        commonAnnotations={"summary": "common"},
    )
    assert alert.labels == {
        "a": "own",
        "b": "",
        "c": "common",
        "e": "group",
        "n": "1.5",
        "t": "true",
        "o": '{"x":[1]}',
    }
    assert alert.annotations == {"summary": "common"}


def test_part_readable_groups_go_on():
    deep = {"labels": {"alertname": "deep", "x": json.loads("[" * 60 + "]" * 60)}}
    group = parse(body({"labels": {"alertname": "A"}}, 7, None, "x", [], deep, {"labels": {"alertname": "B"}}))
    assert [alert.labels["alertname"] for alert in group.alerts] == ["A", "B"]
    assert [problem.index for problem in group.problems] == [1, 2, 3, 4, 5]
    assert "is not an object but null" in group.problems[1].why
    assert "nests deeper than 50" in group.problems[4].why


@pytest.mark.parametrize(
    "sent", [{"labels": "x"}, {"labels": [1]}, {"annotations": 3, "values": [], "valueString": {}}, {}]
)
def test_an_object_is_an_alert_whatever_it_holds(sent):
    assert only(sent).fingerprint


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"5615590933959184469", "5615590933959184469"),
        (b"1" * 400, "1" * 400),
        (b"1" * 5000, "1" * 5000),
        (b"0", "0"),
        (b'"{}:{}"', "{}:{}"),
        (b"null", ""),
    ],
)
def test_group_key_is_kept_exactly(key, expected):
    assert parse(b'{"groupKey": %s, "alerts": [{}]}' % key).group_key == expected


def test_sloppy_bytes_are_read():
    sent = b'\xef\xbb\xbf{"status": "firing", "status": "firing", "alerts": [{"labels": {"alertname": "a\xff\nb", '
    sent += b'"nul": "x\\u0000y", "half": "\\ud800z", "pair": "\\ud83d\\udea8"}, "values": {"A": NaN, "B": -Infinity, '
    sent += b'"C": 1e400, "D": "12.5", "E": null, "F": true, "G": "x", "H": -1}}]}\r\n'
    alert = parse(sent).alerts[0]
    assert alert.labels == {"alertname": "a\ufffd\nb", "nul": "x\ufffdy", "half": "\ufffdz", "pair": "🚨"}
    numbers = {value.name: value.number for value in alert.values}
    # what is neither a number nor none is not said to be missing
    assert numbers == {"A": None, "D": 12.5, "E": None, "H": -1}
    assert parse('{"alerts": [{}]}'.encode("utf-16")).alerts


def test_a_bare_array_and_a_single_alert_are_read():
    assert len(parse(b'[{"labels": {"a": "1"}}, {"labels": {"a": "2"}}]').alerts) == 2
    assert parse(b'[{"receiver": "r", "alerts": [{}]}]').receiver == "r"
    assert len(parse(b'{"alerts": {"labels": {"a": "1"}}}').alerts) == 1


class TestFingerprint:
    def test_comes_from_labels_without_what_the_group_merely_shares(self):
        alone = only({"labels": {"a": "1"}}, commonLabels={"a": "1", "b": "2"})
        assert alone.fingerprint == only({"labels": {"a": "1"}}).fingerprint
        assert alone.fingerprint != only({"labels": {"a": "2"}}).fingerprint
        assert len(alone.fingerprint) == 16

    def test_without_own_labels_those_of_the_group_count(self):
        assert only({}, commonLabels={"a": "1"}).fingerprint == only({"labels": {"a": "1"}}).fingerprint

    def test_else_from_the_rule_else_from_title_and_receiver(self):
        assert only({"ruleUID": "x"}).fingerprint == only({"ruleUID": "x"}, title="[FIRING:1] y").fingerprint
        firing = only({}, title="[FIRING:1] Disk", receiver="r")
        assert firing.fingerprint == only({}, title="[RESOLVED] Disk", receiver="r").fingerprint
        assert firing.fingerprint != only({}, title="[FIRING:1] Disk", receiver="s").fingerprint

    def test_alerts_that_only_their_texts_tell_apart_stay_apart(self):
        group = parse(body({"annotations": {"description": "one"}}, {"annotations": {"description": "two"}}))
        assert len({alert.fingerprint for alert in group.alerts}) == 2

    def test_the_senders_own_is_kept_and_bounded(self):
        assert only({"fingerprint": "abc123"}).fingerprint == "abc123"
        assert len(only({"fingerprint": "x" * 5000}).fingerprint) == 16


def test_legacy_states_keep_one_identity():
    def read(state):
        return parse(
            json.dumps({"ruleId": 7.0, "ruleName": "Rule", "state": state, "title": f"[{state}] Rule"}).encode()
        )

    states = {
        state: read(state).alerts[0] for state in ("alerting", "ok", "no_data", "paused", "pending", "alert", "odd")
    }
    assert len({alert.fingerprint for alert in states.values()}) == 1
    assert {alert.rule_uid for alert in states.values()} == {"7"}
    assert {state for state, alert in states.items() if alert.status is Status.RESOLVED} == {"ok", "paused"}
    assert states["paused"].annotations["grafana_state_reason"] == "Paused"
    assert states["no_data"].state == "no_data"
    assert states["alerting"].labels == {"alertname": "Rule"}
    assert parse(b'{"state": "alerting", "title": "[Alerting] Only a title"}').alerts[0].title == "Only a title"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://grafana.example.com/d/x?a=b#c", "https://grafana.example.com/d/x?a=b#c"),
        ("HTTP://h:9090/graph", "HTTP://h:9090/graph"),
        ("http://[::1]:3000/", "http://[::1]:3000/"),
        (" https://h ", "https://h"),
        ("https://h/?a\\u0026b", "https://h/?a&b"),
        ("/d/x", "https://base.example.com/d/x"),
        ("?orgId=1&x=2", "https://base.example.com/sub/?orgId=1&x=2"),
        ("//evil.example.com/", None),
        ("javascript:alert(1)", None),
        ("ftp://h/", None),
        ("https://", None),
        ("https://user:secret@h/", None),
        ("https://user@h/", None),
        ("https://good.example.com\\@evil.example.com/", None),
        ("https://h/a b", "https://h/a%20b"),
        ("d/x?a=b", "https://base.example.com/sub/d/x?a=b"),
        ("https://h/a\nb", None),
        ("https://h/\u202etxt", None),
        ("https://h:port/", None),
        ("{{API_URL}}/", None),
        ("dontcare", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_links_are_absolute_and_safe(written, expected):
    assert links.absolute(written, "https://base.example.com/sub/") == expected


LINKED = ("http://", "h.test", "a-b", "ü", ":80", ":", "/", "?q=", "#", " ", "@", "\\", "\\u0026", "\n")


@given(st.lists(st.sampled_from(LINKED)).map(lambda parts: "".join(["https://h", *parts])))
def test_a_usual_link_is_what_it_would_be_if_it_were_looked_at_closely(written):
    base = "https://base.example.com/sub/"
    with patch.object(links, "_USUAL", re.compile("(?!)")):
        expected = links.absolute(written, base)
    assert links.absolute(written, base) == expected


def test_links_of_an_alert():
    alert = only(
        {
            "generatorURL": "?orgId=1",
            "dashboardURL": "javascript:alert(1)",
            "imageURL": "http://h/i.png",
            "annotations": {"RunbookURL": "see the wiki", "runbook": "https://h/book"},
        },
        externalURL="https://h/",
    )
    assert alert.links.alert is None
    assert alert.links.runbook == "https://h/book"
    assert alert.links.dropped == ("dashboard", "image")


@pytest.mark.parametrize(
    ("annotations", "runbook", "dashboard"),
    [
        ({"runbook": "https://h/1", "Runbook_URL": "https://h/2"}, "https://h/2", None),
        (
            {"PlaybookUrl": "https://h/1", "grafana-url": "https://h/2", "dashboard": "https://h/3"},
            "https://h/1",
            "https://h/2",
        ),
        ({"runbook_url_": "https://h/1", "dashboards": "https://h/2"}, "https://h/1", None),
        ({"runbook": "https://h/1 and https://h/2"}, "https://h/1", None),
        ({"runbook": "see https://h/1"}, "https://h/1", None),
        ({"runbook": "[wiki](https://h/1)", "dashboard": "<http://h/2|here>"}, "https://h/1", "http://h/2"),
        ({"runbook": "http://h/1?back=https://h/2"}, "http://h/1?back=https://h/2", None),
        ({"runbook": "https://h/1<https://h/2>"}, "https://h/2", None),
    ],
)
def test_links_of_annotations(annotations, runbook, dashboard):
    alert = only({"annotations": annotations})
    assert (alert.links.runbook, alert.links.dashboard) == (runbook, dashboard)


@pytest.mark.parametrize(
    ("fields_", "expected"),
    [
        ({"ruleUID": "a"}, "a"),
        ({"labels": {"__alert_rule_uid__": "b"}}, "b"),
        ({"generatorURL": "https://h/alerting/grafana/c-1/view?orgId=1"}, "c-1"),
        ({"generatorURL": "https://h/sub/alerting/d_1/edit"}, "d_1"),
        ({"silenceURL": "https://h/alerting/silence/new?matcher=__alert_rule_uid__%3De1&orgId=1"}, "e1"),
        ({"generatorURL": "https://h/alerting/list"}, None),
        ({}, None),
    ],
)
def test_rule_uid(fields_, expected):
    assert only(fields_).rule_uid == expected


@pytest.mark.parametrize(
    ("alert", "group", "expected"),
    [
        ({"orgId": 3}, {"orgId": 1}, "3"),
        ({}, {"orgId": 1}, "1"),
        ({}, {"orgId": 1.0}, "1"),
        ({"annotations": {"__orgId__": "9"}}, {}, "9"),
        ({}, {}, ""),
    ],
)
def test_org(alert, group, expected):
    assert only(alert, **group).org == expected


def test_ten_thousand_alerts_are_all_read():
    sent = body(*({"labels": {"alertname": "A", "n": str(n)}, "values": {"B": n}} for n in range(10_000)))
    assert len(parse(sent).alerts) == 10_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
known = st.sampled_from([*fields.variants("x"), *links.Links.__slots__, "alerts", "labels", "annotations", "status"])
keys = known | st.sampled_from(
    ["startsAt", "endsAt", "values", "valueString", "generatorURL", "state", "ruleId", "orgId"]
)
alert_like = st.dictionaries(keys, json_values, max_size=8)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(keys, json_values | st.lists(alert_like, max_size=3), max_size=8).map(
        lambda value: json.dumps(value).encode()
    ),
)


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_any_bytes_are_a_group_or_unreadable(sent):
    with contextlib.suppress(UnreadableError):
        group = parse(sent)
        assert isinstance(group, Group)
        assert group.alerts
        assert all(alert.fingerprint for alert in group.alerts)
        json.dumps([dict(alert.labels) for alert in group.alerts], ensure_ascii=False).encode()


def test_private_values_that_are_no_json_give_way_to_the_value_string():
    alert = only({"annotations": {"__values__": "{", "__value_string__": "[ var='A' value=1 ]"}})
    assert [(value.name, value.number) for value in alert.values] == [("A", 1)]


def test_nesting_within_python_limits_still_has_an_end():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert fields.text(nested) == "(nested too deeply to show)"
    assert fields.too_deep(nested)
    with pytest.raises(UnreadableError, match="too deeply"):
        parse(b'{"alerts": [{}], "nul": "\\u0000", "deep": %s}' % (b"[" * 800 + b"]" * 800))
