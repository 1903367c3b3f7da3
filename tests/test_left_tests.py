"""A test whose sender was killed is ended by whoever delivers; meanwhile nobody takes it for an incident."""

from __future__ import annotations

import pytest
from fake_clock import FakeClock
from posts import CONFIG, Posts

from bridge.chores.stale import Stale
from bridge.chores.tests import Leftovers, fires
from bridge.core.alert import Priority
from bridge.core.rules import TEST
from bridge.ledger import deliveries, troubles


@pytest.fixture
def posts(ledger, tmp_path):
    return Posts(ledger, FakeClock(), tmp_path, f"{CONFIG}storm: {{incidents: 1, within: 2m}}\nstale_after: 5m\n")


def send(posts, *names):
    for name in names:
        posts.post(fires(name, "storage", Priority.P1, page=False), TEST)
    posts.absorb(TEST)


def states(posts):
    return [one["state"] for one in posts.incidents()]


def test_tests_left_open_are_ended(posts):
    send(posts, "one", "two")
    looks = Leftovers(posts.ledger, posts.clock)
    posts.clock.advance(9 * 60)
    assert not looks.look()
    assert not Stale(posts.ledger, posts.clock, lambda: posts.rules).look()
    assert states(posts) == ["firing", "firing"]
    posts.clock.advance(2 * 60)
    assert looks.look()
    posts.absorb(TEST)
    assert states(posts) == ["resolved", "resolved"]
    assert not looks.look()


def test_what_others_send_is_left_alone(posts):
    posts.hear({"status": "firing", "labels": {"alertname": "Disk full"}, "fingerprint": "f1"})
    posts.clock.advance(3600)
    assert not Leftovers(posts.ledger, posts.clock).look()
    assert states(posts) == ["firing"]


def test_tests_make_no_storm(posts):
    send(posts, "one", "two", "three")
    places = [place for place in posts.places() if place[0] == "slack"]
    assert places == [("slack", "#storage")] * 3
    assert {one.state for one in posts.deliveries()} == {"pending"}


@pytest.mark.parametrize("state", ["dead", "held"])
def test_operators_and_fallback_hear_nothing_of_a_test_that_is_not_told(posts, state):
    def trouble(connection):
        return troubles.dead(connection) + troubles.held(connection, posts.clock.now()) + troubles.untold(connection)

    def bury():
        ids = [one.id for one in posts.deliveries()]
        change = {"state": state, "due_at": None, "reason": "gone"}
        posts.ledger.write(lambda connection: [deliveries.change(connection, one, **change) for one in ids])

    send(posts, "one")
    bury()
    with posts.ledger.read() as connection:
        assert trouble(connection) == []
    posts.hear({"status": "firing", "labels": {"alertname": "Disk full"}, "fingerprint": "f1"})
    bury()
    with posts.ledger.read() as connection:
        assert trouble(connection) != []
