"""What an alert means, given what is known of its fingerprint: one row a rule, with the reason that people read.

Times are minutes after noon. An episode is written `E(start, end=…, heard=…)`; `heard` is when its resolve came, `last`
when it was heard of last.
"""

from datetime import timedelta

import pytest
from merge_kit import alert, at

from bridge.core.alert import Status
from bridge.core.episodes import LATE, TWIN, Episode, Verdict, judge


def E(start, end=None, heard=None, ended="resolved", again=1, since=None, last=None):  # noqa: N802, PLR0913, PLR0917 - a table's shorthand
    over = end is not None
    return Episode(
        id=f"{start}",
        incident="i1",
        fingerprint="f1",
        org="1",
        status=Status.RESOLVED if over else Status.FIRING,
        since=at(since or start or 0),
        received_at=at(last or (heard if over else since or start or 0)),
        digest="",
        starts_at=None if start is None else at(start),
        again=again,
        ended=ended if over else None,
        ends_at=at(end) if over else None,
        resolved_at=at(heard) if over else None,
    )


FIRING = [
    ("nothing is known", 1, 0, [], Verdict.OPENS, "first firing of this fingerprint"),
    ("a repeat", 60, 0, [E(0)], Verdict.REPEATS, "same episode, still firing"),
    ("a later start, the older one never resolved", 60, 50, [E(0)], Verdict.OPENS, "a later start"),
    ("a later start after a resolve", 60, 50, [E(0, 5, 5)], Verdict.OPENS, "a later start"),
    ("an older start", 60, 0, [E(50)], Verdict.STRAY, "an older episode arriving late opens nothing"),
    ("an older start, all is resolved", 60, 0, [E(50, 55, 55)], Verdict.STRAY, "an older episode arriving late"),
    ("an older start, 10 min after the resolve", 65, 0, [E(50, 55, 55)], Verdict.STRAY, "an older episode"),
    ("an older start, long after the resolve", 65.1, 0, [E(50, 55, 55)], Verdict.AGAIN, "an older start"),
    ("an older start, known and over", 65.1, 0, [E(0, 5, 5), E(50, 55, 55)], Verdict.AGAIN, "an older start"),
    ("an older start, received before the resolve", 20, 0, [E(50, 55, 55)], Verdict.STRAY, "arriving late"),
    ("an older start, superseded", 60, 0, [E(0, 50, 50, "superseded"), E(50)], Verdict.STRAY, "superseded"),
    ("superseded by what is over", 65.1, 0, [E(0, 50, 50, "superseded"), E(50, 55, 55)], Verdict.AGAIN, "older start"),
    ("superseded by what just ended", 65, 0, [E(0, 50, 50, "superseded"), E(50, 55, 55)], Verdict.STRAY, "superseded"),
    ("late: right after its resolve", 5, 0, [E(0, 5, 5)], Verdict.LATE, "resolved beats firing"),
    ("late: 10 min after its resolve", 15, 0, [E(0, 5, 5)], Verdict.LATE, "resolved beats firing"),
    ("fires again: more than 10 min after", 15.1, 0, [E(0, 5, 5)], Verdict.AGAIN, "fires again with the same start"),
    ("fires again counts from when we heard", 15.1, 0, [E(0, 1, 6)], Verdict.LATE, "resolved beats firing"),
    ("absorbed before the resolve's time", 4, 0, [E(0, 5, 5)], Verdict.LATE, "resolved beats firing"),
    ("late, though a later episode fires", 8, 0, [E(0, 5, 5), E(7)], Verdict.LATE, "resolved beats firing"),
    ("an older one never fires again beside a later", 60, 0, [E(0, 5, 5), E(7)], Verdict.STRAY, "older episode"),
    ("no start: first", 1, None, [], Verdict.OPENS, "first firing of this fingerprint"),
    ("no start: one goes on", 60, None, [E(None)], Verdict.REPEATS, "no usable startsAt"),
    ("no start: goes on under a start", 60, None, [E(0)], Verdict.REPEATS, "no usable startsAt"),
    ("no start: after a resolve", 6, None, [E(None, 5, 5)], Verdict.OPENS, "first firing received after a resolve"),
    ("a twin, seconds later", 2, 0.05, [E(0)], Verdict.REPEATS, "HA twin"),
    ("a twin, seconds earlier", 2, 0, [E(0.05)], Verdict.REPEATS, "HA twin"),
    ("a twin of what is resolved", 6, 0.05, [E(0, 5, 5)], Verdict.LATE, "resolved beats firing"),
    ("an earlier twin of what is resolved", 6, 0, [E(0.05, 5, 5)], Verdict.LATE, "resolved beats firing"),
    ("a twin fires again", 16, 0.05, [E(0, 5, 5)], Verdict.AGAIN, "fires again"),
    ("an earlier twin fires again", 16, 0, [E(0.05, 5, 5)], Verdict.AGAIN, "fires again"),
    ("soon after the end is no twin", 2, 1.5, [E(0, 1, 1)], Verdict.OPENS, "a later start"),
    ("over two minutes is no twin", 6, 2.1, [E(0, 5, 5)], Verdict.OPENS, "a later start"),
    ("moved: it goes on elsewhere", 6, 0, [E(0, 3, 3, "moved"), E(0)], Verdict.REPEATS, "same episode"),
    ("moved, then its twin's start", 60, 0, [E(0, 3, 3, "moved"), E(0.05)], Verdict.REPEATS, "HA twin"),
]

RESOLVED = [
    ("nothing is known", 6, 0, 5, [], Verdict.UNSEEN, "never seen firing"),
    ("its end", 6, 0, 5, [E(0)], Verdict.RESOLVES, "the episode ends"),
    ("sent again", 60, 0, 5, [E(0, 5, 6)], Verdict.RESENT, "heard before"),
    ("sent again without an end", 60, 0, None, [E(0, 5, 6), E(50)], Verdict.RESENT, "heard before"),
    ("sent again, a newer one fires", 60, 0, 5, [E(0, 5, 6), E(50)], Verdict.RESENT, "heard before"),
    ("of an older one, never heard of", 60, 0, 5, [E(50)], Verdict.STRAY, "the resolve of an older episode"),
    ("of an older one, ending after the newer start", 60, 0, 55, [E(50)], Verdict.RESOLVES, "newer start"),
    ("of an older one, that says no end", 60, 0, None, [E(50)], Verdict.STRAY, "the resolve of an older episode"),
    ("an earlier twin's", 6, 0, 5, [E(0.05)], Verdict.RESOLVES, "ends after the newer start"),
    ("an earlier twin's, that says no end", 6, 0, None, [E(0.05)], Verdict.RESOLVES, "ends after the newer start"),
    ("a later twin's", 6, 0.05, 5, [E(0)], Verdict.RESOLVES, "so is the one before"),
    ("a later twin's, again", 6, 0.05, 5, [E(0, 5, 5)], Verdict.RESENT, "HA twin"),
    ("of a newer one, the older never resolved", 60, 50, 55, [E(0)], Verdict.RESOLVES, "so is the one before"),
    ("of a newer one, never seen", 60, 50, 55, [E(0, 5, 5)], Verdict.UNSEEN, "never seen firing"),
    ("of a newer one soon after, never seen", 3, 1.5, 2, [E(0, 1, 1)], Verdict.UNSEEN, "never seen firing"),
    ("of an older one, all over", 60, 0, 5, [E(50, 55, 55)], Verdict.RESENT, "an older one"),
    ("no start: ends what fires", 6, None, 5, [E(None)], Verdict.RESOLVES, "no usable startsAt"),
    ("no start: by a clock behind", 29.5, None, 29, [E(None, since=30)], Verdict.RESOLVES, "no usable startsAt"),
    ("no start: received before what fires", 28.9, None, 28, [E(None, since=30)], Verdict.STRAY, "heard of last"),
    ("no start: nothing fires", 6, None, 5, [E(0, 5, 5)], Verdict.RESENT, "no usable startsAt"),
    ("no start: nothing known", 6, None, 5, [], Verdict.UNSEEN, "never seen firing"),
    ("sent again, then fired without a start", 60, 0, 55, [E(0, 5, 5), E(None, since=50)], Verdict.RESOLVES, "newer"),
    ("ended before ours was heard, which had no start", 60, 0, 49, [E(None, since=50)], Verdict.RESOLVES, "one before"),
    ("a start, ours had none", 6, 0, 5, [E(None)], Verdict.RESOLVES, "so is the one before"),
    ("received 10 min before the last firing", 20, 0, 19, [E(0, last=30)], Verdict.RESOLVES, "the episode ends"),
    ("received long before the last firing", 20, 0, 19, [E(0, last=30.1)], Verdict.STRAY, "heard of last"),
    ("of a newer one, received long before", 20, 5, 19, [E(0, last=30.1)], Verdict.STRAY, "heard of last"),
    ("an earlier twin's, received long before", 20, 0, 19, [E(0.05, last=30.1)], Verdict.STRAY, "heard of last"),
    ("received before it fired again", 28, 0, 27, [E(0, again=2, since=30)], Verdict.STRAY, "heard of last"),
    ("by a clock behind, it fired again", 29.5, 0, 29, [E(0, again=2, since=30)], Verdict.RESOLVES, "ends"),
    ("after it fired again", 31, 0, 30.5, [E(0, again=2, since=30)], Verdict.RESOLVES, "the episode ends"),
    ("of what moved", 6, 0, 5, [E(0, 3, 3, "moved"), E(0)], Verdict.RESOLVES, "the episode ends"),
]


@pytest.mark.parametrize(("_case", "received", "start", "known", "verdict", "why"), FIRING, ids=[r[0] for r in FIRING])
def test_a_firing(_case, received, start, known, verdict, why):
    found = judge(alert("firing", start), at(received), known)
    assert (found.verdict, why in found.why) == (verdict, True), found.why


@pytest.mark.parametrize(
    ("_case", "received", "start", "end", "known", "verdict", "why"), RESOLVED, ids=[r[0] for r in RESOLVED]
)
def test_a_resolve(_case, received, start, end, known, verdict, why):  # noqa: PLR0913, PLR0917 - the row's columns
    found = judge(alert("resolved", start, end), at(received), known)
    assert (found.verdict, why in found.why) == (verdict, True), found.why


def test_where_a_clock_was_set_back_a_resolve_is_no_older_news():
    for known in (E(0, last=60), E(0, again=2, since=60)):
        assert judge(alert("resolved", 0, 5), at(6), [known], now=at(6)).verdict is Verdict.RESOLVES


def test_a_resolve_without_a_start_that_has_waited_is_as_old_as_it_says():
    for minutes, verdict in ((29.9, Verdict.STRAY), (30, Verdict.RESOLVES)):
        assert judge(alert("resolved", None), at(minutes), [E(None, since=30)], waited=True).verdict is verdict


def test_where_a_clock_was_set_back_what_was_resolved_before_makes_no_firing_late():
    for known in (E(0, 5, 65), E(0.05, 5, 65)):
        assert judge(alert("firing", 0), at(8), [known], now=at(8)).verdict is Verdict.AGAIN
    # no two hosts' clocks are ten minutes apart, and one whose clock is ahead heard both
    for received, heard in ((8, 9), (8, 17.9), (66, 65), (64.9, 65)):
        assert judge(alert("firing", 0), at(received), [E(0, 5, heard)], now=at(8)).verdict is Verdict.LATE


def test_what_is_superseded_is_named_only_while_it_fires():
    assert judge(alert("firing", 50), at(60), [E(0)]).supersedes == E(0)
    assert judge(alert("firing", 50), at(60), [E(0, 5, 5)]).supersedes is None


def test_a_verdict_is_about_the_newest_episode_of_that_start():
    known = [E(0, 5, 5), E(0, again=2)]
    assert judge(alert("firing", 0), at(60), known).episode is known[1]
    assert judge(alert("resolved", 0, 55), at(60), known).episode is known[1]


def test_the_two_limits_are_those_of_the_contract():
    assert timedelta(minutes=10) == LATE
    assert timedelta(minutes=2) == TWIN
