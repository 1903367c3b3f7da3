"""Lanes: one holder at a time, and a fence that a former holder can't get past."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from ledger_kit import NOON
from sqlalchemy import BigInteger, literal, select

from bridge.ledger import lanes
from bridge.ledger.columns import to_micros
from bridge.ledger.lanes import LEASE, LostLeaseError
from bridge.ledger.tables import lanes as table

NAME = "slack/T1/#storage"


def now(seconds: float = 0):
    """Return the time that leases are judged by, so many seconds after noon."""
    return literal(to_micros(NOON + timedelta(seconds=seconds)), BigInteger)


def acquire(ledger, holder, seconds=0.0, name=NAME):
    return ledger.write(lambda connection: lanes.acquire(connection, name, holder, now(seconds)))


def renew(ledger, holder, seconds, names=(NAME,)):
    return ledger.write(lambda connection: lanes.renew(connection, holder, names, now(seconds)))


def write(ledger, fence, **values):
    ledger.write(lambda connection: lanes.fenced(connection, NAME, fence, **values))


def row(ledger, name=NAME):
    with ledger.read() as connection:
        return connection.execute(select(table).where(table.c.name == name)).one()


def test_a_second_holder_is_refused_while_the_lease_lasts(ledger):
    held = acquire(ledger, "a")
    assert held is not None
    assert acquire(ledger, "b", LEASE - 0.001) is None
    assert row(ledger).holder == "a"


def test_an_expired_lease_is_taken_over_under_a_newer_fence(ledger):
    first = acquire(ledger, "a")
    second = acquire(ledger, "b", LEASE + 0.001)
    assert second is not None
    assert second.fence > first.fence


def test_a_former_holder_writes_nothing_and_hears_so(ledger):
    first = acquire(ledger, "a")
    second = acquire(ledger, "b", 60)
    with pytest.raises(LostLeaseError, match="another process holds it"):
        ledger.write(lambda connection: _both(connection, first.fence))
    assert row(ledger).last_error is None
    with ledger.read() as connection:
        assert connection.execute(select(table).where(table.c.name == "written after")).first() is None
    write(ledger, second.fence, last_error="mine")
    assert row(ledger).last_error == "mine"


def _both(connection, fence):
    connection.execute(table.insert(), {"name": "written after"})
    lanes.fenced(connection, NAME, fence, last_error="theirs")


def test_a_fence_without_values_is_checked_as_well(ledger):
    first = acquire(ledger, "a")
    write(ledger, first.fence)
    acquire(ledger, "b", 60)
    with pytest.raises(LostLeaseError):
        write(ledger, first.fence)


def test_renewing_prolongs_a_lease_and_keeps_its_fence(ledger):
    held = acquire(ledger, "a")
    assert renew(ledger, "a", 10) == {NAME: held.fence}
    assert acquire(ledger, "b", 21) is None
    assert acquire(ledger, "b", 22.1) is not None


def test_renewing_names_only_what_is_still_ours(ledger):
    acquire(ledger, "a")
    other = acquire(ledger, "a", name="github/acme")
    acquire(ledger, "b", 60)
    assert renew(ledger, "a", 60, (NAME, "github/acme", "never held")) == {"github/acme": other.fence}
    assert row(ledger).holder == "b"


def test_what_is_given_back_is_free_at_once(ledger):
    acquire(ledger, "a")
    ledger.write(lambda connection: lanes.release(connection, "b", [NAME]))
    assert acquire(ledger, "b", 1) is None
    ledger.write(lambda connection: lanes.release(connection, "a", [NAME]))
    assert acquire(ledger, "b", 1) is not None


def test_the_only_deliverer_of_a_machine_frees_what_its_dead_forerunner_held(ledger):
    first = acquire(ledger, "dead")
    ledger.write(lanes.release_all)
    assert acquire(ledger, "next", 1).fence > first.fence


def test_a_holder_that_asks_again_gets_a_newer_fence(ledger):
    first = acquire(ledger, "a")
    assert acquire(ledger, "a", 1).fence == first.fence + 1


def test_a_clock_set_back_an_hour_keeps_nobody_out(ledger):
    acquire(ledger, "a", 3600)
    assert acquire(ledger, "b", 0) is not None


def test_a_clock_set_back_a_little_lets_nobody_in(ledger):
    acquire(ledger, "a", 20)
    assert acquire(ledger, "b", 0) is None


def test_what_a_holder_learned_outlives_it(ledger):
    held = acquire(ledger, "a")
    later = NOON + timedelta(minutes=1)
    write(ledger, held.fence, ready_at=later, trouble={"since": 1})
    after = acquire(ledger, "b", 60)
    assert (after.ready_at, after.trouble) == (later, {"since": 1})


def test_of_many_that_ask_at_once_one_gets_it(ledger, open_again, ledger_url):
    ledgers = [ledger, *(open_again(ledger_url) for _ in range(3))]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda one: acquire(one[1], f"holder {one[0]}"), enumerate(ledgers)))
    assert len([held for held in got if held is not None]) == 1


def test_postgresql_judges_leases_by_its_own_clock_and_one_machine_by_its_own(ledger):
    with ledger.read() as connection:
        said = connection.execute(select(ledger.database_now(NOON))).scalar_one()
    assert (said == to_micros(NOON)) is ledger.embedded


def test_a_deliverer_lives_as_long_as_its_pulse_is_renewed(ledger):
    def lives(seconds):
        with ledger.read() as connection:
            query = select(table.c.holder).where(table.c.name == lanes.PULSE, lanes.live(now(seconds)))
            return connection.execute(query).scalar()

    assert lives(0) is None
    ledger.write(lambda connection: lanes.pulse(connection, "a", now(0)))
    assert (lives(11), lives(13)) == ("a", None)
    ledger.write(lambda connection: lanes.pulse(connection, "b", now(13)))
    assert lives(20) == "b"
