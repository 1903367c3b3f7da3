"""What the loop of a web process serves itself: stored by rounds, answered once it is known what came of it."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bridge.ids import new_id
from bridge.ledger import receipts
from bridge.ledger.ledger import open_ledger
from bridge.ledger.receipts import Receipt
from bridge.ledger.write import SLACK, Write
from bridge.web.direct import Direct


class Worker:
    """As much of a web process as is asked: each of its requests brings a row."""

    def __init__(self, ledger):
        self.deferred, self.answered = [], []
        self.method_queue = SimpleNamespace(defer=lambda call, *given: self.deferred.append((call, given)))
        self.app = SimpleNamespace(serving=SimpleNamespace(ledger=ledger))
        self.direct = Direct(self)

    def handle(self, conn):
        one = Receipt(new_id(), "grafana", datetime.now(UTC), {}, b"{}")
        conn.sock.after(receipts.to_store(self.app.serving.ledger, one), lambda _error: None)
        conn.sock.sendall(b"202")
        return True

    def finish_request(self, conn, _done):
        self.answered.append(conn)
        if conn.behind:
            conn.behind -= 1
            self.direct.serve(conn)


class Connection:
    """A peer who has sent one request and some more behind it."""

    def __init__(self, behind=0):
        self.behind = behind
        self.sock = SimpleNamespace(settimeout=lambda _seconds: None, send=len)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.ledger.writer.QUICK", 60.0)  # on a slow disk the writer's thread would do it
    ledger = open_ledger(f"sqlite:///{tmp_path / 'bridge.db'}")
    yield Worker(ledger)
    ledger.close()


def stored(worker):
    with worker.app.serving.ledger.read() as connection:
        return receipts.count(connection, "new")


def test_what_a_round_brought_is_stored_by_one_commit_and_answered_in_it(worker):
    writer, conns = worker.app.serving.ledger.writer, [Connection() for _ in range(4)]
    for conn in conns:
        worker.direct.serve(conn)
    assert (worker.answered, stored(worker)) == ([], 0)
    worker.direct.store()
    assert (worker.answered, stored(worker), writer.commits) == (conns, 4, 1)
    worker.direct.overdue()
    assert worker.deferred == []


def test_who_had_sent_more_does_not_wait_for_the_next_event(worker):
    conn = Connection(behind=2)
    worker.direct.serve(conn)
    worker.direct.store()
    for served in (1, 2):
        assert len(worker.answered) == served
        worker.direct.overdue()
        assert worker.deferred == [(worker.direct.store, ())]
        worker.deferred.pop()[0]()
    worker.direct.overdue()
    assert (worker.answered, stored(worker), worker.deferred) == ([conn] * 3, 3, [])


def waiting(worker):
    """A request whose time is up, and that nobody has stored yet; what it wants written."""
    worker.app.serving.ledger = SimpleNamespace(append=lambda _writes, **_how: None)
    conn, write = Connection(), Write(time.monotonic() - 0.001)
    worker.handle = lambda conn: conn.sock.after(write, lambda _error: None) or conn.sock.sendall(b"202") or True
    worker.direct.serve(conn)
    worker.direct.store()
    return conn, write


def test_what_was_answered_as_not_stored_is_never_written(worker):
    conn, write = waiting(worker)
    worker.direct.overdue()
    assert worker.answered == [conn]
    assert write.future.set_running_or_notify_cancel() is False


def test_what_had_been_sent_behind_and_is_overdue_before_its_round_is_never_written(worker):
    conn = Connection(behind=1)
    worker.direct.serve(conn)
    worker.direct.store()
    _, _, write = worker.direct._gathered[0]
    write.deadline = time.monotonic() - 0.001
    worker.direct.overdue()
    assert worker.answered == [conn, conn]
    for call, given in worker.deferred:
        call(*given)
    worker.direct.store()
    assert (worker.answered, stored(worker)) == ([conn, conn], 1)


def test_what_is_being_written_is_not_answered_before_it_is_known_what_came_of_it(worker):
    conn, write = waiting(worker)
    assert write.future.set_running_or_notify_cancel()
    worker.direct.overdue()
    assert worker.answered == []
    write.future.set_result(None)
    for call, given in worker.deferred:
        call(*given)
    assert worker.answered == [conn]


def test_what_hangs_while_it_is_written_is_answered_in_the_end(worker):
    conn, write = waiting(worker)
    assert write.future.set_running_or_notify_cancel()
    write.deadline -= SLACK
    worker.direct.overdue()
    assert worker.answered == [conn]
