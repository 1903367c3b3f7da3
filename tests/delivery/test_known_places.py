"""A place that was known is told while Slack can't be asked about it anew, as long as it takes what it is sent."""

from datetime import timedelta

import pytest
from lane_kit import take
from posts import ENV, Posts, alert

from bridge.delivery import budget
from bridge.delivery.turns import BELIEVED_FOR, ONCE_MORE_FOR
from bridge.destinations.base import Settings
from bridge.destinations.slack.step import GROUPS_FOR
from bridge.effective import Effective
from bridge.sandbox import Fault, Sandbox

TOKENS = ENV | {"SLACK": "xoxb-sandbox"}


class Channel(Posts):
    """A channel that was told once, a day and an hour ago."""

    def __init__(self, ledger, clock, folder, sandbox):
        mention = "{P0: '@ops', P1: '@nobody'}"
        slack = f'token: "${{env:SLACK}}", channel: "#alerts", mention: {mention}, api_url: "{sandbox.slack_url}"'
        super().__init__(ledger, clock, folder, f"destinations:\n  slack: {{{slack}, rate: off}}\n")
        self.sandbox = sandbox
        sandbox.slack.workspace.usergroups["ops"] = "S0000001"
        self.effective = Effective(lambda: self.rules, TOKENS, b"key")
        self.tell("f0")
        clock.advance(BELIEVED_FOR + 3600)

    def tell(self, name, priority="P0"):
        """Post an incident; return how the lane rests, and what was asked meanwhile."""
        self.hear({**alert(Priority=priority, fingerprint=name), "labels": {"alertname": name}})
        before = len(self.sandbox.seen("slack"))
        lane = take(self.ledger, self.clock, self.deliveries()[-1].lane, self.effective)
        while (rest := lane.turn()) is None:
            pass
        return rest, [one.path.rsplit("/", 1)[-1] for one in self.sandbox.seen("slack")[before:]]

    def told(self):
        return [one.text.partition(".")[0].rpartition(" ")[2] for one in self.sandbox.slack.messages("alerts")]

    def called(self):
        return ["<!subteam^" in one.text for one in self.sandbox.slack.messages("alerts")]


@pytest.fixture
def channel(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        yield Channel(sqlite_ledger, clock, tmp_path, sandbox)


@pytest.mark.parametrize("method", ["auth.test", "conversations.list"])
@pytest.mark.parametrize(
    "trouble",
    [{"action": "status", "status": 503}, {"action": "status", "status": 429, "headers": {"Retry-After": "900"}}],
    ids=["fails", "limits"],
)
def test_what_can_not_be_asked_anew_keeps_no_post_waiting(channel, clock, method, trouble):
    channel.sandbox.faults.add(Fault(double="slack", path=f"/api/{method}", **trouble))
    _, asked = channel.tell("f1")
    assert channel.told() == ["f0", "f1"]
    assert (asked.count(method), asked[-1]) == (1, "chat.postMessage")
    clock.advance(ONCE_MORE_FOR / 2)
    assert channel.tell("f2")[1] == ["chat.postMessage"]
    channel.sandbox.faults.clear()
    clock.advance(900)
    assert {"auth.test", "conversations.list"} < set(channel.tell("f3")[1])
    assert channel.told() == ["f0", "f1", "f2", "f3"]
    clock.advance(3600)
    assert "auth.test" not in channel.tell("f4")[1]


def test_while_nobody_may_ask_a_known_channel_is_told_all_the_same(channel, clock):
    account = channel.effective.account(channel.deliveries()[0], "P0", "grafana")
    until = clock.now() + timedelta(hours=1)
    for method in ("conversations.list", "usergroups.list"):
        drawn = budget.budget_of(Settings("slack", "slack", {"account": account}), method)
        channel.ledger.write(lambda connection, drawn=drawn: budget.pause(connection, drawn, until, clock.now()))
    assert channel.tell("f1")[1] == ["chat.postMessage"]
    assert channel.called()[-1]


@pytest.mark.parametrize(
    "trouble",
    [{"status": 503}, {"status": 429, "headers": {"Retry-After": "900"}}],
    ids=["fails", "limits"],
)
def test_who_was_known_is_called_while_user_groups_can_not_be_asked_for_anew(channel, clock, trouble):
    channel.sandbox.faults.add(Fault("status", "slack", path="/api/usergroups.list", **trouble))
    asked = channel.tell("f1")[1]
    assert (asked.count("usergroups.list"), asked[-1]) == (1, "chat.postMessage")
    clock.advance(GROUPS_FOR / 2)
    assert channel.tell("f2")[1] == ["chat.postMessage"]
    assert channel.called() == [True, True, True]
    channel.sandbox.faults.clear()
    clock.advance(900)
    assert channel.tell("f3")[1] == ["usergroups.list", "chat.postMessage"]
    clock.advance(3600)
    assert channel.tell("f4")[1] == ["chat.postMessage"]


@pytest.mark.parametrize(
    "trouble",
    [{"status": 503}, {"status": 429, "headers": {"Retry-After": "900"}}],
    ids=["fails", "limits"],
)
def test_a_user_group_that_can_not_be_looked_for_again_keeps_no_post_waiting(channel, clock, trouble):
    channel.tell("f1")
    clock.advance(GROUPS_FOR)
    channel.sandbox.faults.add(Fault("status", "slack", path="/api/usergroups.list", **trouble))
    assert channel.tell("f2", "P1")[1] == ["usergroups.list", "chat.postMessage"]
    clock.advance(GROUPS_FOR / 2)
    assert channel.tell("f3", "P1")[1] == ["chat.postMessage"]
    clock.advance(GROUPS_FOR / 2)
    asked = channel.tell("f4", "P1")[1]
    assert asked == (["chat.postMessage"] if "headers" in trouble else ["usergroups.list", "chat.postMessage"])
    clock.advance(GROUPS_FOR)
    channel.sandbox.faults.clear()
    assert channel.tell("f5", "P1")[1] == ["usergroups.list", "chat.postMessage"]
    assert channel.told() == ["f0", "f1", "f2", "f3", "f4", "f5"]
