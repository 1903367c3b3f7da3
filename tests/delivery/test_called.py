"""Who is called: from a configuration to the request that Slack receives."""

import json

import pytest
from lane_kit import take, turns
from posts import ENV, Posts, alert

from bridge.effective import Effective
from bridge.sandbox import Sandbox


class Calls(Posts):
    """A channel with a mention at P0."""

    def __init__(self, ledger, clock, folder, sandbox, *, mention, more=""):  # noqa: PLR0913 - as it says
        slack = f'token: "${{env:SLACK}}", channel: "#alerts", mention: {mention}, api_url: "{sandbox.slack_url}"'
        super().__init__(ledger, clock, folder, f"destinations:\n  slack: {{{slack}, rate: off}}\n{more}")
        self.sandbox = sandbox
        self.effective = Effective(lambda: self.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")

    def tell(self, **more):
        """Absorb one alert and send all that is due; return the requests that Slack received of it."""
        self.hear(alert(Priority="P0", **more))
        before = len(self.sandbox.seen("slack"))
        turns(take(self.ledger, self.clock, self.deliveries()[-1].lane, self.effective))
        return [json.loads(one.body) for one in self.sandbox.seen("slack")[before:] if "chat." in one.path]


@pytest.fixture
def calls(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        sandbox.slack.workspace.usergroups["ops"] = "Operations"
        yield lambda mention, more="": Calls(sqlite_ledger, clock, tmp_path, sandbox, mention=mention, more=more)


def test_several_mentions_in_one_setting_are_called_each(calls):
    made = calls('{P0: "@ops <@U0001>"}')
    (opened,) = made.tell()
    ops = made.sandbox.slack.workspace.usergroup_id("ops")
    assert opened["text"].startswith(f"<!subteam^{ops}> <@U0001> ")
    assert opened["blocks"][1]["text"]["text"] == f"<!subteam^{ops}> <@U0001>"


def test_a_handle_that_is_no_user_group_says_so(calls):
    (opened,) = calls('{P0: "@infra-oncall <@U0001>"}').tell()
    said = "@\N{WORD JOINER}infra-oncall (not called: no known user group) <@U0001>"
    assert opened["blocks"][1]["text"]["text"] == said


@pytest.mark.parametrize("mention", ["@SRE-OnCall", "@{team}-oncall"])
def test_a_handle_calls_its_group_however_it_is_written(calls, mention):
    made = calls(f'{{P0: "{mention}"}}', "teams: {SRE: {}}\n")
    groups = made.sandbox.slack.workspace
    groups.usergroups["sre-oncall"] = "SRE on call"
    (opened,) = made.tell(Team="sre")
    assert opened["text"].startswith(f"<!subteam^{groups.usergroup_id('sre-oncall')}> ")
