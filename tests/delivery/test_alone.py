"""What fails by its own fault for sure: it waits alone, and its lane goes on."""

from datetime import timedelta

import pytest
from lane_kit import take, turns
from posts import CONFIG, ENV, Posts, alert

from bridge.delivery.settle import ALONE, ALONE_AT
from bridge.delivery.trouble import STEPS_BEHIND
from bridge.effective import Effective
from bridge.ledger import deliveries, troubles
from bridge.sandbox import Fault, Sandbox

OLD, NEW = "0" * 32, "f" * 32


def one(name, priority, status="firing"):
    """Return an alert of a rule of its own."""
    return {**alert(status, fingerprint=name, Priority=priority), "labels": {"alertname": name}}


class Rotated:
    """A PagerDuty lane whose pages were opened with a key of old, whose secret is gone now; the new one is there."""

    def __init__(self, ledger, clock, folder, sandbox):
        self.ledger, self.clock, self.sandbox = ledger, clock, sandbox
        self.old, new = folder / "old", folder / "new"
        self.old.write_text(OLD)
        new.write_text(NEW)
        old_key, new_key = f"${{file:{self.old}}}", f"${{file:{new}}}"
        with_old = CONFIG.replace("${env:PD}", f'{old_key}", rate: off, api_url: "{sandbox.pagerduty_url}')
        with_old += "send: {P0: [pagerduty], P1: [pagerduty]}\n"
        self.posts = Posts(ledger, clock, folder, with_old)
        self.posts.hear(one("a", "P1"), one("b", "P1"))
        (self.name,) = {row.lane for row in self.posts.deliveries()}
        self.heard = []
        self.take()
        turns(self.lane)
        rotated = with_old.replace(f'"{old_key}"', f'["{new_key}", "{old_key}"]')
        self.posts.rules = Posts(ledger, clock, folder, rotated).rules
        self.old.unlink()

    def take(self):
        effective = Effective(lambda: self.posts.rules, ENV, b"key")
        self.lane = take(self.ledger, self.clock, self.name, effective, lambda *told: self.heard.append(told))

    def a(self):
        """The row of the page that can't be resolved."""
        (row,) = (row for row in self.posts.deliveries() if row.last_error == "routing_key_missing")
        return row

    def held(self):
        """What operators are told of as held."""
        with self.ledger.read() as connection:
            return troubles.held(connection, self.clock.now())

    def opened_with(self, key):
        return [page.status for page in self.sandbox.pagerduty.pages if page.routing_key == key]


@pytest.fixture
def rotated(sqlite_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        yield Rotated(sqlite_ledger, clock, tmp_path, sandbox)


def test_a_page_whose_key_is_missing_keeps_no_other_page_of_its_lane_waiting(rotated):
    rotated.posts.hear(one("a", "P1", "resolved"))
    for _ in range(400):
        turns(rotated.lane)
        rotated.clock.advance(1)
    assert rotated.a().state == "retrying"
    assert rotated.lane.trouble is None
    rotated.posts.hear(one("b", "P0"))
    rotated.take()
    turns(rotated.lane)
    assert rotated.opened_with(NEW) == ["triggered"]
    assert [told for told in rotated.heard if told[0] == "paused"] == []


def test_it_waits_alone_longer_and_longer_and_goes_on_when_its_key_is_back(rotated):
    rotated.posts.hear(one("a", "P1", "resolved"))
    waits = []
    for _ in range(10):
        turns(rotated.lane)
        wait = rotated.a().due_at - rotated.clock.now()
        waits.append(wait / timedelta(seconds=1))
        rotated.clock.advance(waits[-1])
        rotated.take()
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    (retried,) = [line for line in rotated.posts.incidents()[0]["timeline"] if line["what"] == "retrying"]
    assert retried["times"] == 10
    (told,) = rotated.held()
    assert (told.destination, told.number) == ("pagerduty", 1)
    assert "put it back" in told.reason
    rotated.old.write_text(OLD)
    turns(rotated.lane)
    assert rotated.held() == []
    assert sorted(rotated.opened_with(OLD)) == ["resolved", "triggered"]


def test_after_24_hours_it_is_a_dead_letter(rotated):
    rotated.posts.hear(one("a", "P1", "resolved"))
    turns(rotated.lane)
    row = rotated.a()
    have = {**row.have, ALONE: 296}
    rotated.ledger.write(lambda connection: deliveries.change(connection, row.id, have=have))
    rotated.clock.advance(300)
    rotated.take()
    turns(rotated.lane)
    assert rotated.a().state == "dead"
    assert rotated.a().attempts > 0
    assert rotated.a().reason.startswith("waited for 24 h: A page was opened with key ")
    assert [told[0] for told in rotated.heard].count("dead") == 1


def test_what_was_shown_to_fail_by_its_own_fault_puts_its_lane_in_no_trouble_again(sqlite_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        sandbox.faults.add(Fault("status", "slack", path="/api/chat.*", contains="poison", status=500))
        place = f'channel: "#alerts", rate: off, api_url: "{sandbox.slack_url}"'
        (tmp_path / "token").write_text("xoxb-sandbox")
        config = CONFIG.replace('channel: "#{team}"', place).replace("env:SLACK", f"file:{tmp_path / 'token'}")
        posts = Posts(sqlite_ledger, clock, tmp_path, config + "send: {P3: [slack]}\n")
        effective = Effective(lambda: posts.rules, ENV, b"key")

        def poison():
            return min(posts.deliveries(), key=lambda row: row.id)

        def told():
            lane = take(sqlite_ledger, clock, poison().lane, effective)
            turns(lane)
            return lane

        posts.hear(one("poison", "P3"))
        while told().trouble.probes[poison().incident] < STEPS_BEHIND:
            clock.advance(1)
        posts.hear(one("well", "P3"))
        while ALONE not in poison().have:
            clock.advance(1)
            told()
        for number in range(1, 4):
            posts.hear(one(f"well {number}", "P3"))
            lane = told()
            while poison().have[ALONE] == number:
                clock.advance(1)
                turns(lane)
                assert lane.trouble is None
        # once nobody has been told since, the place may be away for all
        while told().trouble is None:
            clock.advance(1)


def test_what_is_given_up_in_doubt_is_looked_for_by_itself_once_it_is_replayed(sqlite_ledger, clock, tmp_path):
    """Days later: to look so far back for all that is in doubt there would hold up others."""
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        sandbox.faults.add(Fault("status", "github", "POST", "*/issues", contains="poison", status=500))
        place = f'{{token: "${{env:GH}}", repo: "acme/alerts", rate: off, api_url: "{sandbox.github_url}"}}'
        config = f"destinations: {{github: {place}}}\nsend: {{P2: [github]}}\n"
        posts = Posts(sqlite_ledger, clock, tmp_path, config)
        effective = Effective(lambda: posts.rules, ENV | {"GH": "ghp_sandbox"}, b"key")

        def poison():
            return min(posts.deliveries(), key=lambda row: row.id)

        posts.hear(one("poison", "P2"))
        lane = take(sqlite_ledger, clock, poison().lane, effective)
        lane.lease_ends = clock.monotonic() + 1_000
        turns(lane)
        have = {**poison().have, ALONE: 296, ALONE_AT: clock.now().timestamp()}
        sqlite_ledger.write(lambda connection: deliveries.change(connection, poison().id, have=have))
        posts.hear(one("well", "P2"))
        for _ in range(20):
            turns(lane)
            clock.advance(1)
        assert (poison().state, poison().doubt["buried"]) == ("dead", True)


@pytest.mark.parametrize("status", [500, 502])
def test_what_fails_in_doubt_again_and_again_backs_off_alone_in_a_busy_lane(sqlite_ledger, clock, tmp_path, status):
    """Others are told between any two of its tries, so that it is the only one to fail in each trouble."""
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        fault = Fault("status", "github", "POST", "*/issues", contains="poison", status=status)
        sandbox.faults.add(fault)
        place = f'{{token: "${{env:GH}}", repo: "acme/alerts", rate: off, api_url: "{sandbox.github_url}"}}'
        config = f"destinations: {{github: {place}}}\nsend: {{P2: [github]}}\n"
        posts = Posts(sqlite_ledger, clock, tmp_path, config)
        effective = Effective(lambda: posts.rules, ENV | {"GH": "ghp_sandbox"}, b"key")
        posts.hear(one("poison", "P2"))
        lane = take(sqlite_ledger, clock, posts.deliveries()[0].lane, effective)
        lane.lease_ends = clock.monotonic() + 1_000
        for second in range(240):
            if second % 4 == 0:
                posts.hear(one(f"well {second}", "P2"), seconds=0)
            turns(lane)
            clock.advance(1)
        poison, *others = posts.deliveries()
        assert poison.have[ALONE] >= 5
        assert sum(entry.fault is not None for entry in sandbox.seen("github")) < 12
        assert {row.state for row in others} == {"delivered"}
