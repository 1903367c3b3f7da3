"""`bridge explain --diff`: what another configuration would change, for a payload and for what is stored."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_kit import CONFIGURATION, compare, payload

from bridge.core.rules import OWN, TEST

MOVED = CONFIGURATION.replace('repo: "pytorch/pytorch"', 'repo: "pytorch/alerts"').replace(
    "P2: [slack, github, leads]", "P2: [slack, github, pagerduty]"
)


@pytest.fixture
def other(folder):
    """Write another configuration beside the one in force; give its name."""

    def write(text):
        (folder / "other.yml").write_text(text, "utf-8")
        return "other.yml"

    return write


@pytest.fixture
def lately(past):
    """The ledger, heard of just now; the goldens have the time of long ago."""
    past.ledger.write(lambda one: one.exec_driver_sql(f"UPDATE incidents SET heard_at = {_micros()}"))
    return past


def _micros():
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def test_the_same_configuration_changes_nothing(run, other):
    made = run("explain", payload("grafana-unified/inductor-jobs-broken"), "--diff", other(CONFIGURATION), code=0)
    assert made.stdout == "By other.yml, 0 of 1 alert would go otherwise.\n"


def test_what_would_change_for_a_payload(run, other):
    words = ["explain", payload("grafana-unified/inductor-jobs-broken"), "--diff", other(MOVED)]
    compare("diff/payload.txt", run(*words, code=1).stdout)
    compare("diff/payload.json", run(*words, "--json", code=1).stdout)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("aliases: [inductor]", "aliases: [inductors]"), "  team broken-inductor → inductor"),
        (
            ('mention: {P0: "@{team}-oncall"}', 'mention: {P0: "<!here>"}'),
            "  at slack #broken-inductor-alerts: mention",
        ),
        (("timezone: A", "group_by: [alertname]\ntimezone: A"), "  group_by alertname, grafana_folder → alertname"),
        (("timezone: A", "normalize: {priority_words: {soon: P0}}\ntimezone: A"), "  priority P1 → P0"),
        (
            ("timezone: A", "sources: {prom: {auth: none}}\ntimezone: A"),
            "  it is read → quarantine: there is no source",
        ),
    ],
)
def test_each_kind_of_change_is_named(run, other, change, expected):
    alert = {"status": "firing", "labels": {"alertname": "a"}, "annotations": {"Team": "inductor", "Priority": "soon"}}
    assert CONFIGURATION.count(change[0]) == 1
    made = run(
        "explain", "-", "--diff", other(CONFIGURATION.replace(*change)), stdin=json.dumps({"alerts": [alert]}), code=1
    )
    assert any(line.startswith(expected) for line in made.stdout.splitlines()), made.stdout


def test_what_would_change_for_what_is_stored(run, other, lately):
    assert len(lately.incidents()) == 3
    made = run("explain", "--diff", other(MOVED), code=1).stdout
    lines = made.splitlines()
    assert lines[0].startswith("By other.yml, 1 of 3 incidents since ")
    assert lines[0].endswith(" would go otherwise.")
    compare("diff/stored.txt", "\n".join(lines[1:]) + "\n")
    found = json.loads(run("explain", "--diff", "other.yml", "--json", code=1).stdout)
    assert (found["incidents"], found["otherwise"], found["cut"]) == (3, 1, False)
    assert found["changes"][0]["incidents"] == [{"id": lately.incidents()[-1], "title": "Inductor Jobs Broken"}]


@pytest.mark.parametrize("source", [OWN, TEST])
def test_what_the_bridge_said_itself_goes_the_same_way_whatever_is_configured_for_others(run, other, past, source):
    said = {"labels": {"alertname": "Disk full"}, "annotations": {"Team": "broken-inductor", "Priority": "P1"}}
    past.absorb(json.dumps({"alerts": [said]}).encode(), source)
    heard = f"UPDATE incidents SET heard_at = {_micros()} WHERE source = '{source}'"
    past.ledger.write(lambda one: one.exec_driver_sql(heard))
    normalize = 'normalize: {team: ["label:team"], priority_words: {P1: drop}}'
    text = CONFIGURATION.replace("timezone: A", f"group_by: [instance]\n{normalize}\ntimezone: A")
    assert "By other.yml, 0 of 1 incident" in run("explain", "--diff", other(text), code=0).stdout


def test_what_is_stored_stays_as_it_is(run, other, lately):
    before = [lately.incident(one) for one in lately.incidents()]
    assert "0 of 3 incidents" in run("explain", "--diff", other(CONFIGURATION), code=0).stdout
    assert [lately.incident(one) for one in lately.incidents()] == before


def test_what_was_heard_of_long_ago_is_not_looked_at(run, other, past):
    assert past.incidents()
    assert "0 of 0 incidents" in run("explain", "--diff", other(MOVED), code=0).stdout


def test_no_secret_is_shown_where_a_key_changes(run, other):
    key = '"${file:keys/pagerduty}"'
    alert = {"status": "firing", "labels": {"alertname": "a", "severity": "critical"}}
    text = CONFIGURATION.replace(key, '"${env:PAGERDUTY_KEY}"')
    made = run(
        "explain", "-", "--diff", other(text), stdin=json.dumps([alert]), env={"PAGERDUTY_KEY": "hush" * 8}, code=1
    )
    assert "  no longer told at pagerduty ${file:keys/pagerduty}" in made.stdout
    assert "  newly told at pagerduty ${env:PAGERDUTY_KEY}" in made.stdout
    assert "hush" not in made.stdout


def test_wrong_use(run, other):
    assert "name a payload" in run("explain", code=2).stderr
    assert "does not exist" in run("explain", "--diff", "nowhere.yml", code=2).stderr
    assert run("explain", "--diff", other("destinations: {slak: {}}\n"), code=1).stderr.startswith("other.yml:1: ")
    assert not Path("bridge.db").exists()
    assert "there is no bridge.db here" in run("explain", "--diff", other(CONFIGURATION), code=1).stderr
