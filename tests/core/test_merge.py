"""Alerts into incidents: what people see after each of them."""

from datetime import timedelta

import pytest
from merge_kit import at, book, firing, heard

from bridge.core.alert import Priority, Status
from bridge.core.incident import State

PAUSED = {"annotations": {"grafana_state_reason": "Paused"}}


def whats(case):
    return [what for what, _ in case.history]


def test_a_firing_opens_an_incident_and_its_resolve_ends_it():
    known = book()
    case = heard(known, 1)
    assert (case.state, case.opened_at, case.priority, case.fresh) == (State.FIRING, at(0), Priority.P2, True)
    assert heard(known, 6, "resolved", 0, 5) is case
    assert (case.state, case.resolved_at, case.settled_at, case.state_reason) == (State.RESOLVED, at(5), at(6), None)


def test_repeats_say_nothing_until_what_is_shown_changes():
    known = book()
    case = heard(known, 1)
    case.changed = False
    heard(known, 5)
    assert not case.changed
    assert case.heard_at == at(5)
    heard(known, 9, annotations={"summary": "worse"})
    assert case.changed


def test_a_repeat_of_what_an_older_release_kept_more_of_the_digest_of_is_silent():
    known = book()
    case = heard(known, 1)
    (episode,) = known.episodes["1", "f1"]
    episode.digest += "0" * 32
    case.changed = False
    heard(known, 5)
    assert not case.changed


def test_several_alerts_of_a_rule_are_one_incident_until_the_last_resolves():
    known = book()
    case = heard(known, 1, fingerprint="a")
    assert heard(known, 2, fingerprint="b") is case
    heard(known, 6, "resolved", 0, 5, fingerprint="a")
    assert case.state is State.FIRING
    heard(known, 8, "resolved", 0, 7, fingerprint="b")
    assert (case.state, case.resolved_at) == (State.RESOLVED, at(7))


def test_priority_follows_the_most_urgent_member_that_fires_and_stays_after_the_last():
    known = book()
    case = heard(known, 1, fingerprint="a", priority="P2")
    heard(known, 2, fingerprint="b", priority="P0")
    assert case.priority == "P0"
    heard(known, 6, "resolved", 0, 5, fingerprint="b", priority="P0")
    assert case.priority == "P2"
    heard(known, 7, fingerprint="a", priority="P1")
    assert case.priority == "P1"
    heard(known, 9, "resolved", 0, 8, fingerprint="a", priority="P3")
    assert (case.state, case.priority) == (State.RESOLVED, "P1")


def test_a_resolve_that_is_no_recovery_keeps_its_reason():
    known = book()
    heard(known, 1)
    case = heard(known, 6, "resolved", 0, 5, **PAUSED)
    assert (case.state, case.state_reason) == (State.RESOLVED, "Paused")


def test_a_recovery_after_a_pause_is_worded_as_a_recovery():
    known = book()
    heard(known, 1)
    heard(known, 6, "resolved", 0, 5, **PAUSED)
    heard(known, 8, start=7)
    case = heard(known, 10, "resolved", 7, 9)
    assert (case.state, case.state_reason, case.times) == (State.RESOLVED, None, 2)


def test_an_end_lies_neither_in_the_future_nor_before_its_start():
    known = book()
    heard(known, 1)
    assert heard(known, 6, "resolved", 0, 600).resolved_at == at(6)
    known = book()
    heard(known, 1)
    assert heard(known, 6, "resolved", 0, -30).resolved_at == at(0)


@pytest.mark.parametrize(("minutes", "same"), [(5, True), (16, True), (16.1, False)])
def test_firing_anew_within_reopen_duration_of_the_resolve_goes_on_and_after_it_is_a_recurrence(minutes, same):
    known = book(reopen_minutes=10)
    first = heard(known, 1)
    heard(known, 6, "resolved", 0, 2)
    second = heard(known, minutes, start=4)
    assert (second is first) is same
    assert second.previous == (None if same else first.id)
    assert second.times == (2 if same else 1)
    assert firing(known) == {("f1", second.id)}


def test_without_reopen_duration_every_firing_after_a_resolve_is_a_fresh_incident():
    known = book(reopen_minutes=0)
    first = heard(known, 1)
    heard(known, 2, "resolved", 0, 1)
    second = heard(known, 2, start=1.5)
    assert second is not first
    assert (first.state, second.state, second.previous) == (State.RESOLVED, State.FIRING, first.id)


def test_an_incident_opens_with_the_earliest_start_of_what_fires_in_it():
    known = book()
    case = heard(known, 9, start=8, fingerprint="a")
    heard(known, 10, start=9, fingerprint="b")
    assert case.opened_at == at(8)
    heard(known, 11, start=0, fingerprint="c")
    heard(known, 12, "resolved", -90, 10, fingerprint="d")
    assert case.opened_at == at(0)


def test_a_later_start_within_the_incident_goes_on_as_the_same_member():
    known = book()
    case = heard(known, 1)
    case.changed, case.history = False, []
    assert heard(known, 60, start=50) is case
    (episode,) = known.episodes["1", "f1"]
    assert (episode.starts_at, episode.since, case.changed, case.history) == (at(50), at(0), False, [])


def test_firing_again_with_the_same_start_is_a_new_member_that_counts():
    known = book()
    first = heard(known, 1)
    heard(known, 5, "resolved", 0, 4)
    second = heard(known, 30)
    assert second is not first
    assert [one.again for one in known.episodes["1", "f1"]] == [1, 2]
    assert known.episodes["1", "f1"][1].since == at(30)
    assert (first.opened_at, second.opened_at) == (at(0), at(30))


def test_a_sender_with_an_older_start_that_goes_on_after_anothers_resolve_is_told_once_and_ends_with_its_own():
    known = book()
    first = heard(known, 1, start=0)
    heard(known, 6, start=5)
    heard(known, 10, "resolved", 5, 9)
    heard(known, 15, start=0)
    assert first.state is State.RESOLVED
    second = heard(known, 30, start=0)
    assert (second.state, second.opened_at, second.previous) == (State.FIRING, at(30), first.id)
    second.changed, second.history = False, []
    heard(known, 60, start=0)
    heard(known, 61, "resolved", 5, 9)
    assert (firing(known), second.changed, second.history) == ({("f1", second.id)}, False, [])
    heard(known, 70, "resolved", 0)
    assert second.state is State.RESOLVED


def test_a_late_firing_of_a_told_incident_changes_nothing():
    known = book()
    case = heard(known, 1)
    heard(known, 5, "resolved", 0, 4)
    case.changed = False
    heard(known, 7, priority="P0")
    assert (case.state, case.priority, case.changed, case.history[-1][0]) == (
        State.RESOLVED,
        "P2",
        False,
        "late firing",
    )


def test_a_resolve_never_seen_firing_is_an_incident_that_was_over_before_it_could_be_told():
    known = book()
    case = heard(known, 6, "resolved", 0, 5)
    assert (case.state, case.never_fired, case.resolved_at, case.fresh) == (State.RESOLVED, True, at(5), True)
    assert heard(known, 7, "resolved", 0, 5) is case
    assert len(known.cases) == 1


def test_its_late_firing_is_told_once_as_resolved_with_the_values_of_when_it_fired():
    known = book()
    case = heard(known, 6, "resolved", 0, 5, annotations={"summary": "after"})
    case.changed = False
    heard(known, 7, annotations={"summary": "while"})
    assert (case.state, case.never_fired, case.changed) == (State.RESOLVED, False, True)
    (episode,) = known.episodes["1", "f1"]
    assert known.details[episode.id].detail["annotations"] == {"summary": "while"}
    assert episode.digest == known.details[episode.id].digest
    case.changed = False
    heard(known, 8, annotations={"summary": "once more"})
    assert not case.changed


@pytest.mark.parametrize("reopen_minutes", [10, 1, 0])
def test_several_resolves_never_seen_firing_are_one_incident(reopen_minutes):
    known = book(reopen_minutes)
    cases = {heard(known, 6 + n, "resolved", 0, 5, fingerprint=name).id for n, name in enumerate("abc")}
    assert len(cases) == 1
    heard(known, 16.5, "resolved", 0, 5, fingerprint="d")
    assert len(known.cases) == 2


@pytest.mark.parametrize("names", ["ac", "ca"])
def test_what_was_never_seen_firing_ends_with_those_that_were_though_nothing_may_reopen(names):
    known = book(reopen_minutes=0)
    case = heard(known, 1, fingerprint="a")
    for name in names:
        heard(known, 6, "resolved", 0, 5, fingerprint=name)
    assert (len(known.cases), case.state, case.times, case.priority) == (1, State.RESOLVED, 1, "P2")
    assert heard(known, 7, start=6.5, fingerprint="b") is not case


def test_an_unseen_resolve_joins_an_open_incident_without_touching_its_priority():
    known = book()
    case = heard(known, 1, fingerprint="a", priority="P2")
    assert heard(known, 6, "resolved", 0, 5, fingerprint="b", priority="P0") is case
    assert (case.state, case.priority, case.never_fired) == (State.FIRING, "P2", False)
    assert "priority" not in whats(case)


def test_an_incident_begins_with_what_fired_first_though_that_was_heard_of_last():
    known = book()
    case = heard(known, 6, start=5, fingerprint="b")
    assert heard(known, 7, "resolved", 0, 5, fingerprint="a") is case
    assert case.opened_at == at(5)
    heard(known, 8, start=0, fingerprint="a")
    assert case.opened_at == at(0)


def test_a_firing_after_an_unseen_resolve_opens_it_for_the_first_time():
    known = book()
    case = heard(known, 6, "resolved", 0, 5, fingerprint="a")
    assert heard(known, 7, start=6, fingerprint="b") is case
    assert (case.state, case.never_fired, case.times) == (State.FIRING, False, 1)


def test_a_changed_team_set_ends_the_episode_there_and_opens_it_at_the_others():
    known = book()
    old = heard(known, 1, teams=("storage",))
    new = heard(known, 5, teams=("network",))
    assert (old.state, old.state_reason) == (State.RESOLVED, "moved to network")
    assert (new.state, new.teams) == (State.FIRING, ("network",))
    assert firing(known) == {("f1", new.id)}


def test_a_moved_episode_is_resolved_where_it_moved_to():
    known = book()
    heard(known, 1, teams=("storage",))
    new = heard(known, 5, teams=("network",))
    assert heard(known, 9, "resolved", 0, 8, teams=("storage",)) is new
    assert new.state is State.RESOLVED
    assert firing(known) == set()


def test_only_the_episode_that_moves_leaves_its_incident():
    known = book()
    old = heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    new = heard(known, 5, fingerprint="a", teams=("storage", "network"))
    assert firing(known) == {("a", new.id), ("b", old.id)}
    heard(known, 9, "resolved", 0, 8, fingerprint="b")
    assert (old.state, old.state_reason) == (State.RESOLVED, None)


def test_what_moves_there_and_back_is_in_one_place_only():
    known = book()
    first = heard(known, 1, teams=("storage",))
    heard(known, 3, teams=("network",))
    assert heard(known, 5, teams=("storage",)) is first
    assert firing(known) == {("f1", first.id)}
    heard(known, 8, "resolved", 0, 7, teams=("storage",))
    assert (first.state, first.state_reason, firing(known)) == (State.RESOLVED, None, set())


def test_a_moved_episodes_twin_fires_on_where_it_moved_to_and_leaves_nothing_open():
    known = book()
    heard(known, 1, start=0)
    moved = heard(known, 3, start=0, teams=("network",))
    assert heard(known, 4, start=0.05, teams=("network",)) is moved
    assert heard(known, 30, start=0, teams=("network",)) is moved
    heard(known, 40, "resolved", 0, 39, teams=("network",))
    assert firing(known) == set()


def test_a_change_of_the_teams_case_or_order_moves_nothing():
    known = book()
    case = heard(known, 1, teams=("storage", "network"))
    assert heard(known, 2, teams=("Network", "STORAGE")) is case
    assert firing(known) == {("f1", case.id)}


def test_which_of_its_teams_are_configured_is_as_it_was_heard_last_in_any_order():
    known = book()
    case = heard(known, 0, teams=("x", "y"), unknown=("x", "y"))
    rows = ((1, ["y", "x"], ("x", "y")), (2, ["y"], ("y",)), (1.5, ["x"], ("y",)), (3, [], ()), (4, ["x"], ("x",)))
    for minutes, unknown, said in rows:
        case.changed, before = False, case.facts["unknown_teams"]
        heard(known, minutes, teams=("y", "X"), unknown=unknown)
        assert (case.facts["unknown_teams"], case.changed) == (said, said != before), minutes


def test_a_repeat_that_is_to_be_dropped_stays_with_its_incident():
    known = book()
    case = heard(known, 1)
    assert heard(known, 2, teams=("unrouted",), drop=True) is case
    assert case.state is State.FIRING


def test_a_person_closes_it_its_repeats_and_its_resolve_change_nothing_but_its_history():
    known = book()
    case = heard(known, 1)
    case.state, case.changed = State.CLOSED, False
    assert heard(known, 5, priority="P0") is case
    assert heard(known, 6, teams=("network",)) is case
    assert heard(known, 8, "resolved", 0, 7) is case
    assert (case.state, case.priority, case.changed, len(known.cases)) == (State.CLOSED, "P2", False, 1)
    assert case.history[-1] == ("resolved", "after it was closed")


@pytest.mark.parametrize("start", [0, None])
def test_that_what_was_closed_fires_on_is_a_line_in_its_history_once_a_day(start):
    known = book()
    case = heard(known, 1, start=start)
    case.state, case.settled_at, case.changed, case.history = State.CLOSED, at(10), False, []
    for minutes in (9, 20, 30, 20 + 1440, 21 + 1440, 30 + 1440, 21 + 1439):
        heard(known, minutes, start=start, priority="P0")
    assert case.history == [("still firing", "after it was closed")] * 2
    assert (case.state, case.priority, case.changed) == (State.CLOSED, "P2", False)


def test_a_closed_incidents_twin_opens_nothing_and_a_new_episode_a_new_incident():
    known = book()
    case = heard(known, 1)
    case.state = State.CLOSED
    assert heard(known, 2, start=0.05) is case
    new = heard(known, 60, start=50)
    assert (new.state, new.previous) == (State.FIRING, case.id)
    assert firing(known) == {("f1", new.id)}


def test_what_was_closed_and_fires_again_with_the_same_start_is_a_new_incident():
    known = book()
    case = heard(known, 1)
    case.state = State.CLOSED
    heard(known, 5, "resolved", 0, 4)
    assert heard(known, 9) is case
    assert heard(known, 16).id != case.id


def test_a_stale_incident_that_is_heard_of_again_fires():
    known = book()
    case = heard(known, 1)
    case.state, case.changed = State.STALE, False
    heard(known, 900)
    assert (case.state, case.changed, whats(case)[-1]) == (State.FIRING, True, "heard of again")


@pytest.mark.parametrize(
    "told",
    [("resolved", 0, 899), ("firing", 0, None, {"teams": ("network",)}), ("resolved", 890, 899, {"fingerprint": "c"})],
    ids=["one is over", "one goes on elsewhere", "another was over before it was heard of"],
)
def test_a_stale_incident_of_which_no_alert_is_heard_to_fire_stays_so(told):
    known = book()
    case = heard(known, 1, fingerprint="a", priority="P0")
    heard(known, 1, fingerprint="b")
    case.state = State.STALE
    *words, more = told if isinstance(told[-1], dict) else (*told, {})
    heard(known, 900, *words, **{"fingerprint": "a", "priority": "P0", **more})
    assert (case.state, "heard of again" in whats(case)) == (State.STALE, False)
    assert case.priority == min(one.priority for one in case.members.values() if one.status == "firing")
    heard(known, 905, fingerprint="b")
    assert (case.state, "heard of again" in whats(case)) == (State.FIRING, True)
    heard(known, 910, "resolved", 0, 909, fingerprint="b")
    assert case.open == ("c" in str(told))


def test_a_later_start_after_silence_is_a_new_member_that_ends_the_one_before():
    known = book()
    case = heard(known, 1)
    case.state, case.changed, case.history = State.STALE, False, []
    assert heard(known, 900, start=890) is case
    assert (case.state, case.changed, case.times, firing(known)) == (State.FIRING, True, 1, {("f1", case.id)})
    assert case.history == [
        ("member joined", "Disk full"),
        ("superseded", "fires anew after it was no longer heard of"),
    ]
    old, new = known.episodes["1", "f1"]
    assert (old.status, old.ended, new.since, new.received_at) == (Status.RESOLVED, "superseded", at(890), at(900))
    heard(known, 905, start=0)
    heard(known, 906, "resolved", 0, 5)
    assert firing(known) == {("f1", case.id)}
    heard(known, 910, "resolved", 890, 909)
    assert (case.state, case.resolved_at, case.state_reason) == (State.RESOLVED, at(909), None)


def test_a_later_start_after_silence_is_new_though_another_member_was_heard_of_before_it():
    known = book()
    case = heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    case.state = State.STALE
    heard(known, 900, fingerprint="a")
    heard(known, 900, start=890, fingerprint="b")
    assert [len(known.episodes["1", name]) for name in "ab"] == [1, 2]


@pytest.mark.parametrize(("silent", "episodes"), [(719, 1), (720, 2)])
def test_a_later_start_is_new_after_the_silence_of_its_own_alert(silent, episodes):
    known = book()
    heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    heard(known, 600, fingerprint="a")
    heard(known, 1 + silent, start=silent, fingerprint="b")
    assert [len(known.episodes["1", name]) for name in "ab"] == [1, episodes]


def test_where_nothing_is_ever_stale_a_later_start_goes_on_in_place():
    known = book()
    known.stale_after = None
    heard(known, 1)
    heard(known, 9000, start=8990)
    assert len(known.episodes["1", "f1"]) == 1


@pytest.mark.parametrize(("before", "after"), [(None, None), (None, 890), (0, None)])
def test_without_starts_what_was_stale_only_goes_on(before, after):
    known = book()
    case = heard(known, 1, start=before)
    case.state = State.STALE
    heard(known, 900, start=after)
    assert (case.state, len(known.episodes["1", "f1"])) == (State.FIRING, 1)


@pytest.mark.parametrize("first", ["A", "B"])
def test_ha_twins_are_one_episode_whoever_speaks_first(first):
    known = book()
    starts = (0.0, 0.05) if first == "A" else (0.05, 0.0)
    case = heard(known, 1, start=starts[0])
    heard(known, 1.1, start=starts[1])
    case.history = []
    for minute in range(2, 10):
        heard(known, minute, start=starts[minute % 2])
    assert (case.history, len(known.episodes["1", "f1"])) == ([], 1)
    heard(known, 10, "resolved", starts[1], 9)
    heard(known, 11, start=starts[0])
    heard(known, 12, "resolved", starts[0], 9.05)
    assert (case.state, len(known.cases), firing(known)) == (State.RESOLVED, 1, set())


def test_ha_twins_are_one_episode_though_their_clock_is_ahead_of_ours():
    known = book()
    case = heard(known, 0.1, start=5)
    heard(known, 1.1, "resolved", 5, 6)
    assert (case.state, case.resolved_at) == (State.RESOLVED, at(1.1))  # no end is told before it was
    assert heard(known, 1.2, start=5.2) is case
    assert (case.state, case.times, firing(known)) == (State.RESOLVED, 1, set())
    assert heard(known, 2.5, start=6.3) is case  # after its end by their own clock
    assert (case.state, case.times) == (State.FIRING, 2)


def test_an_end_that_no_clock_is_ahead_by_is_none():
    known = book()
    case = heard(known, 0.1, start=0)
    heard(known, 1.1, "resolved", 0, 60 * 24)
    assert case.resolved_at == at(1.1)
    assert heard(known, 2, start=1.5) is case
    assert (case.state, case.times) == (State.FIRING, 2)


def test_what_fires_again_under_one_twins_start_ends_under_the_others():
    known = book()
    heard(known, 6, "resolved", 0.05, 5)
    case = heard(known, 30, start=0)
    heard(known, 41, "resolved", 0.05, 40)
    assert (case.state, firing(known)) == (State.RESOLVED, set())


def test_what_fires_again_and_moves_ends_under_either_twins_start():
    known = book()
    heard(known, 6, "resolved", 0.05, 5)
    heard(known, 30, start=0)
    case = heard(known, 31, start=0, teams=("network",))
    heard(known, 41, "resolved", 0.05, 40)
    assert (case.state, firing(known)) == (State.RESOLVED, set())


def test_a_twins_rise_in_priority_is_heard():
    known = book()
    case = heard(known, 1, start=0.05)
    heard(known, 2, start=0, priority="P0")
    assert case.priority == "P0"


def test_a_later_episode_whose_resolve_comes_before_its_firing_is_over():
    known = book()
    case = heard(known, 1, start=0)
    heard(known, 60, "resolved", 50, 55)
    heard(known, 61, "firing", 50)
    assert (case.state, firing(known)) == (State.RESOLVED, set())


def test_an_old_repeat_leaves_no_second_member_firing_beside_the_newer_one():
    known = book()
    heard(known, 1, start=0)
    heard(known, 5, "resolved", 0, 4)
    case = heard(known, 7, start=6)
    heard(known, 30, start=0)
    assert len(firing(known)) == 1
    heard(known, 41, "resolved", 6, 40)
    assert (case.state, firing(known)) == (State.RESOLVED, set())


def test_what_fires_on_with_an_older_start_ends_with_a_later_end_and_not_with_one_that_was_heard_before():
    known = book()
    heard(known, 1, start=-30)
    heard(known, 2, start=0)
    heard(known, 5, "resolved", 0, 4)
    case = heard(known, 16, start=-30)
    assert firing(known) == {("f1", case.id)}
    heard(known, 17, "resolved", 0, 4)
    assert firing(known) == {("f1", case.id)}
    heard(known, 20, "resolved", 0, 19)
    assert (case.state, firing(known)) == (State.RESOLVED, set())


def test_a_test_is_a_closed_incident_each_time_and_touches_no_other():
    known = book()
    cases = [heard(known, minute, test=True) for minute in (1, 2)]
    assert [(case.state, case.test, case.state_reason) for case in cases] == [(State.CLOSED, True, "a test")] * 2
    assert cases[0].id != cases[1].id


def test_an_alert_of_a_rule_named_like_the_test_is_none():
    known = book()
    assert heard(known, 1, labels={"alertname": "TestAlert"}).state is State.FIRING


def test_organisations_do_not_share_fingerprints():
    known = book()
    one, other = (heard(known, 1, org=org) for org in "12")
    heard(known, 6, "resolved", 0, 5, org="1")
    assert (one.state, other.state) == (State.RESOLVED, State.FIRING)


def test_a_superseding_start_in_another_incident_ends_the_older_episode_there():
    known = book()
    old = heard(known, 1, start=0)
    new = heard(known, 60, start=50, teams=("network",))
    assert (old.state, old.state_reason, new.state) == (State.RESOLVED, "fires anew for network", State.FIRING)
    heard(known, 61, start=0, teams=("network",))
    assert firing(known) == {("f1", new.id)}


@pytest.mark.parametrize(
    ("more", "reason"), [({}, "moved to network"), ({"start": 12}, "fires anew for network")], ids=["moved", "anew"]
)
def test_what_goes_on_elsewhere_at_the_end_is_told_whoever_recovered_before(more, reason):
    known = book()
    case = heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    heard(known, 6, "resolved", 0, 5, fingerprint="b")
    heard(known, 14, fingerprint="a", teams=("network",), **more)
    assert (case.state, case.state_reason) == (State.RESOLVED, reason)


def test_what_goes_on_elsewhere_is_told_where_the_last_recovers_in_the_same_notification():
    known = book()
    case = heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    heard(known, 6, fingerprint="a", teams=("network",))
    heard(known, 6, "resolved", 0, 5, fingerprint="b")
    assert (case.state, case.state_reason) == (State.RESOLVED, "moved to network")


def test_a_recovery_after_another_alert_went_on_elsewhere_is_one():
    known = book()
    case = heard(known, 1, fingerprint="a")
    heard(known, 1, fingerprint="b")
    heard(known, 6, fingerprint="a", teams=("network",))
    heard(known, 16, "resolved", 0, 15, fingerprint="b")
    assert (case.state, case.state_reason) == (State.RESOLVED, None)


def test_an_alert_that_was_over_before_it_was_heard_of_joins_nothing_that_fired_where_nothing_reopens():
    known = book(reopen_minutes=0)
    case = heard(known, 1, fingerprint="a")
    heard(known, 6, "resolved", 0, 5, fingerprint="a")
    assert heard(known, 8, "resolved", 2, 7, fingerprint="b") is not case


def test_without_usable_starts_an_episode_begins_with_the_first_firing_after_a_resolve():
    known = book(reopen_minutes=0)
    first = heard(known, 1, start=None)
    heard(known, 2, start=None)
    heard(known, 5, "resolved", None, 4)
    second = heard(known, 6, start=None)
    assert (first.opened_at, second.opened_at) == (at(1), at(6))
    assert [one.status for one in known.episodes["1", "f1"]] == [Status.RESOLVED, Status.FIRING]


def test_a_start_far_in_the_future_is_none_and_outdates_no_real_one():
    known = book()
    heard(known, 1, "firing", 600_000)
    heard(known, 5, "resolved", 600_000, 4)
    assert firing(known) == set()
    again = heard(known, 2000, "firing", 30)
    assert again.state is State.FIRING


def test_what_was_received_before_the_last_news_changes_nothing():
    known = book()
    case = heard(known, 0, priority="P2")
    heard(known, 5, priority="P0")
    heard(known, 3, priority="P3", annotations={"description": "of before"})
    heard(known, 4, teams=("network",))
    assert (case.priority, case.teams, case.state) == ("P0", ("storage",), State.FIRING)
    assert len(known.cases) == 1


def test_without_starts_what_was_received_before_the_last_news_changes_nothing():
    known = book(reopen_minutes=0)
    heard(known, 0, "firing", None)
    heard(known, 2, "resolved", None)
    again = heard(known, 5, "firing", None)
    heard(known, 3, "resolved", None)
    assert again.state is State.FIRING
    heard(known, 8, "resolved", None)
    heard(known, 7, "firing", None)
    assert [case.state for case in known.cases.values()] == [State.RESOLVED] * 2


def test_where_a_clock_was_set_back_what_comes_is_no_older_news():
    known = book()
    case = heard(known, 60, "firing", None)
    known.now = at(10)
    heard(known, 10, "firing", None, priority="P0")
    assert case.priority == "P0"
    heard(known, 11, "resolved", None)
    assert case.state is State.RESOLVED


@pytest.mark.parametrize(("heard_at", "goes_on"), [(60, False), (10.5, True)])
def test_where_a_clock_was_set_back_what_ended_before_is_opened_no_more(heard_at, goes_on):
    known = book(reopen_minutes=5)
    first = heard(known, 1)
    heard(known, heard_at, "resolved", 0, 2)
    known.now = at(10)
    joined = heard(known, 10, "resolved", 8, 9, fingerprint="other")
    again = heard(known, 10, start=9)
    assert [one is first for one in (joined, again)] == [goes_on, goes_on]


def test_what_is_told_nowhere_joins_nothing_that_is_told():
    known = book()
    told = heard(known, 0, fingerprint="a", priority="P0")
    dropped = heard(known, 1, fingerprint="b", drop=True)
    assert dropped is not told
    heard(known, 2, "resolved", 0, 2, fingerprint="a")
    assert (told.state, dropped.state) == (State.RESOLVED, State.FIRING)


def test_what_is_told_now_leaves_what_is_told_nowhere():
    known = book()
    nowhere = heard(known, 0, fingerprint="a", drop=True)
    heard(known, 0, fingerprint="c", drop=True)
    told = heard(known, 1, fingerprint="a", priority="P1")
    assert told is not nowhere
    assert heard(known, 2, fingerprint="b", priority="P1") is told
    heard(known, 3, "resolved", 0, 3, fingerprint="a")
    heard(known, 3, "resolved", 0, 3, fingerprint="b")
    assert (told.state, nowhere.state) == (State.RESOLVED, State.FIRING)
    assert ("moved here", "it was told nowhere before") in told.history


def test_what_several_groups_of_the_sender_left_out_adds_up():
    known = book()
    case = heard(known, 0, truncated=7, group="a")
    heard(known, 1, truncated=0, group="b", fingerprint="f2")
    assert case.facts["truncated"] == 7
    heard(known, 2, truncated=5, group="b", fingerprint="f2")
    case.changed = False
    for minutes, left_out, group, fingerprint in ((3, 7, "a", "f1"), (4, 5, "b", "f2"), (5, 7, "a", "f1")):
        heard(known, minutes, truncated=left_out, group=group, fingerprint=fingerprint)
    assert (case.facts["truncated"], case.changed) == (12, False)


def test_how_many_its_notification_left_out_is_as_it_was_heard_last():
    known = book()
    case = heard(known, 0)
    for minutes, left_out, said in ((1, 70, 70), (2, 70, 70), (3, 12, 12), (2.5, 70, 12), (4, 0, 0)):
        case.changed = False
        before = case.facts["truncated"]
        heard(known, minutes, truncated=left_out)
        assert (case.facts["truncated"], case.changed) == (said, said != before), minutes


def test_what_is_heard_after_the_clock_was_set_back_is_no_older_news():
    known = book()
    case = heard(known, 600, truncated=70)
    known.now = at(10)
    heard(known, 10, truncated=12)
    assert (case.facts["truncated"], case.heard_at) == (12, at(10))


@pytest.mark.parametrize(("stale_after", "hours"), [(timedelta(hours=12), 12), (None, 24)])
def test_what_was_left_out_of_a_group_that_is_heard_of_no_more_does_not_count(stale_after, hours):
    known = book()
    known.stale_after = stale_after
    case = heard(known, 0, truncated=30, group="before the policy was edited")
    for after, said in ((4, 60), (8, 60), (hours - 1, 60), (hours, 30), (hours + 4, 30)):
        case.changed, before = False, case.facts["truncated"]
        heard(known, after * 60, truncated=30, group="after")
        assert (case.facts["truncated"], case.changed) == (said, said != before), after
    heard(known, (hours + 8) * 60, group="after")
    assert case.facts["truncated"] == 0


def test_what_an_older_release_heard_was_left_out_counts_from_then_on():
    known = book()
    case = heard(known, 0, truncated=30, group="a")
    del case.facts["left_out_at"]
    for hours, said in ((13, 35), (24, 35), (25, 5)):
        heard(known, hours * 60, truncated=5, group="b")
        assert case.facts["truncated"] == said, hours


@pytest.mark.parametrize("left_out", [0, 30])
def test_what_was_left_out_before_it_fires_again_does_not_count(left_out):
    known = book()
    case = heard(known, 0, truncated=30, group="a")
    heard(known, 5, "resolved", 0, 4, truncated=30, group="a")
    assert case.facts["truncated"] == 30
    assert heard(known, 6, start=5.5, truncated=left_out, group="b") is case
    assert (case.times, case.facts["truncated"]) == (2, left_out)
