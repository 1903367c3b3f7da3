"""What is stored stays bounded, by age and by size; what is open, unabsorbed or dead stays."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from fake_clock import FakeClock
from harness import eventually
from posts import CONFIG, Posts, alert
from sqlalchemy import event, func, select, text, update

from bridge.chores.prune import LONGEST, Prune
from bridge.config.load import load
from bridge.ledger import storage
from bridge.ledger.engine import LOG
from bridge.ledger.tables import alerts, deliveries, history, incident_teams, incident_words, incidents, receipts
from bridge.room import MOVED, Room


@pytest.fixture
def posts(ledger, clock, tmp_path) -> Posts:
    return Posts(ledger, clock, tmp_path)


def pruning(posts, tmp_path, **settings):
    lines = "\n".join(f"{name}: {value}" for name, value in settings.items())
    (tmp_path / "pruning.yml").write_text(f"{CONFIG}\n{lines}\n")
    loaded = load(tmp_path / "pruning.yml", {})
    return Prune(posts.ledger, posts.clock, lambda: loaded)


def titled(title, status="firing"):
    return {**alert(status, fingerprint=title), "labels": {"alertname": title}}


def counted(ledger, table):
    with ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def delivered(posts):
    """As if everybody had been told."""
    posts.ledger.write(lambda one: one.execute(update(deliveries).values(state="delivered", due_at=None)).rowcount)


def test_what_is_older_than_it_is_kept_goes(posts, tmp_path):
    prune = pruning(posts, tmp_path, retention="{receipts: 30d, incidents: 400d, quarantine: 60d}")
    posts.hear(alert(), alert("firing", fingerprint="b"))
    posts.hear(alert("resolved"), alert("resolved", fingerprint="b"))
    posts.post(b"no JSON")
    posts.absorb()
    delivered(posts)
    assert counted(posts.ledger, receipts) == 3
    day = 0
    for days, left in ((29, (3, 1)), (31, (1, 1)), (61, (0, 1)), (399, (0, 1)), (402, (0, 0))):
        posts.clock.advance(days=days - day)
        day = days
        prune.look()
        assert (counted(posts.ledger, receipts), counted(posts.ledger, incidents)) == left, days
    assert {counted(posts.ledger, table) for table in (alerts, deliveries, history, incident_teams)} == {0}


def test_a_look_at_very_much_takes_its_time_and_the_rest_goes_at_the_next_ones(posts, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "BATCH", 1)

    class Passing(FakeClock):
        """Time that goes on whenever somebody looks at it."""

        def monotonic(self):
            self.advance(LONGEST * 0.4)
            return super().monotonic()

    posts.hear(titled("Over"))
    posts.hear(titled("Over", "resolved"))
    for _ in range(5):
        posts.hear(alert())
    delivered(posts)
    posts.clock.advance(days=61)
    prune, left = pruning(posts, tmp_path, retention="{receipts: 30d, incidents: 60d}"), []
    prune._clock = Passing(posts.clock.now())
    for _ in range(3):
        prune.look()
        left.append((counted(posts.ledger, receipts), counted(posts.ledger, incidents), prune.more))
    assert left == [(4, 1, True), (1, 1, True), (0, 1, False)]


def test_what_is_too_much_goes_whatever_became_of_what_is_too_old(posts, tmp_path):
    (tmp_path / "much.yml").write_text(f"{CONFIG}\nmax_storage: 1KiB\n")
    loaded = load(tmp_path / "much.yml", {})
    endless = replace(loaded.settings.retention, incidents=timedelta.max)  # no date is so long ago
    prune = Prune(
        posts.ledger, posts.clock, lambda: replace(loaded, settings=replace(loaded.settings, retention=endless))
    )
    posts.hear(alert())
    posts.hear(alert("resolved"))
    delivered(posts)
    analyze(posts)
    with pytest.raises(OverflowError):
        prune.look()
    assert (counted(posts.ledger, receipts), counted(posts.ledger, incidents)) == (0, 0)


def test_what_ended_long_ago_by_its_senders_clock_stays_and_is_told_once(posts, tmp_path):
    prune = pruning(posts, tmp_path)
    years_ago = alert("resolved", start="2019-01-01T00:00:00Z", end="2019-01-01T01:00:00Z")
    posts.hear(years_ago)
    (first,) = posts.incidents()
    delivered(posts)
    prune.look()
    posts.hear(years_ago)
    assert [one["id"] for one in posts.incidents()] == [first["id"]]


def test_what_is_open_dead_untold_or_not_absorbed_is_never_too_old(posts, tmp_path):
    prune = pruning(posts, tmp_path)
    posts.hear(alert(fingerprint="open", Team="storage"))
    posts.hear(titled("Dead"))
    posts.hear(titled("Dead", "resolved"))
    delivered(posts)
    posts.hear(titled("Untold"))
    posts.hear(titled("Untold", "resolved"))
    dead = select(incidents.c.id).where(incidents.c.title == "Dead")
    posts.ledger.write(
        lambda one: one.execute(update(deliveries).where(deliveries.c.incident.in_(dead)).values(state="dead")).rowcount
    )
    waiting = posts.post({"alerts": [alert(fingerprint="later")]})
    posts.clock.advance(days=1000)
    prune.look()
    assert {one["title"] for one in posts.incidents()} == {"Disk full", "Dead", "Untold"}
    assert posts.receipt(waiting)["state"] == "new"


def large(posts, number, body=b""):
    """Store bodies that don't compress: absorbed ones."""
    for _ in range(number):
        posts.post(body or (b"[" + os.urandom(40_000)))
        posts.clock.advance(1)
    posts.absorb()
    if not body:
        posts.ledger.write(lambda one: one.execute(update(receipts).values(state="absorbed", problem=None)).rowcount)


def analyze(posts):
    if not posts.ledger.embedded:
        posts.ledger.write(lambda one: one.execute(text("ANALYZE")).rowcount)


def bodies(posts):
    with posts.ledger.read() as connection:
        rows = connection.execute(select(receipts.c.body.is_not(None)).order_by(receipts.c.id)).scalars()
        return [bool(one) for one in rows]


def test_what_is_too_much_goes_the_oldest_bodies_first(posts, tmp_path):
    large(posts, 60)
    analyze(posts)
    with posts.ledger.read() as connection:
        before = storage.used(connection)
    assert before > 60 * 40_000
    prune = pruning(posts, tmp_path, max_storage="1500KiB")
    prune.look()
    with posts.ledger.read() as connection:
        after = storage.used(connection)
        assert storage.last_used(connection) == pytest.approx(after, rel=0.05)
    assert after < 1500 * 1024 * 0.9
    assert counted(posts.ledger, receipts) == 60
    assert not any(bodies(posts))  # a part at a time, and 60 are less than one part


def test_of_what_may_go_incidents_that_are_over_go_last(posts, tmp_path):
    posts.hear(titled("Over"))
    posts.hear(titled("Over", "resolved"))
    posts.hear(alert(fingerprint="open"))
    delivered(posts)
    analyze(posts)
    pruning(posts, tmp_path, max_storage="1KiB").look()
    assert [one["title"] for one in posts.incidents()] == ["Disk full"]
    assert counted(posts.ledger, receipts) == 0


def test_of_large_incidents_few_go_at_once(posts, monkeypatch):
    for number in range(6):
        for status in ("firing", "resolved"):
            posts.hear(*({**titled(f"Disk {number}", status), "fingerprint": f"{number}-{at}"} for at in range(30)))
    delivered(posts)
    belonging = (alerts, deliveries, history, incident_teams, incident_words)
    each = sum(counted(posts.ledger, table) for table in belonging) // 6
    gone = []
    for members in (1, 2 * each, 1_000_000):
        monkeypatch.setattr(storage, "MEMBERS", members)
        gone.append(posts.ledger.write(storage.oldest_incidents))
    assert gone == [1, 2, 3]
    assert {counted(posts.ledger, table) for table in (incidents, *belonging)} == {0}


@contextmanager
def another_role(ledger):
    """Have a ledger's connections be those of a role that reads and writes its tables, and owns none."""
    role, rights = f"bridge_app_{secrets.token_hex(4)}", "SELECT, INSERT, UPDATE, DELETE"
    ledger.write(lambda one: one.execute(text(f"CREATE ROLE {role}")))
    ledger.write(lambda one: one.execute(text(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}")))

    @event.listens_for(ledger.engine, "begin")
    def _become(connection):
        connection.exec_driver_sql(f"SET ROLE {role}")

    yield
    event.remove(ledger.engine, "begin", _become)
    ledger.engine.dispose()  # readers are the role's
    ledger.write(lambda one: one.execute(text("RESET ROLE")))
    ledger.write(lambda one: one.execute(text(f"DROP OWNED BY {role}")))
    ledger.write(lambda one: one.execute(text(f"DROP ROLE {role}")))


@pytest.mark.parametrize("role", [nullcontext, another_role])
def test_of_what_may_go_no_more_goes_than_is_too_much(postgres_ledger, clock, tmp_path, monkeypatch, role):
    monkeypatch.setattr(storage, "BATCH", 5)
    posts = Posts(postgres_ledger, clock, tmp_path)
    for status in ("firing", "resolved"):
        posts.hear(*(titled(f"Disk {number}", status) for number in range(100)))
    delivered(posts)
    posts.ledger.write(lambda one: one.execute(update(receipts).values(body=None)).rowcount)
    analyze(posts)
    with posts.ledger.read() as connection:
        most = storage.used(connection) / 0.91
    prune, left = pruning(posts, tmp_path, max_storage=f"{most / 1024:.0f}KiB"), []
    with role(posts.ledger):
        for _ in range(3):
            prune.look()
            left.append(counted(posts.ledger, incidents))
            with posts.ledger.read() as connection:
                assert storage.last_used(connection) < most * 0.9
    assert left == [left[0]] * 3
    assert 85 <= left[0] <= 95
    analyze(posts)
    prune.look()
    assert counted(posts.ledger, incidents) == left[0]
    with posts.ledger.read() as connection:
        assert storage.last_used(connection) == pytest.approx(storage.used(connection), rel=0.01)
        assert storage.used(connection) < most * 0.9


def test_tables_of_the_same_names_in_other_schemas_are_not_ours(postgres_ledger, clock, tmp_path):
    posts = Posts(postgres_ledger, clock, tmp_path)
    posts.hear(*(titled(f"Disk {number}") for number in range(20)))
    analyze(posts)
    with posts.ledger.read() as connection:
        before = storage.used(connection), storage.share(connection, incidents)

    def others(connection):
        connection.execute(text("CREATE SCHEMA others"))
        for table in ("receipts", "incidents", "alerts"):
            connection.execute(text(f"CREATE TABLE others.{table} AS SELECT *, repeat('x', 1000) AS more FROM {table}"))
        connection.execute(text("INSERT INTO others.alerts SELECT a.* FROM others.alerts a, generate_series(1, 100)"))

    posts.ledger.write(others)
    analyze(posts)
    with posts.ledger.read() as connection:
        assert (storage.used(connection), storage.share(connection, incidents)) == pytest.approx(before)


def test_what_was_too_old_is_not_taken_for_what_is_too_much(postgres_ledger, clock, tmp_path):
    posts = Posts(postgres_ledger, clock, tmp_path)
    for name in ("old", "young"):
        for status in ("firing", "resolved"):
            posts.hear(*(titled(f"{name} {number}", status) for number in range(50)))
        clock.advance(days=20)
    delivered(posts)
    analyze(posts)
    with posts.ledger.read() as connection:
        most = storage.used(connection) / 0.95
    pruning(posts, tmp_path, max_storage=f"{most / 1024:.0f}KiB", retention="{receipts: 30d, incidents: 30d}").look()
    assert counted(posts.ledger, incidents) == 50


def test_what_is_in_quarantine_stays_and_then_nothing_more_is_taken_in(posts, tmp_path):
    large(posts, 5, b'{"no": "alerts"}' + b" " * 600)
    assert len(bodies(posts)) == 5
    prune = pruning(posts, tmp_path, max_storage="1KiB")
    analyze(posts)
    prune.look()
    assert all(bodies(posts))
    room = Room(posts.ledger, posts.clock, lambda: 1024)
    assert "max_storage (1,024 bytes) is reached" in room.full()
    posts.clock.advance(60)
    assert Room(posts.ledger, posts.clock, lambda: 10**9).full() == ""


def test_room_is_looked_at_every_so_often(posts):
    limits = [10**9]
    room = Room(posts.ledger, posts.clock, lambda: limits[0])
    assert room.full() == ""
    limits[0] = 1
    posts.ledger.write(lambda one: storage.settle(one, 5, posts.clock.now()))
    assert room.full() == ""
    posts.clock.advance(3)
    assert room.full()


def test_room_is_measured_where_nobody_prunes(posts):
    if posts.ledger.embedded:
        pytest.skip("on SQLite it is measured at each look")
    posts.ledger.write(lambda one: storage.settle(one, 5, posts.clock.now()))
    room = Room(posts.ledger, posts.clock, lambda: 30_000)
    assert room.full() == ""
    large(posts, 1)
    posts.clock.advance(storage.LATELY)
    assert room.full()
    posts.ledger.write(lambda one: one.execute(update(receipts).values(body=None)).rowcount)
    posts.clock.advance(storage.LATELY - 1)
    assert room.full()  # not at each look: a large table takes its time
    posts.clock.advance(3)
    assert room.full() == ""


def test_what_would_come_into_a_file_that_is_gone_is_not_taken_in(sqlite_ledger, clock):
    path, aside, said = sqlite_ledger.path, sqlite_ledger.path.with_name("aside"), []
    room = Room(sqlite_ledger, clock, lambda: 10**9)

    def look():
        clock.advance(3)
        said.append(room.full())

    look()
    path.rename(aside)
    look()
    shutil.copy(aside, path)
    look()
    aside.rename(path)
    look()
    assert said == ["", MOVED, MOVED, ""]


def test_nobody_waits_for_a_look_that_hangs(posts):
    if posts.ledger.embedded:
        pytest.skip("nothing keeps a reader of SQLite's waiting")
    posts.ledger.write(lambda one: storage.settle(one, 5, posts.clock.now()))
    room = Room(posts.ledger, posts.clock, lambda: 1)
    with posts.ledger.engine.begin() as stranger:
        stranger.exec_driver_sql("LOCK TABLE counts IN ACCESS EXCLUSIVE MODE")
        assert room.full() == ""
        posts.clock.advance(3)
        assert room.full() == ""  # the first one still looks
    eventually(lambda: room.full(look=False))


def test_an_sqlite_file_gives_its_room_back(sqlite_ledger, clock, tmp_path):
    posts = Posts(sqlite_ledger, clock, tmp_path)
    large(posts, 400)
    with sqlite_ledger.read() as connection:
        before = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    prune = pruning(posts, tmp_path, max_storage="1MiB")
    for _ in range(5):
        prune.look()
    with sqlite_ledger.read() as connection:
        after = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    assert after < before / 2


def test_an_sqlite_file_gives_back_the_room_of_a_log_that_became_large(sqlite_ledger):
    log = sqlite_ledger.path.with_name(f"{sqlite_ledger.path.name}-wal")
    sqlite_ledger.write(lambda one: one.exec_driver_sql("CREATE TABLE large (body BLOB)"))
    sqlite_ledger.write(lambda one: one.exec_driver_sql(f"INSERT INTO large VALUES (zeroblob({LOG + 8_000_000}))"))
    assert log.stat().st_size > LOG
    for _ in range(3):
        sqlite_ledger.write(lambda one: one.exec_driver_sql("INSERT INTO large VALUES (zeroblob(1))"))
    assert log.stat().st_size <= LOG


def test_what_a_person_closed_stays_as_long_as_its_sender_repeats_it(posts, tmp_path):
    prune = pruning(posts, tmp_path, retention="{incidents: 30d}")
    posts.hear(alert())
    posts.close(posts.incidents()[0]["id"])
    delivered(posts)
    for _ in range(32):
        posts.hear(alert(), seconds=86_400)
        prune.look()
    assert [one["state"] for one in posts.incidents()] == ["closed"]
    posts.clock.advance(days=31)
    prune.look()
    assert posts.incidents() == []


def test_what_was_silent_for_long_before_a_person_closed_it_stays_as_long_as_any(posts, tmp_path):
    prune = pruning(posts, tmp_path, retention="{incidents: 30d}")
    posts.hear(alert())
    posts.clock.advance(days=31)
    posts.close(posts.incidents()[0]["id"])
    delivered(posts)
    prune.look()
    posts.hear(alert())
    assert [one["state"] for one in posts.incidents()] == ["closed"]
