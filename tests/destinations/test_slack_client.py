import json
from datetime import UTC, datetime, timedelta

import pytest
from destination_kit import DELIVERY, NOW, Lane, incident, settings, want
from raw_server import Raw, answer

from bridge.core.incident import State
from bridge.destinations import slack
from bridge.destinations.answer import Answer
from bridge.destinations.base import Done, Failed, Fault, Found, Intent, Scope, Step
from bridge.destinations.slack.errors import TABLE, About, from_answer, from_hook
from bridge.destinations.slack.step import PATIENCE
from bridge.sandbox import Fault as Play
from bridge.sandbox import Sandbox
from bridge.sandbox.slack_state import BOT_SCOPES

ABOUT = About("chat.postMessage", "#broken-inductor", "01KD")


@pytest.fixture
def sandbox():
    with Sandbox(strict_channels=True) as running:
        yield running


def client(sandbox, **values):
    return slack.connect(settings("slack", api_url=sandbox.slack_url, **values))


def learn(sandbox, **values):
    """Send what is learned first: the channel, or of one that is known (`place`) the user groups."""
    step = slack.next_step(want("slack", **values), {})
    assert step.learns
    values.pop("place", None)
    return client(sandbox, **values).send(step, {}, 5.0, lambda: None)


def send(sandbox, step, have=None, **values):
    return client(sandbox, **values).send(step, have or {}, 5.0, lambda: None)


def asked(sandbox):
    return [entry.path.removeprefix("/api/") for entry in sandbox.seen("slack")]


def scopes(sandbox, *missing):
    sandbox.slack.workspace.tokens["xoxb-sandbox"] = BOT_SCOPES - set(missing)


def test_a_message_is_sent_as_slack_wants_it():
    body = json.dumps({"ok": True, "ts": "1.000001", "channel": "C0000001"}).encode()
    head = f"HTTP/1.1 200 OK\r\nX-Slack-Req-Id: abc\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Raw(answer(head + body)) as server:
        step = slack.next_step(want("slack", place={"channel_id": None}), {})
        made = slack.connect(settings("slack", api_url=f"{server.url}/api"))
        assert made.send(step, {}, 5.0, lambda: None) == Done({"ts": "1.000001", "channel": "C0000001"}, "abc", 200)
        request = server.received[0].lower()
    assert request.startswith(b"post /api/chat.postmessage ")
    assert b"content-type: application/json;charset=utf-8" in request
    assert b"authorization: bearer xoxb-sandbox" in request


def test_a_message_brings_its_address_and_a_reply_does_not_replace_it(sandbox):
    lane = Lane("slack", client(sandbox), api_url=sandbox.slack_url)
    lane.tell(incident())
    opened = dict(lane.have)
    lane.tell(incident(state=State.RESOLVED))
    assert lane.have["ts"] == opened["ts"] != lane.have["reply_ts"]
    assert opened["url"] == f"{sandbox.url}/archives/{opened['channel']}/p{opened['ts'].replace('.', '')}"
    [message, reply] = sandbox.slack.channel("alerts").messages.values()
    assert reply.thread == message.micros
    assert message.metadata["event_payload"]["delivery"] == DELIVERY, "an edit keeps the mark"


def test_a_public_channel_is_found_and_joined(sandbox):
    channel = sandbox.slack.workspace.add_channel("quiet", member=False)
    learned = learn(sandbox, channel="#quiet", mention="@oncall").remote
    assert learned["channel_id"] == channel.id
    assert learned["member"] is True
    assert learned["team_url"].startswith("http")
    assert channel.is_member


def test_a_private_channel_is_found_where_the_bot_is_in_it(sandbox):
    channel = sandbox.slack.workspace.add_channel("secret", private=True)
    learned = learn(sandbox, channel="#secret").remote
    assert (learned["channel_id"], learned["private"]) == (channel.id, True)
    assert "conversations.join" not in asked(sandbox)


def test_a_channel_given_by_its_id_is_not_looked_for_in_the_list(sandbox):
    channel = sandbox.slack.workspace.add_channel("quiet", member=False)
    learned = learn(sandbox, channel=channel.id).remote
    assert (learned["channel_id"], learned["member"]) == (channel.id, True)
    assert "conversations.list" not in asked(sandbox)


@pytest.mark.parametrize(
    ("missing", "known", "unsearchable"),
    [
        (["groups:read"], True, None),
        (["channels:read", "groups:read"], False, "missing_scope"),
        (["channels:join"], True, "missing_scope"),
        (["usergroups:read"], True, None),
    ],
)
def test_a_missing_scope_does_not_keep_it_from_posting(sandbox, missing, known, unsearchable):
    sandbox.slack.workspace.add_channel("quiet", member=False)
    scopes(sandbox, *missing)
    learned = learn(sandbox, channel="#quiet", mention="@oncall").remote
    assert (learned["channel_id"] is not None, learned.get("unsearchable")) == (known, unsearchable)
    groups = learn(sandbox, place=learned, mention="@oncall").remote
    assert groups["usergroups"] == (None if "usergroups:read" in missing else {})


@pytest.mark.parametrize("known", [{}, {"usergroups": {}, "learned_at": 0.0}], ids=["first", "again"])
def test_user_groups_are_learned_alone(sandbox, known):
    sandbox.slack.workspace.usergroups["oncall"] = "On call"
    learned = learn(sandbox, place={"channel_id": "C0000001", **known}, mention="@oncall").remote
    assert (learned.keys(), learned["usergroups"].keys()) == ({"usergroups", "groups_at"}, {"oncall"})
    assert asked(sandbox) == ["usergroups.list"]


@pytest.mark.parametrize(
    ("action", "status", "fault"),
    [("status", 429, Fault.LIMITED), ("status", 503, Fault.RETRY), ("reset", None, Fault.RETRY)],
)
def test_user_groups_that_can_not_be_asked_for_leave_what_is_known(sandbox, action, status, fault):
    sandbox.faults.add(Play(action, "slack", path="/api/usergroups.list", status=status))
    known = {"channel_id": "C0000001", "usergroups": {}, "learned_at": 0.0}
    for place, patience in ((known, 0.0), ({"channel_id": "C0000001"}, PATIENCE)):
        step = slack.next_step(want("slack", place=place, mention="@oncall"), {})
        assert send(sandbox, step, mention="@oncall").fault is fault
        assert (step.request["known"], step.request["patient"]) == ({}, NOW.timestamp() + patience)


def test_what_is_known_of_user_groups_stays_so_where_their_channel_is_asked_about_anew(sandbox):
    groups = {"usergroups": {"oncall": "S1"}, "groups_at": 7.0}
    for before, at in ((groups, 7.0), ({"usergroups": {"oncall": "S1"}, "learned_at": 5.0}, 5.0)):
        learned = learn(sandbox, channel="#alerts", place={"before": {"channel_id": "C0000001", **before}}).remote
        assert (learned["usergroups"], learned["groups_at"]) == ({"oncall": "S1"}, at)


def test_a_channel_that_is_not_there_is_learned_as_such(sandbox):
    assert learn(sandbox, channel="#nowhere").remote["unsearchable"] == "channel_not_found"
    step = slack.next_step(want("slack", channel="#nowhere", place={"channel_id": None}), {})
    failed = send(sandbox, step, channel="#nowhere")
    assert (failed.fault, failed.scope, failed.error) == (Fault.ELSEWHERE, Scope.CHANNEL, "channel_not_found")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"action": "status", "status": 500}, Fault.RETRY),
        ({"action": "status", "status": 429}, Fault.LIMITED),
        ({"action": "reset"}, Fault.RETRY),
        ({"action": "ok_false", "code": "invalid_auth"}, Fault.PERMANENT),
        ({"action": "ok_false", "code": "fatal_error"}, Fault.RETRY),
        ({"action": "ok_false", "code": "unknown_method"}, None),
    ],
)
@pytest.mark.parametrize("method", ["auth.test", "conversations.list", "conversations.join", "usergroups.list"])
def test_learning_fails_only_where_asking_later_may_help(sandbox, fault, expected, method):
    sandbox.slack.workspace.add_channel("quiet", member=False)
    sandbox.faults.add(Play(path=f"/api/{method}", **fault))
    place = {"channel_id": "C0000001"} if method == "usergroups.list" else None
    learned = learn(sandbox, channel="#quiet", mention="@oncall", place=place)
    if expected is None:
        assert isinstance(learned, Done)
    else:
        assert learned.fault is expected


def test_a_workspace_of_many_channels_is_walked_and_given_up_on_gently(sandbox):
    for number in range(2500):
        sandbox.slack.workspace.add_channel(f"c{number:04}")
    assert learn(sandbox, channel="#c2400").remote["channel_id"]
    assert asked(sandbox).count("conversations.list") == 3
    sandbox.faults.add(Play("status", path="/api/conversations.list", status=429, nth=2))
    assert learn(sandbox, channel="#c2400").remote["unsearchable"] == "too_many_channels"


def test_a_reply_is_found_in_its_thread_and_old_messages_are_walked_past(sandbox):
    lane = Lane("slack", client(sandbox), api_url=sandbox.slack_url)
    lane.tell(incident())
    channel = sandbox.slack.channel("alerts")
    its = incident(state=State.RESOLVED)
    edit = slack.next_step(want("slack", its, place=lane.place), lane.have)
    lane.have |= edit.told
    reply = slack.next_step(want("slack", its, place=lane.place), lane.have)
    since = datetime.now(UTC)
    assert lane.client.find(reply, lane.have, since, 5.0) == Found(None)
    sent = lane.client.send(reply, lane.have, 5.0, lambda: None)
    assert lane.client.find(reply, lane.have, since, 5.0) == Found(sent.remote)
    for number in range(40):
        channel.say(f"chatter {number}", sandbox.clock())
    opening = lane.steps[1]
    found = lane.client.find(opening, {}, since, 5.0)
    assert found == Found({key: lane.have[key] for key in ("ts", "channel", "url")})
    assert lane.client.find(opening, {}, since + timedelta(minutes=10), 5.0) == Found(None)
    pages = [lane.client.page(opening, lane.have, since, None, 5.0)]
    while pages[-1].cursor:
        pages.append(lane.client.page(opening, lane.have, since, pages[-1].cursor, 5.0))
    assert len(pages) == 3
    assert [dict(page.found) for page in pages if page.found] == [
        {f"{DELIVERY}:1": {"channel": channel.id, "ts": lane.have["ts"]}}
    ]
    assert lane.client.lists(opening, lane.have)
    assert not lane.client.lists(reply, lane.have)


def test_what_can_not_be_searched_says_so(sandbox):
    lane = Lane("slack", client(sandbox), api_url=sandbox.slack_url)
    lane.tell(incident())
    scopes(sandbox, "channels:history", "groups:history")
    failed = lane.client.find(lane.steps[1], lane.have, datetime.now(UTC), 5.0)
    assert (failed.fault, failed.error, failed.scope) == (Fault.UNSEARCHABLE, "missing_scope", Scope.DELIVERY)
    by_name = slack.next_step(want("slack", place={"channel_id": None}), {})
    assert isinstance(lane.client.find(by_name, {}, datetime.now(UTC), 5.0), Failed)
    unmarked = slack.next_step(want("slack", place=lane.place), {"bare": True})
    assert lane.client.find(unmarked, {}, datetime.now(UTC), 5.0).error == "unmarked"


def test_a_webhook_posts_and_hides_its_address(sandbox):
    sandbox.slack.workspace.webhooks["T0000000/B0000000/sandbox"] = "alerts"
    values = {"webhook_url": sandbox.slack_webhook_url, "token": None}
    made = slack.connect(settings("slack", **values))
    lane = Lane("slack", made, **values)
    lane.tell(incident())
    lane.tell(incident(state=State.RESOLVED))
    assert len(sandbox.slack.messages("alerts")) == 2
    assert made.find(lane.steps[0], lane.have, datetime.now(UTC), 5.0).error == "webhook_url"
    assert "sandbox" not in repr(made)
    sandbox.faults.add(Play("reset"))
    failed = made.send(lane.steps[0], {}, 5.0, lambda: None)
    assert failed.unknown
    assert sandbox.slack_webhook_url not in repr(failed)


@pytest.mark.parametrize(
    ("status", "body", "fault", "unknown"),
    [
        (200, "ok", None, False),
        (200, "<html>", Fault.RETRY, True),
        (403, "action_prohibited", Fault.PERMANENT, False),
        (404, "no_service", Fault.PERMANENT, False),
        (410, "channel_is_archived", Fault.ELSEWHERE, False),
        (400, "invalid_payload", Fault.DEGRADE, False),
        (429, "", Fault.LIMITED, False),
        (500, "rollup_error", Fault.RETRY, True),
        (503, "", Fault.RETRY, False),
        (204, "", Fault.RETRY, True),
        (201, "ok", Fault.RETRY, True),
        (302, "", Fault.PERMANENT, False),
        (418, "what", Fault.PERMANENT, False),
    ],
)
def test_what_a_webhook_answers(status, body, fault, unknown):
    failed = from_hook(Answer(status, {}, body.encode()), About("webhook", "#a", "01KD"))
    assert (failed and failed.fault, bool(failed and failed.unknown)) == (fault, unknown)


@pytest.mark.parametrize(
    ("status", "scope", "says"),
    [
        (307, Scope.CHANNEL, "api_url"),
        (401, Scope.CHANNEL, "api_url"),
        (404, Scope.CHANNEL, "api_url"),
        (405, Scope.CHANNEL, "api_url"),
        (407, Scope.CHANNEL, "api_url"),
        (410, Scope.CHANNEL, "api_url"),
        (400, Scope.DELIVERY, "this message"),
        (403, Scope.DELIVERY, "this message"),
        (406, Scope.DELIVERY, "this message"),
        (413, Scope.DELIVERY, "this message"),
        (422, Scope.DELIVERY, "this message"),
        (431, Scope.DELIVERY, "this message"),
    ],
)
def test_a_status_that_is_not_slacks_speaks_of_the_place_or_of_one_message(status, scope, says):
    answer, about = Answer(status, {}, b"<h1>No</h1>"), About("chat.postMessage", "#a", "01KD")
    for failed in (from_answer(answer, about), from_hook(answer, about)):
        assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, scope, f"HTTP {status}")
        assert says in failed.hint
        assert failed.hint.endswith(", then `bridge replay 01KD`.")


def test_a_code_of_a_webhook_that_nobody_knows_is_of_its_message_alone():
    failed = from_hook(Answer(400, {}, b"brand_new_code"), About("webhook", "#a", "01KD"))
    assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, Scope.DELIVERY, "brand_new_code")


def refusal(code, method="chat.postMessage", headers=None, **record):
    body = json.dumps({"ok": False, "error": code, **record}).encode()
    return from_answer(Answer(200, headers or {}, body), About(method, "#broken-inductor", "01KD"))


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_code_has_its_treatment_and_where_a_person_must_act_a_sentence(code):
    failed, row = refusal(code), TABLE[code]
    assert failed.error == code
    assert failed.fault == row["treat"]
    assert failed.unknown is row.get("unknown", False)
    assert (failed.retry_after == 60.0) is (failed.fault is Fault.LIMITED)
    # one that can't be changed is left as it is, after a fresh one
    closed = code in {"cant_update_message", "edit_window_closed"}
    assert bool(failed.note) is (failed.fault is Fault.DEGRADE or closed)
    if failed.fault in {Fault.PERMANENT, Fault.ELSEWHERE, Fault.DEGRADE, Fault.REPLACE}:
        assert failed.hint[0].isupper() or failed.hint.startswith("#")
        assert failed.hint.endswith(", then `bridge replay 01KD`.")
        assert "{" not in failed.hint
    else:
        assert failed.hint == ""


@pytest.mark.parametrize(
    ("code", "fault", "scope"),
    [
        ("not_in_channel", Fault.PERMANENT, Scope.CHANNEL),
        ("channel_not_found", Fault.ELSEWHERE, Scope.CHANNEL),
        ("is_archived", Fault.ELSEWHERE, Scope.CHANNEL),
        ("invalid_auth", Fault.PERMANENT, Scope.TOKEN),
        ("invalid_blocks", Fault.DEGRADE, Scope.DELIVERY),
        ("msg_too_long", Fault.DEGRADE, Scope.DELIVERY),
        ("invalid_thread_ts", Fault.DEGRADE, Scope.THREAD),
        ("message_not_found", Fault.REPLACE, Scope.DELIVERY),
        ("edit_window_closed", Fault.REPLACE, Scope.DELIVERY),
        ("cant_update_message", Fault.REPLACE, Scope.DELIVERY),
        ("service_unavailable", Fault.RETRY, Scope.TOKEN),
        ("brand_new_code", Fault.PERMANENT, Scope.DELIVERY),
    ],
)
def test_codes_that_matter_most(code, fault, scope):
    failed = refusal(code)
    assert (failed.error, failed.fault, failed.scope) == (code, fault, scope)


def test_sentences_name_what_to_mend():
    assert refusal("not_in_channel").hint == (
        "The bot is not in #broken-inductor: type /invite @Alert bridge there, then `bridge replay 01KD`."
    )
    assert "chat:write" in refusal("missing_scope", needed="chat:write").hint
    assert "brand_new_code" in refusal("brand_new_code").hint
    assert "\n" not in refusal("evil\ncode <x>").hint
    assert About("m", "#a").sentence("Mend it").endswith("then `bridge replay --all`.")


@pytest.mark.parametrize(("method", "scope"), [("chat.postMessage", Scope.CHANNEL), ("chat.update", Scope.TOKEN)])
def test_posting_is_limited_a_channel_and_all_else_a_workspace(method, scope):
    assert refusal("ratelimited", method).scope is scope
    assert refusal("ratelimited", method, {"retry-after": "3"}).retry_after == 3.0
    limited = from_answer(Answer(429, {"retry-after": "9"}, b""), About(method, "#a"))
    assert (limited.scope, limited.retry_after) == (scope, 9.0)


def test_refused_metadata_and_threads_are_noted_apart():
    assert refusal("metadata_must_be_sent_from_app").note == {"bare": True}
    assert refusal("restricted_action_thread_locked").note == {"flat": True}
    assert refusal("msg_blocks_too_long").note == {"plain": True}


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"ok": "yes"}', b"<html>", b""])
def test_what_is_not_slacks_is_a_doubt(body, status):
    failed = from_answer(Answer(status, {}, body), ABOUT)
    assert (failed.fault, failed.unknown) == (Fault.RETRY, True)


def test_a_post_without_ts_is_a_doubt():
    body = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"ok": true}'
    with Raw(answer(body)) as server:
        made = slack.connect(settings("slack", api_url=server.url))
        step = Step(Intent.OPEN, 1, "chat.postMessage", {"channel": "#a", "text": "x"}, {}, creates=True)
        assert made.send(step, {}, 5.0, lambda: None).unknown
