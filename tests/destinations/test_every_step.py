"""Properties of the step functions: from any sequence of states they come to rest, soon, and then are silent."""

import json
from datetime import timedelta

import pytest
from destination_kit import NOW, OVER, Lane, incident, member, want
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from bridge.core.alert import Priority, Status
from bridge.core.incident import State
from bridge.destinations import KINDS
from bridge.destinations.base import Nothing
from bridge.destinations.steps import digest, names, number

HOOK = {"webhook_url": "https://hooks.slack.com/services/T/B/x", "token": None}
MOST = {"slack": 3, "pagerduty": 8, "github": 6}
"""Requests that one change may need: in Slack learn, open; GitHub learn, edit, two labels, comment, close."""


@st.composite
def lives(draw):
    """What an incident may look like over time; each with the minutes since the one before."""
    life, times = [], 1
    for _ in range(draw(st.integers(1, 6))):
        state = draw(st.sampled_from(State))
        times += draw(st.integers(0, 1))
        over = state in OVER
        status = Status.RESOLVED if over else Status.FIRING
        minutes = draw(st.sampled_from([0, 1, 7]))
        received = NOW + timedelta(minutes=sum(gap for gap, _ in life) + minutes)
        chosen = draw(st.sets(st.sampled_from("abcde"), min_size=1))
        members = tuple(member(key, status=status, received_at=received) for key in sorted(chosen))
        priority = draw(st.sampled_from(Priority))
        life.append((minutes, incident(state=state, times=times, members=members, priority=priority)))
    return life


@pytest.mark.parametrize(("kind", "values"), [*((kind, {}) for kind in KINDS), ("slack", HOOK)])
@run(max_examples=60, deadline=None)
@given(life=lives(), never_fired=st.booleans())
def test_any_life_comes_to_rest_and_repeats_are_silent(kind, values, life, never_fired):
    lane, now = Lane(kind, **values), NOW
    for minutes, its in life:
        now += timedelta(minutes=minutes)
        unheard = never_fired and its.state in OVER and not lane.have
        rest = lane.tell(its, now=now, never_fired=unheard)
        assert len(lane.taken) <= MOST[kind]
        assert lane.tell(its, now=now + timedelta(hours=1), never_fired=unheard) == rest
        assert lane.taken == []
        assert not (lane.have and rest.skipped)
        assert json.loads(json.dumps(lane.have)) == lane.have
    numbers = [step.number for step in lane.steps if not step.learns]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sum(step.intent == "open" and step.creates for step in lane.steps) <= 1


@pytest.mark.parametrize("kind", KINDS)
@given(life=lives())
@run(max_examples=30, deadline=None)
def test_what_happened_while_nobody_could_be_told_is_told_once(kind, life):
    """A long outage costs no more requests than a short one: only the last state is told."""
    first, last = life[0][1], life[-1][1]
    patient, lane = Lane(kind), Lane(kind)
    for told in (patient, lane):
        told.tell(first)
    patient.tell(last)
    assert len(patient.taken) <= MOST[kind]
    lane.tell(last)
    assert [step.request for step in lane.taken] == [step.request for step in patient.taken]


@pytest.mark.parametrize("kind", KINDS)
def test_next_step_changes_nothing_and_says_the_same_again(kind):
    lane = Lane(kind)
    lane.tell(incident())
    wanted, before = want(kind, incident(priority=Priority.P0), place=lane.place), json.dumps(lane.have)
    step = KINDS[kind].next_step(wanted, lane.have)
    assert KINDS[kind].next_step(wanted, lane.have) == step
    assert json.dumps(lane.have) == before


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_of_what_never_fired(kind):
    lane = Lane(kind)
    assert lane.tell(incident(state=State.RESOLVED), never_fired=True) == Nothing("only resolves were heard of it")
    assert lane.steps == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_of_what_was_closed_before_it_could_be_told(kind):
    lane = Lane(kind)
    assert lane.tell(incident(state=State.CLOSED)).skipped
    assert lane.steps == []


def test_digests_are_canonical():
    assert digest({"a": 1, "b": "é"}) == digest({"b": "é", "a": 1}) != digest({"a": 1, "b": "e"})


def test_have_is_read_with_care():
    assert number({}) == number({"steps": None}) == 1
    assert number({"steps": 4}) == 5
    assert names({"x": "a"}, "x") == ("a",)
    assert names({"x": ""}, "x") == names({"x": 3}, "x") == names({}, "x") == ()
