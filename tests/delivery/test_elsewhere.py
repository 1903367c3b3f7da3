"""A message whose channel does not exist is told at the fallback channel, once."""

import json

import pytest
from lane_kit import take, turns
from posts import CONFIG, ENV, Posts, alert

from bridge.chores.watch import Watch
from bridge.config.load import load
from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import placing
from bridge.ledger.placing import Placement
from bridge.sandbox import Fault, Sandbox


class Gone(Posts):
    """A team whose channel does not exist; a page is what it falls back to."""

    def __init__(self, ledger, clock, folder, sandbox):
        slack = f'api_url: "{sandbox.slack_url}", fallback_channel'
        fallback = "send: {P2: [slack]}\nfallback: {default: {on: dead, send: [pagerduty]}}\n"
        super().__init__(ledger, clock, folder, CONFIG.replace("fallback_channel", slack) + fallback)
        self.loaded = load(str(folder / "bridge.yml"), ENV)
        self.effective = Effective(lambda: self.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")

    def tell(self):
        """Take turns in the lane where the alert is told now."""
        turns(take(self.ledger, self.clock, self.deliveries()[-1].lane, self.effective))


@pytest.fixture
def gone(sqlite_ledger, clock, tmp_path):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        sandbox.slack.strict_channels = True
        sandbox.slack.workspace.add_channel("alerts")
        posts = Gone(sqlite_ledger, clock, tmp_path, sandbox)
        posts.sandbox = sandbox
        posts.hear(alert(Team="storage"))
        posts.tell()
        yield posts


def test_its_readers_are_told_why_they_read_it(gone):
    gone.tell()
    gone.hear(alert("resolved", Team="storage"))
    gone.tell()
    message = gone.sandbox.slack.messages("alerts")[0]
    assert message.text.startswith("P2 resolved")
    assert "Told here because slack #storage could not be told: channel_not_found" in json.dumps(message.blocks)


def test_what_is_dead_at_the_place_that_stands_in_still_comes_to_its_fallback(gone):
    gone.sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="restricted_action"))
    gone.tell()
    Watch(gone.ledger, gone.clock, gone.loaded, gone.effective, "test").look()
    assert [(row.kind, row.state) for row in gone.deliveries()] == [("slack", "dead"), ("pagerduty", "pending")]


def test_a_message_does_not_go_where_its_incident_is_placed_in_that_moment(postgres_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        sandbox.slack.strict_channels = True
        slack = f'api_url: "{sandbox.slack_url}", fallback_channel'
        posts = Posts(postgres_ledger, clock, tmp_path, CONFIG.replace("fallback_channel", slack))
        effective = Effective(lambda: posts.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")
        posts.hear(alert(Priority="P3", Team="storage"))
        (gone,) = posts.deliveries()
        lane = take(postgres_ledger, clock, gone.lane, effective)
        alerts = effective.address(target_at(posts.rules, "slack", "nobody", Priority.P3, "grafana"))
        other = Placement("slack", "slack", alerts.text, alerts.lane, "nobody", "send P3")
        posts.during(
            lambda connection: placing.place_one(connection, gone.incident, [other], new_id, clock.now()),
            lambda: turns(lane),
        )
        told = [(row.address, row.state) for row in posts.deliveries()]
        assert told == [("#storage", "skipped"), ("#alerts", "pending")]
