"""The double of Slack, through slack-sdk on a real socket and in process on a virtual clock."""

from __future__ import annotations

import json

import asked
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bridge.sandbox import Sandbox, SlackLimits, schemas
from bridge.sandbox.exchange import request
from bridge.sandbox.slack import METHODS, SlackDouble
from bridge.sandbox.slack_state import BOT_SCOPES, Workspace

MARK = {"event_type": "bridge", "event_payload": {"delivery": "01KC", "step": 1}}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*1* job failing"}}


def refusal(call, **arguments):
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return caught.value.response


def channel_id(sandbox, name="alerts"):
    return sandbox.slack.channel(name).id


def post(double, **arguments):
    arguments = {"channel": "#alerts", "text": "hello", **arguments}
    return double.handle(request("POST", "/api/chat.postMessage", arguments, token="xoxb-sandbox"))


def history(double, query=""):
    channel = double.channel("alerts").id
    return double.handle(request("GET", f"/api/conversations.history?channel={channel}{query}", token="xoxb-sandbox"))


HERE = {"channel": "the channel"}
CALLS = {
    "auth.test": {},
    "chat.getPermalink": {**HERE, "message_ts": "the ts"},
    "chat.postMessage": {**HERE, "text": "reply", "thread_ts": "the ts", "blocks": [SECTION], "metadata": MARK},
    "chat.update": {**HERE, "ts": "the ts", "text": "edited", "blocks": [SECTION], "metadata": MARK},
    "conversations.history": {**HERE, "include_all_metadata": True},
    "conversations.info": HERE,
    "conversations.join": HERE,
    "conversations.list": {"types": "public_channel,private_channel"},
    "conversations.replies": {**HERE, "ts": "the ts", "include_all_metadata": True},
}


def test_every_method_but_user_groups_is_held_to_slacks_description():
    assert CALLS.keys() == METHODS.keys() - {"usergroups.list"}  # which the description doesn't have


@pytest.mark.parametrize("method", CALLS)
def test_success_answers_match_slacks_description(slack, method):
    first = slack.chat_postMessage(channel="#alerts", text="hi", metadata=MARK, blocks=[SECTION])
    slack.chat_postMessage(channel="#alerts", text="reply", thread_ts=first["ts"], metadata=MARK)
    slack.chat_update(channel=first["channel"], ts=first["ts"], text="edited")
    meant = {"the channel": first["channel"], "the ts": first["ts"]}
    arguments = {name: meant.get(v, v) if isinstance(v, str) else v for name, v in CALLS[method].items()}
    answer = getattr(slack, method.replace(".", "_"))(**arguments)
    (verb,) = schemas.load(schemas.SLACK)["paths"][f"/{method}"]
    schemas.answer(schemas.SLACK, f"/{method}", verb).validate(answer.data)
    assert answer["ok"] is True


def test_a_message_is_edited_in_place(sandbox, slack):
    posted = slack.chat_postMessage(channel="#alerts", text="P2 firing", blocks=[SECTION], metadata=MARK)
    slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="P2 resolved", blocks=[{"type": "divider"}])
    (message,) = sandbox.slack.messages("alerts")
    assert (message.text, message.blocks[0]["type"], message.metadata) == ("P2 resolved", "divider", MARK)
    assert message.edits == 1


def test_an_update_keeps_and_removes_what_slack_keeps_and_removes(sandbox, slack):
    posted = slack.chat_postMessage(channel="#alerts", text="a", blocks=[SECTION], metadata=MARK)
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    slack.api_call("chat.update", json={**where, "blocks": [{"type": "divider"}]})
    (message,) = sandbox.slack.messages("alerts")
    assert message.text == "a"
    slack.chat_update(**where, text="b")
    assert message.blocks == []
    slack.chat_update(**where, text="b", metadata={})
    assert message.metadata is None


def test_forms_do_as_well_as_json(sandbox):
    fields = {"channel": "#alerts", "text": "from a form", "blocks": json.dumps([SECTION]), "unfurl_links": "false"}
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    answer = asked.post(f"{sandbox.slack_url}chat.postMessage", data=fields, headers=headers).json()
    assert answer["ok"] is True
    assert answer["message"]["blocks"][0]["text"] == SECTION["text"]


def test_json_without_charset_is_warned_about(sandbox):
    headers = {"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json"}
    body = b'{"channel": "#alerts", "text": "x"}'
    answer = asked.post(f"{sandbox.slack_url}chat.postMessage", content=body, headers=headers).json()
    assert answer["warning"] == "missing_charset"


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"content-type": "text/plain"}, b"hello", "invalid_post_type"),
        ({}, b"{", "invalid_json"),
        ({}, b"[" * 100_000, "invalid_json"),
        ({}, b"[]", "json_not_object"),
        ({"authorization": ""}, b"{}", "not_authed"),
        ({"authorization": "Bearer xoxb-other"}, b"{}", "invalid_auth"),
        ({"authorization": "Bearer xoxb-old"}, b"{}", "token_revoked"),
    ],
)
def test_what_is_no_call_is_refused(sandbox, headers, body, code):
    sandbox.slack.workspace.revoked.add("xoxb-old")
    usual = {"authorization": "Bearer xoxb-sandbox", "content-type": "application/json; charset=utf-8"}
    answer = asked.post(f"{sandbox.slack_url}chat.postMessage", content=body, headers=usual | headers)
    assert (answer.status_code, answer.json()["error"]) == (200, code)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "Not A Name"}, "channel_not_found"),
        ({"channel": "#archive"}, "is_archived"),
        ({"channel": "#elsewhere"}, "not_in_channel"),
        ({"channel": "#secret"}, "channel_not_found"),
        ({"text": ""}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"markdown_text": "x"}, "markdown_text_conflict"),
        ({"txt": "x"}, "invalid_arg_name"),
        ({"blocks": "{"}, "invalid_blocks_format"),
        ({"blocks": [{"type": "table"}]}, "invalid_blocks"),
        ({"blocks": [{**SECTION, "text": {"type": "mrkdwn", "text": "x" * 3_000}}] * 5}, "msg_blocks_too_long"),
        ({"metadata": "no"}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_schema"),
        ({"metadata": {"event_type": "x", "event_payload": {"a": "x" * 20_000}}}, "metadata_too_large"),
        ({"thread_ts": "1.000000"}, "invalid_thread_ts"),
        ({"thread_ts": "1.0"}, "invalid_thread_ts"),
    ],
)
def test_a_post_is_refused_as_slack_refuses_it(sandbox, slack, arguments, code):
    place = sandbox.slack.workspace
    place.add_channel("archive", archived=True)
    place.add_channel("elsewhere", member=False)
    place.add_channel("secret", private=True, member=False)
    answer = refusal(slack.chat_postMessage, **{"channel": "#alerts", "text": "x", **arguments})
    assert answer["error"] == code
    schemas.answer(schemas.SLACK, "/chat.postMessage", "post").validate(answer.data)
    assert not any(channel.messages for channel in place.channels.values())


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "/blocks/0/text/text"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/blocks/0/text"),
        ([SECTION, {"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "/blocks/1/text/text"),
        ([{"type": "section", "fields": [SECTION["text"]] * 11}], "/blocks/0/fields"),
        ([{**SECTION, "colour": "red"}], "/blocks/0"),
        ([{**SECTION, "block_id": "b"}] * 2, "/blocks/1/block_id"),
        ([{"type": "divider"}] * 51, "/blocks"),
    ],
)
def test_wrong_blocks_are_refused_with_a_pointer(slack, blocks, pointer):
    answer = refusal(slack.chat_postMessage, channel="#alerts", text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert f"[json-pointer:{pointer}" in answer["response_metadata"]["messages"][0]


def test_two_buttons_of_one_block_need_action_ids_of_their_own(slack):
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "a"}
    one = [{"type": "actions", "elements": [button, {**button, "action_id": "b"}]}]
    assert slack.chat_postMessage(channel="#alerts", text="x", blocks=one)["ok"]
    two = [{"type": "actions", "elements": [button, button]}]
    assert refusal(slack.chat_postMessage, channel="#alerts", text="x", blocks=two)["error"] == "invalid_blocks"


def test_an_update_is_refused_as_slack_refuses_it(sandbox, slack):
    channel, other = sandbox.slack.channel("alerts"), sandbox.slack.channel("leads")
    by_person = channel.say("mine", 1_765_000_000)
    ours = slack.chat_postMessage(channel="#alerts", text="ours")["ts"]

    def code(**arguments):
        return refusal(slack.chat_update, **{"channel": channel.id, "ts": ours, "text": "x", **arguments})["error"]

    assert code(channel="#alerts") == "channel_not_found"
    assert code(channel=other.id) == "message_not_found"
    assert code(ts="1.000000") == "message_not_found"
    assert code(ts=by_person.ts) == "cant_update_message"
    assert code(text="x" * 4_001) == "msg_too_long"
    channel.delete(ours)
    assert code() == "message_not_found"
    channel.is_archived = True
    assert code(ts=by_person.ts) == "is_inactive"


@pytest.mark.parametrize(
    ("scope", "method", "arguments"),
    [
        ("chat:write", "chat.postMessage", {"channel": "#alerts", "text": "x"}),
        ("channels:history", "conversations.history", {"channel": "alerts"}),
        ("channels:read", "conversations.list", {}),
        ("channels:join", "conversations.join", {"channel": "alerts"}),
        ("usergroups:read", "usergroups.list", {}),
    ],
)
def test_a_missing_scope_is_named(sandbox, scope, method, arguments):
    sandbox.slack.workspace.tokens["xoxb-less"] = BOT_SCOPES - {scope}
    if "channel" in arguments and method != "chat.postMessage":
        arguments = {"channel": channel_id(sandbox)}
    client = WebClient("xoxb-less", base_url=sandbox.slack_url, retry_handlers=[])
    verb = "GET" if method.endswith(("list", "history")) else "POST"
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, http_verb=verb, params=arguments)
    assert caught.value.response["error"] == "missing_scope"
    assert scope in caught.value.response["needed"].split(",")
    assert scope not in caught.value.response["provided"].split(",")


def test_a_public_channel_can_be_written_to_with_the_scope_for_it(sandbox):
    sandbox.slack.workspace.add_channel("elsewhere", member=False)
    sandbox.slack.workspace.tokens["xoxb-more"] = BOT_SCOPES | {"chat:write.public"}
    client = WebClient("xoxb-more", base_url=sandbox.slack_url, retry_handlers=[])
    assert client.chat_postMessage(channel="#elsewhere", text="x")["ok"]


def test_history_is_newest_first_and_without_replies(sandbox, slack):
    posted = [slack.chat_postMessage(channel="#alerts", text=str(n))["ts"] for n in range(3)]
    slack.chat_postMessage(channel="#alerts", text="reply", thread_ts=posted[0])
    slack.chat_postMessage(channel="#alerts", text="loud reply", thread_ts=posted[0], reply_broadcast=True)
    found = slack.conversations_history(channel=channel_id(sandbox))["messages"]
    assert [message["text"] for message in found] == ["loud reply", "2", "1", "0"]
    assert (found[-1]["reply_count"], found[-1]["thread_ts"]) == (2, posted[0])


def test_a_thread_is_its_parent_and_its_replies(sandbox, slack):
    first = slack.chat_postMessage(channel="#alerts", text="parent")["ts"]
    replies = [slack.chat_postMessage(channel="#alerts", text=str(n), thread_ts=first)["ts"] for n in range(2)]
    channel = channel_id(sandbox)
    found = slack.conversations_replies(channel=channel, ts=first)["messages"]
    assert [message["text"] for message in found] == ["parent", "0", "1"]
    later = slack.conversations_replies(channel=channel, ts=first, oldest=replies[0])["messages"]
    assert [message["text"] for message in later] == ["parent", "1"]
    assert refusal(slack.conversations_replies, channel=channel, ts="5.000000")["error"] == "thread_not_found"
    assert refusal(slack.chat_postMessage, channel=channel, text="x", thread_ts=replies[0])["error"] == (
        "invalid_thread_ts"
    )


def test_metadata_is_shown_only_to_those_who_ask(sandbox, slack):
    slack.chat_postMessage(channel="#alerts", text="x", metadata=MARK)
    channel = channel_id(sandbox)
    assert "metadata" not in slack.conversations_history(channel=channel)["messages"][0]
    found = slack.conversations_history(channel=channel, include_all_metadata=True)["messages"]
    assert found[0]["metadata"] == MARK


def test_history_pages_with_a_cursor(sandbox, slack):
    for n in range(7):
        slack.chat_postMessage(channel="#alerts", text=str(n))
    pages, cursor = [], None
    while cursor != "":
        page = slack.conversations_history(channel=channel_id(sandbox), limit=3, cursor=cursor)
        pages.append([message["text"] for message in page["messages"]])
        cursor = page.get("response_metadata", {}).get("next_cursor", "")
    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    answer = refusal(slack.conversations_history, channel=channel_id(sandbox), cursor="bm90aGluZw==")
    assert answer["error"] == "invalid_cursor"


def test_bounds_are_exclusive_unless_asked_otherwise(sandbox, slack):
    ts = [slack.chat_postMessage(channel="#alerts", text=str(n))["ts"] for n in range(4)]

    def texts(**bounds):
        found = slack.conversations_history(channel=channel_id(sandbox), **bounds)["messages"]
        return [message["text"] for message in found]

    assert texts(oldest=ts[1]) == ["3", "2"]
    assert texts(oldest=ts[1], latest=ts[3]) == ["2"]
    assert texts(oldest=ts[1], latest=ts[3], inclusive=True) == ["3", "2", "1"]


def test_ts_are_unique_though_time_stands_still(clock):
    double = SlackDouble(clock)
    ts = [post(double).json()["ts"] for _ in range(5)]
    assert ts == sorted(set(ts))
    assert ts[0] == "1765300000.000000"


def test_lookups_lag_behind_posts(clock):
    double = SlackDouble(clock, limits=SlackLimits(lag=2.0))
    post(double)
    clock.now += 1.9
    assert history(double).json()["messages"] == []
    clock.now += 0.1
    assert len(history(double).json()["messages"]) == 1


def test_a_channel_takes_a_post_a_second_after_a_burst(clock):
    double = SlackDouble(clock, limits=SlackLimits(posts_per_second=1.0, burst=3))
    assert [post(double).status for _ in range(4)] == [200, 200, 200, 429]
    refused = post(double)
    assert (refused.headers["Retry-After"], refused.json()) == ("1", {"ok": False, "error": "ratelimited"})
    assert post(double, channel="#other").status == 200
    clock.now += 1
    assert [post(double).status for _ in range(2)] == [200, 429]
    assert len(double.messages("alerts")) == 4


def test_history_once_a_minute_for_apps_outside_the_marketplace(clock):
    double = SlackDouble(clock, limits=SlackLimits.outside_marketplace())
    for _ in range(20):
        post(double)
        clock.now += 1
    first = history(double, "&limit=999")
    assert (len(first.json()["messages"]), first.json()["has_more"]) == (15, True)
    clock.now += 20
    assert history(double).headers["Retry-After"] == "40"
    clock.now += 40
    assert history(double).status == 200


def test_channels_are_listed_as_far_as_the_bot_sees_them(sandbox, slack):
    place = sandbox.slack.workspace
    place.add_channel("secret", private=True, member=False)
    place.add_channel("ours", private=True)
    place.add_channel("old", archived=True)

    def names(**arguments):
        return {channel["name"] for channel in slack.conversations_list(**arguments)["channels"]}

    assert names() == {"alerts", "leads", "old"}
    assert names(exclude_archived=True, types="public_channel,private_channel") == {"alerts", "leads", "ours"}
    first = slack.conversations_list(limit=2)
    rest = slack.conversations_list(limit=2, cursor=first["response_metadata"]["next_cursor"])
    assert len(first["channels"]) == 2
    assert [channel["name"] for channel in rest["channels"]] == ["old"]


def test_the_bot_joins_public_channels_only(sandbox, slack):
    place = sandbox.slack.workspace
    public = place.add_channel("elsewhere", member=False)
    assert refusal(slack.conversations_history, channel=public.id)["error"] == "not_in_channel"
    assert slack.conversations_join(channel=public.id)["channel"]["is_member"] is True
    assert slack.conversations_history(channel=public.id)["messages"] == []
    private = place.add_channel("ours", private=True)
    assert refusal(slack.conversations_join, channel=private.id)["error"] == "method_not_supported_for_channel_type"


def test_channels_are_made_on_demand_unless_strict(slack, sandbox):
    slack.chat_postMessage(channel="#broken-inductor", text="x")
    assert len(sandbox.slack.messages("broken-inductor")) == 1
    with Sandbox(strict_channels=True, channels=["named"]) as strict:
        client = WebClient("xoxb-sandbox", base_url=strict.slack_url, retry_handlers=[])
        assert refusal(client.chat_postMessage, channel="#other", text="x")["error"] == "channel_not_found"
        assert client.chat_postMessage(channel="#named", text="x")["ok"]


def test_workspaces_keep_to_themselves(clock):
    double = SlackDouble(clock, workspaces=[Workspace("one", ["xoxb-1"]), Workspace("two", ["xoxb-2"])])
    for place in double.workspaces:
        place.add_channel("alerts")
    double.handle(request("POST", "/api/chat.postMessage", {"channel": "#alerts", "text": "x"}, token="xoxb-2"))
    assert [len(place.find("alerts").messages) for place in double.workspaces] == [0, 1]
    foreign = double.workspaces[0].find("alerts").id
    answer = double.handle(request("GET", f"/api/conversations.history?channel={foreign}", token="xoxb-2"))
    assert answer.json()["error"] == "channel_not_found"


def test_user_groups_and_permalinks(sandbox, slack):
    sandbox.slack.workspace.usergroups["inductor-oncall"] = "On call"
    (group,) = slack.usergroups_list()["usergroups"]
    assert (group["handle"], group["id"][0]) == ("inductor-oncall", "S")
    posted = slack.chat_postMessage(channel="#alerts", text="x")
    link = slack.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"])["permalink"]
    assert link == f"{sandbox.url}/archives/{posted['channel']}/p{posted['ts'].replace('.', '')}"


def test_an_unknown_method_is_said_to_be_one(slack):
    assert refusal(slack.api_call, api_method="chat.shout")["error"] == "unknown_method"


def test_an_incoming_webhook_answers_ok_as_text(sandbox):
    answer = asked.post(sandbox.slack_webhook_url, json={"text": "through a hook"})
    assert (answer.status_code, answer.text) == (200, "ok")
    (message,) = sandbox.slack.messages("alerts")
    assert message.text == "through a hook"
    assert asked.post(sandbox.slack_webhook_url, content=b"{").text == "invalid_payload"
    assert asked.post(sandbox.slack_webhook_url, json={}).text == "no_text"
    assert asked.post(f"{sandbox.url}/slack/services/T0", json={"text": "x"}).status_code == 404


def test_half_a_surrogate_pair_survives(sandbox):
    headers = {"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json; charset=utf-8"}
    body = b'{"channel": "#alerts", "text": "\\ud83d"}'
    answer = asked.post(f"{sandbox.slack_url}chat.postMessage", content=body, headers=headers)
    assert answer.json()["message"]["text"] == "\ud83d"
    assert asked.get(sandbox.url).status_code == 200
