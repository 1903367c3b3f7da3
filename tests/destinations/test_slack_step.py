from datetime import timedelta

import pytest
from destination_kit import NOW, Lane, digest, incident, member, settings, want

from bridge.core.alert import Priority, Status
from bridge.core.incident import State
from bridge.core.shadow import Would
from bridge.destinations import slack
from bridge.destinations.base import Intent, Nothing

ROOM = {"channel_id": "C0000001", "member": True, "team_url": "https://acme.slack.com/"}
HOOK = {"webhook_url": "https://hooks.slack.com/services/T/B/x", "token": None}


def told(*incidents, **values):
    lane = Lane("slack", **values)
    for its in incidents:
        lane.tell(its)
    return lane


@pytest.mark.parametrize(
    ("channel", "text", "end"),
    [
        ("#Alerts", "#alerts", "alerts"),
        ("alerts", "#alerts", "alerts"),
        (" #a-b ", "#a-b", "a-b"),
        ("C0123ABCD", "C0123ABCD", "c0123abcd"),
        ("#C0123ABCD", "#c0123abcd", "c0123abcd"),
    ],
)
def test_two_spellings_of_a_channel_are_one_address(channel, text, end):
    found = slack.address(settings("slack", channel=channel), digest)
    assert (found.text, found.lane) == (text, f"slack/{digest('xoxb-sandbox')[:8]}/{end}")


def test_a_webhook_is_an_address_of_its_own():
    who = digest(HOOK["webhook_url"])[:8]
    found = slack.address(settings("slack", **HOOK, channel=""), digest)
    assert (found.text, found.lane) == (f"webhook {who}", f"slack/{who}/webhook")


def test_the_place_is_learned_once_before_the_first_post():
    step = slack.next_step(want("slack"), {})
    assert (step.method, step.learns, step.creates) == ("conversations.list", True, False)
    assert step.request == {"channel": "#alerts"}
    assert slack.next_step(want("slack", place={"channel_id": None, "unsearchable": "missing_scope"}), {}).creates


@pytest.mark.parametrize("mention", ["@oncall", ["<!here>", "@oncall"], {"P1": "@oncall"}])
def test_user_groups_are_learned_where_a_mention_is_a_handle(mention):
    step = slack.next_step(want("slack", place=ROOM, mention=mention), {})
    assert (step.learns, step.method) == (True, "usergroups.list")
    assert not slack.next_step(want("slack", place={**ROOM, "usergroups": {}}, mention=mention), {}).learns
    assert not slack.next_step(want("slack", incident(state=State.RESOLVED), place=ROOM, mention=mention), {}).learns
    gone = slack.next_step(want("slack", place=ROOM, mention=mention), {"replaced": True})
    assert gone.method == "chat.postMessage", "what stands in for another message calls nobody"


@pytest.mark.parametrize(
    ("its", "groups", "minutes", "asks"),
    [
        (incident(), {}, 10, True),
        (incident(), None, 10, True),
        (incident(), {"others": "S1"}, 10, True),
        (incident(), {}, 9, False),
        (incident(), {"oncall": "S1"}, 600, False),
        (incident(), {"oncall": "S1"}, 1_440, True),
        (incident(priority=Priority.P3), {}, 600, False),
        (incident(state=State.RESOLVED), {}, 600, False),
    ],
)
def test_a_user_group_that_was_not_there_is_asked_for_again_but_not_with_each_alert(its, groups, minutes, asks):
    place = {**ROOM, "usergroups": groups, "learned_at": NOW.timestamp()}
    called, now = {"P1": ["<!here>", "@here", "@oncall"]}, NOW + timedelta(minutes=minutes)
    step = slack.next_step(want("slack", its, place=place, now=now, mention=called), {})
    assert (step.learns, step.method) == ((True, "usergroups.list") if asks else (False, "chat.postMessage"))
    place["groups_at"] = now.timestamp()
    assert not slack.next_step(want("slack", its, place=place, now=now, mention=called), {}).learns


@pytest.mark.parametrize("mention", ["<@U0123>", "<!subteam^S0123>", "<!here>", None, {"P0": "@oncall"}])
def test_user_groups_are_not_asked_for_in_vain(mention):
    assert not slack.next_step(want("slack", place=ROOM, mention=mention), {}).learns


def test_the_opening_message():
    step = slack.next_step(want("slack", place=ROOM), {})
    assert (step.intent, step.method, step.creates, step.path) == (
        Intent.OPEN,
        "chat.postMessage",
        True,
        "https://acme.slack.com/",
    )
    assert step.request["channel"] == "C0000001"
    assert step.request["metadata"] == {
        "event_type": "bridge_delivery",
        "event_payload": {"delivery": "01KDELIVERY0000000000000001", "step": 1},
    }
    assert step.request["parse"] == "none"
    assert step.request["unfurl_links"] is step.request["unfurl_media"] is False
    assert step.told.keys() == {"steps", "delivery", "shown", "announced", "mentions", "state", "aloud"}


def test_posting_goes_on_by_name_where_the_channel_could_not_be_learned():
    step = slack.next_step(want("slack", place={"channel_id": None, "unsearchable": "missing_scope"}), {})
    assert step.request["channel"] == "#alerts"


def test_a_resolve_is_an_edit_and_a_reply_without_a_mention():
    lane = told(incident(), incident(state=State.RESOLVED), mention="<!here>")
    edit, reply = lane.taken
    assert (edit.method, edit.intent, edit.creates) == ("chat.update", Intent.RESOLVE, False)
    assert "metadata" not in edit.request
    assert "<!here>" in edit.request["text"], "an edit notifies nobody and keeps what was said"
    assert (reply.method, reply.intent, reply.creates) == ("chat.postMessage", Intent.ANNOUNCE, True)
    assert reply.request["thread_ts"] == lane.have["ts"]
    assert reply.request["metadata"]["event_payload"]["step"] == reply.number
    assert "<!" not in reply.request["text"]
    assert "reply_broadcast" not in reply.request
    assert lane.have["announced"]["state"] == "resolved"


def test_a_change_not_worth_a_reply_is_a_quiet_edit_and_is_carried_along():
    two = (member("m1"), member("m2"))
    lane = told(incident(members=two), incident(members=(two[0], member("m2", status=Status.RESOLVED))))
    assert lane.methods == ["chat.update"]
    assert lane.taken[0].intent is Intent.EDIT
    assert lane.have["announced"]["firing"] == ["m1"]


@pytest.mark.parametrize(
    ("setting", "its", "broadcast"),
    [
        (["state"], {"state": State.RESOLVED}, True),
        (["state"], {"priority": Priority.P0}, False),
        (["priority"], {"priority": Priority.P0}, True),
        (["members"], {"state": State.RESOLVED}, False),
        (["members"], {"members": (member("m1"), member("m2"))}, True),
        ([], {"state": State.RESOLVED}, False),
    ],
)
def test_replies_are_broadcast_as_the_setting_says(setting, its, broadcast):
    lane = told(incident(), incident(**its), reply_broadcast=setting)
    assert lane.taken[-1].request.get("reply_broadcast", False) is broadcast


def test_an_incident_over_before_it_could_be_told_is_one_message_without_a_mention():
    lane = told(incident(state=State.RESOLVED), mention="<!here>")
    assert lane.methods == ["conversations.list", "chat.postMessage"]
    assert lane.have["mentions"] == []
    assert "<!here>" not in str(lane.taken[-1].request)
    lane.tell(incident(state=State.RESOLVED))
    assert lane.taken == []


AGAIN = incident(times=2)


@pytest.mark.parametrize("replies", [None, "off"])
@pytest.mark.parametrize("opened", [State.RESOLVED, State.STALE])
def test_who_was_not_called_by_the_opening_message_is_called_once_when_it_fires_again(opened, replies):
    lane = told(incident(state=opened), mention=["<!here>", "<@U1>"], replies=replies)
    lane.tell(AGAIN)
    (edit, reply) = lane.taken
    assert "<!here>" not in str(edit.request)
    assert reply.request["text"] == "<!here> <@U1> Firing again (2nd time)."
    assert (reply.request["thread_ts"], reply.request["reply_broadcast"]) == (lane.have["ts"], True)
    lane.tell(incident(state=State.RESOLVED, times=2))
    lane.tell(incident(times=3))
    lane.tell(incident(times=3, priority=Priority.P0))
    assert str([step.request["text"] for step in lane.steps if step.creates]).count("<!here>") == 1


GROUPS = {"oncall": "S0000001"}


@pytest.mark.parametrize(
    ("aged", "asked"),
    [
        ({}, "conversations.list"),
        ({"before": ROOM | {"usergroups": GROUPS}}, "conversations.list"),
        (ROOM, "usergroups.list"),
    ],
    ids=["none", "aged", "room"],
)
def test_user_groups_are_known_before_a_reply_calls_who_was_not_called(aged, asked):
    lane = told(incident(state=State.RESOLVED), mention="@oncall")
    lane.place = aged
    wanted = want("slack", AGAIN, place=lane.place, mention="@oncall")
    learn = slack.next_step(wanted, lane.have)
    assert (learn.learns, learn.method) == (True, asked)
    lane.place = ROOM | {"usergroups": GROUPS}
    lane.tell(AGAIN)
    assert lane.methods == ["chat.update", "chat.postMessage"]
    assert lane.taken[-1].request["text"].startswith("<!subteam^S0000001> Firing again")


def test_stale_heard_of_again_calls_who_was_not_called():
    lane = told(incident(state=State.STALE), incident(), mention="<!here>")
    assert lane.taken[-1].request["text"] == "<!here> Heard of again: still firing."


def test_without_a_mention_at_its_priority_a_call_waits_for_the_next_time():
    lane = told(incident(state=State.RESOLVED), AGAIN, mention={"P0": "<!here>"})
    assert lane.taken[-1].request["text"] == "Firing again (2nd time)."
    lane.tell(incident(times=2, priority=Priority.P0))
    assert "<!here>" not in str(lane.taken[-1].request)
    lane.tell(incident(times=2, state=State.RESOLVED))
    lane.tell(incident(times=3, priority=Priority.P0))
    assert lane.taken[-1].request["text"].startswith("<!here> Firing again (3rd time).")


@pytest.mark.parametrize(
    ("opened", "again", "more"),
    [
        (incident(), AGAIN, {}),
        (incident(state=State.RESOLVED), AGAIN, {"would": Would(("a",), ("#a",))}),
        (incident(state=State.CLOSED, test=True), incident(times=2, test=True), {}),
    ],
    ids=["called", "shadow", "test"],
)
def test_a_reply_calls_nobody_else(opened, again, more):
    lane = told(opened, incident(state=State.RESOLVED, test=opened.test), again, mention="<!here>", **more)
    replies = [step.request for step in lane.steps if step.intent == "announce"]
    assert replies
    assert "<!" not in str(replies)
    assert "reply_broadcast" not in str(replies)


@pytest.mark.parametrize("way", [HOOK, {}])
def test_outside_a_thread_the_call_stands_below_the_headline(way):
    lane = told(incident(state=State.RESOLVED), mention="<!here>", **way)
    lane.have |= {"flat": True}
    lane.tell(AGAIN)
    headline, words = lane.taken[-1].request["text"].split("\n")
    assert "Inductor Jobs Broken" in headline
    assert words == "<!here> Firing again (2nd time)."
    lane.tell(incident(state=State.RESOLVED, times=2))
    lane.tell(incident(times=3))
    assert "<!here>" not in str(lane.taken)


def test_a_message_opened_afresh_calls_nobody():
    lane = told(incident(), mention="<!here>")
    lane.have |= {"replaced": True}
    lane.tell(incident(state=State.RESOLVED))
    lane.tell(AGAIN)
    assert lane.taken[-1].request["text"] == "Firing again (2nd time)."


@pytest.mark.parametrize("uncalled", [True, False])
def test_one_that_calls_for_a_message_that_did_not_asks_for_user_groups_that_were_not_there(uncalled):
    place = {**ROOM, "usergroups": {}, "learned_at": NOW.timestamp()}
    have = {"ts": "1.000001", "channel": "C0000001", "replaced": True, "uncalled": uncalled}
    later = NOW + timedelta(minutes=10)
    assert slack.next_step(want("slack", AGAIN, place=place, now=later, mention="@oncall"), have).learns is uncalled


def test_a_test_is_told_although_it_is_closed():
    assert told(incident(state=State.CLOSED, test=True)).methods == ["conversations.list", "chat.postMessage"]


def test_a_closed_incident_shows_that_it_is():
    lane = told(incident(), incident(state=State.CLOSED))
    assert lane.taken[0].request["ts"] == lane.have["ts"]
    assert lane.have["state"] == "closed"


def test_refused_blocks_degrade_to_text_and_an_edit_takes_the_blocks_away():
    have = {"plain": True}
    step = slack.next_step(want("slack", place=ROOM), have)
    assert "blocks" not in step.request
    have |= {"ts": "1.000001", "channel": "C0000001", **step.told}
    edit = slack.next_step(want("slack", incident(state=State.RESOLVED), place=ROOM), have)
    assert edit.request["blocks"] == []


def test_refused_metadata_and_threads_are_left_out():
    assert "metadata" not in slack.next_step(want("slack", place=ROOM), {"bare": True}).request
    lane = told(incident())
    have = lane.have | {"flat": True}
    have |= slack.next_step(want("slack", incident(priority=Priority.P0), place=ROOM), have).told
    reply = slack.next_step(want("slack", incident(priority=Priority.P0), place=ROOM), have)
    assert "thread_ts" not in reply.request


def test_outside_its_thread_a_reply_says_what_it_is_about():
    lane, over = told(incident()), incident(state=State.RESOLVED)
    have = lane.have | slack.next_step(want("slack", over, place=ROOM), lane.have).told
    inside = slack.next_step(want("slack", over, place=ROOM), have).request["text"]
    headline, outside = (
        slack.next_step(want("slack", over, place=ROOM), have | {"flat": True}).request["text"].split("\n")
    )
    assert (outside, "Inductor Jobs Broken" in headline, "Inductor Jobs Broken" in inside) == (inside, True, False)


@pytest.mark.parametrize("dropped", [{}, {"ts": None}])
def test_a_message_that_is_gone_is_replaced_once_quietly(dropped):
    lane = told(incident(), mention="<!here>")
    gone = lane.have | {"replaced": True} | dropped
    its = incident(priority=Priority.P0)
    step = slack.next_step(want("slack", its, place=lane.place, mention="<!here>"), gone)
    assert (step.method, step.intent) == ("chat.postMessage", Intent.OPEN)
    assert "thread_ts" not in step.request
    assert "<!here>" not in str(step.request)
    have = gone | {"ts": "2.000002", "channel": "C0000001"} | step.told
    assert slack.next_step(want("slack", its, place=lane.place, mention="<!here>"), have) == Nothing()


def test_a_webhook_posts_and_says_changes_in_messages_of_their_own():
    lane = told(incident(), incident(priority=Priority.P0), incident(state=State.RESOLVED), **HOOK)
    assert [step.method for step in lane.steps] == ["webhook"] * 3
    assert all(step.creates for step in lane.steps)
    assert "blocks" in lane.steps[0].request
    assert lane.steps[-1].request.keys() == {"text", "unfurl_links", "unfurl_media", "parse"}
    assert "\n" in lane.steps[-1].request["text"]
    assert lane.have["unsearchable"] == "webhook_url"
