"""Writing: commits are shared, faults are not, processes take turns, and what is confirmed is there."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg
import pytest
from ledger_kit import child, count, insert, receipt, store, until
from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from bridge.ledger import receipts
from bridge.ledger.engine import NotDurableError, open_engine, sqlite_path
from bridge.ledger.ledger import open_ledger
from bridge.ledger.tables import lanes
from bridge.ledger.turns import FileTurns
from bridge.ledger.unavailable import RefusedError, UnavailableError
from bridge.ledger.write import PATIENCE, Write


def together(ledger, asks):
    """Ask for writes while the writer is busy, so that they wait together; return their results or errors."""
    busy, go = threading.Event(), threading.Event()

    def block(_connection):
        busy.set()
        assert go.wait(10)

    def run(ask, *given):
        try:
            return ask(*given)
        except Exception as error:  # noqa: BLE001 - the result that is looked at
            return error

    with ThreadPoolExecutor(len(asks) + 1) as pool:
        first = pool.submit(run, ledger.write, block)
        assert busy.wait(10)
        before = ledger.writer.commits
        waiting = [pool.submit(run, *ask) for ask in asks]
        until(lambda: ledger.writer._queue.qsize() == len(asks))
        go.set()
        assert first.result() is None
        return [one.result() for one in waiting], ledger.writer.commits - before


def test_what_waits_together_shares_a_commit(ledger):
    rows = [receipt() for _ in range(40)]
    works = [(ledger.write, lambda connection, one=one: receipts.insert(connection, one)) for one in rows]
    results, commits = together(ledger, works)
    assert results == [one.id for one in rows]
    assert commits == 2  # the one that kept the writer busy, and one for all forty
    assert count(ledger) == 40


def test_rows_that_wait_together_are_stored_by_one_statement(ledger):
    asked = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    rows = [receipt() for _ in range(40)]
    results, _commits = together(ledger, [(store, ledger, one) for one in rows])
    assert results == [one.id for one in rows]
    assert count(ledger) == 40
    assert sum(statement.startswith("INSERT") for statement in asked) == 1


def test_a_row_that_is_sent_once_more_is_there_once(ledger):
    one = receipt()
    assert [store(ledger, one) for _ in range(2)] == [one.id, one.id]
    assert count(ledger) == 1


def test_one_refused_row_takes_no_other_along(ledger):
    rows = [receipt() for _ in range(6)]
    refused = replace(receipt(), source=None)
    asks = [(store, ledger, one) for one in (*rows[:3], refused, *rows[3:])]
    results, _commits = together(ledger, asks)
    assert isinstance(results.pop(3), RefusedError)
    assert results == [one.id for one in rows]
    assert count(ledger) == 6


def test_one_failing_work_takes_no_other_along(ledger):
    def fail(connection):
        receipts.insert(connection, receipt())
        raise LookupError("mine")

    def refused(connection):
        connection.execute(text("INSERT INTO lanes (name) VALUES (NULL)"))

    rows = [receipt() for _ in range(6)]
    good = [(ledger.write, lambda connection, one=one: receipts.insert(connection, one)) for one in rows]
    bad = [(ledger.write, fail), (ledger.write, refused)]
    results, _commits = together(ledger, [*good[:3], *bad, *good[3:]])
    assert [results[0:3], results[5:]] == [[one.id for one in rows[:3]], [one.id for one in rows[3:]]]
    assert isinstance(results[3], LookupError)
    assert isinstance(results[4], RefusedError)
    assert count(ledger) == 6  # neither of the two left anything behind


def test_a_work_that_fails_alone_tells_its_asker_and_the_next_one_is_stored(ledger):
    with pytest.raises(ZeroDivisionError):
        ledger.write(lambda _connection: 1 / 0)
    insert(ledger)
    assert count(ledger) == 1


def test_a_confirmed_write_is_seen_by_every_reader_at_once(ledger, open_again, ledger_url):
    other = open_again(ledger_url)
    for number in range(1, 20):
        insert(ledger)
        assert count(other) == number


def test_closing_writes_what_waits(sqlite_ledger, sqlite_url):
    closing = open_ledger(sqlite_url)
    with ThreadPoolExecutor(6) as pool:
        busy, go = threading.Event(), threading.Event()
        pool.submit(closing.write, lambda _connection: busy.set() or go.wait(10))
        assert busy.wait(10)
        done = [pool.submit(insert, closing) for _ in range(5)]
        until(lambda: closing.writer._queue.qsize() == 5)
        go.set()
        closing.close()
        assert {one.result() for one in done}
    assert count(sqlite_ledger) == 5


def pragma(ledger, name):
    with ledger.read() as connection:
        read = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
    return {read, ledger.write(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar())}


@pytest.mark.parametrize(("name", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)])
def test_what_durability_needs_is_in_force_on_every_connection(sqlite_ledger, name, value):
    assert pragma(sqlite_ledger, name) == {value}


def test_where_sqlite_can_not_keep_a_write_ahead_log_we_do_not_start(tmp_path):
    path = tmp_path / "bridge.db"
    engine = open_engine(make_url(f"sqlite:///file:{path}?vfs=unix-none&uri=true"))
    with pytest.raises(NotDurableError, match="needs WAL and FULL"):
        engine.connect()


def test_two_processes_take_turns_and_nobody_starves(sqlite_ledger):
    url = f"sqlite:///{sqlite_ledger.path}"
    with child("compete", url, "a", "1.5") as one, child("compete", url, "b", "1.5") as other:
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [[float(process.stdout.readline()) for _ in range(2)] for process in (one, other)]
    (first, longest), (second, longer) = told
    assert count(sqlite_ledger) == first + second
    assert min(first, second) > max(first, second) / 3
    assert max(longest, longer) < PATIENCE / 2


def held(lock):
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_who_has_just_written_queues_behind_who_waits(tmp_path):
    mine, theirs, order = FileTurns(tmp_path / "db"), FileTurns(tmp_path / "db"), []

    def take(turns, name):
        with turns:
            order.append(name)

    with ThreadPoolExecutor(1) as pool:
        with mine:
            waiting = pool.submit(take, theirs, "theirs")
            until(lambda: held(tmp_path / "db.next.lock"))
            assert order == []
        take(mine, "mine")
        waiting.result()
    assert order == ["theirs", "mine"]
    mine.close()
    theirs.close()


def test_a_turn_is_taken_at_once_only_where_nobody_has_it_or_waits_for_it(tmp_path):
    mine, theirs = FileTurns(tmp_path / "db"), FileTurns(tmp_path / "db")
    with theirs:
        assert not mine.at_once()
        assert not held(tmp_path / "db.next.lock")  # who asked in vain does not wait
    with (tmp_path / "db.next.lock").open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        assert not mine.at_once()
    assert mine.at_once()
    assert held(tmp_path / "db.turn.lock")
    assert not held(tmp_path / "db.next.lock")
    mine.leave()
    with theirs:
        pass
    mine.close()
    theirs.close()


def here(ledger, *ones):
    """Have rows stored by this thread, if that can be; return whether it is known at once, and what they come to."""
    writes = [receipts.to_store(ledger, one) for one in ones]
    ledger.append(writes, here=True)
    return [write.known for write in writes], writes


def test_where_nobody_else_writes_rows_are_stored_by_who_asks(sqlite_ledger):
    insert(sqlite_ledger)  # opens what is then open
    asked = []
    event.listen(sqlite_ledger.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    ones = [receipt() for _ in range(5)]
    commits = sqlite_ledger.writer.commits
    known, writes = here(sqlite_ledger, *ones)
    assert known == [True] * 5
    assert [write.result() for write in writes] == [None] * 5
    assert (asked, sqlite_ledger.writer.commits - commits) == ([], 1)
    assert {one.id for one in ones} <= stored_ids(sqlite_ledger)
    assert not held(sqlite_ledger.path.with_name(f"{sqlite_ledger.path.name}.turn.lock"))


def stored_ids(ledger):
    with ledger.read() as connection:
        return set(connection.execute(text("SELECT id FROM receipts")).scalars())


def test_on_postgresql_who_asks_does_not_wait(postgres_ledger):
    known, (write,) = here(postgres_ledger, receipt())
    assert known == [False]
    write.result()
    assert count(postgres_ledger) == 1


@pytest.mark.parametrize("lock", ["turn", "next"])
def test_where_another_process_writes_or_waits_to_the_thread_of_the_writer_waits(sqlite_ledger, lock):
    with sqlite_ledger.path.with_name(f"{sqlite_ledger.path.name}.{lock}.lock").open() as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        known, (write,) = here(sqlite_ledger, receipt())
        assert known == [False]
        fcntl.flock(theirs, fcntl.LOCK_UN)
        write.result()
    assert count(sqlite_ledger) == 1


def test_while_the_writer_is_at_work_who_asks_does_not_wait(sqlite_ledger):
    busy, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(sqlite_ledger.write, lambda _connection: busy.set() or go.wait(10))
        assert busy.wait(10)
        known, (write,) = here(sqlite_ledger, receipt())
        assert known == [False]
        go.set()
        write.result()
    assert count(sqlite_ledger) == 1


def test_what_can_not_be_stored_by_who_asks_is_tried_by_the_writer(sqlite_ledger):
    stranger = sqlite3.connect(sqlite_ledger.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    known, (write,) = here(sqlite_ledger, receipt())
    assert known == [False]
    stranger.execute("ROLLBACK")
    stranger.close()
    write.result()
    assert count(sqlite_ledger) == 1


def test_one_refused_row_among_those_of_who_asks_takes_no_other_along(sqlite_ledger):
    known, (bad, good) = here(sqlite_ledger, replace(receipt(), source=None), receipt())
    assert known == [False, False]
    with pytest.raises(RefusedError):
        bad.result()
    good.result()
    assert count(sqlite_ledger) == 1


def test_where_the_disk_is_slow_who_asks_leaves_it_to_the_writer_for_a_while(sqlite_ledger, monkeypatch):
    monkeypatch.setattr("bridge.ledger.writer.QUICK", 60.0)  # this machine's may be slow as well
    assert here(sqlite_ledger, receipt())[0] == [True]
    monkeypatch.setattr("bridge.ledger.writer.QUICK", 0.0)
    assert here(sqlite_ledger, receipt())[0] == [True]
    monkeypatch.undo()
    known, (write,) = here(sqlite_ledger, receipt())
    assert known == [False]
    write.result()
    monkeypatch.setattr(sqlite_ledger.writer, "_slow_until", time.monotonic())
    assert here(sqlite_ledger, receipt())[0] == [True]
    assert count(sqlite_ledger) == 4


def patience(ledger):
    """Return how long a write waits until it is refused, and the sentence; with the patience that intake has."""
    ledger.patience = PATIENCE
    began = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        insert(ledger)
    return time.monotonic() - began, str(caught.value)


def test_a_stranger_who_holds_the_database_is_waited_for_two_seconds_and_no_longer(sqlite_ledger):
    stranger = sqlite3.connect(sqlite_ledger.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    seconds, sentence = patience(sqlite_ledger)
    assert PATIENCE - 0.1 < seconds < PATIENCE * 5
    assert sentence in {
        "the database is locked by another program",
        "the database was busy for over 2 s; try again",
    }
    stranger.execute("ROLLBACK")
    stranger.close()
    insert(sqlite_ledger)
    assert count(sqlite_ledger) == 1


def test_who_only_reads_does_not_wait_for_a_stranger_who_writes(sqlite_ledger):
    insert(sqlite_ledger)
    with closing(sqlite3.connect(sqlite_ledger.path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        other = open_ledger(f"sqlite:///{sqlite_ledger.path}", upgrade=False)
        assert count(other) == 1
        other.close()


def written(ledger):
    ledger.write(lambda connection: receipts.insert(connection, receipt()))


@pytest.mark.parametrize(("store", "asks"), [(insert, "INSERT"), (written, "BEGIN IMMEDIATE")])
def test_a_stranger_who_lets_go_in_time_costs_nothing_but_the_wait(sqlite_ledger, store, asks):
    stranger = sqlite3.connect(sqlite_ledger.path, isolation_level=None, check_same_thread=False)
    stranger.execute("BEGIN IMMEDIATE")
    tried = threading.Event()

    @event.listens_for(sqlite_ledger.engine, "before_cursor_execute")
    def _begins(_connection, _cursor, statement, *_):
        if statement.startswith(asks):
            tried.set()

    def let_go():
        assert tried.wait(5)
        stranger.execute("ROLLBACK")

    with ThreadPoolExecutor(1) as pool:
        released = pool.submit(let_go)
        store(sqlite_ledger)
        released.result()
    stranger.close()
    assert count(sqlite_ledger) == 1


def test_a_process_frozen_in_its_turn_makes_writes_unavailable_and_what_was_given_up_is_never_written(sqlite_ledger):
    with child("hold", "", f"{sqlite_ledger.path}.turn.lock"):
        seconds, sentence = patience(sqlite_ledger)
        assert PATIENCE < seconds < PATIENCE * 5
        assert "busy for over 2 s" in sentence
    insert(sqlite_ledger)
    assert count(sqlite_ledger) == 1


def test_what_is_being_written_when_its_time_is_up_is_told_as_it_ends():
    write = Write(time.monotonic() - 1)
    assert write.future.set_running_or_notify_cancel()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(write.result)
        until(lambda: told.running() and write.future._condition._waiters)
        write.future.set_result("stored")
        assert told.result() == "stored"


def limited(ledger, statement):
    """Put a limit on every transaction from now on; return how to lift it."""

    def limit(connection):
        connection.exec_driver_sql(statement)

    event.listen(ledger.engine, "begin", limit)
    return lambda: event.remove(ledger.engine, "begin", limit)


def test_a_full_disk_is_unavailable_says_so_and_keeps_what_was_stored(sqlite_ledger):
    with sqlite_ledger.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    lift = limited(sqlite_ledger, f"PRAGMA max_page_count={pages + 20}")
    body = os.urandom(8_000)
    stored = []

    def store_all():
        for _ in range(100):
            stored.append(insert(sqlite_ledger, body))  # noqa: PERF401 - what was stored before the error counts

    with pytest.raises(UnavailableError, match="the disk is full"):
        store_all()
    assert 0 < len(stored) < 20
    assert count(sqlite_ledger) == len(stored)
    lift()
    limited(sqlite_ledger, "PRAGMA max_page_count=1073741823")
    insert(sqlite_ledger)
    assert count(sqlite_ledger) == len(stored) + 1


def test_a_database_that_can_not_be_written_is_unavailable_says_so_and_is_read_all_the_same(sqlite_ledger):
    insert(sqlite_ledger)
    limited(sqlite_ledger, "PRAGMA query_only=ON")
    with pytest.raises(UnavailableError, match="can't be written: check the file's owner and mode"):
        insert(sqlite_ledger)
    assert count(sqlite_ledger) == 1


@contextmanager
def no_longer_files(than):
    """Let no file of this process grow over a size; what is written past it is an I/O error to SQLite."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (than, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_the_disk_refuses_is_unavailable_and_says_where_to_look(sqlite_ledger):
    insert(sqlite_ledger)
    log = sqlite_ledger.path.with_name(f"{sqlite_ledger.path.name}-wal")
    with (
        no_longer_files(log.stat().st_size + 8_000),
        pytest.raises(UnavailableError, match="look at the disk, quotas, and limits"),
    ):
        insert(sqlite_ledger, os.urandom(100_000))
    insert(sqlite_ledger)
    assert count(sqlite_ledger) == 2


def test_a_damaged_database_is_unavailable_and_says_so(sqlite_url):
    path, pages = sqlite_path(make_url(sqlite_url)), 20
    open_ledger(sqlite_url).close()
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(os.urandom(4_096 * pages))
    with closing(open_ledger(sqlite_url, prepared=True)) as ledger:
        for ask in (insert, written):
            with pytest.raises(UnavailableError, match="damaged: stop the bridge, and restore a backup"):
                ask(ledger)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("SET TRANSACTION READ ONLY", "takes no writes"),
        ("SET LOCAL ROLE pg_monitor", "grant it all rights on the bridge's tables"),
    ],
)
def test_what_postgresql_does_not_allow_is_unavailable_and_says_what_to_mend(postgres_ledger, statement, sentence):
    lift = limited(postgres_ledger, statement)
    with pytest.raises(UnavailableError, match=sentence):
        written(postgres_ledger)
    lift()
    written(postgres_ledger)


def test_a_refused_value_is_no_outage(ledger):
    row = {"name": "slack/x"}
    ledger.write(lambda connection: connection.execute(lanes.insert(), row))
    with pytest.raises(RefusedError):
        ledger.write(lambda connection: connection.execute(lanes.insert(), row))
    insert(ledger)
    assert count(ledger) == 1


def test_a_refusal_never_quotes_what_was_to_be_stored(ledger):
    row = {"name": "a secret"}
    ledger.write(lambda connection: connection.execute(lanes.insert(), row))
    with pytest.raises(UnavailableError) as caught:
        ledger.write(lambda connection: connection.execute(lanes.insert(), row))
    assert "secret" not in str(caught.value)


def test_a_writer_killed_in_the_middle_leaves_every_confirmed_write_intact(ledger, ledger_url):
    with child("confirm", ledger_url) as process:
        confirmed = [process.stdout.readline().strip() for _ in range(150)]
        process.kill()
        confirmed += [line.strip() for line in process.stdout if line.endswith("\n")]
    with ledger.read() as connection:
        stored = set(connection.execute(text("SELECT id FROM receipts")).scalars())
        if ledger.embedded:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert set(confirmed) <= stored
    assert len(stored) - len(confirmed) <= 1  # stored, and killed before it could say so
    insert(ledger)  # its locks died with it


def test_a_connection_cut_while_it_waited_costs_nobody_a_refusal(postgres_ledger):
    insert(postgres_ledger)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    url = postgres_ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    # each look in a transaction of its own: PostgreSQL shows one transaction the same activity throughout
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute(f"SELECT pg_terminate_backend(pid) {others}")
        until(lambda: operator.execute(f"SELECT 1 {others}").fetchone() is None)
    insert(postgres_ledger)
    assert count(postgres_ledger) == 2
