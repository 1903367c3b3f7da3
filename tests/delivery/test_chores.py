"""Chores that are due together are done in one thread, one after another, whatever becomes of each."""

import threading

from counted import in_process
from harness import alert, eventually, group
from sqlalchemy import select

from bridge.delivery.chores import Chore, Chores
from bridge.ledger.tables import lanes


def test_one_that_fails_keeps_no_other_one_from_being_done():
    done, told, woken = [], [], []

    def fails():
        raise ValueError("not now")

    chores = Chores(
        (Chore(1, fails), Chore(1, lambda: done.append(threading.get_ident()) or True)),
        lambda: woken.append("lanes"),
        lambda *said: told.append(said[0]),
    )
    due = chores.due(10.0)
    assert (len(due), chores.due(10.5)) == (2, [])
    chores.do(due)
    assert (done, told, woken) == ([threading.get_ident()], ["chore"], ["lanes"])


def test_one_that_is_being_done_is_left_to_who_does_it():
    begun, go, done = threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        go.wait(10)
        done.append("slow")

    chores = Chores((Chore(1, slow), Chore(1, lambda: done.append("quick"))), lambda: None, lambda *_: None)
    first = threading.Thread(target=chores.do, args=(chores.due(10.0),))
    first.start()
    assert begun.wait(10)
    chores.do(chores.due(11.0))
    assert done == ["quick"]
    go.set()
    first.join(10)
    assert done == ["quick", "slow", "quick"]


def test_one_that_left_some_of_it_is_due_again_by_the_next_round_beside_all_others():
    left, done = [2, 1, 0, 0], []
    cut = Chore(10, lambda: done.append(left.pop(0)), again=lambda: done[-1] > 0)
    chores = Chores((Chore(10, lambda: done.append("other")), cut), lambda: None, lambda *_: None)
    for at in (10.0, 10.1, 10.2, 10.3, 20.2):
        chores.do(chores.due(at))
    assert done == ["other", 2, 1, 0, "other", 0]


def test_of_those_that_are_due_together_none_is_begun_once_it_is_to_stop():
    done = []
    told_to_stop = Chore(1, lambda: done.append("first") or chores.stop())
    chores = Chores((told_to_stop, Chore(1, lambda: done.append("second"))), lambda: None, lambda *_: None)
    chores.do(chores.due(10.0))
    assert done == ["first"]


def test_who_stops_gives_its_lanes_back_before_its_chores_have_ended(ledger_url, tmp_path):
    begun, go = threading.Event(), threading.Event()

    with in_process(ledger_url, tmp_path, "slack", rate="1000/s") as counted:
        delivering, ledger = counted.delivering, counted.bridge.ledger
        delivering._chores = Chores((Chore(60, lambda: begun.set() or go.wait(20)),), lambda: None, lambda *_: None)
        counted.store(group(alert("one", Priority="P3")))

        def holder():
            with ledger.read() as connection:
                return connection.execute(select(lanes.c.holder).where(lanes.c.name == "intake/grafana")).scalar()

        def held():
            delivering.round()
            return holder()

        eventually(held)
        assert begun.wait(10)
        stopping = threading.Thread(target=delivering.stop)
        stopping.start()
        try:
            eventually(lambda: holder() is None)
            assert stopping.is_alive()  # what a chore has begun is finished
        finally:
            go.set()
            stopping.join(20)
        assert not stopping.is_alive()
