"""Bodies that hand-made senders, templates and tests make of an alert: none is lost, and what is none is said so."""

import json

import pytest
from core_builders import NORMALIZING

from bridge.core.alert import Status, UnreadableError
from bridge.core.arrive import in_order
from bridge.core.normalize import normalize
from bridge.core.payload import entries, identity, parse

FIRING = {"status": "firing"}


def read(document):
    return parse(json.dumps(document).encode())


def names(document):
    return [(alert.labels.get("alertname"), alert.status.value) for alert in read(document).alerts]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"alerts": [{"alertname": "A", "severity": "high"}, {"title": "B"}]}, ["A", "B"]),
        ({"alerts": [{"message": "disk full", "priority": "high"}, {"message": "cpu hot"}]}, ["disk full", "cpu hot"]),
        ({"alerts": {"0": {"labels": {"alertname": "A"}}, "1": {"labels": {"alertname": "B"}}}}, ["A", "B"]),
        ([{"alerts": [{"title": "A"}]}, {"alerts": [{"title": "B"}, {"title": "C"}]}], ["A", "B", "C"]),
        ({"alerts": [{"labels": [{"name": "alertname", "value": "A"}]}]}, ["A"]),
        ({"alerts": [{"labels": '{"alertname": "A"}'}]}, ["A"]),
        ({"status": "firing", "labels": {"alertname": "A"}, "annotations": {}}, ["A"]),
    ],
)
def test_alerts_are_found_wherever_they_stand(document, found):
    assert names(document) == [(name, "firing") for name in found]
    assert len({alert.fingerprint for alert in read(document).alerts}) == len(found)


def test_alerts_may_stand_under_what_they_do():
    document = {"alerts": {"firing": [{"title": "A"}], "resolved": [{"title": "B"}, {"title": "C"}]}}
    assert names(document) == [("A", "firing"), ("B", "resolved"), ("C", "resolved")]


def test_what_a_flat_alert_says_is_kept():
    flat = {"name": "A", "team": "storage", "priority": "P1", "value": 3, "status": "firing"}
    alert = read({"alerts": [flat]}).alerts[0]
    assert alert.labels == {"alertname": "A"}
    assert alert.annotations == {"name": "A", "team": "storage", "priority": "P1", "value": "3"}


def test_flat_alerts_of_one_name_are_told_apart_by_where_they_are():
    def of(host, status, **more):
        return {"title": "Disk full", "Host": host, "env": "prod", "status": status, **more}

    first, second = read({"alerts": [of("db1", "firing", value="91 %"), of("db2", "firing")]}).alerts
    assert first.fingerprint != second.fingerprint
    assert first.labels == {"alertname": "Disk full", "Host": "db1", "env": "prod"}
    later = {"value": "12 %", "severity": "none", "team": "db", "id": "event-2", "at": "12:00", "url": "https://h/"}
    over = read({"alerts": [of("db1", "resolved", **later)]}).alerts[0]
    assert (over.fingerprint, over.labels) == (first.fingerprint, first.labels)


@pytest.mark.parametrize(
    "more",
    [
        {"annotations": {"Priority": "P0"}},
        {"labels": {"team": "db"}},
        {"labels": {"team": "db", "alertname": ""}},
        {"labels": ["db", "prod"]},
        {"labels": {"team": None}},
        {"labels": "db", "annotations": {"Priority": "P0"}},
    ],
)
def test_alerts_that_are_named_beside_their_labels_or_annotations_keep_their_names(more):
    document = {"alerts": [{"title": "Disk full", **more}, {"title": "DB down", **more}]}
    assert names(document) == [("Disk full", "firing"), ("DB down", "firing")]
    first, second = read(document).alerts
    assert first.fingerprint != second.fingerprint
    for place in ("labels", "annotations"):
        said = more.get(place)
        kept = {name: value for name, value in said.items() if value} if isinstance(said, dict) else {}
        assert kept.items() <= getattr(first, place).items()
    over = read({"alerts": [{"title": "Disk full", "status": "resolved", **more, "message": "well"}]}).alerts[0]
    assert over.fingerprint == first.fingerprint


@pytest.mark.parametrize("more", [{"labels": {"team": "db"}}, {"annotations": {"Priority": "P0"}}])
@pytest.mark.parametrize(
    ("fires", "over"),
    [
        ("CPU 93 %", "CPU 12 %"),
        ("CPU 93.5% (1.25 of 2.00 cores)", "CPU 0% (0.01 of 2.00 cores)"),
        ("[FIRING:1] load=-3.5", "[OK] load=0.5"),
        ("93", "93"),
    ],
)
def test_a_number_in_a_name_beside_labels_or_annotations_makes_no_other_alert_of_its_resolve(fires, over, more):
    entry = {"title": fires, **more}
    first, last = (read({"alerts": [one]}).alerts[0] for one in (entry, {**entry, "title": over, "status": "resolved"}))
    assert (first.labels["alertname"], last.fingerprint) == (identity.bare_title(fires), first.fingerprint)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("db1 down", "db2 down"),
        ("10.0.0.1 down", "10.0.0.2 down"),
        ("db:5432 down", "db:6432 down"),
        ("10.0.0.1:9100 down", "10.0.0.1:9200 down"),
        ("HTTP 404", "HTTP 500"),
        ("1", "2"),
    ],
)
def test_a_number_that_may_be_a_name_tells_alerts_apart(one, another):
    first, second = read({"alerts": [{"title": said, "labels": {"team": "db"}} for said in (one, another)]}).alerts
    assert first.fingerprint != second.fingerprint


def test_flat_alerts_are_told_apart_by_their_whole_names():
    first, second = read({"alerts": [{"title": f"Error {number}"} for number in (404, 500)]}).alerts
    assert first.fingerprint != second.fingerprint


def test_alerts_that_are_named_beside_their_labels_are_told_apart_by_where_they_are():
    both = [{"name": "Disk full", "host": host, "labels": {"team": "db"}} for host in ("db1", "db2")]
    first, second = read({"alerts": both}).alerts
    assert first.labels == {"team": "db", "host": "db1", "alertname": "Disk full"}
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("entry", "group"),
    [
        ({"labels": {"alertname": "A"}}, {}),
        ({"labels": {"a": "1"}}, {"commonLabels": {"alertname": "A"}}),
        ({"annotations": {"summary": "s"}}, {"groupLabels": {"alertname": "A"}}),
    ],
)
def test_a_name_among_the_labels_stays_that_of_the_alert(entry, group):
    plain, titled = (read({"alerts": [one], **group}).alerts[0] for one in (entry, {**entry, "title": "B"}))
    assert (titled.labels, titled.fingerprint) == (plain.labels, plain.fingerprint)


def test_a_message_names_an_alert_that_has_nothing_else_to_be_known_by():
    both = [{"message": said, "annotations": {"Priority": "P0"}} for said in ("Disk full", "DB down")]
    assert names({"alerts": both}) == [("Disk full", "firing"), ("DB down", "firing")]
    alert = read({"alerts": [{"message": "91 %", "annotations": {"summary": "Disk full"}}]}).alerts[0]
    assert (alert.title, alert.labels) == ("Disk full", {})


def test_a_changing_message_beside_labels_names_nothing():
    fires, over = (read({"alerts": [{"labels": {"a": "1"}, "message": said}]}).alerts[0] for said in ("91 %", "12 %"))
    assert (fires.labels, fires.fingerprint) == ({"a": "1"}, over.fingerprint)


@pytest.mark.parametrize("said", ["", 7, "x" * 201, "a\nb", ["db1"], None])
def test_what_is_no_place_makes_no_label_of_a_flat_alert(said):
    assert read({"alerts": [{"title": "A", "host": said}]}).alerts[0].labels == {"alertname": "A"}


@pytest.mark.parametrize(
    "document",
    [
        {"alerts": [{"id": 1, "text": "hello"}]},
        {"alerts": {"type": "array", "items": {}}},
        {"ruleName": "my-eventbridge-rule"},
        {"title": "Fix it", "state": "error", "id": 1},
        {"labels": {"bug": "true"}, "action": "labeled"},
        [{"hello": "world"}],
        [{"alerts": []}, {"alerts": [1]}],
    ],
)
def test_what_is_no_alert_is_unreadable(document):
    with pytest.raises(UnreadableError):
        read(document)


def test_a_part_that_is_no_notification_keeps_no_other_back():
    group = read([{"alerts": [{"title": "A"}]}, {"alerts": []}])
    assert [alert.labels["alertname"] for alert in group.alerts] == ["A"]
    assert [problem.why for problem in group.problems] == [
        "notification 2: the list `alerts` is empty: the notification names no alert"
    ]


def test_of_very_many_only_what_is_asked_for_is_read():
    many = [{"status": "firing", "fingerprint": f"{n:016x}"} for n in range(1, 5000)]
    group = read({"alerts": [*many, 7, *[{"id": 1}] * 30]})
    assert isinstance(group.alerts, entries.Slices)
    assert len(group.alerts) == 4999
    assert [alert.fingerprint for alert in group.alerts[4997:5100]] == [f"{4998:016x}", f"{4999:016x}"]
    assert group.alerts[0].fingerprint == f"{1:016x}"
    assert len(group.problems) == entries.MOST_PROBLEMS + 1
    assert group.problems[-1].why == "21 more entries are no alerts"


def test_more_than_anybody_means_are_left_out_and_that_is_said():
    group = read({"alerts": [FIRING] * (entries.MOST + 5)})
    assert len(group.alerts) == entries.MOST
    assert "only the first 100000 were read" in group.problems[0].why


def test_an_array_of_notifications_names_no_more_alerts_than_one():
    several = [{"status": "firing", "alerts": [{"fingerprint": "a"}] * (entries.MOST // 4)}] * 5
    group = read([*several, {"alerts": []}])
    assert isinstance(group.alerts, entries.Slices)
    assert len(group.alerts) == entries.MOST
    assert "more than 100000 alerts, and only the first were read" in group.problems[0].why
    assert not read(several[:4]).problems


def test_very_many_alerts_of_an_array_of_notifications_are_read_slice_by_slice():
    over, fires = ([{"fingerprint": f"{name}{n}"} for n in range(entries.LAZY)] for name in "of")
    legacy = {"ruleName": "Load", "ruleId": 1, "state": "alerting"}
    told = [{"status": "resolved", "receiver": "r", "alerts": over}, {"state": "alerting", "alerts": fires}, legacy]
    group = read([{"alerts": [{"fingerprint": "first"}]}, *told, {"alerts": [7]}])
    found = in_order(group.alerts)
    assert isinstance(found, entries.Slices)
    assert len(found) == 2 * entries.LAZY + 2
    shown = [(one.fingerprint, one.status.value) for one in found[:2]]
    assert shown == [("first", "firing"), ("f0", "firing")]
    assert (found[entries.LAZY + 1].title, found[-1].fingerprint) == ("Load", f"o{entries.LAZY - 1}")
    assert found[-1].status is Status.RESOLVED
    assert [problem.why.partition(":")[0] for problem in group.problems] == ["notification 5"]


def test_what_each_notification_of_an_array_left_out_is_added_up():
    one = {"alerts": [{"title": "A"}]}
    assert read([one, {**one, "truncatedAlerts": 3}, {"alerts": []}, {**one, "truncatedAlerts": 4}]).truncated == 7


def test_of_very_many_that_are_no_notifications_the_first_are_named():
    group = read([{"alerts": [{"title": "A"}]}, *[7] * 50])
    assert [problem.index for problem in group.problems] == list(range(1, entries.MOST_PROBLEMS + 1))


def test_who_fires_is_taken_in_before_who_is_over_but_for_its_own_end():
    group = read(
        {
            "alerts": [
                {"fingerprint": "a", "status": "resolved"},
                {"fingerprint": "b", "status": "resolved"},
                {"fingerprint": "c", "status": "firing"},
                {"fingerprint": "b", "status": "firing"},
            ]
        }
    )
    found = [(alert.fingerprint, alert.status.value) for alert in in_order(group.alerts)]
    assert found == [("b", "resolved"), ("c", "firing"), ("b", "firing"), ("a", "resolved")]


START = "2026-03-02T12:00:00Z"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("a+ a-", "a+ a-"),
        ("a- a+", "a- a+"),
        ("a+ a- a+", "a- a+ a+"),
        ("a- a+ a-", "a- a+ a-"),
        ("a- b- a+ a- b+", "a- b- a+ b+ a-"),
        ("a+ a-@", "a-@ a+"),
        ("a+@ a-@", "a-@ a+@"),
        ("a+@ a-", "a+@ a-"),
    ],
)
def test_an_end_without_a_start_that_follows_its_firing_stays_behind_it(told, found):
    said = {"+": "firing", "-": "resolved"}
    alerts = [
        {"fingerprint": one[0], "status": said[one[1]], **({"startsAt": START} if one[2:] else {})}
        for one in told.split()
    ]
    order = in_order(read({"alerts": alerts}).alerts)
    signs = {"firing": "+", "resolved": "-"}
    shown = [f"{one.fingerprint}{signs[one.status.value]}{'@' if one.starts_at else ''}" for one in order]
    assert " ".join(shown) == found


@pytest.mark.parametrize("status", ["Status", "state"])
def test_very_many_are_put_in_order_as_well(status):
    over = [{"fingerprint": f"f{number}", status: "resolved"} for number in range(entries.LAZY)]
    fires = [{"fingerprint": "last", status: "firing"}, {"fingerprint": "f7", status: "firing"}]
    found = in_order(read({"alerts": over + fires}).alerts)
    first = [(alert.fingerprint, alert.status.value) for alert in found[:4]]
    assert first == [("f7", "resolved"), ("last", "firing"), ("f7", "firing"), ("f0", "resolved")]
    assert (len(found), found[-1].fingerprint) == (len(over + fires), f"f{entries.LAZY - 1}")


def test_very_many_that_say_the_same_are_not_read_for_their_order():
    group = read({"alerts": [{"fingerprint": f"{number}", "status": "resolved"} for number in range(2_000)]})
    assert in_order(group.alerts) is group.alerts


@pytest.mark.parametrize(
    ("labels", "fingerprint", "is_test"),
    [
        ({"alertname": "TestAlert", "instance": "Grafana"}, "57c6d9296de2ad39", True),
        ({"alertname": "TestAlert", "instance": "Grafana", "grafana_folder": "Test Folder"}, "326ea703b01f6100", True),
        ({"alertname": "TestAlert", "instance": "Grafana"}, "", True),
        ({"alertname": "TestAlert"}, "57c6d9296de2ad39", True),
        ({"alertname": "TestAlert", "instance": "db-1"}, "aaaaaaaaaaaaaaaa", False),
        ({"alertname": "Disk", "instance": "Grafana"}, "57c6d9296de2ad39", False),
    ],
)
def test_the_test_button_is_known_by_its_name_whatever_else_newer_versions_add(labels, fingerprint, is_test):
    document = {"alerts": [{"status": "firing", "labels": labels, "fingerprint": fingerprint}]}
    assert read(document).alerts[0].test is is_test


@pytest.mark.parametrize("rule", [0, 8_219_283])
def test_the_legacy_test_button_is_known_too(rule):
    name = "Test notification"
    document = {"ruleId": rule, "ruleName": name, "state": "alerting", "title": f"[Alerting] {name}"}
    assert read(document).alerts[0].test


def test_no_fingerprint_is_made_of_zeros():
    zeros = [{"fingerprint": said, "labels": {"a": said}} for said in ("0" * 16, "0", "00")]
    assert len({alert.fingerprint for alert in read({"alerts": zeros}).alerts}) == 3


def test_legacy_rules_that_share_a_number_are_told_apart():
    first, second = ({"ruleId": 1, "ruleName": name, "state": "alerting"} for name in ("bob", "Load peaking!"))
    assert read(first).alerts[0].fingerprint != read(second).alerts[0].fingerprint
    over = {**first, "state": "ok"}
    assert read(first).alerts[0].fingerprint == read(over).alerts[0].fingerprint


@pytest.mark.parametrize(
    ("title", "status"),
    [("[OK] x", Status.RESOLVED), ("[Alerting] x", Status.FIRING), ("[No Data] x", Status.FIRING)],
)
def test_legacy_without_a_state_says_it_in_its_title(title, status):
    alert = read({"ruleId": 1, "ruleName": "Load", "title": title}).alerts[0]
    assert alert.status is status


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("[FIRING:1] [prod] CPU", "[prod] CPU"),
        ("[prod] [Alerting] CPU", "[prod] CPU"),
        ("[FIRING:2, RESOLVED:1][prod] CPU", "[prod] CPU"),
        ("[ok]CPU [OK]", "CPU [OK]"),
        ("[No Data] CPU", "CPU"),
        ("[no_data] [Paused] CPU", "CPU"),
        ("[Error budget] CPU", "[Error budget] CPU"),
        ("[normalizer] CPU", "[normalizer] CPU"),
        ("[CRITICAL] Disk", "Disk"),
        ("[Warning: 2] Disk", "Disk"),
        ("[P1] [Re-Triggered] Disk", "Disk"),
        ("[sev-2][PROBLEM] Disk", "Disk"),
        ("[Triggered on {host:web1}] Disk", "[{host:web1}] Disk"),
        ("[P9] [eu-west] [high] [P1-team] Disk", "[P9] [eu-west] [high] [P1-team] Disk"),
        ("[critical path] [info desk] [up-to-date] Disk", "[critical path] [info desk] [up-to-date] Disk"),
        ("[FIRING:1]", ""),
        ("[", "["),
        (" CPU ", "CPU"),
    ],
)
def test_a_title_loses_the_state_that_it_begins_with_and_nothing_else(title, bare):
    assert identity.bare_title(title) == bare


@pytest.mark.parametrize("flat", [False, True], ids=["legacy", "flat"])
def test_one_title_in_two_places_is_two_alerts_of_which_each_is_ended_by_its_own(flat):
    def alert(title, state):
        one = {"title": title, "state": state}
        return read({"alerts": [one]} if flat else one).alerts[0]

    prod, staging = alert("[FIRING:1] [prod] CPU", "alerting"), alert("[FIRING:1] [staging] CPU", "alerting")
    over = alert("[OK] [staging] CPU", "ok")
    assert (over.fingerprint, over.labels) == (staging.fingerprint, {"alertname": "[staging] CPU"})
    assert prod.fingerprint != staging.fingerprint


@pytest.mark.parametrize("flat", [False, True], ids=["legacy", "flat"])
@pytest.mark.parametrize(
    ("fires", "over"),
    [
        ("[CRITICAL] Disk", "[OK] Disk"),
        ("[WARNING] Disk", "[OK] Disk"),
        ("[PROBLEM] Disk", "[Recovery] Disk"),
        ("[P1] [Triggered] Disk", "[P1] [Recovered] Disk"),
        ("[Triggered on web1] Disk", "[Recovered on web1] Disk"),
        ("[SEV1] Disk", "Disk"),
        ("[Down] Disk", "[Up] Disk"),
    ],
)
def test_what_a_title_says_of_its_state_makes_no_other_alert_of_its_resolve(fires, over, flat):
    def alert(title, state):
        one = {"title": title, "state": state}
        return read({"alerts": [one]} if flat else one).alerts[0]

    first, last = alert(fires, "alerting"), alert(over, "ok")
    assert (first.status, last.status, last.fingerprint) == (Status.FIRING, Status.RESOLVED, first.fingerprint)
    assert (
        alert("[Triggered on web2] Disk", "alerting").fingerprint != alert("[Triggered on web1] Disk", "ok").fingerprint
    )


def test_legacy_tags_may_be_a_list():
    tags = ["severity:critical", "team:db", "x"]
    alert = read({"ruleId": 1, "ruleName": "Load", "state": "alerting", "tags": tags}).alerts[0]
    assert alert.labels == {"severity": "critical", "team": "db", "alertname": "Load"}


def test_what_a_template_adds_to_a_title_and_a_state_is_kept():
    document = {"title": "Disk full", "state": "alerting", "message": "at 99 %", "team": "storage", "Priority": "P0"}
    more = {"value": 99, "orgId": 1, "ImageURL": "https://h/i.png", "dashboardId": 3, "panelId": 4, "x": None, "y": [1]}
    group = read({**document, **more})
    alert = normalize(group.alerts[0], group, NORMALIZING, {})
    assert (alert.teams, alert.priority) == (("storage",), "P0")
    assert alert.alert.labels == {"alertname": "Disk full"}
    assert alert.alert.annotations == {"team": "storage", "Priority": "P0", "value": "99", "description": "at 99 %"}
    over = read({**document, **more, "state": "ok", "value": 5}).alerts[0]
    assert (over.fingerprint, over.status) == (alert.alert.fingerprint, Status.RESOLVED)


def test_a_message_beside_a_description_is_kept_as_well():
    document = {"title": "Disk full", "state": "alerting", "message": "at 99 %", "description": "of db1"}
    assert read(document).alerts[0].annotations == {"description": "of db1", "message": "at 99 %"}


@pytest.mark.parametrize(("reason", "no_data"), [("NoData", "no data"), ("Error", "error"), ("Paused", None)])
def test_a_rule_that_fires_because_its_query_says_nothing_is_known(reason, no_data):
    document = {"alerts": [{"labels": {"alertname": "Disk"}, "annotations": {"grafana_state_reason": reason}}]}
    group = read(document)
    assert normalize(group.alerts[0], group, NORMALIZING, {}).no_data == no_data


LONG = 60_000


@pytest.mark.parametrize(
    "alert",
    [
        {"annotations": {"Priority": "priority" + " " * LONG + "x"}},
        {"annotations": {"Team": "," * LONG, "p" * LONG: "P1"}},
        {"labels": {"team": " " * LONG + "x"}, "values": {"number_of_" + "_" * LONG: 1}},
        {"startsAt": "2" * LONG, "annotations": {"Failure_Threshold": "1" * LONG}},
        {"valueString": "[ var='" + "[ " * LONG},
        {"generatorURL": "/d/x", "annotations": {"runbook_url": "](" * LONG + "<http" * LONG}},
    ],
)
@pytest.mark.parametrize("base", ["https://[1]/", "https://grafana.test"])
def test_hostile_texts_are_read_and_normalized(alert, base):
    group = read({"externalURL": base, "alerts": [{"status": "firing", **alert}]})
    assert normalize(group.alerts[0], group, NORMALIZING, {}).teams
