"""A step whose answer was lost is made once more only after two lookups, and these are apart whatever happens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_clock import NOON
from lane_kit import take, turns
from posts import ENV, Posts, alert

from bridge.delivery.doubt import APART
from bridge.destinations import KINDS
from bridge.effective import Effective
from bridge.ledger import acts
from bridge.sandbox import Fault, Sandbox

PLACES = {
    "github": 'token: "${{env:GH}}", repo: "acme/alerts", api_url: "{0.github_url}"',
    "slack": 'token: "${{env:SLACK}}", channel: "#alerts", api_url: "{0.slack_url}"',
}
TOKENS = ENV | {"GH": "ghp_sandbox", "SLACK": "xoxb-sandbox"}
MADE = {"github": "/repos/acme/alerts/issues", "slack": "/api/chat.postMessage"}


@pytest.mark.parametrize("kind", PLACES)
def test_what_gets_more_urgent_between_two_lookups_is_looked_for_no_sooner(sqlite_ledger, clock, tmp_path, kind):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  {kind}: {{{PLACES[kind].format(sandbox)}, rate: off}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P1: [{kind}], P2: [{kind}]}}\n")
        effective = Effective(lambda: place.rules, TOKENS, b"key")
        settles = timedelta(seconds=KINDS[kind].SETTLE)

        def work():
            lane = take(sqlite_ledger, clock, place.deliveries()[0].lane, effective)
            while lane.turn() is None:
                pass

        # what is made shows in a list a moment before the second lookup is allowed
        double = getattr(sandbox, kind)
        double.limits = replace(double.limits, lag=(settles + APART).total_seconds() - 0.5)
        sandbox.faults.add(Fault("drop_answer", kind, method="POST", path=MADE[kind], count=1))
        place.hear(alert(Priority="P2"))
        work()
        clock.advance(settles.total_seconds() + 0.1)
        work()
        assert [row.doubt["negatives"] for row in place.deliveries()] == [1]
        place.hear(alert(Priority="P1"), seconds=0.1)
        for _ in range(10):
            work()
            clock.advance(1)
        told = sandbox.slack.messages("alerts") if kind == "slack" else sandbox.github.issues("acme/alerts")
        assert len(told) == 1
        assert [(row.state, row.urgency) for row in place.deliveries()] == [("delivered", 1)]


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("looks", [0, 1])
def test_a_lookup_waits_no_longer_where_the_clock_was_set_back_meanwhile(sqlite_ledger, clock, tmp_path, kind, looks):
    with Sandbox(clock=lambda: NOON.timestamp() + clock.monotonic()) as sandbox:
        config = f"destinations:\n  {kind}: {{{PLACES[kind].format(sandbox)}, rate: off}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P2: [{kind}]}}\n")
        effective = Effective(lambda: place.rules, TOKENS, b"key")
        sandbox.faults.add(Fault("reset", kind, method="POST", path=MADE[kind], count=1))
        place.hear(alert(Priority="P2"))
        for _ in range(looks + 1):
            turns(take(sqlite_ledger, clock, place.deliveries()[0].lane, effective))
            clock.advance(KINDS[kind].SETTLE + 0.1)
        assert [row.doubt["negatives"] for row in place.deliveries()] == [looks]
        clock.set_back(hours=1)
        for _ in range(20):
            turns(take(sqlite_ledger, clock, place.deliveries()[0].lane, effective))
            clock.advance(1)
        assert [row.state for row in place.deliveries()] == ["delivered"]


@pytest.mark.parametrize("looked_for", ["issue", "comment"])
def test_a_limit_that_a_lookup_meets_holds_for_all_lanes_of_the_token(sqlite_ledger, clock, tmp_path, looked_for):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        api = f'token: "${{env:GH}}", api_url: "{sandbox.github_url}", rate: off'
        names = f'one: {{kind: github, repo: "acme/one", {api}}}, two: {{kind: github, repo: "acme/two", {api}}}'
        config = f"destinations: {{{names}}}\nsend: {{P1: [one], P2: [two]}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, config)
        effective = Effective(lambda: place.rules, TOKENS, b"key")

        def work():
            for name in sorted({row.lane for row in place.deliveries()}):
                lane = take(sqlite_ledger, clock, name, effective)
                while lane.turn() is None:
                    pass

        where = "/repos/acme/one/issues" if looked_for == "issue" else "/repos/acme/one/issues/1/comments"
        sandbox.faults.add(Fault("drop_answer", "github", method="POST", path=where, count=1))
        limit = Fault("status", "github", "GET", where, status=403, headers={"Retry-After": "60"}, count=1)
        sandbox.faults.add(limit)
        place.hear(alert(Priority="P1"))
        work()
        if looked_for == "comment":
            place.hear(alert("resolved", Priority="P1"))
            work()
        clock.advance(KINDS["github"].SETTLE + 0.1)
        work()
        assert [rule["matched"] for rule in sandbox.faults.as_json()] == [1, 1]
        another = alert(fingerprint="f2", Priority="P2")
        another["labels"]["alertname"] = "Another"
        place.hear({**another, "generatorURL": another["generatorURL"].replace("rule1", "rule2")})
        before = len(sandbox.requests)
        for _ in range(57):
            clock.advance(1)
            work()
        assert len(sandbox.requests) == before, "nothing goes on into the limit"
        for _ in range(20):
            clock.advance(1)
            work()
        assert len(sandbox.github.issues("acme/two")) == 1
        assert {row.state for row in place.deliveries()} == {"delivered"}


def test_an_issue_is_found_behind_more_than_one_lookup_can_read(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  github: {{{PLACES['github'].format(sandbox)}, rate: off}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P2: [github]}}\n")
        effective = Effective(lambda: place.rules, TOKENS, b"key")

        def work():
            lane = take(sqlite_ledger, clock, place.deliveries()[0].lane, effective)
            while lane.turn() is None:
                pass

        sandbox.faults.add(Fault("drop_answer", "github", method="POST", path=MADE["github"], count=1))
        place.hear(alert(Priority="P2"))
        work()
        repository = sandbox.github.repository("acme/alerts")
        for number in range(1_100):
            repository.open_issue(f"another {number}", "", "sam", clock.now().timestamp())
        for _ in range(20):
            clock.advance(1)
            work()
        assert [issue.number for issue in repository.issues.values() if "bridge:" in (issue.body or "")] == [1]
        assert [(row.state, row.have["number"]) for row in place.deliveries()] == [("delivered", 1)]


@pytest.mark.parametrize("kind", PLACES)
def test_what_stands_in_a_place_of_its_own_is_not_answered_for_by_a_listing(sqlite_ledger, clock, tmp_path, kind):
    """A comment, or a reply, in doubt beside what opens another incident: only that one stands in the listing."""
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  {kind}: {{{PLACES[kind].format(sandbox)}, rate: off}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P1: [{kind}], P2: [{kind}]}}\n")
        effective = Effective(lambda: place.rules, TOKENS, b"key")
        place.hear(alert(Priority="P2"))
        lane = take(sqlite_ledger, clock, place.deliveries()[0].lane, effective)
        lane.lease_ends = clock.monotonic() + 60
        turns(lane)
        follows = "/repos/acme/alerts/issues/1/comments" if kind == "github" else MADE[kind]
        within = "" if kind == "github" else "thread_ts"
        sandbox.faults.add(Fault("drop_answer", kind, "POST", follows, contains=within, count=1))
        sandbox.faults.add(Fault("reset", kind, "POST", MADE[kind], contains="Another", count=2))
        others = [alert(fingerprint=name, Priority="P1") for name in ("Another", "Another one")]
        for one in others:
            one["labels"]["alertname"] = one["fingerprint"]
            one["generatorURL"] = one["generatorURL"].replace("rule1", one["fingerprint"])
        place.hear(alert("resolved", Priority="P2"), *others)
        for _ in range(3):
            turns(lane)
            clock.advance(1)
        assert sum(row.doubt is not None for row in place.deliveries()) == 3
        for _ in range(5):  # all are due at once, each time
            clock.advance(8)
            turns(lane)
        assert {row.state for row in place.deliveries()} == {"delivered"}
        if kind == "github":
            told = sandbox.github.repository("acme/alerts").issues[1].comments
        else:
            opened, *_ = sandbox.slack.messages("alerts")
            told = sandbox.slack.channel("alerts").replies(opened)
        assert len(told) == 1


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("kind", PLACES)
def test_what_can_not_be_looked_up_for_24_hours_is_left_to_a_person(sqlite_ledger, clock, tmp_path, kind, well):
    """While the place is well; while it is in trouble, it is asked on and on."""
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  {kind}: {{{PLACES[kind].format(sandbox)}, rate: off}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P1: [{kind}], P2: [{kind}]}}\n")
        effective = Effective(lambda: place.rules, TOKENS, b"key")

        def work():
            lane = take(sqlite_ledger, clock, place.deliveries()[0].lane, effective)
            turns(lane)
            return lane

        sandbox.faults.add(Fault("drop_answer", kind, "POST", MADE[kind], count=1))
        place.hear(alert(Priority="P1"))
        work()
        if well:
            another = alert(fingerprint="f2", Priority="P2")
            another["labels"]["alertname"] = "Another"
            place.hear({**another, "generatorURL": another["generatorURL"].replace("rule1", "rule2")})
            assert work().trouble is None
        lists = {"github": ("GET", MADE["github"]), "slack": ("*", "/api/conversations.history")}[kind]
        sandbox.faults.add(Fault("status", kind, *lists, status=502, headers={"Retry-After": "3600"}))
        clock.advance(10)
        for _ in range(24):
            work()
            clock.advance(3_600)
        assert [row.state for row in place.deliveries()] == ["retrying", "delivered"][: 1 + well]
        for _ in range(3):
            work()
            clock.advance(3_600)
        lost = place.deliveries()[0]
        assert (lost.state, lost.doubt is not None) == ("dead" if well else "retrying", True)
        sandbox.faults.clear()
        if well:
            assert lost.reason.startswith("Its answer was lost, and could not be looked up for 24 h (last: HTTP 502)")
            sqlite_ledger.write(lambda connection: acts.replay(connection, [lost.id], "somebody", clock.now()))
        for _ in range(10):
            work()
            clock.advance(1)
        told = sandbox.slack.messages("alerts") if kind == "slack" else sandbox.github.issues("acme/alerts")
        assert len(told) == 1 + well
        assert {row.state for row in place.deliveries()} == {"delivered"}
