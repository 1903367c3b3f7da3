"""What waited while nobody absorbed is told when it is absorbed: as it is by then, and no later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from posts import Posts, alert
from sqlalchemy import update

from bridge.backlog import AWAY, HOLD
from bridge.delivery.turns import Rest
from bridge.ledger import due
from bridge.ledger.tables import deliveries
from bridge.parts import SLICE, USUAL

OURS = "ours"
AWHILE = timedelta(hours=1)


@pytest.fixture
def posts(ledger, clock, tmp_path) -> Posts:
    return Posts(ledger, clock, tmp_path)


def one(name, status="firing", priority="P2"):
    named = {"alertname": name, "grafana_folder": "Hosts"}
    return {**alert(status, fingerprint=name, Priority=priority), "labels": named}


def fires_and_ends(posts, between):
    """A P0 that begins and ends, with so many others between: one receipt each."""
    posts.post({"alerts": [one(OURS, priority="P0")]})
    for number in range(between):
        posts.post({"alerts": [one(f"other {number}")]})
    posts.post({"alerts": [one(OURS, "resolved", "P0")]})


def due_now(posts):
    """The titles of the incidents that may be told now, and how they stand."""
    incidents = {row.id: row for row in posts.stored()}
    with posts.ledger.read() as connection:
        lanes = due.due_lanes(connection, posts.clock.now())
        found = [one for lane in lanes for one in due.next_due(connection, lane, posts.clock.now(), most=1000)]
    return {(incidents[one.incident].title, incidents[one.incident].state) for one in found}


@pytest.mark.parametrize("between", [USUAL.receipts, 2 * USUAL.receipts - 2], ids=["few are left", "none is left"])
def test_what_was_over_by_its_end_is_never_due_while_it_fires(posts, between):
    fires_and_ends(posts, between)
    posts.clock.advance(AWHILE.total_seconds())
    intake = posts.intake()
    while intake.turn() is None:
        if any(row.title == OURS and row.state == "firing" for row in posts.stored()):
            assert not due_now(posts)
        posts.woken.clear()
    others = {(f"other {number}", "firing") for number in range(between)}
    assert due_now(posts) == {(OURS, "resolved"), *others}, "the rest waits no longer than that"
    assert posts.woken >= {row.lane for row in posts.deliveries()}


def test_what_was_told_before_is_put_off_as_well(posts):
    posts.hear(one("other 0"))
    posts.ledger.write(lambda connection: due.move(connection, ids(posts), always(posts), None))
    posts.post({"alerts": [one("other 0", priority="P0")]})
    for _ in range(USUAL.receipts):
        posts.post({"alerts": [one("other 0")]})
    posts.clock.advance(AWHILE.total_seconds())
    intake = posts.intake()
    assert intake.turn() is None
    assert not due_now(posts)
    assert intake.turn() == Rest()
    assert due_now(posts) == {("other 0", "firing")}


def ids(posts):
    return [row.id for row in posts.stored()]


def always(posts):
    return posts.clock.now() - AWHILE, posts.clock.now() + AWHILE


def test_it_is_put_off_for_a_moment_only(posts):
    fires_and_ends(posts, 3 * USUAL.receipts)
    posts.clock.advance(AWHILE.total_seconds())
    intake = posts.intake()
    assert intake.turn() is None
    assert not due_now(posts)
    posts.clock.advance(HOLD.total_seconds())
    assert (OURS, "firing") in due_now(posts), "also where nobody goes on"
    assert intake.turn() is None
    assert ("other 25", "firing") in due_now(posts), "and no more is put off then"


@pytest.mark.parametrize("seconds", [0, 30, AWAY.total_seconds()])
def test_a_burst_is_told_from_its_beginning(posts, seconds):
    fires_and_ends(posts, 2 * USUAL.receipts)
    posts.clock.advance(seconds)
    intake = posts.intake()
    assert intake.turn() is None
    assert (OURS, "firing") in due_now(posts)


def test_what_comes_while_it_is_absorbed_is_told_at_once(posts):
    posts.post({"alerts": [one(f"old {number}") for number in range(2 * SLICE)]})
    posts.clock.advance(AWHILE.total_seconds())
    intake = posts.intake()
    assert intake.turn() is None
    posts.clock.advance(1)
    posts.post({"alerts": [one(OURS, priority="P0")]})
    assert intake.turn() is None
    assert due_now(posts) == {(OURS, "firing")}


@pytest.mark.parametrize("before", [0, 1], ids=["nothing", "something"])
def test_who_is_there_and_far_behind_keeps_nothing_back(posts, before):
    intake = posts.intake()
    for _ in range(before):
        posts.post({"alerts": [one("before")]})
    assert intake.turn() == Rest()
    fires_and_ends(posts, 2 * USUAL.receipts)
    posts.clock.advance(2 * AWAY.total_seconds())
    assert intake.turn() is None
    assert (OURS, "firing") in due_now(posts)


@pytest.mark.parametrize("tried", [{"doubt": {"ended": None}}, {"attempts": 3}], ids=["in doubt", "failed"])
def test_what_was_tried_keeps_its_time(posts, tried):
    posts.hear(one("tried"), one("new"))
    mine = update(deliveries).where(deliveries.c.incident == ids(posts)[0])
    assert posts.ledger.write(lambda connection: connection.execute(mine.values(**tried)).rowcount)
    now, later = posts.clock.now(), posts.clock.now() + HOLD
    posts.ledger.write(lambda connection: due.move(connection, ids(posts), (now, now), later))
    assert due_now(posts) == {("tried", "firing")}
    posts.ledger.write(lambda connection: connection.execute(mine.values(due_at=later)).rowcount)
    posts.ledger.write(lambda connection: due.bring_forward(connection, later, now))
    assert due_now(posts) == {("new", "firing")}
