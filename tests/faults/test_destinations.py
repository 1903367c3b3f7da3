"""A destination in trouble delays no other and is asked again when it said so; what can't be mended is a letter."""

import json
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from harness import alert, config, eventually, group, issues, messages, pages

from bridge.sandbox import Fault, Sandbox

TITLES = [f"apart {number:02}" for number in range(12)]


def closed_port():
    """An address that refuses connections."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def post_all(bridge, priority="P0"):
    for title in TITLES:
        bridge.post(group(alert(title, Priority=priority)))


def all_there(found):
    return len(found) == len(TITLES)


def dead_letters(bridge):
    """The dead letters of Grafana's incidents: the bridge's own trouble is told as incidents too."""
    theirs = {one["id"] for one in bridge.all("incidents") if one["source"] == "grafana"}
    return [one for one in bridge.all("deliveries?state=dead") if one["incident"] in theirs]


def test_a_dead_destination_delays_no_other(start, sandbox):
    nowhere = f"http://127.0.0.1:{closed_port()}"
    bridge = start(config(sandbox, destinations={"github": {"api_url": nowhere}}))
    post_all(bridge)
    bridge.settle(but={"github"})
    assert all_there(messages(sandbox))
    assert all_there(pages(sandbox))
    assert {one["state"] for one in bridge.all("deliveries") if one["destination"] == "github"} <= {
        "retrying",
        "pending",
    }


@pytest.mark.parametrize("double", ["slack", "github", "pagerduty"])
def test_a_hanging_destination_delays_no_other(start, sandbox, double):
    sandbox.faults.add(Fault("hang", double, seconds=60))
    bridge = start(config(sandbox))
    post_all(bridge)
    bridge.settle(but={double})
    found = {"slack": messages(sandbox), "github": issues(sandbox), "pagerduty": pages(sandbox)}
    assert {name: all_there(some) for name, some in found.items()} == {name: name != double for name in found}


@pytest.mark.parametrize("number", [1, 9], ids=["alone", "with others"])
def test_a_step_takes_no_longer_than_its_destination_allows(start, sandbox, number):
    sandbox.faults.add(Fault("hang", "slack", path="/api/chat.postMessage", seconds=60, count=number + 1))
    allowed = {"timeout": "500ms", "rate": "off"}
    bridge = start(config(sandbox, destinations={"slack": allowed}, send={"P3": ["slack"]}))
    bridge.post(group(*(alert(f"slow {one}", Priority="P3") for one in range(number))))

    def given_up():
        lines = (line for incident in bridge.incidents() for line in incident["timeline"])
        return [line["ms"] for line in lines if line.get("why") == "no answer in time"]

    took = eventually(given_up, "given up")
    assert all(500 <= ms < 4_000 for ms in took), took


def test_a_channel_in_trouble_delays_no_other_channel(start, sandbox):
    room = {"a": {"destinations": {"slack": {"channel": "#room-a"}}}}
    bridge = start(config(sandbox, teams=room))
    with sandbox.lock:
        channel = sandbox.slack.workspace.add_channel("room-a")
    sandbox.faults.add(*(Fault("status", "slack", contains=name, status=503) for name in (channel.id, "room-a")))
    bridge.post(group(alert("troubled", Team="a", Priority="P3")))
    bridge.post(group(alert("untroubled", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "untroubled"), 30)
    assert messages(sandbox, "room-a") == []
    sandbox.faults.clear()
    bridge.settle()
    assert len(messages(sandbox, "room-a", "troubled")) == 1


@pytest.mark.parametrize(
    ("double", "path", "status"),
    [
        ("slack", "/api/chat.postMessage", 429),
        ("slack", "/api/chat.postMessage", 503),
        ("github", "/repos/acme/alerts/issues", 429),
        ("github", "/repos/acme/alerts/issues", 403),
        ("pagerduty", "/v2/enqueue", 429),
    ],
)
def test_retry_after_is_honoured(start, sandbox, double, path, status):
    body = '{"message": "You have exceeded a secondary rate limit."}' if status == 403 else ""
    sandbox.faults.add(
        Fault("status", double, path=path, status=status, body=body, headers={"Retry-After": "3"}, nth=2)
    )
    bridge = start(config(sandbox, destinations={"slack": {"rate": "4/s"}, "pagerduty": {"rate": "4/s"}}))
    post_all(bridge)
    bridge.settle()
    seen = sandbox.seen(double)
    (limited,) = [one for one in seen if one.fault == "status"]
    done = limited.at + limited.seconds
    # what was on its way already when the answer came is no disobedience
    early = [one for one in seen if done + 1.0 < one.at < limited.at + 3.0 and one.path == path]
    assert early == []
    found = {"slack": messages(sandbox), "github": issues(sandbox), "pagerduty": pages(sandbox)}
    assert all_there(found[double])


def test_a_p0_that_always_draws_a_500_stops_nobody_else(start, sandbox):
    sandbox.faults.add(Fault("status", status=500, contains="poisonous"))
    bridge = start(config(sandbox))
    bridge.post(group(alert("poisonous", Priority="P0")))
    assert sandbox.wait_for(lambda: len({one.double for one in sandbox.requests if one.fault}) == 3, 30)
    post_all(bridge, "P1")
    bridge.post(group(alert("healthy", Priority="P0")))
    assert sandbox.wait_for(lambda: len(messages(sandbox)) == len(TITLES) + 1, 60)
    assert sandbox.wait_for(lambda: len(pages(sandbox)) == len(TITLES) + 1, 60)
    assert sandbox.wait_for(lambda: len(issues(sandbox, "healthy")) == 1, 60)
    sandbox.faults.clear()
    bridge.settle(patience=90)
    assert len(messages(sandbox, "alerts", "poisonous")) == 1
    assert len(issues(sandbox, "poisonous")) == 1
    assert len(pages(sandbox, "poisonous")) == 1


@pytest.mark.parametrize("by", ["api", "command line"])
def test_a_channel_the_bot_is_not_in_is_a_dead_letter_and_a_replay_tells_the_present(start, by):
    with Sandbox(channels=()) as sandbox:
        channel = sandbox.slack.workspace.add_channel("secret", private=True)
        bridge = start(config(sandbox, destinations={"slack": {"channel": "#secret"}}))
        sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="not_in_channel"))
        bridge.post(group(alert("first past")))
        bridge.post(group(alert("second past")))
        bridge.settle()
        dead = dead_letters(bridge)
        assert {one["destination"] for one in dead} == {"slack"}
        assert len(dead) == 2
        assert max(one["attempts"] for one in dead) > 0  # the other may have died of the same before it was tried
        for one in dead:
            assert "invite" in one["reason"].lower()
            assert one["last_error"] == "not_in_channel"
        bridge.post(group(alert("first past", status="resolved")))
        bridge.settle()
        assert {one["state"] for one in dead_letters(bridge)} == {"dead"}
        assert channel.messages == {}

        sandbox.faults.clear()
        if by == "api":
            for one in dead:
                assert bridge.request("POST", f"/api/v1/deliveries/{one['id']}/replay").status_code == 200
        else:
            assert bridge.command("dead-letters").stdout.count("secret") >= 2
            assert bridge.command("replay", "--all").returncode == 0
        eventually(lambda: not dead_letters(bridge))
        bridge.settle()
        texts = sorted(one.text[:22] for one in channel.messages.values() if " past" in one.text)
        assert texts == ["P2 firing: second past", "P2 resolved: first pas"]
        assert bridge.request("POST", f"/api/v1/deliveries/{dead[0]['id']}/replay").status_code == 404


def test_a_channel_that_does_not_exist_is_told_at_the_one_that_stands_in(start):
    with Sandbox(channels=("alerts",), strict_channels=True) as sandbox:
        mention = {"P2": "<!here>"}
        settings = {"slack": {"channel": "#gone", "fallback_channel": "#alerts", "mention": mention}}
        bridge = start(config(sandbox, destinations=settings))
        bridge.post(group(alert("homeless")))
        bridge.settle()
        (message,) = messages(sandbox, "alerts", "homeless")
        assert message.text.startswith("P2 firing")
        assert "!here" not in json.dumps(message.blocks)
        bridge.post(group(alert("homeless", status="resolved")))
        bridge.settle()
        (message,) = messages(sandbox, "alerts", "homeless")
        assert message.text.startswith("P2 resolved")
        assert bridge.delivery("homeless", "slack")["address"] == "#alerts"


def test_a_message_deleted_by_hand_is_posted_afresh_once(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("swept away")))
    bridge.settle()
    with sandbox.lock:
        sandbox.slack.channel("alerts").delete(messages(sandbox)[0].ts)
    bridge.post(group(alert("swept away", Jobs=5)))
    bridge.settle()
    (message,) = messages(sandbox)
    assert "5 jobs failing" in json.dumps(message.blocks)


def test_blocks_that_slack_refuses_degrade_to_plain_text(start, sandbox):
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="invalid_blocks", count=1))
    bridge = start(config(sandbox))
    bridge.post(group(alert("too fancy")))
    bridge.settle()
    assert len(messages(sandbox, "alerts", "too fancy")) == 1
    assert bridge.delivery("too fancy", "slack")["state"] == "delivered"


def test_a_revoked_token_is_one_notice_and_one_replay_brings_all_back(start, sandbox):
    workspace = sandbox.slack.workspace
    scopes = workspace.tokens.pop("xoxb-sandbox")
    bridge = start(config(sandbox))
    post_all(bridge, "P3")
    bridge.settle()
    assert all_there(dead_letters(bridge))
    with sandbox.lock:
        workspace.tokens["xoxb-sandbox"] = scopes
    assert bridge.command("replay", "--all").returncode == 0
    eventually(lambda: not dead_letters(bridge))
    bridge.settle()
    assert [len(messages(sandbox, "alerts", f": {title}")) for title in TITLES] == [1] * len(TITLES)


def test_a_dead_token_kills_its_deliveries_together_and_one_replay_brings_all_back(start, sandbox):
    bridge = start(config(sandbox, send={priority: ["slack"] for priority in ("P0", "P1", "P2", "P3")}))
    hold = Fault("status", "slack", path="/api/*", status=503)
    sandbox.faults.add(hold)
    post_all(bridge, "P2")
    assert sandbox.wait_for(lambda: len(sandbox.seen("slack")) >= 1, 30)
    sandbox.faults.clear()
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/*", code="token_revoked"))
    eventually(lambda: len(dead_letters(bridge)) == len(TITLES), "all dead together")
    refused = [one for one in sandbox.requests if one.fault == "ok_false"]
    assert len(refused) < len(TITLES)

    sandbox.faults.clear()
    assert bridge.command("replay", "--all").returncode == 0
    bridge.settle()
    assert all_there(messages(sandbox, text="apart "))


BLOCKED = "<html><h1>Blocked</h1>For comments write to abuse@corp.example, our secondary rate limit is disabled.</html>"


@pytest.mark.parametrize(
    ("statuses", "body"),
    [
        ({"slack": 413, "pagerduty": 422}, ""),
        ({"slack": 403, "pagerduty": 403, "github": 403}, BLOCKED),
    ],
    ids=["by the place", "by what reads along"],
)
def test_one_that_is_refused_for_what_it_says_buries_no_other(start, sandbox, statuses, body):
    page = {"headers": {"Content-Type": "text/html"}, "body": body} if body else {}
    for double, status in statuses.items():
        path = {"slack": "/api/chat.postMessage", "pagerduty": "/v2/enqueue", "github": "*/issues"}[double]
        sandbox.faults.add(Fault("status", double, "POST", path, contains="a red rag", status=status, **page))
    bridge = start(config(sandbox, send={"P0": [*statuses]}))
    bridge.post(group(*(alert(title, Priority="P0") for title in ("a red rag", *TITLES))))
    bridge.settle()
    dead = {one["destination"]: one["last_error"] for one in dead_letters(bridge)}
    assert dead == {double: f"HTTP {status}" for double, status in statuses.items()}
    assert len(dead_letters(bridge)) == len(statuses)
    assert all_there(messages(sandbox, text="apart "))
    assert all_there(pages(sandbox, "apart "))
    assert all_there(issues(sandbox, "apart ")) is ("github" in statuses)


def test_a_limit_of_the_token_is_asked_about_by_one_request_at_a_time(start, sandbox):
    teams = {name: {"destinations": {"slack": {"channel": f"#room-{name}"}}} for name in "ab"}
    with sandbox.lock:
        for name in teams:
            sandbox.slack.workspace.add_channel(f"room-{name}")
    bridge = start(config(sandbox, teams=teams, send={"P3": ["slack"]}))

    def told(status):
        alerts = (alert(f"limited {n:02}", Team="ab"[n % 2], Priority="P3", status=status) for n in range(30))
        bridge.post(group(*alerts))

    told("firing")
    bridge.settle()
    limited = {"Retry-After": "1"}
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.update", status=429, headers=limited, until=20))
    told("resolved")
    bridge.settle()
    edits = sandbox.seen("slack", "/api/chat.update")
    assert 5 < len([one for one in edits if one.fault]) <= 40
    assert len([one for one in edits if not one.fault]) == 30
    texts = [one.text for name in teams for one in messages(sandbox, f"room-{name}")]
    assert [text.startswith("P3 resolved") for text in texts] == [True] * 30


def test_what_waits_for_its_place_says_until_when(start, sandbox):
    bridge = start(config(sandbox, send={"P3": ["slack"]}))
    later = {"Retry-After": "600"}
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.postMessage", status=503, headers=later, count=1))
    bridge.post(group(alert("The first", Priority="P3")))
    eventually(lambda: [one for one in bridge.all("deliveries") if one["state"] == "retrying"])
    bridge.post(group(alert("The second", Priority="P3")))
    both = eventually(lambda: found if len(found := bridge.all("deliveries")) == 2 else None)
    soon = datetime.now(UTC) + timedelta(seconds=300)
    assert [datetime.fromisoformat(one["next_attempt_at"]) > soon for one in both] == [True, True]


def test_a_p0_comes_before_what_waits_in_other_repositories_of_its_token(start, sandbox):
    teams = {f"t{n}": {"destinations": {"github": {"repo": f"acme/r{n}"}}} for n in range(5)}
    both = {"P0": ["github"], "P3": ["github"]}
    bridge = start(config(sandbox, destinations={"github": {"rate": "1/s"}}, teams=teams, send=both))
    bridge.post(
        group(*(alert(f"low {n} {team}", Priority="P3", Team=f"t{team}") for team in range(4) for n in range(6)))
    )
    low = [f"/repos/acme/r{n}/issues" for n in range(4)]

    def told_low():
        return [one.path for one in sandbox.requests if one.method == "POST" and one.path in low]

    eventually(lambda: len(told_low()) >= 3, "the backlog is being told")
    bridge.post(group(alert("urgent", Priority="P0", Team="t4")))
    eventually(lambda: bridge.all("incidents?priority=P0"), "absorbed")
    before = len(told_low())
    eventually(lambda: issues(sandbox, "urgent", "acme/r4"), "the P0 is told")
    assert len(told_low()) - before <= 2


@pytest.mark.parametrize("before", ["not made", "not readable"])
def test_a_user_group_made_or_made_readable_later_is_called(start, before):
    with Sandbox() as sandbox:
        workspace = sandbox.slack.workspace
        if before == "not readable":
            workspace.tokens = {token: scopes - {"usergroups:read"} for token, scopes in workspace.tokens.items()}
        called = {"slack": {"mention": {"P0": "@sre-oncall"}}}
        bridge = start(config(sandbox, destinations=called, send={"P0": ["slack"]}))
        bridge.post(group(alert("first", Priority="P0")))
        bridge.settle()
        with sandbox.lock:
            workspace.grant("usergroups:read")
            workspace.usergroups["sre-oncall"] = "SRE"
        assert bridge.process.stop() == 0
        with closing(sqlite3.connect(bridge.folder / "bridge.db")) as ledger, ledger:
            older = "UPDATE lanes SET place = json_set(place, '$.groups_at', json_extract(place, '$.groups_at') - 900)"
            ledger.execute(f"{older} WHERE name LIKE 'slack/%'")
        bridge.restart()
        bridge.post(group(alert("second", Priority="P0")))
        bridge.settle()
        mentioned = f"<!subteam^{workspace.usergroup_id('sre-oncall')}>"
        assert [mentioned in str(message.blocks) for message in messages(sandbox)] == [False, True]
