"""Who is to be told again of what still fires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_clock import FakeClock
from posts import CONFIG, Posts
from posts import alert as posted
from sqlalchemy import update

from bridge.chores.remind import Remind
from bridge.core.alert import Priority
from bridge.ledger.tables import deliveries
from bridge.ledger.telling import LINK

HOUR = timedelta(hours=1)
TABLES = "remind: {P1: 1h, P2: 4h}\nteams: {storage: {}, network: {remind: {P2: 2h}}, quiet: {remind: off}}\n"


@pytest.fixture
def posts(ledger, tmp_path):
    return Posts(
        ledger,
        FakeClock(),
        tmp_path,
        CONFIG.replace("teams: {storage: {}, network: {}, broken-inductor: {}}\n", TABLES),
    )


def rest(posts):
    """As if all had been told just now, at last where else that is."""
    have = {"ts": "1.1", "aloud": posts.clock.now().timestamp()}
    posts.ledger.write(
        lambda one: (
            one.execute(update(deliveries).values(state="delivered", due_at=None, have=have, urgency=LINK)).rowcount
        )
    )


def due(posts):
    """Teams and kinds of what is due."""
    return {(row.team, row.kind) for row in posts.deliveries() if row.due_at is not None}


def test_only_what_is_due_is_woken(posts):
    for team, priority in (("storage", "P1"), ("storage", "P2"), ("network", "P2"), ("network", "P1"), ("quiet", "P1")):
        name = f"{team} {priority}"
        one = {**posted(fingerprint=name, Team=team, Priority=priority), "labels": {"alertname": name}}
        posts.hear(one)
    rest(posts)
    remind = Remind(posts.ledger, posts.clock, lambda: posts.rules)
    assert not remind.look()
    for hours, woken in ((1, {("storage", "slack")}), (2, {("network", "slack")}), (4, {("storage", "slack")})):
        rest_before = posts.clock.now()
        posts.clock.advance(hours=hours)
        assert remind.look(), hours
        assert woken <= due(posts), hours
        assert ("quiet", "slack") not in due(posts)
        assert not {kind for _, kind in due(posts)} - {"slack"}
        again = [row for row in posts.deliveries() if row.due_at is not None]
        assert {row.urgency for row in again} <= {1, 2}, "a reminder is as urgent as its incident"
        posts.clock.set_back(seconds=(posts.clock.now() - rest_before).total_seconds())
        rest(posts)


def test_without_intervals_nobody_looks(ledger, tmp_path):
    posts = Posts(ledger, FakeClock(), tmp_path)
    posts.hear(posted(Priority="P0"))
    rest(posts)
    posts.clock.advance(days=30)
    assert not Remind(posts.ledger, posts.clock, lambda: posts.rules).look()
    assert not Remind(posts.ledger, posts.clock, lambda: replace(posts.rules, remind={Priority.P3: HOUR})).look()
