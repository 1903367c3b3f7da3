"""A workspace that lets nobody change a message after some time: what comes next is said in its thread."""

import pytest
from lane_kit import take, turns
from posts import ENV, Posts, alert

from bridge.effective import Effective
from bridge.sandbox import Fault, Sandbox


class Windowed(Posts):
    """A channel whose messages can't be changed."""

    def __init__(self, ledger, clock, folder, sandbox, code, more=""):  # noqa: PLR0913, PLR0917 - its sides
        slack = 'token: "${env:SLACK}", channel: "#alerts", replies: {state: off}, rate: off'
        slack += f', api_url: "{sandbox.slack_url}"{more}'
        super().__init__(ledger, clock, folder, f"destinations:\n  slack: {{{slack}}}\nreopen_duration: 1h\n")
        self.sandbox = sandbox
        self.effective = Effective(lambda: self.rules, ENV | {"SLACK": "xoxb-sandbox"}, b"key")
        sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.update", code=code))

    def tell(self, status="firing", **more):
        self.hear(alert(status, **more), seconds=60)
        self.work()

    def work(self):
        """Send all that is due."""
        turns(take(self.ledger, self.clock, self.deliveries()[-1].lane, self.effective))

    def state(self):
        return [row.state for row in self.deliveries()]

    def asked(self, method):
        return len(self.sandbox.seen("slack", method))


@pytest.fixture(params=["edit_window_closed", "cant_update_message"])
def windowed(sqlite_ledger, clock, tmp_path, request):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        yield Windowed(sqlite_ledger, clock, tmp_path, sandbox, request.param)


def test_after_one_fresh_message_its_thread_goes_on_and_its_end_shows_in_the_channel(windowed):
    windowed.tell()
    windowed.tell(Priority="P1")
    first, fresh = windowed.sandbox.slack.messages("alerts")
    windowed.tell(Priority="P0")
    windowed.tell("resolved", Priority="P0")
    assert windowed.state() == ["delivered"]
    channel = windowed.sandbox.slack.channel("alerts")
    worse, ended = channel.replies(fresh)
    assert (worse.text, worse.broadcast) == ("Worse: P1 → P0.", False)
    assert ended.text.startswith("Resolved after ")
    assert ended.broadcast
    assert channel.replies(first) == []
    refused = windowed.asked("chat.update")
    windowed.tell(start="2026-03-02T12:05:00Z", Priority="P0")
    again = channel.replies(fresh)[-1]
    assert (again.text, again.broadcast) == ("Firing again (2nd time).", True)
    assert windowed.asked("chat.update") == refused == 2
    assert windowed.state() == ["delivered"]


def test_that_a_person_closed_it_is_said_below_a_message_that_can_not_be_edited(windowed):
    windowed.tell()
    windowed.close(windowed.stored()[0].id)
    windowed.work()
    message, said = windowed.sandbox.slack.messages("alerts")
    assert windowed.sandbox.slack.channel("alerts").replies(message) == [said]
    assert (said.text, said.broadcast) == ("Closed by a person.", True)
    assert windowed.state() == ["delivered"]


@pytest.mark.parametrize("code", ["edit_window_closed", "message_not_found"])
def test_who_was_not_called_by_a_message_is_called_once_by_the_one_that_stands_in(sqlite_ledger, clock, tmp_path, code):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        place = Windowed(sqlite_ledger, clock, tmp_path, sandbox, code, ', mention: "<@U0000001>"')
        place.hear(alert())
        place.tell("resolved")
        place.tell(start="2026-03-02T12:05:00Z")
        _, fresh = sandbox.slack.messages("alerts")
        assert "<@U0000001>" in fresh.text
        sandbox.faults.clear()
        place.tell("resolved", start="2026-03-02T12:05:00Z")
        place.tell(start="2026-03-02T12:10:00Z")
        assert sandbox.slack.channel("alerts").replies(fresh) == []
        posted = [one for one in sandbox.seen("slack", "chat.postMessage") if "U0000001" in one.body]
        assert len(posted) == 1


def test_a_message_that_is_gone_twice_is_dead_as_before(windowed):
    windowed.sandbox.faults.clear()
    gone = Fault("ok_false", "slack", path="/api/chat.update", code="message_not_found")
    windowed.sandbox.faults.add(gone)
    for priority in ("P2", "P1", "P0"):
        windowed.tell(Priority=priority)
    assert windowed.state() == ["dead"]
