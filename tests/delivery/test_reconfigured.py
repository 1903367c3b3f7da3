"""What is open when its destination's settings become others: each place is told to its end, and nobody twice."""

from datetime import timedelta

import pytest
from lane_kit import take, turns
from posts import ENV, Posts, alert

from bridge.chores.prune import Prune
from bridge.chores.resume import EVERY, Resume
from bridge.chores.stale import Stale
from bridge.chores.watch import HELD, Watch
from bridge.config.load import load
from bridge.effective import Effective
from bridge.ledger import acts, due, troubles
from bridge.sandbox import Fault, Sandbox

TOKENS = {"SLACK": "xoxb-sandbox", "GH": "ghp_sandbox", "PD": "0" * 32}


class Place(Posts):
    """A bridge whose lanes and looks a test takes one by one; `PD`, `SLACK` and `GH` stand for its destinations."""

    def __init__(self, ledger, clock, folder, sandbox, config):
        self.sandbox, self.folder = sandbox, folder
        super().__init__(ledger, clock, folder, self.config(config))
        self.effective = Effective(lambda: self.rules, ENV, b"key")

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

    def held(self):
        """What operators are told of as held, once it has lasted: destinations, and how many wait."""
        with self.ledger.read() as connection:
            found = troubles.held(connection, self.clock.now() + timedelta(seconds=1))
        return [(one.destination, one.number) for one in found]

    def watch(self):
        """Look whether operators are to be told of anything; return whether they are."""
        loaded = load(self.folder / "bridge.yml", ENV)
        return Watch(self.ledger, self.clock, loaded, self.effective, "test").look()

    def prune(self):
        """Remove all that may go."""
        (self.folder / "much.yml").write_text(self.config(f"max_storage: 1KiB\n{PAGED}"))
        loaded = load(self.folder / "much.yml", ENV)
        Prune(self.ledger, self.clock, lambda: loaded).look()

    def pages(self):
        return [(page.routing_key[0], page.status) for page in self.sandbox.pagerduty.pages]


@pytest.fixture
def place(sqlite_ledger, clock, tmp_path, monkeypatch):
    for name, secret in TOKENS.items():
        monkeypatch.setitem(ENV, name, secret)
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        monkeypatch.setitem(ENV, "HOOK", sandbox.slack_webhook_url)
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


PAGED = """\
destinations:
  pagerduty: {kind: pagerduty, routing_key: "${env:PD}"}
  chat: {kind: slack, token: "${env:SLACK}", channel: "#{priority}-alerts", fallback_channel: "#alerts"}
teams: {storage: {}, network: {}}
send: {P0: [pagerduty, chat], P1: [pagerduty, chat], P2: [chat]}
"""


def test_what_was_renamed_is_told_to_its_end_by_its_new_name(place):
    bridge = place(PAGED)
    bridge.tell(alert(Priority="P1"))
    renamed = PAGED.replace("pagerduty: {", "pages: {").replace("chat: {", "talk: {")
    bridge.reload(renamed.replace("[pagerduty, chat]", "[pages, talk]").replace("[chat]", "[talk]"))
    bridge.tell(alert(Priority="P1"))
    assert (len(bridge.rows("pagerduty")), len(bridge.rows("slack"))) == (1, 1)
    bridge.tell(alert("resolved", Priority="P1"))
    assert bridge.pages() == [("0", "resolved")]
    (message,) = bridge.sandbox.slack.messages("p1-alerts")
    assert "resolved" in message.text.lower()
    assert {row.state for row in bridge.deliveries()} == {"delivered"}


def test_of_two_names_of_one_place_the_one_that_stays_goes_on_with_what_the_other_began(place, monkeypatch):
    both = CHAT.replace("teams:", '  leads: {kind: slack, token: "${env:SLACK}", channel: "#alerts"}\nteams:')
    bridge = place(both.replace("P2: [chat]", "P2: [chat, leads]"))
    bridge.tell(alert())
    monkeypatch.delitem(ENV, "SLACK")
    bridge.tell(alert("resolved"))
    bridge.reload(both.replace("  chat: {", "  mates: {").replace("#alerts", "#mates", 1).replace("[chat]", "[leads]"))
    assert not bridge.resume()
    assert [row.state for row in bridge.rows("slack")] == ["held"]
    monkeypatch.setitem(ENV, "SLACK", TOKENS["SLACK"])
    assert bridge.resume()
    assert [row.state for row in bridge.rows("slack")] == ["delivered"]
    assert [len(bridge.sandbox.slack.messages(name)) for name in ("alerts", "mates")] == [1, 0]


def test_what_was_told_in_the_channel_that_stands_in_is_so_by_a_new_name_too(place):
    bridge = place(PAGED)
    bridge.sandbox.slack.strict_channels = True
    bridge.tell(alert())
    bridge.reload(PAGED.replace("chat: {", "talk: {").replace("chat]", "talk]"))
    bridge.tell(alert(summary="worse"))
    bridge.tell(alert("resolved"))
    assert {(row.address, row.state) for row in bridge.rows("slack")} <= {
        ("#alerts", "delivered"),
        ("#p2-alerts", "skipped"),
    }
    (message,) = bridge.sandbox.slack.messages("alerts")
    assert "resolved" in message.text.lower()


def test_a_page_that_can_not_be_ended_for_its_secret_is_gone_is_told_of_and_kept_until_it_is_back(place, monkeypatch):
    bridge = place(PAGED)
    bridge.tell(alert(Priority="P1"))
    monkeypatch.delitem(ENV, "PD")
    bridge.tell(alert(Priority="P1", summary="worse"))
    assert bridge.held() == [("pagerduty", 1)]
    bridge.tell(alert("resolved", Priority="P1"))
    assert bridge.held() == [("pagerduty", 1)]
    bridge.prune()
    assert [one["state"] for one in bridge.incidents()] == ["resolved"]
    monkeypatch.setitem(ENV, "PD", TOKENS["PD"])
    assert bridge.resume()
    assert (bridge.pages(), bridge.held()) == ([("0", "resolved")], [])
    bridge.prune()
    assert bridge.incidents() == []


def test_what_was_never_told_and_is_over_is_waited_for_no_more(place, monkeypatch):
    bridge = place(PAGED)
    monkeypatch.delitem(ENV, "PD")
    bridge.tell(alert(Priority="P1"))
    assert bridge.held() == [("pagerduty", 1)]
    bridge.tell(alert("resolved", Priority="P1"))
    assert bridge.held() == []
    bridge.prune()
    assert bridge.incidents() == []


@pytest.mark.parametrize("kind", ["slack", "github"])
def test_a_message_or_issue_whose_destination_was_taken_out_is_no_trouble_for_ever_and_keeps_nothing(place, kind):
    bridge = place(CHAT if kind == "slack" else ISSUES)
    bridge.tell(alert())
    bridge.reload(CHAT.replace("chat", "other").replace("#alerts", "#elsewhere"))
    bridge.tell(alert(summary="worse"))
    assert bridge.held() == [("chat", 1)]
    bridge.tell(alert("resolved"))
    assert {(row.state, row.destination) for row in bridge.rows(kind) if row.destination == "chat"} == {
        ("held", "chat")
    }
    assert bridge.held() == []
    bridge.prune()
    assert bridge.incidents() == []


def test_what_waits_for_a_place_that_never_comes_back_can_be_dismissed(place):
    bridge = place(PAGED)
    bridge.tell(alert(Priority="P1"))
    bridge.reload(
        PAGED.replace('  pagerduty: {kind: pagerduty, routing_key: "${env:PD}"}\n', "").replace("pagerduty, ", "")
    )
    bridge.tell(alert("resolved", Priority="P1"))
    (page,) = bridge.rows("pagerduty")
    assert bridge.held() == [("pagerduty", 1)]
    bridge.ledger.write(lambda connection: acts.dismiss(connection, [page.id], "alice", bridge.clock.now()))
    assert bridge.held() == []
    bridge.prune()
    assert bridge.incidents() == []


@pytest.fixture
def by_priority(place, tmp_path):
    """A bridge that pages a service for each priority, its key in a file."""
    for level in ("P0", "P1"):
        (tmp_path / level).write_text(level[1] * 32)
    bridge = place(PAGED.replace("${env:PD}", f"${{file:{tmp_path}/{{priority}}}}").replace(", chat]", "]"))
    bridge.tell(alert(Priority="P1"))
    return bridge


def test_a_page_goes_on_at_the_service_that_it_was_routed_to_when_its_incident_is_worse(by_priority):
    by_priority.tell(alert(Priority="P0", fingerprint="f2"))
    assert sorted(by_priority.pages()) == [("0", "triggered"), ("1", "triggered")]
    by_priority.tell(alert("resolved", Priority="P1"), alert("resolved", Priority="P0", fingerprint="f2"))
    assert sorted(by_priority.pages()) == [("0", "resolved"), ("1", "resolved")]
    assert {row.state for row in by_priority.deliveries()} == {"delivered"}


def test_a_page_whose_own_key_is_missing_is_held_though_that_of_the_present_priority_is_there(by_priority, tmp_path):
    (tmp_path / "P1").rename(tmp_path / "gone")
    by_priority.tell(alert(Priority="P0", fingerprint="f2"))
    assert sorted(by_priority.pages()) == [("0", "triggered"), ("1", "triggered")]
    assert not by_priority.resume()
    (held,) = [row for row in by_priority.deliveries() if row.state == "held"]
    assert held.reason.startswith(f"destination pagerduty: none of its secrets leads to {held.address} now")
    (tmp_path / "gone").rename(tmp_path / "P1")
    assert by_priority.resume()
    by_priority.tell(alert("resolved", Priority="P1"), alert("resolved", Priority="P0", fingerprint="f2"))
    assert sorted(by_priority.pages()) == [("0", "resolved"), ("1", "resolved")]


def test_a_revoked_token_buries_what_was_told_by_an_older_name_of_its_destination_too(place):
    bridge = place(CHAT)
    both = [{**alert(fingerprint=name, summary="news"), "labels": {"alertname": name}} for name in ("f1", "f2")]
    bridge.tell(*both)
    bridge.reload(CHAT.replace("chat: {", "talk: {").replace("[chat]", "[talk]"))
    bridge.sandbox.faults.add(Fault("ok_false", "slack", code="token_revoked"))
    bridge.tell(*({**one, "annotations": {**one["annotations"], "summary": "worse"}} for one in both))
    assert [row.state for row in bridge.rows("slack")] == ["dead", "dead"]
    assert [one.fault for one in bridge.sandbox.requests].count("ok_false") == 1


HOOKED = CHAT.replace('token: "${env:SLACK}", channel: "#alerts"', 'webhook_url: "${env:HOOK}"')
MENTIONING = [said.replace('"}', '", mention: "<@U0000001>"}') for said in (HOOKED, CHAT)]
SWITCHED = pytest.mark.parametrize(("before", "after"), [MENTIONING, MENTIONING[::-1]], ids=["token", "webhook"])


def aloud(bridge):
    """What calls somebody in the channel."""
    messages = bridge.sandbox.slack.messages("alerts")
    return [one for one in messages if "<@U0000001>" in f"{one.text}{one.blocks}"]


@SWITCHED
def test_what_was_told_by_a_webhook_is_told_once_by_a_token_and_the_reverse(place, before, after):
    bridge = place(before)
    bridge.tell(alert())
    bridge.reload(after)
    bridge.tell(alert(summary="news"))
    assert [row.state for row in bridge.rows("slack")] == ["held", "delivered"]
    assert bridge.resume()
    for number in range(3):
        bridge.tell(alert(summary=f"news {number}"))
        assert bridge.held() == []
    bridge.tell(alert("resolved"))
    assert len(aloud(bridge)) == 2  # at each place one
    old, new = bridge.rows("slack")
    assert (old.state, old.reason, new.state) == ("skipped", f"told at {new.address} already", "delivered")
    assert not bridge.resume()


@SWITCHED
def test_operators_hear_nothing_of_what_only_goes_on_at_another_place(place, before, after):
    bridge = place(before)
    bridge.tell(alert())
    bridge.reload(after)
    bridge.tell(alert(summary="news"))
    assert bridge.rows("slack")[0].state == "held"
    for seconds in (0, EVERY):
        bridge.clock.advance(seconds)
        assert not bridge.watch()
    assert bridge.resume()
    bridge.clock.advance(HELD.total_seconds() * 2)
    assert not bridge.watch()


def test_operators_hear_of_what_is_held_although_it_was_looked_at_again(place, monkeypatch):
    bridge = place(CHAT)
    bridge.tell(alert())
    monkeypatch.delitem(ENV, "SLACK")
    bridge.tell(alert(summary="news"))
    for _ in range(2):
        assert not bridge.watch()
        bridge.clock.advance(EVERY)
        assert not bridge.resume()
    bridge.clock.advance(1)
    assert bridge.watch()


def test_operators_hear_of_what_one_host_holds_and_another_one_lets_go_on(place, monkeypatch):
    bridge = place(CHAT)
    bridge.tell(alert())
    bridge.hear(alert(summary="news"))
    for _ in range(3):
        with monkeypatch.context() as without:
            without.delitem(ENV, "SLACK")
            bridge.tell()
        assert bridge.rows("slack")[0].state == "held"
        bridge.clock.advance(EVERY)
        assert Resume(bridge.ledger, bridge.clock, bridge.effective).look()
    monkeypatch.delitem(ENV, "SLACK")
    bridge.tell()
    assert bridge.watch()


@SWITCHED
@pytest.mark.parametrize("end", ["resolved", "stale"])
def test_what_ends_as_its_first_news_after_the_change_is_told_as_over_at_the_new_place(place, before, after, end):
    bridge = place(before)
    bridge.tell(alert())
    bridge.reload(after)
    if end == "stale":
        bridge.clock.advance(3 * 86_400)
        assert Stale(bridge.ledger, bridge.clock, lambda: bridge.rules).look()
        bridge.tell()
    else:
        bridge.tell(alert("resolved"))
    assert bridge.resume()
    (row,) = bridge.rows("slack")
    assert row.state == "delivered"
    _, last = bridge.sandbox.slack.messages("alerts")
    assert end in last.text.lower()
    assert len(aloud(bridge)) == 1
    assert not bridge.resume()


@SWITCHED
@pytest.mark.parametrize("news", [True, False])
def test_a_change_that_is_taken_back_leads_back_to_what_was_told_before_it(place, before, after, news):
    bridge = place(before)
    bridge.tell(alert())
    bridge.reload(after)
    bridge.tell(alert(summary="news"))
    bridge.resume()
    bridge.reload(before)
    if news:
        bridge.tell(alert(summary="more news"))
        bridge.resume()
    bridge.tell(alert("resolved"))
    bridge.resume()
    first, second = bridge.rows("slack")
    assert (first.state, second.state) == ("delivered", "skipped")
    assert len(aloud(bridge)) == 2
    assert first.told == first.want
    assert not bridge.resume()


@SWITCHED
def test_a_change_that_fails_and_is_taken_back_goes_on_where_it_was_told_before(place, before, after):
    bridge = place(before)
    bridge.tell(alert())
    bridge.reload(after)
    hooked = after == MENTIONING[0]
    fault = Fault("status", "slack", status=404) if hooked else Fault("ok_false", "slack", code="is_archived")
    bridge.sandbox.faults.add(fault)
    bridge.tell(alert(summary="news"))
    bridge.resume()
    assert [row.state for row in bridge.rows("slack")] == ["held", "dead"]
    bridge.sandbox.faults.clear()
    bridge.reload(before)
    assert bridge.resume()
    bridge.tell(alert("resolved"))
    first, second = bridge.rows("slack")
    assert (first.state, first.told, second.state) == ("delivered", first.want, "dead")


@SWITCHED
def test_what_died_before_the_change_is_left_once_it_is_told_at_the_new_place(place, before, after):
    bridge = place(before)
    hooked = before == MENTIONING[0]
    fault = Fault("status", "slack", status=404) if hooked else Fault("ok_false", "slack", code="is_archived")
    bridge.sandbox.faults.add(fault)
    bridge.tell(alert())
    bridge.sandbox.faults.clear()
    (dead,) = bridge.rows("slack")
    assert dead.state == "dead"
    bridge.reload(after)
    bridge.tell(alert(summary="news"))
    bridge.ledger.write(lambda connection: acts.replay(connection, [dead.id], "alice", bridge.clock.now()))
    bridge.tell()
    assert bridge.resume()
    for number in range(2):
        bridge.tell(alert(summary=f"news {number}"))
        assert [row.state for row in bridge.rows("slack")] == ["skipped", "delivered"]
    assert len(aloud(bridge)) == 1


@SWITCHED
def test_what_could_not_be_told_by_a_webhook_is_told_once_by_a_token_and_the_reverse(place, before, after):
    bridge = place(before)
    bridge.sandbox.faults.add(Fault("status", "slack", status=503))
    bridge.tell(alert())
    bridge.sandbox.faults.clear()
    bridge.reload(after)
    bridge.clock.advance(60)
    bridge.tell()
    assert [row.state for row in bridge.rows("slack")] == ["held"]
    assert bridge.resume()
    bridge.tell(alert(summary="news"))
    assert [row.state for row in bridge.rows("slack")] == ["delivered"]
    assert len(aloud(bridge)) == 1


@pytest.mark.parametrize("named", ["#new", "its id"])
def test_a_channel_that_is_called_another_name_is_told_no_second_time(place, named):
    bridge = place(CHAT.replace('"#alerts"', '"#old"'))
    bridge.tell(alert())
    channel = bridge.sandbox.slack.workspace.add_channel("old")
    if named == "#new":
        channel.name = "new"
    bridge.reload(CHAT.replace("#alerts", named if named == "#new" else channel.id))
    bridge.tell(alert(summary="news"))
    bridge.tell(alert(summary="more news"))
    bridge.tell(alert("resolved"))
    (message,) = [one for one in channel.messages.values() if one.thread is None]
    assert "resolved" in message.text.lower()
    assert [(row.state, row.reason) for row in bridge.rows("slack")] == [
        ("delivered", None),
        ("skipped", "told at #old already"),
    ]


@pytest.mark.parametrize("end", ["held", "dead", "dismissed"])
def test_a_channel_that_is_called_another_name_is_told_where_nobody_tells_its_message_any_more(place, end):
    bridge = place(CHAT.replace('"#alerts"', '"#old"'))
    bridge.tell(alert())
    channel = bridge.sandbox.slack.workspace.add_channel("old")
    channel.name = "new"
    renamed = CHAT.replace("#alerts", "#new")
    if end == "held":  # its name has gone, and none leads to #old
        bridge.reload(renamed.replace("chat: {", "talk: {").replace("[chat]", "[talk]"))
    else:
        bridge.sandbox.faults.add(Fault("ok_false", "slack", code="is_archived"))
        bridge.tell(alert(summary="worse"))
        bridge.sandbox.faults.clear()
        (dead,) = bridge.rows("slack")
        assert dead.state == "dead"
        if end == "dismissed":
            bridge.ledger.write(lambda connection: acts.dismiss(connection, [dead.id], "alice", bridge.clock.now()))
        bridge.reload(renamed)
    bridge.tell(alert(summary="news"))
    bridge.tell(alert("resolved"))
    old, new = bridge.rows("slack")
    assert (old.state, new.state) == ("skipped" if end == "dismissed" else end, "delivered")
    last = [one for one in channel.messages.values() if one.thread is None][-1]
    assert "resolved" in last.text.lower()


def test_two_teams_are_told_by_each_of_two_names_of_one_channel(place):
    bridge = place(CHAT)
    channel = bridge.sandbox.slack.workspace.add_channel("alerts")
    own = f'teams: {{storage: {{}}, network: {{destinations: {{chat: {{channel: "{channel.id}"}}}}}}}}'
    bridge.reload(CHAT.replace("teams: {storage: {}, network: {}}", own))
    bridge.tell(alert(Team="storage, network"))
    assert len(channel.messages) == 2
