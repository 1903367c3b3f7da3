"""Whatever the order and however often: the same notifications end in the same truth."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from merge_kit import arrival, at, book, firing

from bridge.core.incident import State

FINGERPRINTS = ("a", "b", "c")
TEAMS = (("storage",), ("network",), ("storage", "network"))


@dataclass(frozen=True)
class Said:
    """One alert of a notification; times in minutes after noon."""

    status: str
    fingerprint: str
    start: float
    end: float | None = None


@st.composite
def stories(draw):
    """Return what an HA pair says of some alerts, and which of them fire in the end.

    Each alert has up to three episodes within minutes; each episode is told by one or both of the pair, whose starts
    differ by seconds, firing, resolved or both. Only the last episode may go on.
    """
    said: set[Said] = set()
    fire: set[str] = set()
    for name in FINGERPRINTS:
        start, count = draw(st.floats(-30, -20)), draw(st.integers(0, 3))
        for number in range(count):
            apart, length = draw(st.floats(0.01, 0.3)), draw(st.floats(0.5, 3))
            goes_on = number == count - 1 and draw(st.booleans())
            twins = draw(st.sampled_from([(0.0,), (apart,), (0.0, apart)]))
            for twin in twins:
                ends = start + length + twin / 2
                told = "firing" if goes_on else draw(st.sampled_from(["both", "resolved"]))
                if told != "resolved":
                    said.add(Said("firing", name, start + twin))
                if told != "firing":
                    said.add(Said("resolved", name, start + twin, ends))
            fire |= {name} if goes_on else set()
            start += length + 0.2 + draw(st.floats(0.01, 4))
    return sorted(said, key=repr), fire


@settings(max_examples=150, deadline=None)
@given(stories(), st.data())
def test_any_order_and_repetition_within_ten_minutes_ends_in_the_same_state(story, data):
    said, fire = story
    order = data.draw(st.permutations(said + data.draw(st.lists(st.sampled_from(said or [None]), max_size=6))))
    known = book()
    for number, one in enumerate(one for one in order if one):
        known.absorb(arrival(one.status, one.start, one.end, fingerprint=one.fingerprint), at(number * 9 / 40))
    cases = list(known.cases.values())
    assert {name for name, _ in firing(known)} == fire
    assert len(firing(known)) == len(fire)
    assert len(cases) == (1 if said else 0)
    if cases:
        assert cases[0].state is (State.FIRING if fire else State.RESOLVED)


class Merge(RuleBasedStateMachine):
    """Anything at any time: restarts with new starts, moves, persons who close, hours of silence."""

    def __init__(self):
        super().__init__()
        self.book = book()
        self.minutes = 0.0
        self.starts = dict.fromkeys(FINGERPRINTS, 0.0)

    def hear(self, status, name, start, end=None, **more):
        case = self.book.absorb(arrival(status, start, end, fingerprint=name, **more), at(self.minutes))
        assert case.id in self.book.cases
        return case

    @rule(minutes=st.sampled_from([0.01, 1, 5, 11, 60]))
    def time_passes(self, minutes):
        self.minutes += minutes

    @rule(name=st.sampled_from(FINGERPRINTS), teams=st.sampled_from(TEAMS), priority=st.sampled_from(["P0", "P2"]))
    def fires_anew(self, name, teams, priority):
        self.minutes += 3
        self.starts[name] = self.minutes
        case = self.hear("firing", name, self.minutes, teams=teams, priority=priority)
        assert case.open
        assert case.team_set == set(teams)

    @rule(
        name=st.sampled_from(FINGERPRINTS),
        teams=st.sampled_from(TEAMS),
        back=st.sampled_from([0, 0.05, -0.05, 1, 30]),
        priority=st.sampled_from(["P0", "P2"]),
    )
    def is_repeated(self, name, teams, back, priority):
        self.hear("firing", name, self.starts[name] - back, teams=teams, priority=priority)

    @rule(name=st.sampled_from(FINGERPRINTS), back=st.sampled_from([0, 0.05, -0.05, 1, 30]))
    def resolves(self, name, back):
        self.minutes += 0.5
        self.hear("resolved", name, self.starts[name] - back, self.minutes)
        if back <= 0.05:
            # an HA twin's word is enough: nothing of this alert may go on for ever
            assert not [one for one, incident in firing(self.book) if one == name and self.book.cases[incident].open]

    @rule(status=st.sampled_from(["firing", "resolved"]), teams=st.sampled_from(TEAMS))
    def an_alert_without_starts_is_heard(self, status, teams):
        self.hear(status, "n", None, teams=teams)
        going = [one for one, incident in firing(self.book) if one == "n" and self.book.cases[incident].open]
        assert status == "firing" or not going

    @precondition(lambda self: self.book.cases)
    @rule(data=st.data())
    def is_closed(self, data):
        case = self.book.cases[data.draw(st.sampled_from(sorted(self.book.cases)))]
        case.state, case.settled_at = State.CLOSED, at(self.minutes)

    @invariant()
    def one_incident_a_key_is_open(self):
        keys = [case.key for case in self.book.cases.values() if case.open]
        assert len(keys) == len(set(keys))

    @invariant()
    def one_episode_of_a_fingerprint_goes_on(self):
        # a person may have closed the incident of an older one that was never resolved
        going = [name for name, incident in firing(self.book) if self.book.cases[incident].open]
        assert len(going) == len(set(going))

    @invariant()
    def an_incident_fires_while_a_member_fires(self):
        for case in self.book.cases.values():
            if case.state is not State.CLOSED:
                assert case.open == any(member.status == "firing" for member in case.members.values())

    @invariant()
    def its_priority_is_that_of_its_most_urgent_firing_member(self):
        for case in self.book.cases.values():
            if case.open:
                urgent = [member.priority for member in case.members.values() if member.status == "firing"]
                assert case.priority == min(urgent)


TestMerge = Merge.TestCase
TestMerge.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
