"""Whether senders bring much, as another process of the same server knows it; and what a deliverer does about it."""

from __future__ import annotations

import secrets
import time
from multiprocessing import get_context

import pytest
from ledger_kit import receipt, until

from bridge.config.environ import from_environ
from bridge.ledger import receipts
from bridge.ledger.ledger import ledger_on
from bridge.ledger.pressure import MANY, WINDOW, Pressure
from bridge.reading import Reading
from bridge.serve import Server


def in_a_fork(act):
    """Have something done by a process that was forked from this one."""
    child = get_context("fork").Process(target=act, daemon=True)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_what_forked_processes_are_brought_is_known_to_all():
    pressure = Pressure()
    assert not pressure.high(1.0)
    many = int(MANY * WINDOW)
    for part in (many // 2, many - many // 2 + 1):
        in_a_fork(lambda part=part: pressure.add(part))
    assert pressure.high(1.0 + WINDOW)


def test_it_is_what_was_brought_in_the_time_since_it_was_asked_last():
    pressure = Pressure()
    pressure.high(1.0)
    pressure.add(int(MANY))
    assert not pressure.high(2.5)  # over a longer time it is less
    assert not pressure.high(3.0)
    pressure.add(int(MANY))
    assert not pressure.high(3.0 + WINDOW / 2)  # too short a time to say: as before
    assert pressure.high(3.5)
    assert pressure.high(3.5 + WINDOW / 2)
    assert not pressure.high(4.0)


@pytest.fixture
def beside(ledger):
    """How much is brought to a server; the ledger of its deliverer, and that of who takes in."""
    pressure = Pressure()
    delivering, taking_in = (ledger_on(ledger.engine, pressure) for _ in range(2))
    for one in (delivering, taking_in):
        one.patience = 60.0  # the machine may be busy with other tests
    delivering.writer.yields = True
    yield pressure, delivering, taking_in
    for one in (delivering, taking_in):
        one.writer.close()


def rows(taking_in, many):
    ones = [receipts.to_store(taking_in, receipt()) for _ in range(many)]
    taking_in.append(ones)
    for one in ones:
        one.result()


def signed(taking_in, many):
    for _ in range(many):
        receipts.once(taking_in, receipt(), secrets.token_hex(8), None)


@pytest.mark.parametrize("way", [rows, signed])
def test_whatever_is_stored_for_senders_is_brought(beside, way):
    pressure, _, taking_in = beside
    many = int(MANY * WINDOW)
    pressure.high(1.0)
    way(taking_in, many)
    assert not pressure.high(1.0 + WINDOW)
    way(taking_in, many + 1)
    assert pressure.high(1.0 + 2 * WINDOW)


def pressed(delivering):
    """Whether a deliverer makes room, by what it knows after one more commit."""
    delivering.write(lambda _connection: None)
    return delivering.writer.pressed


def test_a_deliverer_makes_room_while_much_is_brought(beside):
    pressure, delivering, taking_in = beside
    assert not pressed(delivering)
    assert delivering.writer._rests_until == 0

    def flooded():
        pressure.add(1_000_000)
        return pressed(delivering)

    until(flooded)
    assert delivering.writer._rests_until > 0
    taking_in.write(lambda _connection: None)
    assert not taking_in.writer.pressed
    until(lambda: not pressed(delivering))


def test_it_rests_before_its_next_commit(beside, monkeypatch):
    monkeypatch.setattr("bridge.ledger.writer.YIELD", 1_000_000.0)
    monkeypatch.setattr("bridge.ledger.writer.LONGEST_YIELD", 0.3)
    pressure, delivering, _ = beside
    until(lambda: pressure.add(1_000_000) or pressed(delivering))
    ends = delivering.writer._rests_until
    assert ends < time.monotonic() + 1
    delivering.write(lambda _connection: None)
    assert time.monotonic() >= ends


def test_who_delivers_much_makes_no_room_for_itself(beside):
    pressure, delivering, _ = beside
    delivering.write(lambda _connection: None)
    assert sum(pressure._brought) == 0


def test_the_processes_of_a_server_share_it(tmp_path):
    text = "destinations: {slack: {token: '${env:TOKEN}', channel: '#alerts'}}"
    (tmp_path / "bridge.yml").write_text(text, "utf-8")
    env = {"BRIDGE_CONFIG": str(tmp_path / "bridge.yml"), "BRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db"}
    env["TOKEN"] = "xoxb-nobodys"
    server = Server(Reading(from_environ(env), env), "127.0.0.1:0", deliver=True, announce=None)
    ours = server.compose()
    ours.ledger.patience = 60.0
    server.pressure.high(1.0)

    def brought():
        theirs = server.compose()
        theirs.ledger.patience = 60.0
        rows(theirs.ledger, 1 + int(MANY * WINDOW))
        theirs.close()

    in_a_fork(brought)
    assert server.pressure.high(1.0 + WINDOW)
    ours.ledger.writer.yields = True
    until(lambda: server.pressure.add(1_000_000) or pressed(ours.ledger))
    ours.close()
