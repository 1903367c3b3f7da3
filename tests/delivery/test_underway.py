"""What a turn claimed and another thread takes back is one turn's at each moment."""

import threading
from types import SimpleNamespace

import pytest

from bridge.delivery.claim import Claiming
from bridge.delivery.underway import TakenBackError, Underway


@pytest.fixture
def underway():
    return Underway(threading.Lock())


def claimed(underway, *names):
    """A turn that has claimed a step of each of some deliveries; and their tasks."""
    tasks = [SimpleNamespace(delivery=SimpleNamespace(id=name), behind=False) for name in names]
    turn = underway.begin(names)
    acts = [Claiming(task, step=None, at=None) for task in tasks]
    underway.wait(turn, acts, [(False, None)] * len(acts))
    return turn, tasks


def test_what_is_taken_back_is_of_who_took_it_until_that_ends(underway):
    turn, (first, second) = claimed(underway, "first", "second")
    underway.leaves(first)
    taker, behind = underway.take_back()
    assert [task.delivery.id for task, _ in behind] == ["second"]
    with pytest.raises(TakenBackError):
        underway.leaves(second)
    underway.end(turn)
    assert underway.busy == {"second": taker}  # nobody may choose it before it is written that it is free
    underway.end(taker)
    assert underway.busy == {}


def test_what_a_turn_leaves_behind_is_nobodys_to_take_back(underway):
    turn, _ = claimed(underway, "first", "second")
    underway.end(turn)
    assert underway.take_back()[1] == []


def test_a_step_alone_waits_for_nobody(underway):
    _, (only,) = claimed(underway, "only")
    assert underway.take_back()[1] == []
    underway.leaves(only)


def test_a_request_is_late_while_it_is_under_way(underway):
    _, (first, second) = claimed(underway, "first", "second")
    with underway.asking(first, 10.0):
        with underway.asking(second, 20.0):
            assert (underway.late(10.0), underway.late(10.1)) == (False, True)
        assert underway.late(15.0)
    assert not underway.late(100.0)
