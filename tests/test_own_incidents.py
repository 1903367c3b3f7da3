"""What the bridge says itself is read as it writes it, whatever is configured for what others say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from posts import CONFIG, ENV, Posts, alert
from sqlalchemy import delete, insert, select, update

from bridge.chores.tests import fires
from bridge.chores.watch import Watch
from bridge.config.load import load
from bridge.core.alert import Priority
from bridge.core.rules import OWN, TEST
from bridge.effective import Effective
from bridge.ledger.tables import deliveries, lanes

NORMALIZE = {
    "by default": "",
    "by other names": 'normalize: {team: ["label:team"], priority: [severity], default_priority: P3}\n',
    "by other words": "normalize: {priority_words: {P0: drop, P1: drop}, unknown_priority: P3}\n",
}


@pytest.fixture(params=NORMALIZE)
def posts(request, ledger, clock, tmp_path):
    return Posts(ledger, clock, tmp_path, f"{CONFIG}operators: network\n{NORMALIZE[request.param]}")


def told(posts, source):
    return [(row.teams, row.priority, row.state) for row in posts.stored() if row.source == source]


def test_its_own_trouble_is_the_operators_and_as_urgent_as_it_says(posts, tmp_path):
    named = {"alertname": "Disk full", "severity": "priority 0", "team": "storage"}
    posts.hear({**alert(Priority="priority 0"), "labels": named})
    posts.ledger.write(lambda one: one.execute(update(deliveries).values(state="dead", due_at=None)).rowcount)
    loaded, effective = load(str(tmp_path / "bridge.yml"), ENV), Effective(lambda: posts.rules, ENV, b"key")
    watch = Watch(posts.ledger, posts.clock, loaded, effective, "test")
    assert watch.look()
    posts.absorb(OWN)
    assert told(posts, OWN) == [(["network"], "P1", "firing")] * 3
    assert not watch.look(), "all is told"


def test_what_can_not_be_stored_of_a_reason_is_told_once(posts, tmp_path):
    if posts.ledger.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps no NUL")
    named = {"alertname": "Disk full", "severity": "priority 0", "team": "storage"}
    posts.hear({**alert(Priority="priority 0"), "labels": named})
    dead = {"state": "dead", "due_at": None, "reason": "no \0 here"}
    posts.ledger.write(lambda one: one.execute(update(deliveries).values(dead)).rowcount)
    loaded, effective = load(str(tmp_path / "bridge.yml"), ENV), Effective(lambda: posts.rules, ENV, b"key")
    watch = Watch(posts.ledger, posts.clock, loaded, effective, "test")
    assert watch.look()
    posts.absorb(OWN)
    assert not watch.look(), "all is told"


@pytest.mark.parametrize("waiting", [390, 10])
def test_a_place_is_stuck_until_it_works_though_nobody_asked_for_a_while(posts, tmp_path, waiting):
    """What has been due all along shows that nobody delivered; what came long after it was never in that trouble."""
    posts.hear({**alert(), "labels": {"alertname": "Disk full", "severity": "priority 0", "team": "storage"}})
    now = posts.clock.now()
    trouble = {"since": now.timestamp() - 400, "until": now.timestamp() - 45, "method": "x", "error": "HTTP 503"}

    def fail(connection):
        connection.execute(update(deliveries).values(due_at=now - timedelta(seconds=waiting)))
        for lane in connection.execute(select(deliveries.c.lane).distinct()).scalars().all():
            connection.execute(delete(lanes).where(lanes.c.name == lane))
            connection.execute(insert(lanes).values(name=lane, trouble=trouble))

    posts.ledger.write(fail)
    loaded, effective = load(str(tmp_path / "bridge.yml"), ENV), Effective(lambda: posts.rules, ENV, b"key")
    with posts.ledger.read() as connection:
        found = Watch(posts.ledger, posts.clock, loaded, effective, "test")._troubles(connection, now)
    assert any(one.name.startswith("Stuck: ") for one in found) is (waiting == 390)


def test_a_test_goes_to_whom_it_is_sent(posts):
    posts.post(fires("one", "storage", Priority.P0, page=False), TEST)
    posts.absorb(TEST)
    assert told(posts, TEST) == [(["storage"], "P0", "firing")]
