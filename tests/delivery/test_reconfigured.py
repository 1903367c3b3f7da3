"""What is open when its destination's settings become others: each place is told to its end, and nobody twice."""

import pytest
from lane_kit import take, turns
from posts import Posts, alert

from bridge.chores.resume import Resume
from bridge.effective import Effective
from bridge.ledger import due
from bridge.sandbox import Sandbox

TOKENS = {"SLACK": "xoxb-sandbox", "GH": "ghp_sandbox", "PD": "0" * 32}


class Place(Posts):
    """A bridge whose lanes and looks a test takes one by one; `PD`, `SLACK` and `GH` stand for its destinations."""

    def __init__(self, ledger, clock, folder, sandbox, config):
        self.sandbox, self.folder = sandbox, folder
        super().__init__(ledger, clock, folder, self.config(config))
        self.env = dict(TOKENS)
        self.effective = Effective(lambda: self.rules, self.env, b"key")

    def config(self, said):
        """Return a configuration whose destinations lead to the doubles."""
        urls = {"slack": self.sandbox.slack_url, "pagerduty": self.sandbox.pagerduty_url}
        urls["github"] = self.sandbox.github_url
        for kind, url in urls.items():
            said = said.replace(f"{{kind: {kind}", f'{{kind: {kind}, rate: off, api_url: "{url}"')
        return said

    def reload(self, config):
        self.rules = Posts(self.ledger, self.clock, self.folder, self.config(config)).rules

    def tell(self, *alerts):
        """Hear alerts, where there are any, and tell what is due."""
        if alerts:
            self.hear(*alerts)
        for _ in range(3):  # a place that is told may wake another
            with self.ledger.read() as connection:
                names = due.due_lanes(connection, self.clock.now())
            for name in names:
                turns(take(self.ledger, self.clock, name, self.effective))

    def resume(self):
        """Look whether what is held can go on, and tell what is due."""
        resumed = Resume(self.ledger, self.clock, self.effective).look()
        self.tell()
        return resumed

    def rows(self, kind):
        return [row for row in self.deliveries() if row.kind == kind]

    def pages(self):
        return [(page.routing_key[0], page.status) for page in self.sandbox.pagerduty.pages]


@pytest.fixture
def place(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        yield lambda config: Place(sqlite_ledger, clock, tmp_path, sandbox, config)


CHAT = """\
destinations:
  chat: {kind: slack, token: "${env:SLACK}", channel: "#alerts"}
teams: {storage: {}, network: {}}
send: {P0: [chat], P1: [chat], P2: [chat]}
"""
ISSUES = CHAT.replace(
    'slack, token: "${env:SLACK}", channel: "#alerts"', 'github, token: "${env:GH}", repo: "acme/alerts"'
)


def test_what_was_told_by_one_kind_is_held_while_its_name_is_another_kinds(place):
    bridge = place(CHAT)
    bridge.tell(alert())
    bridge.reload(ISSUES)
    before = len(bridge.sandbox.seen("slack"))
    bridge.tell(alert(fingerprint="f2"))
    (message,), (issue,) = bridge.rows("slack"), bridge.rows("github")
    assert (message.state, issue.state) == ("held", "delivered")
    assert message.reason.startswith("destination chat: it is a github now, and this was told by slack")
    assert not bridge.resume()
    assert [row.since for row in bridge.rows("slack")] == [message.since]
    assert len(bridge.sandbox.seen("slack")) == before  # no request, and above all none with another's token
    bridge.reload(CHAT)
    assert bridge.resume()
    assert {row.state for row in bridge.rows("slack")} == {"delivered"}
