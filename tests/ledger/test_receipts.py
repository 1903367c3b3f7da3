"""Receipts: what was said, byte for byte, and in which order it is absorbed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_kit import NOON, insert, receipt, until, waiting_for_locks
from sqlalchemy import select, update

from bridge.ledger import receipts
from bridge.ledger.packed import SMALL
from bridge.ledger.receipts import AT_HAND
from bridge.ledger.tables import receipts as table
from bridge.ledger.unavailable import UnavailableError

BODIES = [b"", b"{}", b"\x00\xff\xfe", b"x" * SMALL, b"x" * (SMALL + 1), b"naive \xc3\xaf" * 5000, os.urandom(70_000)]


def load(ledger, one):
    with ledger.read() as connection:
        return receipts.load(connection, one)


def waiting(ledger, limit=100, source="grafana", *, all_=True):
    with ledger.read() as connection:
        found, these_are_all = receipts.waiting(connection, source, limit)
    assert these_are_all is all_
    return [one.id for one in found]


def settle(ledger, one, **values):
    given = {"state": "absorbed", "problem": None, "alerts": 1, "progress": 1, "incidents": []}
    ledger.write(lambda connection: receipts.settle(connection, [{"id": one, **given, **values}]))


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_a_body_comes_back_byte_for_byte(ledger, body):
    given = receipt(body)
    ledger.write(lambda connection: receipts.insert(connection, given))
    assert load(ledger, given.id) == given


def test_a_large_body_is_stored_compressed(ledger):
    one = insert(ledger, b"x" * 100_000)
    with ledger.read() as connection:
        assert len(connection.execute(select(table.c.body).where(table.c.id == one)).scalar_one()) < 2000


def test_what_was_never_stored_is_nothing(ledger):
    assert load(ledger, "never") is None


def test_receipts_wait_in_the_order_of_arrival_and_only_for_their_source(ledger):
    first, second = insert(ledger), insert(ledger)
    other = insert(ledger, source="prometheus")
    assert waiting(ledger) == [first, second]
    assert waiting(ledger, limit=1, all_=False) == [first]
    with ledger.read() as connection:
        assert sorted(receipts.sources_waiting(connection)) == ["grafana", "prometheus"]
    settle(ledger, other)
    with ledger.read() as connection:
        assert receipts.sources_waiting(connection) == ["grafana"]


def test_the_rest_of_a_large_group_waits_behind_what_came_meanwhile(ledger):
    large, small = insert(ledger), insert(ledger)
    settle(ledger, large, state="new", progress=200, incidents=["i1"])
    assert waiting(ledger) == [small, large]
    assert (load(ledger, large).progress, load(ledger, large).incidents) == (200, ("i1",))


def test_bodies_that_wait_are_read_up_to_a_bound_and_always_one(ledger):
    huge = [insert(ledger, b"x" * (7 * 1024 * 1024)) for _ in range(4)]
    assert waiting(ledger, all_=False) == huge[:3]
    largest = insert(ledger, b"x" * (20 * 1024 * 1024), source="other")
    insert(ledger, source="other")
    assert waiting(ledger, source="other", all_=False) == [largest]


def test_a_large_body_waits_whole_among_small_ones(ledger):
    given = [receipt(b"{}"), receipt(os.urandom(AT_HAND + 1)), receipt(b"x" * (2 * AT_HAND)), receipt(b"")]
    for one in given:
        ledger.write(lambda connection, one=one: receipts.insert(connection, one))
    with ledger.read() as connection:
        assert receipts.waiting(connection, "grafana", len(given) + 1) == (given, True)
        read = replace(given[1], body=b"")
        assert receipts.waiting(connection, "grafana", 3, read.id) == ([given[0], read, given[2]], False)


def test_what_is_settled_is_settled_once(ledger):
    one = insert(ledger)
    settle(ledger, one, state="quarantined", problem="unreadable")
    settle(ledger, one, state="absorbed")
    with ledger.read() as connection:
        assert receipts.count(connection, "quarantined") == 1


def signed(ledger, since, at=NOON, signature="s1", **more):
    one = receipt(at=at)
    return one.id, receipts.once(ledger, one, signature, since, **more)


def test_the_same_signed_request_again_is_the_first_receipt(ledger):
    first, stored = signed(ledger, NOON - timedelta(minutes=5))
    assert stored == first
    _second, stored = signed(ledger, NOON - timedelta(minutes=5))
    assert stored == first
    assert waiting(ledger) == [first]


def test_without_a_tolerance_a_signature_is_known_for_ever(ledger):
    first, _stored = signed(ledger, None)
    assert signed(ledger, None, at=NOON + timedelta(days=3))[1] == first


def test_after_the_tolerance_the_same_signature_is_a_request_of_its_own(ledger):
    first, _stored = signed(ledger, NOON - timedelta(minutes=5))
    later = NOON + timedelta(minutes=6)
    second, stored = signed(ledger, later - timedelta(minutes=5), at=later)
    assert stored == second
    assert waiting(ledger) == [first, second]
    assert signed(ledger, later - timedelta(minutes=5), at=later)[1] == second


def test_without_a_stamp_the_same_is_a_request_of_its_own_once_another_came_between(ledger):
    def post(signature):
        return signed(ledger, NOON - timedelta(minutes=5), signature=signature, unstamped=True)

    first, stored = post("fires")
    insert(ledger, source="prometheus")
    assert stored == post("fires")[1] == first
    over, stored = post("is over")
    assert stored == over
    again, stored = post("fires")
    assert stored == post("fires")[1] == again
    assert waiting(ledger) == [first, over, again]


def test_with_a_stamp_the_same_is_the_first_receipt_whatever_came_between(ledger):
    first, _stored = signed(ledger, NOON - timedelta(minutes=5))
    signed(ledger, NOON - timedelta(minutes=5), signature="s2")
    assert signed(ledger, NOON - timedelta(minutes=5))[1] == first


def test_the_same_signed_request_at_two_processes_at_once_is_stored_once(ledger, open_again, ledger_url):
    others = [ledger, *(open_again(ledger_url) for _ in range(3))]

    def store(one):
        try:
            return signed(one, NOON - timedelta(minutes=5))[1]
        except UnavailableError:
            # asked to come again: then it hears of the first receipt
            return signed(one, NOON - timedelta(minutes=5))[1]

    with ThreadPoolExecutor(4) as pool:
        stored = set(pool.map(store, others))
    assert len(stored) == 1
    assert waiting(ledger) == list(stored)


def test_two_hosts_that_store_the_same_signed_request_at_once_store_one(postgres_ledger):
    first = receipt()
    with ThreadPoolExecutor(1) as pool, postgres_ledger.engine.connect() as other, other.begin():
        receipts.insert(other, first)
        other.execute(update(table).where(table.c.id == first.id).values(signature="s1"))
        second = pool.submit(signed, postgres_ledger, NOON - timedelta(minutes=5))
        until(lambda: waiting_for_locks(postgres_ledger) == 1)
        other.commit()
        assert second.result()[1] == first.id
