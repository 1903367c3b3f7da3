"""User groups are asked for where a message calls one, and hold up that message alone, and not for long."""

import json
import re

import pytest
from lane_kit import take, take_in, turns
from posts import ENV, Posts, alert

from bridge.destinations.slack.step import GROUPS_VAIN, PATIENCE
from bridge.effective import Effective
from bridge.sandbox import Fault, Sandbox

GROUPS = "/api/usergroups.list"
LONG = {"status": 429, "headers": {"Retry-After": "900"}}


class Channels(Posts):
    """A channel a team, in one workspace; a P0 calls a user group."""

    def __init__(self, ledger, clock, folder, sandbox):
        slack = 'token: "${env:SLACK}", channel: "#{team}", fallback_channel: "#alerts", mention: {P0: "@ops"}'
        config = f'destinations:\n  slack: {{{slack}, api_url: "{sandbox.slack_url}", rate: off}}\n'
        super().__init__(ledger, clock, folder, f"{config}teams: {{storage: {{}}, network: {{}}, web: {{}}}}\n")
        self.sandbox = sandbox
        self.effective = Effective(lambda: self.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")
        self.lanes = {}

    def fire(self, name, priority, team="storage"):
        self.hear({**alert(Priority=priority, Team=team, fingerprint=name), "labels": {"alertname": name}})

    def work(self, seconds=0):
        """Do what is due, now and each second from now; return what was asked for meanwhile."""
        before = len(self.sandbox.seen("slack"))
        for second in range(seconds + 1):
            self.clock.advance(min(second, 1))
            for name in sorted({row.lane for row in self.deliveries()}):
                if name not in self.lanes:
                    first = next(iter(self.lanes.values()), None)
                    taken = take_in(first.yard, name) if first else take(self.ledger, self.clock, name, self.effective)
                    self.lanes[name] = taken
                self.lanes[name].lease_ends = self.clock.monotonic() + 60
                turns(self.lanes[name])
        return [one.path.rsplit("/", 1)[-1] for one in self.sandbox.seen("slack")[before:]]

    def tell(self, name, priority, team="storage"):
        self.fire(name, priority, team)
        return self.work()

    def told(self, team="storage"):
        """Return what stands in a channel, and whether it calls somebody."""
        said = [one.text for one in self.sandbox.slack.messages(team)]
        return {re.search("firing: ([^.(]*)", text)[1].strip(): "<!subteam^" in text for text in said}


@pytest.fixture
def channels(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        sandbox.slack.workspace.usergroups["ops"] = "Operations"
        yield Channels(sqlite_ledger, clock, tmp_path, sandbox)


def fail(channels, path=GROUPS, **how):
    channels.sandbox.faults.add(Fault(**({"action": "status", "double": "slack", "path": path} | how)))


def test_they_are_asked_for_only_where_one_is_called(channels):
    assert "usergroups.list" not in channels.tell("quiet", "P3")
    assert channels.tell("loud", "P0") == ["usergroups.list", "chat.postMessage"]
    assert channels.tell("again", "P0") == ["chat.postMessage"]
    assert channels.told() == {"quiet": False, "loud": True, "again": True}


@pytest.mark.parametrize(
    "how", [{"status": 503}, {"action": "reset"}, {"status": 503, "headers": LONG["headers"]}, LONG]
)
def test_where_they_can_not_be_asked_for_who_calls_nobody_is_told_at_once_and_who_does_soon(channels, how):
    channels.tell("quiet", "P3")
    fail(channels, **how)
    channels.fire("other", "P3")
    channels.tell("loud", "P0")
    assert "other" in channels.told()
    (lane,) = channels.lanes.values()
    assert lane.trouble is None
    waits = "headers" not in how
    assert ("loud" in channels.told()) != waits, "where it is said how long it lasts, nobody waits in vain"
    channels.work(int(PATIENCE) + 1)
    assert channels.told() == {"quiet": False, "other": False, "loud": False}
    assert channels.tell("next", "P0") == ["chat.postMessage"]
    channels.sandbox.faults.clear()
    channels.clock.advance(max(GROUPS_VAIN, 900))
    assert channels.tell("last", "P0") == ["usergroups.list", "chat.postMessage"]
    assert channels.told()["last"]


@pytest.mark.parametrize(
    "how",
    [
        {"status": 503, "count": 2},
        {"action": "reset", "count": 1},
        {**LONG, "headers": {"Retry-After": "2"}, "count": 1},
    ],
)
def test_a_brief_fault_costs_no_call(channels, how):
    channels.tell("quiet", "P3")
    fail(channels, **how)
    channels.tell("loud", "P0")
    assert channels.told() == {"quiet": False}
    channels.work(4)
    assert channels.told() == {"quiet": False, "loud": True}


def test_a_channel_that_was_found_stays_known_where_they_can_not_be_asked_for(channels):
    fail(channels, status=503)
    asked = channels.tell("loud", "P0") + channels.work(int(PATIENCE) + 1)
    assert asked.count("conversations.list") == 1
    assert asked[-1] == "chat.postMessage"


def test_what_was_asked_in_vain_while_nothing_was_taken_is_asked_once_more_before_the_message(channels):
    channels.tell("quiet", "P3")
    fail(channels, "*", status=503)
    channels.tell("loud", "P0")
    channels.work(120)
    assert channels.told() == {"quiet": False}
    channels.sandbox.faults.clear()
    channels.work(33)
    assert channels.told() == {"quiet": False, "loud": True}


def test_channels_of_one_workspace_ask_once(channels):
    teams = ("storage", "network", "web")
    for team in teams:
        channels.fire(f"{team} fails", "P0", team)
    assert channels.work().count("usergroups.list") == 1
    assert [channels.told(team) for team in teams] == [{f"{team} fails": True} for team in teams]


def test_while_one_channel_asks_another_ones_message_waits_for_that_but_not_for_one_that_hangs(channels):
    for team in ("storage", "network"):
        channels.tell("quiet", "P3", team)
    storage, network = (channels.lanes[name] for name in sorted(channels.lanes, reverse=True))
    account = channels.effective.account(channels.deliveries()[0], "P0", "grafana")
    heard, name = storage.yard.heard, f"budget/slack/{account}/usergroups.list"
    assert network.yard is storage.yard
    assert heard.asks(name, channels.clock.now())
    assert channels.tell("loud", "P0", "network") == []
    assert channels.work(2) == ["usergroups.list", "chat.postMessage"]
    assert json.loads(channels.sandbox.seen("slack")[-1].body)["text"].startswith("<!subteam^")
