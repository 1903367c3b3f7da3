"""From stored bodies to incidents and deliveries, on a real ledger."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from posts import CONFIG, ENV, Posts, alert
from sqlalchemy import event, text, update

from bridge.chores.resume import Resume
from bridge.delivery.turns import Rest
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import acts, lanes, placing, queries
from bridge.ledger.deliveries import MOMENT
from bridge.ledger.lanes import LostLeaseError
from bridge.ledger.placing import Placement
from bridge.ledger.tables import deliveries, receipts
from bridge.ledger.unavailable import UnavailableError
from bridge.parts import SLICE

PAYLOADS = Path(__file__).parent / "payloads"
BODIES = sorted(PAYLOADS.glob("*/*.json"), key=str)
NEVER = "0001-01-01T00:00:00Z"


@pytest.fixture
def posts(ledger, clock, tmp_path) -> Posts:
    return Posts(ledger, clock, tmp_path)


@pytest.fixture
def quick(sqlite_ledger, clock, tmp_path) -> Posts:
    """For what is no matter of the database."""
    return Posts(sqlite_ledger, clock, tmp_path)


def test_the_canonical_alert_is_one_incident_at_its_teams_addresses_and_its_resolve_ends_it(posts):
    stored = posts.post((PAYLOADS / "grafana-unified/inductor-jobs-broken.json").read_bytes())
    posts.absorb()
    (incident,) = posts.incidents()
    assert posts.receipt(stored)["state"] == "absorbed"
    assert posts.receipt(stored)["alerts"] == 1
    assert posts.receipt(stored)["incidents"] == [incident["id"]]
    assert (incident["title"], incident["teams"]) == ("Inductor Jobs Broken", ["broken-inductor"])
    assert (incident["state"], incident["priority"]) == ("firing", "P2")
    assert posts.places() == [("github", "acme/alerts"), ("slack", "#broken-inductor")]
    assert {(row.state, row.want, row.told) for row in posts.deliveries()} == {("pending", 1, 0)}
    assert posts.woken == {row.lane for row in posts.deliveries()}
    posts.post((PAYLOADS / "grafana-unified/inductor-jobs-broken-resolved.json").read_bytes())
    posts.absorb()
    (incident,) = posts.incidents()
    assert incident["state"] == "resolved"
    assert incident["resolved_at"] is not None
    assert {row.want for row in posts.deliveries()} == {2}


def test_every_captured_body_is_stored_as_incidents_or_visible_in_quarantine(posts):
    stored = [posts.post(path.read_bytes()) for path in BODIES]
    posts.absorb()
    for path, receipt in zip(BODIES, stored, strict=True):
        found = posts.receipt(receipt)
        assert found["state"] in {"absorbed", "quarantined"}, path
        assert bool(found["incidents"]) is (found["state"] == "absorbed"), path
    known = {incident["id"] for incident in posts.incidents()}
    assert {one for receipt in stored for one in posts.receipt(receipt)["incidents"]} == known


def test_the_same_bodies_again_and_in_reverse_make_no_incident_and_no_delivery_more(posts):
    # each press of the Test button is meant to make a message of its own
    bodies = [body for body in map(Path.read_bytes, BODIES) if not re.search(rb"TestAlert\b|Test notification", body)]
    for body in bodies:
        posts.post(body)
    posts.absorb()
    before = len(posts.incidents()), len(posts.deliveries())
    for body in reversed(bodies):
        posts.post(body)
    posts.absorb()
    assert (len(posts.incidents()), len(posts.deliveries())) == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"not json", "the body is not JSON"),
        (b'{"hello": "world"}', "no list `alerts`"),
        (b'{"alerts": []}', "the list `alerts` is empty"),
    ],
)
def test_what_can_not_be_read_goes_to_quarantine_with_a_sentence_and_holds_nothing_up(quick, body, said):
    stored = quick.post(body)
    after = quick.post({"alerts": [alert()]})
    quick.absorb()
    assert quick.receipt(stored)["state"] == "quarantined"
    assert said in quick.receipt(stored)["problem"]
    assert quick.receipt(after)["state"] == "absorbed"


def test_a_part_that_can_not_be_read_is_named_and_the_rest_is_absorbed(quick):
    found = quick.hear(None, alert(), 7)
    assert (found["state"], found["alerts"], len(found["incidents"])) == ("absorbed", 1, 1)
    assert found["problem"].startswith("alert 1 is not an object but null; alert 3 is not an object")


def test_values_that_no_column_holds_are_stored_all_the_same(posts):
    odd = alert(fingerprint="f" * 128, Team="t" * 400, summary="nul \0 and half a pair \ud800")
    odd["labels"] |= {"alertname": "n" * 5000, "grafana_folder": "d" * 5000}
    found = posts.hear(
        {**odd, "orgId": "o" * 3000}, {**odd, "fingerprint": "g" * 5000, "startsAt": "9999-12-31T23:59:59Z"}
    )
    assert (found["state"], found["alerts"]) == ("absorbed", 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": b"x" * 300}, "its body is damaged where it is stored"),
        ({"encoding": "zlib-dict9"}, "its body is stored as 'zlib-dict9', which this release can't read"),
    ],
)
def test_a_receipt_whose_stored_body_can_not_be_read_goes_to_quarantine_and_holds_nothing_up(posts, change, said):
    long = alert(summary="long enough to be compressed " * 20)
    damaged, after = posts.post({"alerts": [long]}), posts.post({"alerts": [alert(fingerprint="f2", Team="network")]})
    posts.ledger.write(
        lambda connection: connection.execute(update(receipts).where(receipts.c.id == damaged).values(**change))
    )
    posts.absorb()
    assert [posts.receipt(one)["state"] for one in (damaged, after)] == ["quarantined", "absorbed"]
    assert posts.receipt(damaged)["problem"] == said
    with posts.ledger.read() as connection:
        assert queries.body(connection, damaged) == ("", f"This receipt can't be read: {said}.")
        assert queries.body(connection, after)[1] == ""


def test_a_receipt_that_the_database_refuses_goes_to_quarantine_and_takes_no_other_along(posts):
    before = posts.post({"alerts": [alert()]})
    poison = posts.post({"alerts": [alert(fingerprint="f2", Team="poison")]})
    after = posts.post({"alerts": [alert(fingerprint="f3", Team="network")]})
    unread = posts.post(b"not json")

    def refuse(connection, _cursor, statement, parameters, _context, _many):
        if statement.startswith("INSERT INTO incidents") and "poison" in str(parameters):
            connection.execute(text("INSERT INTO lanes (name) VALUES (NULL)"))

    event.listen(posts.ledger.engine, "before_cursor_execute", refuse)
    posts.absorb()
    states = [posts.receipt(one)["state"] for one in (before, poison, after, unread)]
    assert states == ["absorbed", "quarantined", "absorbed", "quarantined"]
    assert "could not be absorbed (RefusedError)" in posts.receipt(poison)["problem"]
    assert posts.receipt(poison)["incidents"] == []
    assert [incident["teams"] for incident in posts.incidents()] == [["storage"], ["network"]]
    event.remove(posts.ledger.engine, "before_cursor_execute", refuse)
    assert posts.ledger.write(
        lambda connection: acts.replay_receipts(connection, [poison], "alice", posts.clock.now())
    ) == [poison]
    posts.absorb()
    assert posts.receipt(poison)["state"] == "absorbed"


def test_a_receipt_names_only_incidents_that_are_stored_even_when_its_transaction_ran_twice(
    sqlite_ledger, clock, tmp_path
):
    posts = Posts(sqlite_ledger, clock, tmp_path)
    failed = []

    def fail_once(_connection, _cursor, statement, _parameters, _context, _many):
        if statement.startswith("UPDATE receipts") and not failed:
            failed.append(1)
            raise LockedOnce

    event.listen(sqlite_ledger.engine, "before_cursor_execute", fail_once)
    found = posts.hear(alert())
    assert failed
    assert found["incidents"] == [incident["id"] for incident in posts.incidents()]


class LockedOnce(Exception):  # noqa: N818 - what a driver may throw
    """Something that goes by."""


def test_two_teams_in_one_payload_are_two_incidents_each_at_its_own_address(posts):
    posts.hear(alert(fingerprint="a"), alert(fingerprint="b", Team="network"))
    first, second = posts.incidents()
    assert [first["teams"], second["teams"]] == [["storage"], ["network"]]
    assert {one["address"] for one in first["deliveries"]} == {"#storage", "acme/alerts"}
    assert {one["address"] for one in second["deliveries"]} == {"#network", "acme/alerts"}


def test_one_alert_of_two_teams_is_one_incident_with_one_delivery_an_address(posts):
    posts.hear(alert(Team="storage, network", Priority="P0"))
    (incident,) = posts.incidents()
    assert incident["teams"] == ["storage", "network"]
    assert posts.places() == [
        ("github", "acme/alerts"),
        ("pagerduty", "key"),
        ("slack", "#network"),
        ("slack", "#storage"),
    ]


def test_a_team_that_nobody_configured_and_no_team_at_all_still_arrive_somewhere(posts):
    posts.hear(alert(fingerprint="a", Team="who knows"), alert(fingerprint="b", Team=""))
    first, second = posts.incidents()
    assert [first["teams"], second["teams"]] == [["who knows"], ["unrouted"]]
    assert {("slack", "#alerts"), ("github", "acme/alerts")} == set(posts.places())
    assert [row.facts["team_said"] for row in posts.stored()] == [True, False]


def test_without_its_secret_a_delivery_is_held_for_later_not_lost(ledger, clock, tmp_path):
    posts = Posts(ledger, clock, tmp_path, CONFIG.replace("${env:PD}", "${env:GONE}"))
    posts.hear(alert(Priority="P0"))
    (page,) = [row for row in posts.deliveries() if row.kind == "pagerduty"]
    assert (page.lane, page.state) == ("pagerduty/held/pagerduty", "pending")


@pytest.mark.parametrize(
    ("channel", "told"), [("#{team}", {"#network", "#storage"}), ("#ops", {"#ops"})], ids=["two rooms", "one room"]
)
def test_of_two_teams_whose_secret_is_missing_each_is_told_once_it_is_back(  # noqa: PLR0913, PLR0917 - its row
    ledger, clock, tmp_path, monkeypatch, channel, told
):
    posts = Posts(ledger, clock, tmp_path, CONFIG.replace("#{team}", channel))
    monkeypatch.delitem(ENV, "SLACK")
    for _ in range(2):
        posts.hear(alert(Team="storage, network"))
    held = [row for row in posts.deliveries() if row.kind == "slack"]
    assert sorted(row.address for row in held) == ["(slack, network)", "(slack, storage)"]
    theirs = update(deliveries).where(deliveries.c.kind == "slack").values(state="held", due_at=None)
    posts.ledger.write(lambda connection: connection.execute(theirs).rowcount)
    monkeypatch.setitem(ENV, "SLACK", "xoxb-1")
    Resume(posts.ledger, posts.clock, Effective(lambda: posts.rules, ENV, b"key")).look()
    rows = [row for row in posts.deliveries() if row.kind == "slack"]
    assert sorted(row.address for row in rows if row.state == "pending") == sorted(told)
    assert {row.state for row in rows if row.address not in told} <= {"skipped"}


def test_an_end_and_a_new_beginning_absorbed_at_once_are_two_incidents(ledger, clock, tmp_path):
    posts = Posts(ledger, clock, tmp_path, f"reopen_duration: 0\n{CONFIG}")
    posts.hear(alert())
    posts.hear(alert("resolved"), alert(start="2026-03-02T12:00:00Z"))
    assert [one["state"] for one in posts.incidents()] == ["resolved", "firing"]


def test_what_fires_and_is_over_in_one_body_without_a_start_is_over(posts):
    posts.hear(alert(start=None), alert("resolved", start=None))
    assert [one["state"] for one in posts.incidents()] == ["resolved"]
    posts.hear(alert("resolved", start=None), alert(start=None))
    assert [one["state"] for one in posts.incidents()] == ["firing"]


def test_the_end_of_a_flat_alert_ends_no_other_of_its_name(posts):
    one, other = ({"title": "Disk full", "host": host, "status": "firing"} for host in ("db1", "db2"))
    posts.hear(one, other)
    posts.hear({**one, "status": "resolved"})
    assert [found["state"] for found in posts.incidents()] == ["firing"]
    posts.hear({**other, "status": "resolved"})
    assert [found["state"] for found in posts.incidents()] == ["resolved"]


def measured(percent, status="firing", start=None, **more):
    """Return an alert by a sender without fingerprints, whose name says what was measured."""
    return {"title": f"CPU {percent} %", "labels": {"host": "a"}, "status": status, "startsAt": start, **more}


NAMED_BELOW = pytest.mark.parametrize("below", [False, True], ids=["title", "annotation"])


@NAMED_BELOW
@pytest.mark.parametrize("group_by", ["", 'group_by: ["..."]\n'])
def test_what_is_measured_in_a_name_is_shown_and_makes_no_other_incident(
    sqlite_ledger, clock, tmp_path, below, group_by
):
    posts = Posts(sqlite_ledger, clock, tmp_path, group_by + CONFIG)

    def hear(percent, status, minutes):
        one = measured(percent, status, f"2026-03-02T11:{minutes}:00Z")
        posts.hear({**one, "title": "", "annotations": {"title": one["title"]}} if below else one)

    hear(93, "firing", "00")
    hear(95, "firing", "10")
    assert [(one["title"], one["state"]) for one in posts.incidents()] == [("CPU 93 %", "firing")]
    hear(12, "resolved", "10")
    hear(97, "firing", "20")
    (incident,) = posts.incidents()
    assert (incident["state"], posts.stored()[0].times) == ("firing", 2)
    hear(12, "resolved", "20")
    clock.advance(3600)
    hear(98, "firing", "30")
    first, second = posts.incidents()
    assert (second["title"], second["previous"]) == ("CPU 98 %", first["id"])


def test_what_was_stored_by_a_name_with_what_was_measured_is_found_by_it(posts):
    # as an older release made the keys of an alert that is named by its title
    posts.hear({"labels": {"host": "b", "alertname": "CPU 93 %"}})
    posts.hear(measured(93))
    (incident,) = posts.incidents()
    assert len(incident["alerts"]) == 2


def test_changed_teams_move_an_alert_to_an_incident_of_their_own_and_tell_both(posts):
    posts.hear(alert())
    posts.hear(alert(Team="network"))
    old, new = posts.incidents()
    assert (old["state"], old["state_reason"], new["state"]) == ("resolved", "moved to network", "firing")
    assert {one["address"] for one in old["deliveries"]} == {"#storage", "acme/alerts"}
    assert {one["address"] for one in new["deliveries"]} == {"#network", "acme/alerts"}
    posts.hear(alert("resolved"))
    assert [one["state"] for one in posts.incidents()] == ["resolved", "resolved"]


def test_a_rise_in_priority_adds_addresses_and_makes_the_others_more_urgent(posts):
    posts.hear(alert())
    posts.hear(alert(Priority="P0"))
    assert posts.places() == [("github", "acme/alerts"), ("pagerduty", "key"), ("slack", "#storage")]
    assert {(row.urgency, row.want) for row in posts.deliveries()} == {(0, 2)}
    posts.hear(alert(Priority="P3"))
    assert len(posts.deliveries()) == 3


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("heard_before", [True, False], ids=["fired", "never heard to fire"])
def test_what_one_notification_ends_stays_as_urgent_as_it_was_whatever_the_order(posts, order, heard_before):
    words = {"a": "P0", "b": "P3"}
    if heard_before:
        posts.hear(*(alert(fingerprint=one, Priority=words[one]) for one in order))
    posts.hear(*(alert("resolved", fingerprint=one, Priority=words[one]) for one in order), seconds=600)
    (incident,) = posts.incidents()
    assert (incident["state"], incident["priority"]) == ("resolved", "P0")
    assert {row.urgency for row in posts.deliveries()} == {0}


def test_a_dropped_alert_is_recorded_and_told_nowhere(posts):
    found = posts.hear(alert(Priority="none"))
    assert (found["state"], len(found["incidents"]), posts.deliveries()) == ("absorbed", 1, [])


def test_a_resolve_never_seen_firing_is_kept_and_its_late_firing_told_once(posts):
    posts.hear(alert("resolved"))
    (row,) = posts.stored()
    assert (row.state, row.never_fired, len(posts.deliveries())) == ("resolved", True, 2)
    posts.hear(alert())
    (row,) = posts.stored()
    assert (row.state, row.never_fired, len(posts.deliveries())) == ("resolved", False, 2)


def test_a_late_firing_adds_no_address_to_what_was_told_as_over(posts):
    posts.hear(alert())
    posts.hear(alert("resolved"))
    posts.hear(alert(Priority="P0"))
    assert {row.kind for row in posts.deliveries()} == {"slack", "github"}


def test_an_urgent_alert_that_was_over_before_pages_nobody_through_its_open_incident(posts):
    posts.hear(alert(fingerprint="a"), alert("resolved", fingerprint="b", Priority="P0"))
    assert {row.kind for row in posts.deliveries()} == {"slack", "github"}


def test_an_urgent_alert_that_was_over_before_pages_nobody_when_another_one_fires_after_it(posts):
    posts.hear(alert("resolved", fingerprint="b", Priority="P0"), alert(fingerprint="a"))
    assert {row.kind for row in posts.deliveries()} == {"slack", "github"}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_stray_firing_of_another_team_never_reaches_the_old_teams_incident(posts, at_once):
    posts.hear(alert(start="2026-03-02T10:00:00Z"))
    newer = alert(start="2026-03-02T11:00:00Z", Team="network")
    stray = alert(start="2026-03-02T10:00:00Z", Team="network")
    for notification in [[newer, stray]] if at_once else [[newer], [stray]]:
        posts.hear(*notification)
    old, _new = posts.incidents()
    assert {one["address"] for one in old["deliveries"]} == {"#storage", "acme/alerts"}


def test_what_a_person_closed_hears_no_more_of_its_alert(posts):
    posts.hear(alert())
    (incident,) = posts.incidents()
    posts.close(incident["id"])
    wanted = {row.want for row in posts.deliveries()}
    posts.hear(alert(Priority="P0"))
    posts.hear(alert("resolved"))
    (incident,) = posts.incidents()
    assert (incident["state"], incident["priority"]) == ("closed", "P2")
    assert {row.want for row in posts.deliveries()} == wanted
    assert len(posts.deliveries()) == 2
    posts.hear(alert(start="2026-03-02T11:59:30Z"))
    assert [one["state"] for one in posts.incidents()] == ["closed", "firing"]


@pytest.mark.parametrize("start", ["2026-03-02T11:00:00Z", None])
def test_the_history_of_what_a_person_closed_says_that_it_fires_on(posts, start):
    posts.hear(alert(start=start))
    posts.close(posts.incidents()[0]["id"])
    wanted = [one.want for one in posts.deliveries()]
    for _ in range(8):
        posts.hear(alert(start=start), seconds=4 * 3600)
    (incident,) = posts.incidents()
    assert [line["what"] for line in incident["timeline"]].count("still firing") == 2
    assert [one.want for one in posts.deliveries()] == wanted


def test_a_test_notification_is_told_where_its_alerts_would_be_and_leaves_nothing_open(posts):
    test = {**alert(fingerprint="57c6d9296de2ad39"), "labels": {"alertname": "TestAlert"}}
    posts.hear(test)
    posts.hear(test)
    assert [(row.state, row.test) for row in posts.stored()] == [("closed", True)] * 2
    assert len({row.incident for row in posts.deliveries()}) == 2


def no_data(**changes):
    labels = {"alertname": "DatasourceNoData", "rulename": "Disk full", "grafana_folder": "Hosts"}
    return {**alert(fingerprint="nodata", **changes), "labels": labels, "annotations": {"Error": "no data"}}


def test_missing_data_belongs_to_the_teams_of_the_rules_open_incident(posts):
    posts.hear(alert())
    posts.hear(no_data())
    (incident,) = posts.incidents()
    assert {one["fingerprint"] for one in incident["alerts"]} == {"f1", "nodata"}


def test_missing_data_of_a_rule_with_two_open_incidents_goes_to_both_teams(posts):
    posts.hear(alert(fingerprint="a"), alert(fingerprint="b", Team="network"))
    posts.hear(no_data())
    posts.hear(no_data())
    found = posts.incidents()
    assert [one["teams"] for one in found] == [["storage"], ["network"], ["storage", "network"]]
    assert {one["address"] for one in found[2]["deliveries"]} == {"#storage", "#network", "acme/alerts"}


@pytest.mark.parametrize("apart", [False, True], ids=["one notification", "two"])
def test_missing_data_that_is_absorbed_with_its_rules_first_firing_goes_to_its_team(posts, apart):
    told = [no_data(), alert(Team="network")]
    for alerts in [[one] for one in told[::-1]] if apart else [told]:
        posts.post({"orgId": 1, "alerts": alerts})
    posts.absorb()
    (incident,) = posts.incidents()
    assert (incident["teams"], len(incident["alerts"])) == (["network"], 2)


def test_missing_data_and_a_first_firing_since_its_rule_was_quiet_go_to_the_team_that_fires(posts):
    posts.hear(alert(Team="storage"))
    posts.hear(alert("resolved", Team="storage"))
    posts.hear(no_data(), alert(fingerprint="f2", Team="network"), seconds=3600)
    assert [one["teams"] for one in posts.incidents()] == [["storage"], ["network"]]


def test_missing_data_that_was_told_to_the_default_team_goes_to_its_rules_once_that_is_known(posts):
    posts.hear(no_data())
    posts.hear(alert(Team="network"))
    posts.hear(no_data())
    assert [(one["teams"], one["state"]) for one in posts.incidents()] == [
        (["unrouted"], "resolved"),
        (["network"], "firing"),
    ]


@pytest.fixture
def owned(ledger, clock, tmp_path) -> Posts:
    return Posts(ledger, clock, tmp_path, f"normalize: {{default_team: storage}}\n{CONFIG}")


@pytest.mark.parametrize("at_once", [False, True])
def test_a_team_that_an_alert_names_owns_its_rule_though_it_is_the_default_team(owned, at_once):
    both = [alert(fingerprint="a"), alert(fingerprint="b", Team="network")]
    for alerts in [[*both, no_data()]] if at_once else [both, [no_data()]]:
        owned.hear(*alerts)
    assert [one["teams"] for one in owned.incidents()] == [["storage"], ["network"], ["storage", "network"]]


@pytest.mark.parametrize("at_once", [False, True])
def test_missing_data_joins_the_incident_of_two_teams_of_which_one_is_the_default_team(owned, at_once):
    both = alert(Team=None, Teams="storage, network")
    for alerts in [[both, no_data()]] if at_once else [[both], [no_data()]]:
        owned.hear(*alerts)
    assert [(one["teams"], len(one["alerts"])) for one in owned.incidents()] == [(["storage", "network"], 2)]


@pytest.mark.parametrize("at_once", [False, True])
def test_the_default_team_owns_no_rule_that_only_an_alert_without_a_team_is_of(owned, at_once):
    both = [alert(fingerprint="a", Team=None), alert(fingerprint="b", Team="network")]
    for alerts in [[*both, no_data()]] if at_once else [both, [no_data()]]:
        owned.hear(*alerts)
    assert [(one["teams"], len(one["alerts"])) for one in owned.incidents()] == [(["storage"], 1), (["network"], 2)]


def test_missing_data_that_the_default_team_was_told_of_twice_is_no_saying_of_a_team(posts):
    for _ in range(2):
        posts.hear(no_data(start="2026-03-02T11:59:00Z"), seconds=3600)
        posts.hear(no_data(status="resolved", start="2026-03-02T11:59:00Z"))
    assert [one.facts["team_said"] for one in posts.stored()] == [False, False]
    posts.hear(alert(Team="network"))
    posts.hear(no_data(), seconds=3600)
    assert [one["teams"] for one in posts.incidents()] == [["unrouted"], ["unrouted"], ["network"]]


def test_missing_data_of_a_rule_that_is_quiet_goes_to_the_teams_of_its_last_incident(posts):
    posts.hear(alert(Team="network"))
    posts.hear(alert("resolved", Team="network"))
    posts.hear(no_data(), seconds=3600)
    assert posts.incidents()[-1]["teams"] == ["network"]


def test_missing_data_of_a_rule_never_heard_of_is_told_to_the_default_team(posts):
    posts.hear(no_data())
    assert posts.incidents()[0]["teams"] == ["unrouted"]


def test_a_thousand_alerts_go_in_slices_and_a_small_notification_before_their_rest(posts):
    many = [alert(fingerprint=f"f{number:04}", Priority="P1") for number in range(1000)]
    large = posts.post({"alerts": many})
    intake = posts.intake()
    assert intake.turn() is None
    small = posts.post({"alerts": [alert(fingerprint="urgent", Team="network", Priority="P0")]})
    assert posts.receipt(large)["state"] == "new"
    intake.turn()
    assert posts.receipt(small)["state"] == "absorbed"
    assert posts.receipt(large)["state"] == "new"
    while intake.turn() is None:
        pass
    found = posts.receipt(large)
    assert (found["state"], found["alerts"], len(found["incidents"])) == ("absorbed", 1000, 1)
    crowd = posts.incidents()[0]
    assert len(crowd["alerts"]) == 1000
    assert {one["status"] for one in crowd["alerts"]} == {"firing"}


def test_two_large_bodies_that_alternate_are_both_read_whole(posts):
    def large(name, many):
        alerts = [alert(fingerprint=f"{name}{number:04}") for number in range(many)]
        return posts.post({"alerts": [{**one, "annotations": {"noise": os.urandom(2048).hex()}} for one in alerts]})

    first = large("a", SLICE + 1)
    intake = posts.intake()
    assert intake.turn() is None
    second = large("b", 2 * SLICE)
    assert [intake.turn() for _ in range(3)] == [None, None, Rest()]
    assert [posts.receipt(one)["state"] for one in (first, second)] == ["absorbed", "absorbed"]


def mixed(name, most):
    """A notification whose last alert fires, and all others are over."""
    over = [alert("resolved", fingerprint=f"{name}{number:04}") for number in range(most)]
    return {"alerts": [*over, alert(fingerprint=f"{name} fires")]}


def test_two_large_bodies_that_alternate_are_put_in_order_and_end(posts):
    first = posts.post(mixed("a", 1_000))
    intake = posts.intake()
    assert intake.turn() is None
    second = posts.post(mixed("b", 1_000))
    turns = 1
    while intake.turn() is None:
        turns += 1
    assert turns < 12
    assert [posts.receipt(one)["state"] for one in (first, second)] == ["absorbed", "absorbed"]


def test_what_an_older_release_began_in_another_order_is_absorbed_whole(posts):
    large = posts.post(mixed("a", 1_000))
    begun = update(receipts).where(receipts.c.id == large).values(progress=400)
    posts.ledger.write(lambda connection: connection.execute(begun))
    posts.absorb()
    (incident,) = posts.incidents()
    assert (incident["state"], len(incident["alerts"])) == ("firing", 1_001)


def test_what_an_older_release_began_is_absorbed_whole_though_a_commit_fails(posts):
    large, intake = posts.post(mixed("a", 1_000)), posts.intake()
    begun = update(receipts).where(receipts.c.id == large).values(progress=400)
    posts.ledger.write(lambda connection: connection.execute(begun))
    commit, intake._commit = intake._commit, unavailable
    with pytest.raises(UnavailableError):
        intake.turn()
    intake._commit = commit
    while intake.turn() is None:
        pass
    (incident,) = posts.incidents()
    assert (incident["state"], len(incident["alerts"])) == ("firing", 1_001)


def unavailable(*_given, **_named):
    raise UnavailableError("away")


def test_a_large_notification_that_names_who_fires_last_ends_nothing(posts):
    posts.post({"alerts": [alert(fingerprint=f"a{number:04}") for number in range(1_000)]})
    posts.absorb()
    posts.post(mixed("a", 1_000))
    posts.absorb()
    (incident,) = posts.incidents()
    assert incident["state"] == "firing"
    assert [line["what"] for line in incident["timeline"] if line["what"] == "fires again"] == []


def test_what_is_told_of_a_large_group_already_is_told_of_the_rest_a_moment_later(posts):
    posts.post({"alerts": [alert(fingerprint=f"f{number:04}") for number in range(2 * SLICE + 1)]})
    intake, due = posts.intake(), []
    for rest in (None, None, Rest()):
        assert intake.turn() == rest
        due.append({row.due_at - posts.clock.now() for row in posts.deliveries()})
        told = update(deliveries).values(state="delivered", due_at=None)
        posts.ledger.write(lambda connection, told=told: connection.execute(told))
    assert due == [{timedelta()}, {MOMENT}, {timedelta()}]


def test_a_deliverer_that_dies_in_the_middle_of_a_large_group_is_followed_by_one_that_goes_on(posts):
    large = posts.post({"alerts": [alert(fingerprint=f"f{number:04}") for number in range(450)]})
    first = posts.intake(holder="first")
    first.turn()
    posts.ledger.write(lambda connection: lanes.release(connection, "first", [first.name]))
    second = posts.intake(holder="second")
    with pytest.raises(LostLeaseError):
        first.turn()
    while second.turn() is None:
        pass
    assert (posts.receipt(large)["state"], len(posts.incidents()[0]["alerts"])) == ("absorbed", 450)


def test_a_replayed_receipt_tells_nothing_twice(posts):
    stored = posts.hear(None, alert())["id"]
    posts.ledger.write(lambda connection: acts.replay_receipts(connection, [stored], "alice", posts.clock.now()))
    posts.absorb()
    assert (len(posts.incidents()), len(posts.deliveries())) == (1, 2)
    assert posts.receipt(stored)["incidents"] == [posts.incidents()[0]["id"]]


def test_a_dismissed_dead_letter_stays_at_rest_and_one_that_is_only_dead_is_not_woken_by_news(posts):
    posts.hear(alert())
    first, second = posts.deliveries()

    def die(connection):
        connection.execute(update(deliveries).values(state="dead", due_at=None, reason="gone"))
        acts.dismiss(connection, [first.id], "alice", posts.clock.now())

    posts.ledger.write(die)
    posts.hear(alert(summary="worse"))
    by_id = {row.id: row for row in posts.deliveries()}
    assert (by_id[first.id].state, by_id[first.id].due_at) == ("skipped", None)
    assert (by_id[second.id].state, by_id[second.id].due_at, by_id[second.id].want) == ("dead", None, 2)


def test_sources_and_organisations_keep_their_incidents_apart(posts):
    posts.hear(alert())
    posts.hear(alert(), orgId=2)
    posts.post({"alerts": [alert()]}, source="prometheus")
    posts.absorb("prometheus")
    assert [one["source"] for one in posts.incidents()] == ["grafana", "grafana", "prometheus"]


def test_json_of_a_body_is_stored_as_it_came(quick):
    body = json.dumps({"alerts": [alert(summary="naïve — 日本語 🚨")]}).encode()
    stored = quick.post(body)
    quick.absorb()
    (incident,) = quick.incidents()
    assert incident["alerts"][0]["annotations"]["summary"] == "naïve — 日本語 🚨"
    assert quick.receipt(stored)["state"] == "absorbed"


SEVERAL = {
    "PD2": "f" * 32,
    "HOOK": "https://hooks.slack.com/services/T1/B1/x",
    "HOOK2": "https://hooks.slack.com/services/T1/B2/y",
}
HOOKED = 'destinations:\n  slack: {webhook_url: "${env:HOOK}"}\nteams: {storage: {}}\n'


@pytest.fixture
def several(monkeypatch):
    for name, value in SEVERAL.items():
        monkeypatch.setitem(ENV, name, value)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    "change",
    [
        (CONFIG, '"${env:PD}"', '["${env:PD2}", "${env:PD}"]'),
        (CONFIG, "env:PD", "env:PD2"),
        (HOOKED, "env:HOOK", "env:HOOK2"),
    ],
    ids=["a key in rotation", "another key", "another webhook"],
)
def test_a_secret_that_is_replaced_tells_nobody_twice(quick, tmp_path, change):
    config, secret, others = change
    posts = Posts(quick.ledger, quick.clock, tmp_path, config)
    posts.hear(alert(Priority="P1"))
    before = posts.places()
    posts.rules = Posts(quick.ledger, quick.clock, tmp_path, config.replace(secret, others)).rules
    posts.hear(alert(Priority="P1"))
    assert posts.places() == before


def test_a_secret_that_depends_on_the_priority_is_another_address(quick, tmp_path):
    for level in ("P1", "P0"):
        (tmp_path / level).write_text(SEVERAL["HOOK" if level == "P1" else "HOOK2"])
    hooked = f'destinations:\n  slack: {{webhook_url: "${{file:{tmp_path}/{{priority}}}}"}}\n'
    posts = Posts(quick.ledger, quick.clock, tmp_path, hooked)
    posts.hear(alert(Priority="P1"))
    posts.hear(alert(fingerprint="f2", Priority="P0"))
    assert len(posts.places()) == 2


def test_a_receipt_replayed_from_quarantine_overwrites_nothing_newer(posts):
    older = posts.post({"orgId": 1, "alerts": [alert(Priority="P3", Team="network"), 5]})
    posts.absorb()
    posts.clock.advance(60)
    posts.hear(alert(Priority="P0", Team="storage"))
    before = [(one["teams"], one["priority"], one["state"]) for one in posts.incidents()]
    assert (["storage"], "P0", "firing") in before
    posts.ledger.write(lambda connection: acts.replay_receipts(connection, [older], "anna", posts.clock.now()))
    posts.absorb()
    assert [(one["teams"], one["priority"], one["state"]) for one in posts.incidents()] == before


def test_a_resolve_replayed_from_quarantine_ends_nothing_that_fired_again_since(posts):
    constant = {"startsAt": "2026-03-02T08:00:00Z"}
    over = alert(status="resolved", endsAt="2026-03-02T08:05:00Z", **constant)
    posts.hear(alert(**constant))
    resolve = posts.post({"orgId": 1, "alerts": [over, 5]})
    posts.absorb()
    posts.hear(alert(**constant), seconds=1800)
    assert [one["state"] for one in posts.incidents()] == ["resolved", "firing"]
    posts.clock.advance(1800)
    posts.ledger.write(lambda connection: acts.replay_receipts(connection, [resolve], "anna", posts.clock.now()))
    posts.absorb()
    assert [one["state"] for one in posts.incidents()] == ["resolved", "firing"]
    posts.hear(over)
    assert [one["state"] for one in posts.incidents()] == ["resolved", "resolved"]


def test_a_resolve_without_a_start_ends_what_a_host_whose_clock_is_ahead_heard_before(posts):
    posts.clock.advance(20)
    posts.hear(alert(start=NEVER))
    posts.clock.set_back(seconds=20)
    posts.clock.advance(10)
    posts.post({"orgId": 1, "alerts": [alert(status="resolved", start=NEVER)]})
    posts.clock.advance(30)
    posts.absorb()
    assert [one["state"] for one in posts.incidents()] == ["resolved"]


@pytest.mark.parametrize("large", [True, False])
def test_a_resolve_without_a_start_that_had_to_wait_ends_nothing_that_fired_since(posts, large):
    over, others = alert(status="resolved", start=NEVER), [alert(fingerprint=f"a{number}") for number in range(SLICE)]
    posts.hear(alert(start=NEVER))
    waits = posts.post({"orgId": 1, "alerts": [*others, over] if large else [over, 5]})
    posts.intake().turn()
    posts.hear(alert(start=NEVER), seconds=30)
    if not large:
        posts.ledger.write(lambda connection: acts.replay_receipts(connection, [waits], "anna", posts.clock.now()))
        posts.absorb()
    assert posts.receipt(waits)["state"] == "absorbed"
    said = [one for incident in posts.incidents() for one in incident["alerts"] if one["fingerprint"] == "f1"]
    assert "firing" in {one["status"] for one in said}


def test_what_was_left_out_of_a_group_counts_while_it_is_repeated(posts):
    mine = {"groupKey": "a", "truncatedAlerts": 30}
    posts.hear(alert(), **mine)
    for _ in range(3):
        posts.hear(alert(fingerprint="f2"), groupKey="b", truncatedAlerts=5)
        posts.hear(alert(), seconds=8 * 3600, **mine)
        assert posts.stored()[0].facts["truncated"] == 35
    version = posts.stored()[0].version
    posts.hear(alert(), seconds=8 * 3600, **mine)
    (row,) = posts.stored()
    assert (row.facts["truncated"], row.version) == (30, version + 1)


def test_older_news_is_told_at_no_more_places(posts):
    older = posts.post({"orgId": 1, "alerts": [alert(Priority="P0"), 5]})
    posts.absorb()
    posts.ledger.write(lambda connection: connection.execute(deliveries.delete()).rowcount)
    posts.clock.advance(60)
    posts.hear(alert(Priority="P3"))
    before = posts.places()
    posts.ledger.write(lambda connection: acts.replay_receipts(connection, [older], "anna", posts.clock.now()))
    posts.absorb()
    assert posts.places() == before


def test_what_was_told_elsewhere_when_its_secret_came_back_is_woken_no_more(quick, monkeypatch):
    monkeypatch.delitem(ENV, "SLACK")
    quick.hear(alert(Team="storage, network"))
    theirs = update(deliveries).where(deliveries.c.kind == "slack", deliveries.c.address.contains("network"))
    skipped = theirs.values(state="skipped", due_at=None, reason="told already")
    assert quick.ledger.write(lambda connection: connection.execute(skipped).rowcount) == 1
    quick.hear(alert(Team="storage, network", fingerprint="f2"))
    assert {one.state for one in quick.deliveries() if "network" in one.address and one.kind == "slack"} == {"skipped"}


def hold(posts):
    """As if its lane had found the secret missing: what waits without an address is held."""
    theirs = update(deliveries).where(deliveries.c.lane.contains("/held/"), deliveries.c.state == "pending")
    held = theirs.values(state="held", due_at=None)
    assert posts.ledger.write(lambda connection: connection.execute(held).rowcount)


def resume(posts):
    Resume(posts.ledger, posts.clock, Effective(lambda: posts.rules, ENV, b"key")).look()


REPLACED = pytest.mark.parametrize(
    ("config", "name", "other"),
    [
        (CONFIG, "SLACK", "xoxb-2"),
        (CONFIG, "PD", "f" * 32),
        (HOOKED, "HOOK", "https://hooks.slack.com/services/T1/B2/y"),
    ],
    ids=["token", "key", "webhook"],
)


@pytest.mark.usefixtures("several")
@REPLACED
def test_a_secret_that_was_missing_and_comes_back_as_another_tells_nobody_twice(  # noqa: PLR0913, PLR0917 - its row
    ledger, clock, tmp_path, monkeypatch, config, name, other
):
    secret = ENV[name]
    posts = Posts(ledger, clock, tmp_path, config)
    monkeypatch.delitem(ENV, name)
    posts.hear(alert(Priority="P1"))
    hold(posts)
    monkeypatch.setitem(ENV, name, secret)
    posts.hear(alert(Priority="P1"))
    before = posts.places()
    monkeypatch.setitem(ENV, name, other)
    resume(posts)
    held = [row for row in posts.deliveries() if "/held/" in row.lane]
    assert [(row.state, row.reason[:8]) for row in held] == [("skipped", "told at ")]
    posts.hear(alert(Priority="P1"))
    assert posts.places() == before


def test_what_was_held_is_told_at_another_place_of_the_same_destination(ledger, clock, tmp_path, monkeypatch):
    posts = Posts(ledger, clock, tmp_path, CONFIG.replace("#{team}", "#{team}-{priority}"))
    posts.hear(alert(Priority="P2"))
    monkeypatch.delitem(ENV, "SLACK")
    posts.hear(alert(Priority="P1"))
    hold(posts)
    monkeypatch.setitem(ENV, "SLACK", "xoxb-2")
    resume(posts)
    told = {row.address: row.state for row in posts.deliveries() if row.kind == "slack"}
    assert told == {"#storage-p2": "pending", "#storage-p1": "pending"}


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("teams", ["storage", "network, storage"], ids=["a team", "two teams at one place"])
@REPLACED
def test_who_is_told_already_is_not_held_once_more_while_the_secret_is_missing(  # noqa: PLR0913, PLR0917 - its row
    quick, tmp_path, monkeypatch, config, name, other, teams
):
    posts = Posts(quick.ledger, quick.clock, tmp_path, config.replace("#{team}", "#ops"))
    posts.hear(alert(Priority="P1", Team=teams))
    before = posts.places()
    for secret in (None, other):
        monkeypatch.setitem(ENV, name, secret or "")
        posts.hear(alert(Priority="P1", Team=teams))
        assert posts.places() == before


def test_a_page_at_a_key_of_its_own_is_held_though_another_key_pages_already(quick, tmp_path):
    (tmp_path / "P1").write_text("f" * 32)
    posts = Posts(
        quick.ledger, quick.clock, tmp_path, CONFIG.replace("${env:PD}", f"${{file:{tmp_path}/{{priority}}}}")
    )
    posts.hear(alert(Priority="P1"))
    posts.hear(alert(Priority="P0"))
    pages = [row.lane for row in posts.deliveries() if row.kind == "pagerduty"]
    assert len(pages) == 2
    assert pages[1] == "pagerduty/held/pagerduty"


def test_what_was_held_is_not_told_where_its_incident_is_placed_in_that_moment(
    postgres_ledger, clock, tmp_path, monkeypatch
):
    posts = Posts(postgres_ledger, clock, tmp_path)
    monkeypatch.delitem(ENV, "SLACK")
    posts.hear(alert())
    hold(posts)
    monkeypatch.setitem(ENV, "SLACK", "xoxb-1")
    (incident,) = posts.stored()
    here = Placement("slack", "slack", "#storage", "slack/lane/storage", "storage", "send P2")

    def placed(connection):
        placing.place_one(connection, incident.id, [here], new_id, clock.now())

    posts.meanwhile(lambda: resume(posts), "nothing changes", placed)
    told = {row.address: row.state for row in posts.deliveries() if row.kind == "slack"}
    assert told == {"(slack, storage)": "skipped", "#storage": "pending"}
