"""A ledger that an earlier release wrote goes on under this one: what was told is known, and is told on, not anew."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from posts import Posts, alert

from bridge.ledger import browse, migrate
from bridge.ledger.ledger import open_ledger

STORED = sorted((Path(__file__).parent / "stored").glob("*.sql"))


def titled(title, status="firing", **annotations):
    one = alert(status, fingerprint=title, **annotations)
    return {**one, "labels": {**one["labels"], "alertname": title}}


@pytest.fixture(params=STORED, ids=lambda path: path.stem)
def posts(request, clock, tmp_path):
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(request.param.read_text("utf-8"))
    ledger = open_ledger(f"sqlite:///{path}")
    clock.advance(minutes=30)
    yield Posts(ledger, clock, tmp_path)
    ledger.close()


def test_every_older_release_that_is_stored_is_older():
    assert STORED
    assert all(path.stem < migrate.HEAD for path in STORED)


def test_what_was_told_is_told_on(posts):
    disk, queue = sorted(posts.incidents(), key=lambda one: one["title"])
    assert (disk["state"], queue["state"]) == ("firing", "resolved")
    before = [one["remote"] for one in disk["deliveries"]]
    assert all(before[:1])
    posts.hear(titled("Disk full", Priority="P1"))
    (same,) = [one for one in posts.incidents() if one["title"] == "Disk full"]
    assert same["id"] == disk["id"]
    assert {one["state"] for one in same["deliveries"]} == {"delivered"}
    posts.hear(titled("Disk full", "resolved", Priority="P1"))
    (over,) = [one for one in posts.incidents() if one["title"] == "Disk full"]
    assert (over["id"], over["state"]) == (disk["id"], "resolved")
    assert {one["state"] for one in over["deliveries"]} == {"pending"}
    assert [one["remote"] for one in over["deliveries"]] == before


def test_what_newer_tables_hold_is_there_for_older_incidents_too(posts):
    with posts.ledger.read() as connection:
        found = browse.listing(connection, browse.Wanted(text="disk full", state="any"))
        assert [row.title for row in found.rows] == ["Disk full"]
