"""The pace of a lane: requests leave at their places, prepared before, and never closer than the place allows."""

import math
from datetime import timedelta
from itertools import pairwise

import pytest
from lane_kit import take, turns
from posts import CONFIG, ENV, Posts, alert

from bridge.config.units import Rate
from bridge.delivery.held import LEAD, LEEWAY
from bridge.delivery.trouble import lasts
from bridge.delivery.turns import NotNowError, Rest, Task, pace
from bridge.destinations.base import Intent, Settings, Step
from bridge.effective import Effective
from bridge.sandbox import Fault, Sandbox

GAP = 0.05
WAIT = timedelta(seconds=GAP * LEEWAY)


@pytest.fixture
def lane(sqlite_ledger, clock):
    return take(sqlite_ledger, clock, "slack/1/alerts", Effective(dict, {}, b"key"))


def test_what_a_request_takes_to_be_prepared_is_not_lost_of_the_pace(lane, clock):
    left = []
    for _ in range(20):
        if (until := lane.early(clock.now())) is not None:
            clock.advance((until - clock.now()).total_seconds())
        booked = lane.book(GAP)
        clock.advance(0.02)
        lane.leave(booked, GAP, lambda: left.append(clock.now()))
    gaps = [after - before for before, after in pairwise(left)]
    assert gaps == [WAIT] * 19


def test_after_one_that_left_late_the_next_one_keeps_its_distance(lane, clock):
    first, second = lane.book(GAP), lane.book(GAP)
    left = []
    clock.advance(0.04)
    lane.leave(first, GAP, lambda: left.append(clock.now()))
    assert lane.leave(second, GAP, lambda: left.append(clock.now())) > 0
    assert left[1] - left[0] == WAIT
    assert lane.early(clock.now()) == clock.now() + WAIT - timedelta(seconds=LEAD)


def test_a_request_keeps_the_next_one_back_by_its_own_rate_whatever_that_ones_is(lane, clock):
    slow = 120.0
    lane.leave(lane.book(GAP), GAP, lambda: None)
    clock.advance(5)
    assert lane.leave(lane.book(slow), slow, lambda: None) == 0
    assert lane.early(clock.now()) == clock.now() + timedelta(seconds=slow * LEEWAY - LEAD)


def test_one_that_is_late_behind_a_slower_one_does_not_wait_for_it_while_it_counts_as_sent(lane, clock):
    slow = 120.0
    late = lane.book(GAP)
    clock.advance(GAP * LEEWAY)
    lane.leave(lane.book(slow), slow, lambda: None)
    began = clock.now()
    with pytest.raises(NotNowError):
        lane.leave(late, GAP, lambda: None)
    assert clock.now() == began
    assert lane.early(began) == began + timedelta(seconds=slow * LEEWAY - LEAD)


def test_one_that_may_not_leave_after_all_keeps_no_other_back(lane, clock):
    def may_not():
        raise NotNowError

    booked = lane.book(GAP)
    with pytest.raises(NotNowError):
        lane.leave(booked, GAP, may_not)
    assert lane.leave(clock.now(), GAP, lambda: None) == 0


def test_without_a_pace_nobody_waits(lane, clock):
    for _ in range(3):
        assert lane.early(clock.now()) is None
        assert lane.leave(lane.book(0.0), 0.0, lambda: None) == 0


def test_what_a_step_asks_once_more_takes_no_place_of_its_own(lane, clock):
    settings = Settings("slack", "slack", {"rate": (Rate(1, 60.0),)})
    task = Task(None, None, settings, clock.now())
    ready = lane.readiness(task, Step(Intent.OPEN, 1, "chat.postMessage", {}, {}), lane.book(60.0))
    began = clock.monotonic()
    ready()
    ready()
    assert clock.monotonic() == began
    assert task.waited == 0
    assert lane.early(clock.now()) == clock.now() + timedelta(seconds=60.0 * LEEWAY - LEAD)


@pytest.mark.parametrize(
    ("kind", "rates", "gap"),
    [
        ("slack", ((60, 3600.0),), 60.0),
        ("pagerduty", ((60, 3600.0),), 60.0),
        ("slack", ((1, 1.0), (600, 3600.0)), 6.0),
        ("slack", ((0.5, 60.0),), 120.0),
        ("github", ((1, 1.0), (500, 3600.0)), 1.0),
        ("github", ((500, 3600.0),), 0.0),
        ("slack", (), 0.0),
    ],
)
def test_a_rate_an_hour_is_a_pace_where_no_budget_holds_it(kind, rates, gap):
    assert pace(Settings(kind, kind, {"rate": tuple(Rate(*one) for one in rates)}), (1.0,)) == gap


def paged(ledger, clock, folder, sandbox, rate, **priorities):
    """Return a PagerDuty lane under a rate, taken anew at each call, in which alerts wait to be told, by priority."""
    config = CONFIG.replace("${env:PD}", f'${{env:PD}}", rate: {rate}, api_url: "{sandbox.pagerduty_url}')
    place = Posts(ledger, clock, folder, config + "send: {P0: [pagerduty], P1: [pagerduty]}\n")
    place.hear(
        *(
            {**alert(Priority=priority, fingerprint=one), "labels": {"alertname": one}}
            for one, priority in priorities.items()
        )
    )
    effective = Effective(lambda: place.rules, ENV, b"key")
    (name,) = {row.lane for row in place.deliveries()}
    return lambda: take(ledger, clock, name, effective)


def passes(rest, clock):
    """Let the time pass for which a lane rests, or a part of it: it is taken anew while its pace holds, too."""
    clock.advance(min((rest.until - clock.now()).total_seconds() if rest.until else 1, 25))


@pytest.mark.parametrize(("rate", "gap"), [("60/h", 60), ("0.5/m", 120)])
def test_a_slow_pace_holds_when_its_lane_is_taken_anew(sqlite_ledger, clock, tmp_path, rate, gap):
    with Sandbox() as sandbox:
        anew = paged(sqlite_ledger, clock, tmp_path, sandbox, rate, a="P0", b="P0", c="P0")
        left = []
        while (known := len(sandbox.pagerduty.pages)) < 3:
            rest = turns(anew())
            if len(sandbox.pagerduty.pages) > known:
                left.append(clock.now())
            passes(rest, clock)
        assert [(after - before).total_seconds() for before, after in pairwise(left)] == [
            pytest.approx(gap * LEEWAY, abs=2 * LEAD)
        ] * 2


def test_of_two_rates_at_one_place_none_makes_a_step_wait_that_counts_as_sent(sqlite_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        quick = f'pagerduty: {{routing_key: "${{env:PD}}", rate: 1/s, api_url: "{sandbox.pagerduty_url}"}}'
        slow = f"rare: {{kind: pagerduty, {quick.split('{', 1)[1].replace('1/s', '30/h')}"
        config = CONFIG.replace('pagerduty: {routing_key: "${env:PD}"}', f"{quick}\n  {slow}")
        place = Posts(sqlite_ledger, clock, tmp_path, config + "send: {P0: [pagerduty], P1: [rare]}\n")
        place.hear({**alert(Priority="P0"), "labels": {"alertname": "quick"}})
        (name,) = {row.lane for row in place.deliveries()}
        lane = take(sqlite_ledger, clock, name, Effective(lambda: place.rules, ENV, b"key"))
        turns(lane)
        place.hear({**alert(Priority="P1", fingerprint="f2"), "labels": {"alertname": "rare"}}, seconds=5)
        began = clock.now()
        rest = turns(lane)
        assert len(sandbox.pagerduty.pages) == 2
        assert clock.now() == began
        assert (rest.until - began).total_seconds() == pytest.approx(120 * LEEWAY, abs=2 * LEAD)


def test_a_trouble_is_not_forgotten_before_a_slow_pace_lets_anybody_ask_again(sqlite_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        sandbox.faults.add(Fault("status", "pagerduty", status=503))
        anew = paged(sqlite_ledger, clock, tmp_path, sandbox, "100/h", a="P0")
        passes(turns(anew()), clock)
        since = clock.now()
        while len(sandbox.requests) < 4:
            lane = anew()
            assert lasts(lane.trouble.as_json(), clock.now().timestamp(), math.inf)
            assert lane.trouble.since <= since.timestamp()
            passes(turns(lane), clock)


def test_under_a_slow_pace_what_fails_by_its_own_fault_steps_behind_others(sqlite_ledger, clock, tmp_path):
    with Sandbox() as sandbox:
        sandbox.faults.add(Fault("status", "pagerduty", status=503, contains="poisonous"))
        anew = paged(sqlite_ledger, clock, tmp_path, sandbox, "100/h", poisonous="P0", healthy="P1")
        while len(sandbox.requests) < 3:
            passes(turns(anew()), clock)
        assert [one.fault for one in sandbox.requests] == ["status", "status", None]
        assert len(sandbox.pagerduty.pages) == 1


def test_a_place_that_is_given_back_is_the_next_ones(lane, clock):
    rest = Rest(clock.now())
    assert lane.give_back(lane.book(GAP), rest) is rest
    assert lane.early(clock.now()) is None
    first, second = lane.book(GAP), lane.book(GAP)
    lane.give_back(first, rest)
    assert lane.book(GAP) - second == WAIT
    after = lane.early(clock.now())
    assert after is not None
    lane.give_back(second, None)
    assert lane.early(clock.now()) == after
