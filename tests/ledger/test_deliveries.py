"""Deliveries: placed once an address, woken by what changed, and chosen the most urgent first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ledger_kit import NOON, incident, place, placement, row, waiting
from sqlalchemy import select

from bridge.core.alert import Priority
from bridge.ledger import acts, deliveries, due
from bridge.ledger.deliveries import DISMISSED, MOMENT
from bridge.ledger.tables import incidents
from bridge.ledger.telling import Told, told, wake_siblings

LATER = NOON + timedelta(hours=1)
LANE = "slack/lane"


def minutes(count):
    return NOON + timedelta(minutes=count)


def wake(ledger, case, version=2, priority="P1"):
    case.version, case.priority = version, Priority(priority)
    ledger.write(lambda connection: deliveries.wake(connection, [case], LATER))


def change(ledger, one, **values):
    ledger.write(lambda connection: deliveries.change(connection, one, **values))


def test_an_address_is_placed_once_an_incident_whatever_leads_to_it(ledger):
    case = incident(ledger, "P1")
    first = place(ledger, case, placement("#a", destination="slack"), placement("#a", destination="leads"))
    assert len(first) == 1
    assert place(ledger, case, placement("#a"), placement("#b"), placement("#a", "github"))[0] == first[0]
    assert len(place(ledger, case, placement("#a"))) == 3
    assert len(place(ledger, incident(ledger), placement("#a"))) == 1
    made = row(ledger, first[0])
    assert (made.destination, made.state, made.urgency, made.want, made.told) == ("slack", "pending", 1, 1, 0)
    assert (made.have, made.due_at, made.since) == ({}, NOON, NOON)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # told: due now, waiting from now
        ({"state": "delivered", "due_at": None}, {"state": "pending", "due_at": LATER, "since": LATER}),
        # nothing was to be told: perhaps there is now
        (
            {"state": "skipped", "due_at": None, "reason": "a test"},
            {"state": "pending", "due_at": LATER, "reason": None},
        ),
        # waits already: its place in the queue, its back-off and its doubt stay
        ({"state": "pending", "due_at": minutes(9)}, {"state": "pending", "due_at": minutes(9), "since": NOON}),
        ({"state": "retrying", "due_at": minutes(90)}, {"state": "retrying", "due_at": minutes(90), "since": NOON}),
        ({"state": "pending", "doubt": {"x": 1}, "due_at": minutes(61)}, {"due_at": minutes(61), "doubt": {"x": 1}}),
        # rest until somebody mends them, knowing the present truth, and have been waiting all along
        ({"state": "dead", "due_at": None, "reason": "gone"}, {"state": "dead", "due_at": None, "reason": "gone"}),
        (
            {"state": "held", "due_at": None, "reason": "no token"},
            {"state": "held", "due_at": None, "reason": "no token", "since": NOON},
        ),
    ],
    ids=lambda values: values.get("state"),
)
@pytest.mark.parametrize("how", ["merge", "person"])
def test_news_of_an_incident_wakes_what_can_be_told(ledger, before, after, how):
    case = incident(ledger, "P1")
    (one,) = place(ledger, case)
    change(ledger, one, **before)
    if how == "merge":
        wake(ledger, case)
    else:
        assert ledger.write(lambda connection: acts.close(connection, [case.id], "alice", LATER))
    made = row(ledger, one)
    assert {name: getattr(made, name) for name in after} == after
    assert (made.want, made.urgency) == (2, 1)


def test_what_a_person_dismissed_stays_at_rest(ledger):
    case = incident(ledger)
    (one,) = place(ledger, case)
    change(ledger, one, state="dead", due_at=None)
    ledger.write(lambda connection: acts.dismiss(connection, [one], "alice", NOON))
    wake(ledger, case)
    made = row(ledger, one)
    assert (made.state, made.due_at, made.reason) == ("skipped", None, DISMISSED)


@pytest.mark.parametrize("how", ["put_off", "unclaim"])
@pytest.mark.parametrize("rests", [True, False])
def test_what_came_to_rest_meanwhile_is_not_due_by_being_put_off(ledger, how, rests):
    (one,) = place(ledger, incident(ledger))
    if rests:
        change(ledger, one, state="dead", due_at=None)
    with ledger.read() as connection:
        known = deliveries.load(connection, one)
    ways = {
        "put_off": lambda on: deliveries.put_off(on, one, LATER),
        "unclaim": lambda on: deliveries.unclaim(on, known, LATER),
    }
    ledger.write(ways[how])
    assert row(ledger, one).due_at == (None if rests else LATER)


def test_news_of_one_incident_wakes_no_other_and_a_fresh_one_needs_no_waking(ledger):
    mine, other = incident(ledger), incident(ledger)
    (one,), (two,) = place(ledger, mine), place(ledger, other)
    for each in (one, two):
        change(ledger, each, state="delivered", due_at=None)
    other.fresh = True
    ledger.write(lambda connection: deliveries.wake(connection, [mine, other], LATER))
    assert (row(ledger, one).state, row(ledger, two).state) == ("pending", "delivered")


def test_a_closed_incident_is_closed_once(ledger):
    case = incident(ledger)
    assert ledger.write(lambda connection: acts.close(connection, [case.id], "alice", LATER))
    assert not ledger.write(lambda connection: acts.close(connection, [case.id], "bob", LATER))


def turn(ledger, now=LATER, **how):
    with ledger.read() as connection:
        found = due.next_due(connection, LANE, now, **how)
    return found[0].id if found else None


def test_the_most_urgent_goes_first_and_of_these_the_one_waiting_longest(ledger):
    p2 = waiting(ledger, "P2", minutes=0)
    late = waiting(ledger, "P1", minutes=5)
    early = waiting(ledger, "P1", minutes=1)
    order = []
    while (one := turn(ledger, busy=order)) is not None:
        order.append(one)
    assert order == [early, late, p2]


def test_every_tenth_turn_goes_to_the_one_waiting_longest_but_never_before_p0(ledger):
    oldest = waiting(ledger, "P3", minutes=0)
    waiting(ledger, "P1", minutes=5)
    assert turn(ledger, oldest=True) == oldest
    urgent = waiting(ledger, "P0", minutes=9)
    assert turn(ledger, oldest=True) == urgent
    assert turn(ledger, oldest=True, busy=[urgent]) == oldest


def test_several_have_their_turn_in_the_order_in_which_they_would_have_it_one_by_one(ledger):
    old = waiting(ledger, "P3", minutes=0)
    p2 = waiting(ledger, "P2", minutes=3)
    late = waiting(ledger, "P1", minutes=5)
    early = waiting(ledger, "P1", minutes=1)
    with ledger.read() as connection:
        plain = due.next_due(connection, LANE, LATER, most=3)
        with_oldest = due.next_due(connection, LANE, LATER, most=3, oldest=True)
    assert [one.id for one in plain] == [early, late, p2]
    assert [one.id for one in with_oldest] == [old, early, late]


def test_what_is_not_due_yet_or_stands_behind_has_no_turn(ledger):
    one = waiting(ledger, "P0", due_at=minutes(30))
    waiting(ledger, "P0", due_at=None)
    assert turn(ledger, NOON) is None
    assert turn(ledger, minutes(30)) == one
    assert turn(ledger, minutes(30), behind=[row(ledger, one).incident]) is None
    with ledger.read() as connection:
        assert due.next_due(connection, "slack/else", LATER) == []


def test_what_was_written_before_the_clock_was_set_back_is_due(ledger):
    one = waiting(ledger, "P2", minutes=90)
    assert turn(ledger, NOON) == one
    with ledger.read() as connection:
        assert due.due_lanes(connection, NOON) == [LANE]


@pytest.mark.parametrize("seconds", [3, 50])
def test_what_a_host_wrote_whose_clock_is_ahead_is_due(ledger, seconds):
    ahead = NOON + timedelta(seconds=seconds)
    later = waiting(ledger, "P0", due_at=ahead)
    assert turn(ledger, NOON) is None, "tried already: that it waits is on purpose"
    one = waiting(ledger, "P0", since=ahead, due_at=ahead)
    assert turn(ledger, NOON) == one
    assert turn(ledger, NOON, busy=[one]) is None
    assert turn(ledger, ahead, busy=[one]) == later
    with ledger.read() as connection:
        assert due.due_lanes(connection, NOON) == [LANE]


def test_what_a_host_put_off_whose_clock_is_ahead_still_waits(ledger):
    since = NOON + timedelta(seconds=10)
    later = waiting(ledger, "P0", since=since, due_at=since + timedelta(seconds=15))
    assert turn(ledger, NOON) is None
    assert turn(ledger, since + timedelta(seconds=15)) == later
    assert turn(ledger, NOON - timedelta(hours=1)) == later, "the clock was set back"


def test_who_gets_more_urgent_waits_no_longer(ledger):
    case = incident(ledger, "P2")
    (one,) = place(ledger, case)
    change(ledger, one, due_at=minutes(90))
    case.version, case.priority = 2, Priority.P3
    ledger.write(lambda connection: deliveries.wake(connection, [case], LATER))
    assert row(ledger, one).due_at == minutes(90)
    case.version, case.priority = 3, Priority.P0
    ledger.write(lambda connection: deliveries.wake(connection, [case], LATER))
    assert row(ledger, one).due_at == LATER


@pytest.mark.parametrize(
    ("before", "due"),
    [
        ({"state": "delivered", "due_at": None}, LATER + MOMENT),
        ({"state": "pending", "due_at": NOON}, NOON),  # not told yet: that does not wait
        ({"state": "pending", "due_at": NOON, "doubt": {"x": 1}}, LATER + MOMENT),  # perhaps on its way
        ({"state": "pending", "due_at": LATER + MOMENT / 2, "doubt": {"x": 1}}, LATER + MOMENT / 2),
        ({"state": "retrying", "due_at": minutes(90)}, minutes(90)),
    ],
)
def test_what_more_is_to_come_for_is_told_of_it_a_moment_later(ledger, before, due):
    case = incident(ledger, "P2")
    (one,) = place(ledger, case)
    change(ledger, one, **before)
    case.version = 2
    ledger.write(lambda connection: deliveries.wake(connection, [case], LATER, growing=[case.id]))
    assert row(ledger, one).due_at == due
    done, more = {"due_at": None}, {"due_at": LATER, "doubt": None}
    ledger.write(lambda connection: told(connection, [Told(one, 1, done, more)]))
    assert row(ledger, one).due_at == max(due, LATER)


def test_who_gets_more_urgent_as_it_grows_waits_a_moment_at_most(ledger):
    case = incident(ledger, "P2")
    (one,) = place(ledger, case)
    change(ledger, one, due_at=minutes(90))
    case.version, case.priority = 2, Priority.P0
    ledger.write(lambda connection: deliveries.wake(connection, [case], LATER, growing=[case.id]))
    assert row(ledger, one).due_at == LATER + MOMENT


def test_lanes_with_work_are_named_the_most_urgent_first_with_what_would_fail_alike(ledger):
    waiting(ledger, "P2", minutes=0, lane="a")
    waiting(ledger, "P1", minutes=5, lane="b")
    second = waiting(ledger, "P2", minutes=9, lane="b")
    waiting(ledger, "P1", minutes=3, lane="c")
    waiting(ledger, "P0", due_at=minutes(90), lane="later")
    waiting(ledger, "P0", lane="told", due_at=None)
    with ledger.read() as connection:
        assert due.due_lanes(connection, LATER) == ["c", "b", "a"]
        one = deliveries.load(connection, second)
        assert [other.lane for other, _, _ in deliveries.alike(connection, one, everywhere=False)] == ["b"]
        assert [other.lane for other, _, _ in deliveries.alike(connection, one, everywhere=True)] == [
            "a",
            "b",
            "c",
            "later",
        ]


def test_what_was_told_is_done_only_where_nothing_changed_meanwhile(ledger):
    case = incident(ledger)
    (one,) = place(ledger, case)
    done, more = {"state": "delivered", "due_at": None, "told": 1}, {"state": "pending", "due_at": LATER, "told": 1}
    with ledger.read() as connection:
        delivery = deliveries.load(connection, one)
    wake(ledger, case, version=2)
    ledger.write(lambda connection: told(connection, [Told(delivery.id, 1, done, more)]))
    assert (row(ledger, one).state, row(ledger, one).due_at) == ("pending", LATER)
    ledger.write(lambda connection: told(connection, [Told(delivery.id, 2, {**done, "told": 2}, more)]))
    assert (row(ledger, one).state, row(ledger, one).told, row(ledger, one).due_at) == ("delivered", 2, None)


def test_of_several_that_were_told_at_once_each_is_done_where_nothing_changed_for_it(ledger):
    cases = [incident(ledger) for _ in range(3)]
    quiet, skipped, changed = (place(ledger, case)[0] for case in cases)
    wake(ledger, cases[2], version=2)
    more = {"state": "pending", "due_at": LATER, "told": 1}
    done = {"state": "delivered", "due_at": None, "told": 1}
    rows = [Told(quiet, 1, done, more), Told(skipped, 1, {"state": "skipped", "due_at": None}, more)]
    ledger.write(lambda connection: told(connection, [*rows, Told(changed, 1, done, more)]))
    assert [row(ledger, one).state for one in (quiet, skipped, changed)] == ["delivered", "skipped", "pending"]
    assert [row(ledger, one).told for one in (quiet, skipped, changed)] == [1, 0, 1]


def test_a_remote_that_is_there_makes_its_incidents_other_deliveries_due_and_nobody_elses(ledger):
    cases = [incident(ledger) for _ in range(3)]
    placed = [place(ledger, case, placement("#a"), placement("#b")) for case in cases]
    for one in (one for ids in placed for one in ids):
        change(ledger, one, state="delivered", due_at=None)
    with ledger.read() as connection:
        first, second = (deliveries.load(connection, ids[0]) for ids in placed[:2])
    assert ledger.write(lambda connection: wake_siblings(connection, [second, first], LATER))
    assert [[row(ledger, one).due_at for one in ids] for ids in placed] == [[None, LATER], [None, LATER], [None, None]]
    assert [[row(ledger, one).want for one in ids] for ids in placed] == [[1, 2], [1, 2], [1, 1]]
    assert not ledger.write(lambda connection: wake_siblings(connection, [], LATER))


def test_what_was_told_already_names_another_place_after_all_that_nobody_was_told_of_yet(ledger):
    urgent, other = incident(ledger, "P0"), incident(ledger, "P2")
    first, second = place(ledger, urgent, placement("#a"), placement("#b"))
    (untold,) = place(ledger, other, placement("#b"))
    change(ledger, second, state="delivered", due_at=None)
    with ledger.read() as connection:
        appeared = deliveries.load(connection, first)
    ledger.write(lambda connection: wake_siblings(connection, [appeared], LATER))
    assert in_turn(ledger, first) == [untold, second]
    wake(ledger, urgent, version=3, priority="P0")
    assert in_turn(ledger, first) == [second, untold]


def in_turn(ledger, busy):
    with ledger.read() as connection:
        return [one.id for one in due.next_due(connection, LANE, LATER, most=3, busy=[busy])]


def test_a_remote_that_nobody_waits_for_is_no_new_version_of_its_incident(ledger):
    alone, told_twice = incident(ledger), incident(ledger)
    (only,) = place(ledger, alone)
    first, _ = place(ledger, told_twice, placement("#a"), placement("#b"))
    with ledger.read() as connection:
        both = [deliveries.load(connection, one) for one in (only, first)]
    assert not ledger.write(lambda connection: wake_siblings(connection, both[:1], LATER))
    assert ledger.write(lambda connection: wake_siblings(connection, both, LATER)) is False  # due already
    with ledger.read() as connection:
        known = select(incidents.c.id, incidents.c.version)
        assert dict(connection.execute(known).all()) == {alone.id: 1, told_twice.id: 2}


def test_a_dead_letter_that_is_replayed_starts_afresh_with_the_present_truth(ledger):
    case = incident(ledger)
    (one,) = place(ledger, case)
    change(ledger, one, state="dead", due_at=None, attempts=7, last_error="no", reason="gone", failing_since=NOON)
    wake(ledger, case, version=5)
    assert ledger.write(lambda connection: acts.replay(connection, [one, "never"], "alice", LATER)) == [one]
    made = row(ledger, one)
    assert (made.state, made.due_at, made.attempts, made.want, made.reason) == ("pending", LATER, 0, 5, None)
    assert ledger.write(lambda connection: acts.replay(connection, [one], "alice", LATER)) == []
