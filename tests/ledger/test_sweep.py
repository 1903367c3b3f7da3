"""What no hint told of is found by the sweep, which asks nothing where nothing can have become due."""

from datetime import timedelta

import pytest
from ledger_kit import incident, place, receipt
from sqlalchemy import event

from bridge.delivery.sweep import Sweep
from bridge.delivery.yard import Yard
from bridge.destinations import KINDS
from bridge.effective import Effective
from bridge.ledger import deliveries, lanes, receipts
from bridge.ledger.ledger import ledger_on
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

LANE = "slack/lane"


@pytest.fixture
def sweep(ledger, clock):
    yard = Yard(
        ledger=ledger,
        clock=clock,
        kinds=dict(KINDS),
        effective=Effective(dict, {}, b"key"),
        words=Words((template_folder(),)),
        new_id=str,
        holder="me",
        report=lambda *_: None,
    )
    return Sweep(yard)


@pytest.fixture
def asked(ledger):
    """What the database was asked."""
    found = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *given: found.append(given[2]))
    return found


def put_off(ledger, one, due_at):
    ledger.write(lambda connection: deliveries.change(connection, one, due_at=due_at))


def test_where_nothing_is_committed_nothing_is_asked(ledger, sweep, asked):
    for _ in range(2):  # what a connection says first is of its own making
        assert sweep.due_here() == set()
    asked.clear()
    assert sweep.due_here() == set()
    assert not (ledger.embedded and asked)
    ledger.write(lambda connection: receipts.insert(connection, receipt()))
    assert sweep.due_here() == sweep.due_here() == {"intake/grafana"}


def test_what_another_process_commits_is_found(ledger, sweep):
    assert sweep.due_here() == set()
    other = ledger_on(ledger.engine)
    receipts.append(other, receipt()).result()
    assert sweep.due_here() == {"intake/grafana"}
    other.writer.close()


def test_what_is_put_off_is_found_once_it_is_due(ledger, sweep, clock):
    (one,) = place(ledger, incident(ledger))
    put_off(ledger, one, clock.now() + timedelta(seconds=5))
    assert sweep.due_here() == set()
    clock.advance(4.9)
    assert sweep.due_here() == set()
    clock.advance(0.1)
    assert len(sweep.due_here()) == 1


def test_by_a_clock_that_was_set_back_what_waits_since_later_is_due(ledger, sweep, clock):
    (one,) = place(ledger, incident(ledger))
    put_off(ledger, one, clock.now() + timedelta(hours=1))
    assert sweep.due_here() == set()
    clock.set_back(hours=2)
    assert len(sweep.due_here()) == 1


def test_a_lane_of_another_one_is_found_once_its_lease_runs_out(ledger, sweep, clock):
    if not ledger.embedded:
        pytest.skip("there the database's own clock decides")
    place(ledger, incident(ledger))
    assert sweep.due_here() == {LANE}
    now = ledger.database_now(clock.now())
    ledger.write(lambda connection: lanes.acquire(connection, LANE, "somebody else", now))
    assert sweep.due_here() == sweep.due_here() == set()
    clock.advance(lanes.LEASE + 1)
    assert sweep.due_here() == {LANE}
