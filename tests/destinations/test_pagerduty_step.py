from datetime import timedelta

import pytest
from destination_kit import KEYS, NOW, Lane, digest, incident, member, settings, want

from bridge.core.alert import Priority, Status
from bridge.core.incident import State
from bridge.destinations import pagerduty
from bridge.destinations.base import Intent, Nothing
from bridge.destinations.pagerduty.step import CLOSED

KEY = "bridge/01KINCIDENT000000000000001/"


def minutes(count):
    return NOW + timedelta(minutes=count)


def actions(lane):
    return [(step.request["event_action"], step.request["dedup_key"].removeprefix(KEY)) for step in lane.steps]


def test_the_address_is_the_first_keys_digest():
    found = pagerduty.address(settings("pagerduty", routing_key=list(KEYS)), digest)
    assert (found.text, found.lane) == (f"key {digest(KEYS[0])[:8]}", f"pagerduty/{digest(KEYS[0])}")
    assert pagerduty.address(settings("pagerduty", routing_key=KEYS[0]), digest) == found


def test_a_page_opens_when_it_fires():
    step = pagerduty.next_step(want("pagerduty"), {})
    assert (step.intent, step.method, step.creates, step.path) == (Intent.OPEN, "enqueue", False, digest(KEYS[0]))
    assert "routing_key" not in step.request
    assert step.told["pages"] == [
        {
            "key": f"{KEY}1",
            "digest": digest(KEYS[0]),
            "priority": "P1",
            "severity": "error",
            "members": ["m1"],
            "count": 1,
            "fires": 1,
            "at": NOW.isoformat(),
            "open": True,
        }
    ]


def test_a_trigger_sent_again_has_the_same_key():
    first = pagerduty.next_step(want("pagerduty"), {})
    again = pagerduty.next_step(want("pagerduty", incident(state=State.FIRING), now=minutes(3)), {})
    assert first.request == again.request


@pytest.mark.parametrize(
    "its",
    [
        incident(),
        incident(priority=Priority.P2),
        incident(members=(member("m1", job_count=9.0, values=()),)),
        incident(members=(member("m1"), member("m2", received_at=minutes(4)))),
        incident(state=State.STALE),
    ],
    ids=["repeat", "falling priority", "wobbling values", "growth soon after", "stale"],
)
def test_what_pages_nobody(its):
    lane = Lane("pagerduty")
    lane.tell(incident())
    assert lane.tell(its, now=minutes(30)) == Nothing()
    assert lane.taken == []


def test_a_rise_in_priority_triggers_again_with_the_same_key_once():
    lane = Lane("pagerduty")
    for priority in (Priority.P2, Priority.P0, Priority.P3, Priority.P1, Priority.P0):
        lane.tell(incident(priority=priority))
    assert actions(lane) == [("trigger", "1"), ("trigger", "1")]
    assert [step.request["payload"]["severity"] for step in lane.steps] == ["warning", "critical"]
    assert lane.have["pages"][0]["priority"] == "P0"


def test_all_open_pages_are_resolved_one_event_each():
    lane = Lane("pagerduty")
    late = (member("m1"), member("m2", received_at=minutes(6)))
    lane.tell(incident())
    lane.tell(incident(members=late), now=minutes(6))
    lane.tell(incident(state=State.RESOLVED))
    assert actions(lane) == [("trigger", "1"), ("trigger", "2"), ("resolve", "1"), ("resolve", "2")]
    assert [step.intent for step in lane.taken] == [Intent.RESOLVE] * 2


def test_a_newcomer_pages_under_its_own_key_and_is_named_alone():
    lane = Lane("pagerduty")
    lane.tell(incident())
    both = (member("m1"), member("m2", received_at=minutes(6)))
    lane.tell(incident(members=both), now=minutes(7))
    lane.tell(incident(members=both), now=minutes(60))
    assert actions(lane) == [("trigger", "1"), ("trigger", "2")]
    assert lane.have["pages"][1]["members"] == ["m2"]
    assert lane.have["pages"][1]["at"] == minutes(7).isoformat()


def test_newcomers_after_the_newcomers_count_from_the_last_page():
    lane = Lane("pagerduty")
    joined = [member("m1"), *(member(f"m{n}", received_at=minutes(n)) for n in (6, 9, 12))]
    for count in range(1, 5):
        lane.tell(incident(members=tuple(joined[:count])), now=joined[count - 1].received_at)
    assert [page["members"] for page in lane.have["pages"]] == [["m1"], ["m6"], ["m12"]]


@pytest.mark.parametrize("setting", [timedelta(minutes=20), 1200, 1200.0])
def test_page_again_is_a_setting(setting):
    lane = Lane("pagerduty", page_again=setting)
    lane.tell(incident())
    lane.tell(incident(members=(member("m1"), member("m2", received_at=minutes(19)))), now=minutes(30))
    lane.tell(incident(members=(member("m1"), member("m3", received_at=minutes(21)))), now=minutes(30))
    assert actions(lane) == [("trigger", "1"), ("trigger", "2")]


def test_newcomers_of_less_urgent_incidents_page_nobody():
    lane = Lane("pagerduty")
    lane.tell(incident(priority=Priority.P2))
    two = (member("m1"), member("m2", received_at=minutes(9)))
    lane.tell(incident(priority=Priority.P2, members=two), now=minutes(9))
    assert len(lane.steps) == 1


def test_firing_again_after_a_resolve_takes_a_fresh_key():
    lane = Lane("pagerduty")
    for round_ in range(1, 15):
        lane.tell(incident(times=round_))
        lane.tell(incident(state=State.RESOLVED, times=round_))
    triggers = [key for action, key in actions(lane) if action == "trigger"]
    assert triggers == [str(n) for n in range(1, 15)]
    assert len(lane.have["pages"]) == CLOSED + 1, "old pages are forgotten, their numbers are not"


def test_an_incident_over_before_it_could_be_told_pages_nobody():
    lane = Lane("pagerduty")
    assert lane.tell(incident(state=State.RESOLVED)) == Nothing("over before it could be told")
    assert lane.tell(incident(state=State.CLOSED)) == Nothing("over before it could be told")
    assert lane.steps == []


def test_a_test_pages_only_where_that_is_asked_for():
    assert Lane("pagerduty").tell(incident(test=True)).skipped
    lane = Lane("pagerduty")
    asked = (member("m1", annotations={"page": "asked for"}),)
    lane.tell(incident(test=True, members=asked))
    lane.tell(incident(test=True, members=asked, state=State.RESOLVED))
    assert actions(lane) == [("trigger", "1"), ("resolve", "1")]


def test_a_page_is_resolved_with_the_key_that_opened_it():
    lane = Lane("pagerduty", routing_key=KEYS[1:])
    lane.tell(incident())
    lane.values = {"routing_key": KEYS}
    lane.tell(incident(state=State.RESOLVED))
    lane.tell(incident(times=2))
    assert [step.path for step in lane.steps] == [digest(KEYS[1]), digest(KEYS[1]), digest(KEYS[0])]


def test_where_not_all_members_are_loaded_who_joined_late_is_a_newcomer_and_all_are_counted():
    lane = Lane("pagerduty")
    lane.tell(incident(more_firing=599))
    before = member("unloaded then")
    lane.tell(incident(members=(before,), more_firing=599), now=minutes(9))
    assert len(lane.steps) == 1
    new = member("new", joined_at=minutes(8))
    lane.tell(incident(members=(before, new), more_firing=610, more_over=3), now=minutes(9))
    assert len(lane.steps) == 2
    assert lane.steps[-1].request["payload"]["summary"].startswith("12 more alerts, 612 in all. ")
    lane.tell(incident(members=(before, new), more_firing=610, more_over=3, priority=Priority.P0), now=minutes(20))
    assert len(lane.steps) == 3


def test_who_joined_in_the_quiet_time_is_no_newcomer_when_it_is_heard_of_again():
    lane = Lane("pagerduty")
    lane.tell(incident())
    both = (member("m1"), member("m2", joined_at=minutes(1), received_at=minutes(15)))
    lane.tell(incident(members=both), now=minutes(15))
    assert len(lane.steps) == 1


def test_who_joins_after_the_clock_was_set_back_pages_and_who_joined_in_the_quiet_time_before_does_not():
    lane, joined = Lane("pagerduty"), [member("m1")]

    def tell(*more, now):
        joined.extend(more)
        lane.tell(incident(members=tuple(joined)), now=minutes(now))

    tell(now=60)
    tell(member("quiet", joined_at=minutes(62)), now=63)
    tell(now=10)
    assert len(lane.steps) == 1
    tell(member("m2", joined_at=minutes(11)), now=11)
    tell(member("soon after", joined_at=minutes(13)), now=13)
    for later in (30, 61.5, 90):
        tell(now=later)
    assert [page["members"] for page in lane.have["pages"]] == [["m1"], ["m2"]]


def test_who_joined_long_after_a_page_pages_also_where_the_clock_was_set_back_then():
    lane = Lane("pagerduty")
    lane.tell(incident(), now=minutes(60))
    lane.tell(incident(members=(member("m1"), member("m2", joined_at=minutes(66)))), now=minutes(10))
    assert [page["members"] for page in lane.have["pages"]] == [["m1"], ["m2"]]


def test_a_key_that_is_gone_keeps_no_other_page_from_its_end():
    lane = Lane("pagerduty", routing_key=KEYS[1:])
    lane.tell(incident())
    lane.values = {"routing_key": KEYS[:1]}
    lane.tell(incident(priority=Priority.P0))
    assert actions(lane) == [("trigger", "1"), ("trigger", "2")]
    step = pagerduty.next_step(want("pagerduty", incident(state=State.RESOLVED), **lane.values), lane.have)
    assert (step.request["event_action"], step.request["dedup_key"]) == ("resolve", f"{KEY}2")


def test_a_page_in_doubt_whose_key_is_gone_is_opened_anew():
    lane = Lane("pagerduty", routing_key=KEYS[1:])
    lane.tell(incident())
    lane.crash()
    lane.values = {"routing_key": KEYS[:1]}
    lane.tell(incident())
    assert actions(lane) == [("trigger", "1"), ("trigger", "2")]


def test_a_page_that_was_made_stays_so_until_its_next_trigger_is_sure():
    lane = Lane("pagerduty")
    lane.tell(incident())
    worse = incident(priority=Priority.P0)
    for _ in range(2):
        lane.have |= pagerduty.next_step(want("pagerduty", worse), lane.have).unsure
        (page,) = lane.have["pages"]
        assert (page["doubt"], page["made"]) == (True, True)
    assert pagerduty.next_step(want("pagerduty", worse), lane.have).intent is Intent.ANNOUNCE
    lane.tell(worse)
    (page,) = lane.have["pages"]
    assert not {"doubt", "made"} & page.keys()


def test_a_page_that_was_never_sure_is_not_made_by_another_lost_answer():
    lane = Lane("pagerduty")
    for _ in range(2):
        lane.have |= pagerduty.next_step(want("pagerduty", incident()), lane.have).unsure
        assert "made" not in lane.have["pages"][0]


def test_members_that_are_over_page_nobody():
    lane = Lane("pagerduty")
    lane.tell(incident())
    over = member("m2", received_at=minutes(9), status=Status.RESOLVED)
    lane.tell(incident(members=(member("m1"), over)), now=minutes(9))
    assert len(lane.steps) == 1


def test_a_page_whose_end_is_not_sure_and_whose_key_is_gone_keeps_no_new_page_back():
    lane = Lane("pagerduty", routing_key=KEYS[1:])
    lane.tell(incident())
    lane.have |= pagerduty.next_step(want("pagerduty", incident(state=State.RESOLVED), **lane.values), lane.have).unsure
    lane.values = {"routing_key": KEYS[:1]}
    lane.tell(incident(times=2))
    lane.tell(incident(times=2, priority=Priority.P0))
    assert actions(lane) == [("trigger", "1"), ("trigger", "2"), ("trigger", "2")]
    assert [step.path for step in lane.steps[1:]] == [digest(KEYS[0])] * 2
    lane.values = {"routing_key": KEYS}
    assert lane.tell(incident(times=2, priority=Priority.P0)) == Nothing()
    assert actions(lane)[3:] == [("resolve", "1")]
    lane.tell(incident(times=2, state=State.RESOLVED))
    assert actions(lane)[4:] == [("resolve", "2")]
