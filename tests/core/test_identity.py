"""Which alerts are one incident, and which are not."""

from dataclasses import replace

import pytest
from merge_kit import alert, normal

from bridge.core.identity import RULE_KEY_LENGTH, incident_key, rule_key

BY_NAME = ("alertname", "grafana_folder")


def key(told=None, *, teams=("storage",), group_by=BY_NAME, source="grafana", no_data=None):
    return incident_key(source, normal(told or alert(), teams, no_data=no_data), tuple(teams), group_by)


def no_data(**more):
    labels = {"alertname": "DatasourceNoData", "rulename": "Disk full", **more.pop("labels", {})}
    return alert(labels=labels, **more)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (alert(rule_uid="abc", labels={"grafana_folder": "CI"}), "uid:abc"),
        (alert(rule_uid=None, labels={"grafana_folder": "CI"}), "name:CI/Disk full"),
        (alert(rule_uid=None), "name:Disk full"),
        (no_data(rule_uid=None, labels={"grafana_folder": "CI"}), "name:CI/Disk full"),
        (no_data(rule_uid="abc"), "uid:abc"),
    ],
)
def test_a_rule_is_its_uid_else_folder_and_name_else_the_alerts_name(told, expected):
    assert rule_key(told) == expected


def test_long_rule_names_stay_apart_and_fit_their_column():
    one, other = (rule_key(alert(rule_uid=None, labels={"alertname": "x" * 500 + end})) for end in "ab")
    assert one != other
    assert len(one) == len(other) == RULE_KEY_LENGTH


@pytest.mark.parametrize(
    "other",
    [
        key(alert(fingerprint="f2", labels={"instance": "b"})),
        key(alert(start=99)),
        key(alert("resolved", 0, 5)),
        key(alert(annotations={"summary": "else"})),
        key(teams=("STORAGE",)),
        key(no_data(fingerprint="f9"), no_data="no data"),
    ],
)
def test_one_incident_holds_alerts_of_a_rule_whatever_their_instance_start_status_case_of_team_or_missing_data(other):
    assert other == key()


@pytest.mark.parametrize(
    "other",
    [
        key(source="prometheus"),
        key(alert(org="2")),
        key(alert(rule_uid="rule-2")),
        key(alert(labels={"alertname": "Else"})),
        key(alert(labels={"grafana_folder": "CI"})),
        key(teams=("network",)),
        key(teams=("storage", "network")),
        key(group_by=("instance",)),
    ],
)
def test_source_organisation_rule_group_and_team_set_each_make_another_incident(other):
    assert other != key()


def test_the_order_of_teams_makes_no_difference():
    assert key(teams=("storage", "network")) == key(teams=("network", "storage"))


def named(percent):
    labels = {"alertname": f"CPU {percent} %"}
    return replace(alert(rule_uid=None, labels=labels), known_as="CPU")


@pytest.mark.parametrize("group_by", [BY_NAME, ("...",)])
def test_what_was_measured_in_a_name_makes_no_other_incident(group_by):
    one, other = named(93), named(95)
    assert (rule_key(one), rule_key(other)) == ("name:CPU", "name:CPU")
    assert key(one, group_by=group_by) == key(other, group_by=group_by)


def test_where_every_label_of_group_by_is_missing_the_fingerprint_keeps_alerts_apart():
    one, other = (alert(fingerprint=name, labels={"alertname": ""}) for name in ("f1", "f2"))
    assert key(one) != key(other)
    assert key(one) == key(alert("resolved", fingerprint="f1", labels={"alertname": ""}))


def test_grouping_by_every_label_separates_instances():
    one, other = (alert(labels={"instance": name}) for name in "ab")
    assert key(one, group_by=("...",)) != key(other, group_by=("...",))
    assert key(one, group_by=("...",)) == key(alert(labels={"instance": "a"}, start=7), group_by=("...",))


def test_values_of_different_labels_do_not_run_into_each_other():
    one = alert(labels={"a": "x", "b": ""})
    other = alert(labels={"a": "", "b": "x"})
    assert key(one, group_by=("a", "b")) != key(other, group_by=("a", "b"))
