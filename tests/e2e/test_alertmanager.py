"""A real Alertmanager, and pairs of them: what they repeat, retry and say twice is told once."""

import sqlite3

import pytest
from alertmanager_kit import BEARER, END, ENV, SOURCES, Alertmanagers
from harness import config, eventually, issues, messages, pages, replies

DISK = {"alertname": "DiskFull", "severity": "critical", "instance": "db-1"}
HOOK = "/webhooks/prometheus"
PAIR = ("--cluster.gossip-interval=50ms", "--cluster.peer-timeout=1s")
"""A pair settles in seconds, and its second waits a second for the first one's word that it has notified."""


@pytest.fixture
def alertmanager(tmp_path_factory):
    """Starts Alertmanagers: `alertmanager(url, *flags)`."""
    with Alertmanagers(tmp_path_factory) as made:
        yield made


@pytest.fixture
def bridge(start, sandbox):
    return start(config(sandbox, sources=SOURCES), env=ENV)


@pytest.fixture
def url(bridge):
    return f"{bridge.address}{HOOK}"


def stored(bridge):
    """How many notifications the bridge has taken."""
    return len([one for one in bridge.all("receipts") if one["source"] == "prometheus"])


def ended(bridge):
    """Whether the one incident is over."""
    return [one["state"] for one in bridge.incidents()] == ["resolved"]


def is_told_once(bridge, sandbox, state):
    """Whether one message, one page and one issue are all there is, and show the state."""
    bridge.settle()
    (message,) = messages(sandbox)
    (page,) = pages(sandbox)
    (issue,) = issues(sandbox)
    (incident,) = bridge.incidents()
    firing = state == "firing"
    assert incident["state"] == state
    assert f"P0 {state}: DiskFull" in message.text
    assert (page.status, page.notified) == ("triggered" if firing else "resolved", 1)
    assert issue.state == ("open" if firing else "closed")
    said = [text for text in replies(sandbox, message) if text.startswith("Resolved")]
    assert said == ([] if firing else ["Resolved after 42 min."])
    return True


def test_an_alert_and_its_end_are_told_once_in_the_same_places(alertmanager, bridge, url, sandbox):
    sender = alertmanager(url)
    sender.tell(DISK, summary="2 GB left")
    eventually(lambda: stored(bridge) == 1)
    assert is_told_once(bridge, sandbox, "firing")
    sender.tell(DISK, end=END)
    eventually(lambda: stored(bridge) == 2)
    assert is_told_once(bridge, sandbox, "resolved")


def test_what_it_repeats_changes_nothing(alertmanager, bridge, url, sandbox):
    sender = alertmanager(url, repeat="1s")
    sender.tell(DISK)
    eventually(lambda: stored(bridge) >= 3)
    assert is_told_once(bridge, sandbox, "firing")
    (message,) = messages(sandbox)
    assert replies(sandbox, message) == []


# with so long an interval only a retry within the same notification can bring the alert


def test_it_retries_while_the_database_is_locked_and_the_alert_comes_once(alertmanager, bridge, url, sandbox):
    sender = alertmanager(url, interval="1h")
    stranger = sqlite3.connect(bridge.folder / "bridge.db", isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    sender.tell(DISK)
    eventually(lambda: sender.refused >= 2)
    stranger.execute("ROLLBACK")
    stranger.close()
    # a refused request whose wait ended just as the lock went may be stored after all, and again by the retry
    eventually(lambda: stored(bridge) >= 1)
    assert is_told_once(bridge, sandbox, "firing")


def test_it_retries_while_the_bridge_is_down_and_the_alert_comes_once(alertmanager, bridge, url, sandbox):
    sender = alertmanager(url, interval="1h")
    where = bridge.address.removeprefix("http://")
    assert bridge.process.stop() == 0
    sender.tell(DISK)
    eventually(lambda: sender.refused >= 2)
    bridge.restart(where)
    eventually(lambda: stored(bridge) == 1)
    assert is_told_once(bridge, sandbox, "firing")


@pytest.mark.parametrize("http", [{}, {"authorization": {**BEARER["authorization"], "credentials": "wrong"}}])
def test_without_its_token_it_is_refused(alertmanager, bridge, url, sandbox, http):
    sender = alertmanager(url, http=http)
    sender.tell(DISK)
    eventually(lambda: sender.count("notifications_failed_total") >= 1)
    assert "401" in sender.log()
    assert (stored(bridge), messages(sandbox)) == (0, [])


def decided(sender):
    """Wait until an Alertmanager has looked whether what it was last told, and still fires, is already said."""
    # the look that is under way may be at what it knew before
    enough = sender.count("nflog_queries_total") + 2
    eventually(lambda: sender.count("nflog_queries_total") >= enough, "Alertmanager looked into its log")


def clustered(alertmanager, url):
    first = alertmanager(url, *PAIR, cluster="127.0.0.1:0")
    (peer,) = first.cluster()["peers"]
    second = alertmanager(url, *PAIR, f"--cluster.peer={peer['address']}", cluster="127.0.0.1:0")
    for one in (first, second):
        eventually(lambda one=one: one.cluster()["status"] == "ready" and len(one.cluster()["peers"]) == 2)
    return first, second


def test_a_clustered_pair_tells_once_and_resolves_once(alertmanager, bridge, url, sandbox):
    pair = clustered(alertmanager, url)
    for one in pair:
        one.tell(DISK)
    for one in pair:
        decided(one)
    assert is_told_once(bridge, sandbox, "firing")
    for one in pair:
        one.tell(DISK, end=END)
    eventually(lambda: ended(bridge))
    assert is_told_once(bridge, sandbox, "resolved")


def test_of_a_clustered_pair_the_other_one_tells_the_end(alertmanager, bridge, url, sandbox):
    first, second = clustered(alertmanager, url)
    for one in (first, second):
        one.tell(DISK)
    decided(second)
    assert is_told_once(bridge, sandbox, "firing")
    first.kill()
    second.tell(DISK, end=END)
    eventually(lambda: ended(bridge))
    assert is_told_once(bridge, sandbox, "resolved")


def test_a_pair_that_does_not_hear_of_each_other_says_everything_twice_and_it_is_told_once(
    alertmanager, bridge, url, sandbox
):
    pair = [alertmanager(url, *PAIR, cluster="127.0.0.1:0") for _ in "ab"]
    for times, end in enumerate(({}, {"end": END}), 1):
        for one in pair:
            one.tell(DISK, **end)
        for one in pair:
            eventually(lambda one=one, times=times: one.posted == times)
        assert stored(bridge) == 2 * times
        assert is_told_once(bridge, sandbox, "resolved" if end else "firing")


def test_a_twin_that_still_says_firing_after_the_end_changes_nothing(alertmanager, bridge, url, sandbox):
    first, late = alertmanager(url), alertmanager(url, repeat="1s")
    for one in (first, late):
        one.tell(DISK)
        eventually(lambda one=one: one.posted >= 1)
    assert is_told_once(bridge, sandbox, "firing")
    first.tell(DISK, end=END)
    eventually(lambda: ended(bridge))
    before = late.posted
    eventually(lambda: late.posted >= before + 2)
    assert is_told_once(bridge, sandbox, "resolved")
