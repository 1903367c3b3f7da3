"""What the loop of a web process serves itself: stored by rounds, answered once it is known what came of it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bridge.ids import new_id
from bridge.ledger import receipts
from bridge.ledger.ledger import open_ledger
from bridge.ledger.receipts import Receipt
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
        self.parser = SimpleNamespace(unreader=SimpleNamespace(only=False))


@pytest.fixture
def worker(tmp_path):
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
