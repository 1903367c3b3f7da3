"""Chores that are due together are done in one thread, one after another, whatever becomes of each."""

import threading

from bridge.delivery.chores import Chore, Chores


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
