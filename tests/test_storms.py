"""Very many incidents at once: one message for the rest, kept up to date, and each by itself once it is calm."""

from __future__ import annotations

import re

import pytest
from fake_clock import FakeClock
from goldens import MESSAGES, as_json, compare
from posts import CONFIG, ENV, Posts
from sqlalchemy import func, select, update

from bridge.backlog import HOLD
from bridge.chores.storms import Storms
from bridge.core.rules import APART, STORM
from bridge.destinations.base import Address, Nothing, Settings, Want
from bridge.destinations.pagerduty import step as pages
from bridge.destinations.slack import message as slack
from bridge.ledger import acts
from bridge.ledger.incidents import load
from bridge.ledger.tables import alerts, deliveries, incidents
from bridge.parts import USUAL
from bridge.render.bounded import bounded
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.sandbox import schemas

LIMITS = "storm: {incidents: 5, within: 2m}\npage_storm: {pages: 3, within: 5m}\n"
OVER_ALREADY = Nothing("over before it could be told")


class Place(Posts):
    """Posts, and the chore that keeps the storms' messages."""

    def __init__(self, ledger, clock, folder, limits=LIMITS, config=CONFIG):
        self.folder = folder
        super().__init__(ledger, clock, folder, config + limits)
        self.storms = Storms(ledger, clock, lambda: self.rules, "test")

    def look(self):
        """Until nothing is left to do."""
        for _ in range(10):
            busy = self.storms.look()
            self.absorb(STORM)
            if not busy:
                return
        raise AssertionError("it never ends")

    def one(self, number, status="firing", priority="P2"):
        return {
            "status": status,
            "fingerprint": f"f{number}",
            "labels": {"alertname": f"Disk {number}"},
            "annotations": {"Team": "storage", "Priority": priority},
            "startsAt": "2026-03-02T11:00:00Z",
            "endsAt": "2026-03-02T12:30:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        }

    def storm(self, numbers, status="firing", priority="P2"):
        self.hear(*(self.one(number, status, priority) for number in numbers))
        self.look()

    def told(self, kind):
        """How many deliveries of a kind are in each state; the storm's own apart."""
        found = {}
        with self.ledger.read() as connection:
            query = select(deliveries.c.state, incidents.c.source).join(incidents).where(deliveries.c.kind == kind)
            for row in connection.execute(query):
                name = "storm" if row.source == STORM else row.state
                found[name] = found.get(name, 0) + 1
        return found

    def digest(self):
        """State, reason, and how many fire and are over in the newest storm's message."""
        with self.ledger.read() as connection:
            row = connection.execute(
                select(incidents).where(incidents.c.source == STORM).order_by(incidents.c.id.desc()).limit(1)
            ).first()
            by = dict(
                connection.execute(
                    select(alerts.c.status, func.count()).where(alerts.c.incident == row.id).group_by(alerts.c.status)
                ).all()
            )
        return row.state, row.state_reason, by.get("firing", 0), by.get("resolved", 0)

    def want(self, kind):
        """The newest storm of a kind, as its lane asks for words; the clock's ids as ids that stay."""
        with self.ledger.read() as connection:
            query = (
                select(incidents.c.id).join(deliveries).where(incidents.c.source == STORM, deliveries.c.kind == kind)
            )
            told = bounded(load(connection, connection.scalar(query.order_by(incidents.c.id.desc()).limit(1))))
        said = {"timezone": "America/Los_Angeles", "external_url": "https://alerts.acme.com"}
        settings, address = Settings(kind, kind, said), Address(kind, "#storage", kind)
        return Want("01KD", told, settings, address, Words((template_folder(),)), self.clock.now())

    def settle(self):
        """As if all that is due had been told."""
        self.ledger.write(
            lambda one: (
                one.execute(
                    update(deliveries).where(deliveries.c.state == "pending").values(state="delivered", due_at=None)
                ).rowcount
            )
        )


@pytest.fixture
def place(ledger, tmp_path):
    return Place(ledger, FakeClock(), tmp_path)


def test_what_is_one_too_many_is_told_in_one_message_that_is_kept_true(place):
    place.storm(range(300))
    assert place.told("slack") == {"pending": 5, "skipped": 295, "storm": 1}
    assert place.digest() == ("firing", None, 295, 0)
    assert place.told("github") == {"pending": 300}
    (reason,) = {row.reason for row in place.deliveries() if row.state == "skipped"}
    assert reason.startswith("in digest ")
    place.settle()
    place.storm(range(100, 110), "resolved")
    assert place.digest() == ("firing", None, 285, 10)
    assert place.told("slack") == {"delivered": 5, "skipped": 295, "storm": 1}
    place.clock.advance(minutes=30)
    place.look()
    assert place.digest() == ("firing", None, 285, 10), "too many still fire"


def test_once_it_is_calm_what_still_fires_is_told_by_itself(place):
    place.storm(range(50))
    place.settle()
    place.storm(range(5, 47), "resolved")
    assert place.digest() == ("firing", None, 3, 42)
    place.clock.advance(minutes=3)
    place.look()
    assert place.digest() == ("resolved", APART, 0, 45)
    assert place.told("slack") == {"delivered": 5, "pending": 3, "skipped": 42, "storm": 1}
    place.settle()
    place.look()
    assert place.told("slack") == {"delivered": 8, "skipped": 42, "storm": 1}


def test_where_the_clock_was_set_back_what_was_placed_before_is_no_storm_and_keeps_none_up(place):
    place.storm(range(5))
    place.settle()
    place.clock.set_back(hours=1)
    place.storm(range(5, 9))
    assert place.told("slack") == {"delivered": 5, "pending": 4}
    place.storm(range(9, 12))
    assert place.told("slack") == {"delivered": 5, "pending": 5, "skipped": 2, "storm": 1}
    place.clock.set_back(hours=1)
    place.look()
    assert place.digest() == ("resolved", APART, 0, 2)
    assert place.told("slack") == {"delivered": 5, "pending": 7, "storm": 1}


def test_what_became_worse_in_a_storm_is_told_as_urgently(place):
    place.storm(range(8), priority="P3")
    place.settle()
    place.storm([6], priority="P1")
    place.storm(range(6), "resolved", priority="P3")
    place.clock.advance(minutes=3)
    place.look()
    told = [row for row in place.deliveries() if row.kind == "slack" and row.state == "pending"]
    titles = {row.id: row.title for row in place.stored()}
    urgency = {titles[row.incident]: row.urgency for row in told if titles[row.incident].startswith("Disk")}
    assert (urgency["Disk 6"], urgency["Disk 7"]) == (1, 3)


def test_what_began_before_it_was_told_in_a_storm_is_told_as_urgently(place):
    place.storm(range(50))
    place.hear({**place.one(7, priority="P1"), "fingerprint": "older", "startsAt": "2026-03-02T10:00:00Z"})
    place.look()
    (digest,) = (row for row in place.stored() if row.source == STORM)
    assert digest.priority == "P1"
    assert place.digest() == ("firing", None, 45, 0)


def test_a_storm_that_is_all_over_is_resolved(place):
    place.storm(range(20))
    place.storm(range(20), "resolved")
    assert place.digest() == ("resolved", None, 0, 15)
    place.clock.advance(minutes=10)
    place.look()
    assert place.told("slack")["skipped"] == 15


def both(place, numbers, priority="P2"):
    """What begins and ends before anybody looks."""
    for status in ("firing", "resolved"):
        place.hear(*(place.one(number, status, priority) for number in numbers))


def test_what_is_over_before_anybody_looked_is_told_in_one_message_that_says_so(place):
    both(place, range(100), "P1")
    place.look()
    assert place.told("slack") == {"pending": 5, "skipped": 95, "storm": 1}
    told, whys = place.want("slack"), {row.reason[:10] for row in place.deliveries() if row.state == "skipped"}
    assert told.incident.state == "resolved"
    assert "Storm: 95 more incidents" in slack.content(told)["text"]
    assert whys == {"in digest "}
    assert pages.next_step(place.want("pagerduty"), {}) == OVER_ALREADY
    place.clock.advance(minutes=20)
    assert not place.storms.look()


def test_what_begins_and_ends_between_two_looks_has_its_line(place):
    place.storm(range(8))
    place.settle()
    both(place, range(8, 12))
    place.look()
    assert place.digest() == ("firing", None, 3, 4)
    assert place.told("slack") == {"delivered": 5, "skipped": 7, "storm": 1}
    assert not place.storms.look()


def test_what_begins_and_ends_after_its_message_was_over_has_its_line_there(place):
    place.storm(range(8))
    place.storm(range(8), "resolved")
    both(place, range(8, 12))
    place.look()
    assert place.digest() == ("resolved", None, 0, 7)
    assert place.told("slack")["storm"] == 1
    assert {row.reason[:10] for row in place.deliveries() if row.state == "skipped"} == {"in digest "}


def test_very_many_that_are_over_have_their_lines_at_several_looks(place, monkeypatch):
    monkeypatch.setattr("bridge.ledger.folds.MOST", 20)
    both(place, range(60))
    place.look()
    assert place.digest() == ("resolved", None, 0, 55)
    assert place.told("slack")["storm"] == 1


def test_what_fires_again_right_after_it_was_told_of_as_over_fires_in_the_message(place):
    place.storm(range(8))
    both(place, [8])
    assert place.storms.look()
    place.absorb(STORM)
    place.hear({**place.one(8), "startsAt": "2026-03-02T12:40:00Z"})
    place.look()
    assert place.digest()[::2] == ("firing", 4)


def waited(place):
    """An hour's worth of what nobody absorbed: pages that are over by its end, and much between; return its lane."""
    others = {"annotations": {"Team": "network", "Priority": "P3"}}
    place.post({"alerts": [place.one(number, priority="P1") for number in range(8)]})
    for number in range(100, 100 + 2 * USUAL.receipts):
        place.post({"alerts": [place.one(number, "resolved") | others]})
    place.post({"alerts": [place.one(number, "resolved", "P1") for number in range(8)]})
    place.clock.advance(hours=1)
    return place.intake()


def test_what_waited_and_is_over_by_its_end_pages_nobody(place):
    intake = waited(place)
    assert intake.turn() is None
    for _ in range(3):
        assert not place.storms.look(), "more of it is to come"
        place.clock.advance(seconds=3)
    while intake.turn() is None:
        pass
    place.look()
    assert {row.state for row in place.stored() if row.source == STORM} == {"resolved"}
    assert place.told("slack")["storm"] == 1
    assert pages.next_step(place.want("pagerduty"), {}) == OVER_ALREADY


def test_what_waited_is_waited_for_a_moment_only(place):
    assert waited(place).turn() is None
    assert not place.storms.look()
    place.clock.advance(HOLD.total_seconds())
    assert place.storms.look(), "also where nobody goes on"


def test_what_ends_before_its_message_has_a_place_pages_nobody(place):
    place.hear(*(place.one(number, priority="P1") for number in range(8)))
    assert place.storms.look()
    place.absorb(STORM)
    place.hear(*(place.one(number, "resolved", "P1") for number in range(8)))
    assert place.storms.look()
    assert "storm" not in place.told("pagerduty"), "the message says that it fires"
    place.look()
    assert place.told("slack")["storm"] == 1
    assert pages.next_step(place.want("pagerduty"), {}) == OVER_ALREADY


def test_of_what_only_resolves_were_heard_no_message_tells(place):
    place.storm(range(20), "resolved")
    assert place.told("slack") == {"pending": 5, "skipped": 15}
    assert not place.storms.look()


def test_what_an_older_release_told_nowhere_is_no_news(place):
    both(place, range(20))
    place.clock.advance(days=8)
    assert not place.storms.look()


def test_what_is_or_becomes_a_p0_is_told_by_itself(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, LIMITS.splitlines()[0])
    place.storm(range(10))
    place.storm(range(20, 25), priority="P0")
    place.settle()
    assert place.told("slack")["skipped"] == 5
    place.storm([9], priority="P0")
    assert place.told("slack") == {"delivered": 10, "pending": 1, "skipped": 4, "storm": 1}
    assert place.digest() == ("firing", None, 4, 1)


def test_what_was_set_aside_without_its_secret_and_becomes_a_p0_is_told_by_itself(ledger, tmp_path, monkeypatch):
    monkeypatch.delitem(ENV, "SLACK")
    place = Place(ledger, FakeClock(), tmp_path, LIMITS.splitlines()[0])
    place.storm(range(10))
    assert place.told("slack") == {"pending": 5, "skipped": 5, "storm": 1}
    place.storm([9], priority="P0")
    assert place.told("slack") == {"pending": 6, "skipped": 4, "storm": 1}


def test_who_is_told_by_itself_is_not_counted_as_over(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, LIMITS.splitlines()[0])
    place.storm(range(10))
    place.settle()
    place.storm([9], priority="P0")
    content = slack.content(place.want("slack"))
    assert content["text"].startswith("P2 firing: Storm: 4 more incidents of storage")
    assert "Disk 9" not in as_json(content)
    assert "resolved" not in as_json(content)


@pytest.mark.parametrize("rest", [True, False], ids=["while others fire", "once it was over"])
def test_what_fires_again_in_a_storm_is_told_at_once(place, rest):
    place.storm(range(8), priority="P1")
    place.settle()
    place.storm(range(7 if rest else 0, 8), "resolved", priority="P1")
    assert place.digest()[0] == ("firing" if rest else "resolved")
    place.clock.advance(seconds=5)
    place.hear({**place.one(7, priority="P1"), "startsAt": "2026-03-02T12:40:00Z"})
    place.look()
    state, _, firing, _ = place.digest()
    assert (state, firing) == ("firing", 3 if rest else 1)
    for kind in ("slack", "pagerduty"):
        told = place.want(kind).incident
        assert [one.labels["incident"] for one in told.firing][-1] == "Disk 7"


def test_what_is_no_longer_heard_of_is_called_so_in_a_storm(place):
    place.storm(range(8))
    stale = update(incidents).where(incidents.c.title == "Disk 7").values(state="stale")
    place.ledger.write(lambda one: one.execute(stale))
    place.look()
    assert "Disk 7 (stale: no longer heard of)" in as_json(slack.content(place.want("slack")))
    assert place.digest() == ("firing", None, 3, 0)


def test_of_a_storm_that_a_person_has_closed_nothing_more_is_told(place):
    place.storm(range(8))
    place.settle()
    close_digest(place)
    for _ in range(3):
        assert not place.storms.look()
    place.storm([20])
    assert place.digest() == ("firing", None, 1, 0)


@pytest.mark.parametrize("over", [False, True], ids=["while it fires", "once it is over"])
def test_what_comes_after_a_person_let_a_storms_message_rest_is_told_in_another_one(place, over):
    place.storm(range(8))
    place.settle()
    with place.ledger.read() as connection:
        query = select(deliveries.c.id).join(incidents).where(incidents.c.source == STORM)
        (one,) = connection.execute(query).scalars()
    dead = update(deliveries).where(deliveries.c.id == one).values(state="dead")
    place.ledger.write(lambda connection: connection.execute(dead).rowcount)
    place.storm([20])
    assert place.digest() == ("firing", None, 4, 0), "it may be told yet"
    if over:
        place.storm([*range(8), 20], "resolved")
    place.ledger.write(lambda connection: acts.dismiss(connection, [one], "alice", place.clock.now()))
    place.storm([21])
    assert place.digest() == ("firing", None, 1, 0)
    assert place.told("slack")["storm"] == 2
    assert [row.state for row in place.stored() if row.source == STORM] == ["closed", "firing"]
    assert not place.storms.look()


def test_what_fires_anew_after_a_person_closed_its_storm_is_told(place):
    place.storm(range(8), priority="P1")
    place.settle()
    place.storm([7], "resolved", priority="P1")
    close_digest(place)
    place.clock.advance(seconds=60)
    place.hear({**place.one(7, priority="P1"), "startsAt": "2026-03-02T12:40:00Z"})
    place.look()
    assert place.digest()[0::2] == ("firing", 1)
    place.clock.advance(seconds=5)
    assert not place.storms.look()


def test_of_very_many_in_a_storm_none_is_said_to_be_told_by_itself(place, monkeypatch):
    monkeypatch.setattr("bridge.ledger.folds.MOST", 20)
    place.storm(range(25))
    place.storm(range(25, 40))
    assert place.digest() == ("firing", None, 35, 0)


def test_whom_a_person_has_closed_is_told_as_closed(place):
    place.storm(range(8))
    with place.ledger.read() as connection:
        (closed,) = connection.execute(select(incidents.c.id).where(incidents.c.title == "Disk 7")).scalars()
    place.ledger.write(lambda one: acts.close(one, [closed], "alice", place.clock.now()))
    place.look()
    said = as_json(slack.content(place.want("slack")))
    assert "not known to be a recovery" not in said
    assert "closed" in said


def closed_in_a_storm(place, *numbers):
    place.storm(range(8))
    place.settle()
    with place.ledger.read() as connection:
        title = incidents.c.title.in_([f"Disk {number}" for number in numbers])
        ids = list(connection.execute(select(incidents.c.id).where(title)).scalars())
    place.ledger.write(lambda one: acts.close(one, ids, "alice", place.clock.now()))
    place.look()


def test_a_storm_is_not_said_to_be_closed_where_a_person_closed_one_of_it(place):
    closed_in_a_storm(place, 7)
    place.storm([5, 6], "resolved")
    assert place.digest() == ("resolved", None, 0, 3)
    assert "closed: Storm" not in as_json(slack.content(place.want("slack")))


def test_a_storm_of_which_one_was_closed_moves_what_still_fires_to_messages_of_its_own(place):
    closed_in_a_storm(place, 7)
    place.clock.advance(minutes=3)
    place.look()
    assert place.digest() == ("resolved", APART, 0, 3)


def test_a_storm_all_of_which_a_person_closed_is_said_to_be_closed(place):
    closed_in_a_storm(place, 5, 6, 7)
    assert place.digest() == ("resolved", "closed by alice", 0, 3)
    assert "closed: Storm" in as_json(slack.content(place.want("slack")))


def close_digest(place):
    with place.ledger.read() as connection:
        ids = list(connection.execute(select(incidents.c.id).where(incidents.c.source == STORM)).scalars())
    place.ledger.write(lambda one: acts.close(one, ids, "alice", place.clock.now()))


def test_pages_are_folded_too_and_issues_never(place):
    place.storm(range(40), priority="P1")
    assert place.told("pagerduty") == {"pending": 3, "skipped": 37, "storm": 1}
    assert place.told("github") == {"pending": 40}


def test_what_fires_again_after_the_storm_is_told_by_itself(place):
    place.storm(range(8))
    place.settle()
    place.storm(range(8), "resolved")
    place.clock.advance(minutes=5)
    again = {**place.one(7), "startsAt": "2026-03-02T12:40:00Z"}
    place.hear(again)
    place.look()
    fires = [one for one in place.incidents() if one["title"] == "Disk 7"]
    assert fires[-1]["state"] == "firing"
    assert [one["state"] for one in fires[-1]["deliveries"] if one["kind"] == "slack"] == ["pending"]


def test_what_changes_in_the_moment_in_which_it_is_told_by_itself_is_told_of_as_it_is_then(postgres_ledger, tmp_path):
    place = Place(postgres_ledger, FakeClock(), tmp_path)
    place.storm(range(8))
    place.settle()
    place.storm(range(6), "resolved")
    place.clock.advance(minutes=3)
    place.meanwhile(place.storms.look, "Disk 7", state="resolved")
    (last,) = [row for row in place.stored() if row.title == "Disk 7"]
    (told,) = [row for row in place.deliveries() if row.incident == last.id and row.kind == "slack"]
    assert (told.state, told.want) == ("pending", last.version)


def test_without_limits_nothing_is_folded(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, "")
    place.storm(range(50), priority="P1")
    assert place.told("slack") == place.told("pagerduty") == {"pending": 50}


GROUPED = {
    "by every label": (f"{LIMITS}group_by: ['...']\n", CONFIG),
    "by a label": (f"{LIMITS}group_by: [instance]\n", CONFIG),
    "by a team's labels": (LIMITS, CONFIG.replace("storage: {}", "storage: {group_by: ['...']}")),
    "by a route's labels": (f"{LIMITS}routes: [{{matchers: ['team = \"storage\"'], group_by: [instance]}}]\n", CONFIG),
}


@pytest.mark.parametrize("grouped", GROUPED)
def test_however_incidents_are_grouped_a_storm_is_one_message_to_its_end(ledger, tmp_path, grouped):
    place = Place(ledger, FakeClock(), tmp_path, *GROUPED[grouped])
    place.storm(range(30))
    assert place.told("slack") == {"pending": 5, "skipped": 25, "storm": 1}
    assert place.digest() == ("firing", None, 25, 0)
    assert not place.storms.look(), "all is told"
    place.storm(range(30), "resolved")
    assert place.digest() == ("resolved", None, 0, 25)
    assert [row.state for row in place.stored() if row.source == STORM] == ["resolved"]


NAMED = """\
normalize:
  team: ["label:team"]
  priority: [severity]
  priority_words: {P0: P3, P1: drop, P2: drop}
  default_team: network
  default_priority: P3
"""


def test_whatever_names_and_words_are_configured_a_storm_is_its_team_s_and_as_urgent_as_what_it_tells(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, f"{LIMITS}{NAMED}")
    named = {"team": "storage", "severity": "priority 0"}
    place.hear(*({**place.one(n), "labels": {"alertname": f"Disk {n}", **named}} for n in range(6)))
    place.look()
    storms = [(row.teams, row.priority) for row in place.stored() if row.source == STORM]
    assert storms == [(["storage"], "P0")]


def test_a_limit_that_is_taken_away_lets_all_be_told(place):
    place.storm(range(12))
    place.settle()
    place.rules = Place(place.ledger, place.clock, place.folder, "").rules
    place.look()
    assert place.told("slack") == {"delivered": 5, "pending": 7, "storm": 1}


ID = re.compile(r"\b0[0-9A-Z]{25}\b")


def steady(value):
    """JSON with ids in their order instead of ids of the time."""
    text = as_json(value)
    known = {found: f"01KD{number:022}" for number, found in enumerate(dict.fromkeys(ID.findall(text)))}
    return ID.sub(lambda found: known[found[0]], text)


def test_a_storm_in_words(place):
    place.storm(range(300))
    place.settle()
    for name, heard in (("storm", ()), ("storm-more", range(100, 180)), ("storm-over", range(5, 297))):
        place.storm(heard, "resolved")
        if name == "storm-over":
            place.clock.advance(minutes=3)
            place.look()
        content = slack.content(place.want("slack"))
        schemas.validator(schemas.BLOCK_KIT).validate(content["blocks"])
        compare(MESSAGES / "slack" / f"{name}.json", steady(content))


def test_a_storm_of_pages_in_words(place):
    """It is one page; it pages again when it has doubled, and ends with its pages."""
    have = {}
    for name, heard, status in (
        ("storm", range(13), "firing"),
        (None, range(13, 18), "firing"),
        ("storm-more", range(18, 33), "firing"),
        ("storm-over", range(33), "resolved"),
    ):
        place.storm(heard, status, priority="P1")
        step = pages.next_step(place.want("pagerduty"), have)
        if name is None:
            assert not hasattr(step, "request"), "fewer than twice as many"
            continue
        schemas.validator(schemas.PAGERDUTY).validate({**step.request, "routing_key": "0" * 32})
        compare(MESSAGES / "pagerduty" / f"{name}.json", steady(step.request))
        have |= step.told


def alike(place, number, priority="P2", **labels):
    """One of several that are called alike; Grafana's links of each."""
    one = place.one(number, priority=priority)
    host = {"instance": f"db-{number}:9100", "job": "node", "severity": "critical", **labels}
    return {
        **one,
        "labels": {"alertname": "Disk full", **host},
        "annotations": {**one["annotations"], "runbook_url": "https://wiki.example/disk"},
        "generatorURL": f"https://grafana.example/alerting/grafana/rule{number}/view",
    }


BY_INSTANCE = "group_by: [alertname, instance]\n"


def test_a_storm_of_one_says_what_fails_where_and_where_to_look(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, "page_storm: {pages: 2, within: 5m}\n" + BY_INSTANCE)
    place.hear(*(alike(place, number, "P0") for number in (1, 2, 3)))
    place.look()
    event = pages.next_step(place.want("pagerduty"), {}).request
    assert event["payload"]["summary"] == (
        "P0 Storm: 1 more page of storage: More than 2 pages at once: these are told together, "
        "Disk full: instance db-3:9100, team storage"
    )
    assert event["payload"]["custom_details"]["4 Alerts"] == "Disk full: instance db-3:9100"
    links = ["https://grafana.example/alerting/grafana/rule3/view", "https://wiki.example/disk"]
    assert {*links} <= {link["href"] for link in event["links"]}
    place.hear(alike(place, 4, "P0"))
    place.look()
    both = pages.next_step(place.want("pagerduty"), {}).request
    told = "Disk full: instance db-3:9100\nDisk full: instance db-4:9100"
    assert both["payload"]["custom_details"]["4 Alerts"] == told
    assert "links" not in both, "those of one are not the other's"


def test_what_is_called_alike_is_told_apart_in_a_storm(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, LIMITS + BY_INSTANCE)
    place.hear(*(alike(place, number) for number in range(5)))
    of_two_disks = [{**alike(place, 5, device=disk), "fingerprint": disk} for disk in ("sda", "sdb")]
    place.hear(*of_two_disks, alike(place, 6))
    place.look()
    lines = "• Disk full: instance db-5:9100\n• Disk full: instance db-6:9100"
    assert slack.content(place.want("slack"))["blocks"][2]["text"]["text"] == lines
    before = slack.announced(place.want("slack"))
    place.hear(alike(place, 7))
    place.look()
    assert slack.reply(place.want("slack"), before) == "1 more: Disk full: instance db-7:9100."
    assert not place.storms.look(), "all is told"


def test_what_is_alike_in_its_place_as_well_is_told_apart_by_other_labels(ledger, tmp_path):
    place = Place(ledger, FakeClock(), tmp_path, LIMITS + "group_by: [alertname, customer]\n")
    place.hear(*(alike(place, number, customer=f"c{number}", instance="lb") for number in range(7)))
    place.look()
    said = slack.content(place.want("slack"))["blocks"][2]["text"]["text"]
    assert said == "• Disk full: instance lb, job node, customer c5\n• Disk full: instance lb, job node, customer c6"


def test_what_is_the_same_in_every_way_is_called_by_its_title_in_a_storm(place):
    named = [{**place.one(number), "labels": {"alertname": "Disk"}, "ruleUID": f"r{number}"} for number in range(8)]
    place.hear(*named)
    place.look()
    assert "• Disk\n• Disk\n• Disk" in slack.content(place.want("slack"))["blocks"][2]["text"]["text"]


def test_whatever_an_incident_is_called_a_storm_comes_to_rest(place):
    names = [
        "  spaced  ",
        "a\nb\tc",
        "x" * 5_000,
        "\u202eright to left",
        "\u00e9\u0301",
        "<!channel> *b*",
        "\u0007",
        "a; b, c",
    ]
    told = [{**place.one(number), "labels": {"alertname": name}} for number, name in enumerate(names)]
    place.hear(*(place.one(100 + number) for number in range(6)))
    place.hear(*told)
    place.look()
    assert place.digest() == ("firing", None, 1 + len(names), 0)
