"""What fires and is not heard of any more is stale, until it is heard of again; and never resolved by silence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_clock import FakeClock
from posts import CONFIG, Posts

from bridge.chores.stale import Stale

DAY = 86_400


@pytest.fixture
def posts(ledger, tmp_path):
    return Posts(ledger, FakeClock(), tmp_path)


def stale(posts):
    return Stale(posts.ledger, posts.clock, lambda: posts.rules)


def alert(name="Disk full", status="firing"):
    return {"status": status, "labels": {"alertname": name}, "fingerprint": name.replace(" ", "")}


def began(fingerprint, start):
    return {**alert(), "fingerprint": fingerprint, "startsAt": start}


def states(posts):
    return [one["state"] for one in posts.incidents()]


def test_silence_is_marked_and_undone_when_it_is_heard_of_again(posts):
    posts.hear(alert())
    posts.clock.advance(11 * 3600)
    assert not stale(posts).look()
    posts.clock.advance(2 * 3600)
    assert stale(posts).look()
    assert states(posts) == ["stale"]
    assert not stale(posts).look()
    posts.hear(alert())
    assert states(posts) == ["firing"]
    posts.hear(alert(status="resolved"))
    posts.clock.advance(DAY)
    assert not stale(posts).look()
    assert states(posts) == ["resolved"]


def test_what_is_repeated_is_not_stale_though_nothing_changes(posts):
    posts.hear(alert())
    for _ in range(4):
        posts.hear(alert(), seconds=8 * 3600)
        assert not stale(posts).look()
    posts.hear(alert("Another"))
    posts.clock.advance(13 * 3600)
    assert stale(posts).look()
    assert states(posts) == ["stale", "stale"]


def test_what_fires_anew_after_silence_is_a_new_member_though_another_one_woke_its_incident_before(posts):
    """That other one is heard of in an earlier commit."""
    posts.hear(began("a", "2026-03-02T11:00:00Z"), began("b", "2026-03-02T11:00:00Z"))
    posts.clock.advance(DAY)
    assert stale(posts).look()
    posts.hear(began("a", "2026-03-02T11:00:00Z"))
    assert states(posts) == ["firing"]
    posts.hear(began("b", "2026-03-03T11:50:00Z"))
    (incident,) = posts.incidents()
    fires = [(one["fingerprint"], one["status"]) for one in incident["alerts"]]
    assert sorted(fires) == [("a", "firing"), ("b", "firing"), ("b", "resolved")]


def test_a_later_start_of_the_bridges_own_says_nothing_new_however_long_it_was_quiet(posts):
    for start in ("2026-03-02T11:00:00Z", "2026-03-03T11:50:00Z"):
        posts.post({"orgId": 1, "alerts": [began("a", start)]}, source="bridge")
        posts.absorb("bridge")
        posts.clock.advance(DAY)
    assert [one["status"] for one in posts.incidents()[0]["alerts"]] == ["firing"]


def test_a_resolve_ends_what_is_stale(posts):
    posts.hear(alert())
    posts.clock.advance(DAY)
    assert stale(posts).look()
    posts.hear(alert(status="resolved"))
    assert states(posts) == ["resolved"]


def test_deliveries_are_due_to_say_so(posts):
    posts.hear(alert())
    posts.clock.advance(DAY)
    stale(posts).look()
    (incident,) = posts.incidents()
    assert {one["state"] for one in incident["deliveries"]} == {"pending"}
    assert incident["timeline"][-1]["what"] == "stale"


def test_off_is_never(ledger, tmp_path):
    posts = Posts(ledger, FakeClock(), tmp_path, f"{CONFIG}stale_after: off\n")
    posts.hear(alert())
    posts.clock.advance(timedelta(days=400).total_seconds())
    assert not stale(posts).look()


def test_the_bridges_own_are_never_stale(posts):
    posts.post({"alerts": [alert()]}, source="bridge")
    posts.absorb("bridge")
    posts.clock.advance(DAY)
    assert not stale(posts).look()


def test_what_waits_to_be_absorbed_may_say_that_it_fires(posts):
    posts.hear(alert())
    posts.clock.advance(11 * 3600)
    posts.post({"orgId": 1, "alerts": [alert()]})
    posts.clock.advance(2 * 3600)
    assert not stale(posts).look()
    posts.absorb()
    assert "stale" not in [line["what"] for line in posts.incidents()[0]["timeline"]]
    posts.clock.advance(13 * 3600)
    assert stale(posts).look()
