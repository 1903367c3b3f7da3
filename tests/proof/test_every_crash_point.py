"""Crashes, freezes and races at the acts of each scenario: what people see in the end stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from campaign import campaign, scratch
from scenarios import SCENARIOS
from simulator import run
from unguarded import UNGUARDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator import Store

MOST = {"crash": 14, "hosts": 3, "twice": 4, "freeze": 5, "early": 4}
"""Of each scenario, chosen by a fixed seed; `make proof` takes all."""
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with scratch() as made:
        yield made


@pytest.mark.parametrize("name", BY_NAME)
def test_a_disturbance_at_any_act_changes_nothing_that_people_see(name, store):
    row = campaign(BY_NAME[name], store, most=MOST)
    assert row.faults == []
    assert sum(row.runs.values()) >= 26


@pytest.mark.parametrize("missing", UNGUARDED)
def test_the_proof_notices_a_missing_guard(missing, store):
    parts, name, way = UNGUARDED[missing]
    assert campaign(BY_NAME[name], store, most={way: 1000}, parts=parts, enough=1).faults


def test_what_a_crash_leaves_has_the_same_future_as_the_crash_itself(store):
    scenario = BY_NAME["opens, and is resolved"]
    plain = run(scenario, store, record=True)
    assert sorted(point for one in plain.remains for point in one.points) == list(range(1, len(plain.points) + 1))
    for remains in plain.remains[::5]:
        gone_on = run(scenario, store, remains=remains)
        for point in remains.points:
            died = run(scenario, store, crash={point})
            assert died.seen == gone_on.seen
            assert died.points[point:] == gone_on.points


def test_a_run_is_the_same_every_time(store):
    scenario = BY_NAME["answers are lost, and what was done shows late"]
    assert run(scenario, store).points == run(scenario, store).points
