"""Who has told all there was does not look again: what comes in that very moment is told at once all the same.

No sweep is made here: what nobody looks at stays due, and a test goes red.
"""

import sqlite3
from contextlib import closing

import pytest
from counted import in_process
from harness import alert, eventually, group
from sqlalchemy import select

from bridge.delivery.lane import SLOW
from bridge.delivery.turns import Rest, Worked
from bridge.destinations.base import Failed, Scope
from bridge.destinations.base import Fault as Treated
from bridge.ledger.tables import deliveries, history
from bridge.ledger.unavailable import UnavailableError
from bridge.sandbox import Fault


@pytest.fixture
def counted(ledger_url, tmp_path):
    with in_process(ledger_url, tmp_path, "slack", "github", rate="off") as made:
        yield made


class Meanwhile:
    """A place's connection, through which something happens while its next request is on its way."""

    def __init__(self, connection):
        self._connection = connection
        self.happens = lambda: None
        self.connects = lambda: None
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def send(self, *given):
        self.asked += 1
        connects, self.connects = self.connects, lambda: None
        if failed := connects():
            return failed
        outcome = self._connection.send(*given)
        happens, self.happens = self.happens, lambda: None
        happens()
        return outcome


def told(lane):
    """Take turns until the lane rests; return how, after an answer that came at once."""
    while (rest := lane.turn()) is None:
        lane.gap, lane._answers_at_once = 0.0, True
    return rest


def posts(counted):
    """What Slack was told of, in order."""
    bodies = [one.body for one in counted.sandbox.seen() if one.path.endswith("chat.postMessage")]
    return [name for body in bodies for name in ("waits 0", "waits 1", "waits 2", "it burns") if name in body]


@pytest.fixture
def places(counted):
    return known(counted)


def known(counted):
    """The two lanes, which know their places, and Slack's connection."""
    counted.store(group(alert("the first", Priority="P2")))
    counted.absorb()
    lanes = {name.split("/", 1)[0]: counted.take(name) for name in counted.due()}
    while counted.due():  # each hears of the other one's remote
        for lane in lanes.values():
            told(lane)
    clients = counted.yard._clients
    (key,) = (key for key in clients if key[0] == "slack")
    clients[key] = meanwhile = Meanwhile(clients[key])
    return lanes["slack"], lanes["github"], meanwhile


def test_a_remote_that_appears_while_a_message_is_edited_is_shown_in_it(counted, places):
    slack, github, meanwhile = places
    counted.store(group(alert("another", Priority="P3")))
    counted.absorb()
    told(slack)
    counted.store(group(alert("another", Priority="P2")))
    counted.absorb()
    while slack.turn() is None:
        # the issue comes into being while the last of the requests that a higher priority takes is on its way
        meanwhile.happens = lambda: told(github)
        slack.gap, slack._answers_at_once = 0.0, True
    assert counted.due() == []


@pytest.mark.parametrize("written", [False, True], ids=["on its way", "written down"])
def test_what_is_absorbed_while_a_message_is_told_is_told_after_it(counted, places, written):
    slack, github, meanwhile = places
    delivering, turns = counted.delivering, []
    delivering._held[slack.name] = worked = Worked(slack)
    turn, report = slack.turn, counted.yard.report
    slack.turn = lambda: turns.append(turn()) or turns[-1]

    def slow():
        eventually(lambda: slack.width > 1)  # so that another thread may look
        if not written:
            resolved()

    def resolved():
        counted.store(group(alert("another", Priority="P2", status="resolved")))
        counted.absorb()
        delivering._kick(slack.name)
        eventually(lambda: turns == [Rest()])  # it has, and found nothing but what is being told

    def hear(what, *facts):
        report(what, *facts)
        if written and what == "told" and not turns:
            resolved()

    counted.store(group(alert("another", Priority="P2")))
    counted.absorb()
    told(github)
    slack.gap, slack._answers_at_once = 0.0, True
    meanwhile.happens, counted.yard.report = slow, hear
    delivering._kick(slack.name)
    eventually(lambda: worked.slots == 0)
    assert slack.name not in counted.due()


def test_what_waits_behind_a_request_that_hangs_is_told_by_other_threads(counted, places):
    slack, _github, meanwhile = places
    posted = []

    def hangs():
        counted.store(group(alert("it burns", Priority="P0")))
        counted.absorb()
        eventually(lambda: slack._underway.late(counted.bridge.clock.monotonic() - SLOW))
        while slack.turn() is None:
            pass
        posted.extend(posts(counted))

    counted.store(group(*(alert(f"waits {n}", Priority="P3") for n in range(3))))
    counted.absorb()
    slack.gap, slack._answers_at_once = 0.0, True
    meanwhile.happens = hangs
    told(slack)
    first, second, *others = posted
    assert (first, second, sorted(others)) == ("waits 0", "it burns", ["waits 1", "waits 2"])
    assert posts(counted) == posted  # and none of them twice


def test_a_request_that_hangs_before_it_leaves_is_of_its_own_turn_alone(counted, places):
    slack, github, meanwhile = places

    def fails():
        eventually(lambda: slack._underway.late(counted.bridge.clock.monotonic() - SLOW))
        while slack.turn() is None:
            pass
        assert sorted(posts(counted)) == ["waits 1", "waits 2"]
        return Failed(Treated.RETRY, "connect timed out", Scope.CHANNEL)

    counted.store(group(*(alert(f"waits {n}", Priority="P3") for n in range(3))))
    counted.absorb()
    told(github)
    slack.gap, slack._answers_at_once = 0.0, True
    meanwhile.connects = fails
    eventually(lambda: (slack.turn(), counted.due())[1] == [])
    assert sorted(posts(counted)) == ["waits 0", "waits 1", "waits 2"]


def test_behind_a_place_that_is_not_reached_nobody_connects_as_well(counted, places):
    slack, _github, meanwhile = places
    counted.store(group(*(alert(f"waits {n}", Priority="P3") for n in range(3))))
    counted.absorb()
    slack.gap, slack._answers_at_once, before = 0.0, True, meanwhile.asked
    meanwhile.connects = lambda: Failed(Treated.RETRY, "connect timed out", Scope.CHANNEL)
    slack.turn()
    assert meanwhile.asked == before + 1


def test_what_is_buried_with_others_before_it_is_claimed_stays_a_dead_letter(counted, places):
    slack, github, _meanwhile = places
    counted.store(group(*(alert(f"waits {n}", Priority="P3") for n in range(2))))
    counted.absorb()
    told(github)
    write = slack.write

    def behind_another(acts):
        slack.write = write
        slack.turn()  # of another thread, whose delivery takes this one with it
        return write(acts)

    counted.sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="not_in_channel"))
    slack.gap, slack._answers_at_once, slack.write = None, True, behind_another
    told(slack)
    with counted.bridge.ledger.read() as connection:
        rows = connection.execute(select(deliveries).where(deliveries.c.state == "dead")).all()
        buried = connection.execute(select(history.c.what).where(history.c.what == "dead")).all()
    assert [(row.due_at, row.doubt) for row in rows] == [(None, None)] * 2
    assert (len(posts(counted)), len(buried)) == (1, 2)


def test_a_lost_answer_that_could_not_be_written_down_is_looked_for_no_sooner(sqlite_url, tmp_path):
    with in_process(sqlite_url, tmp_path, "slack", "github", rate="off") as counted:
        _, github, _ = known(counted)
        clients = counted.yard._clients
        (key,) = (key for key in clients if key[0] == "github")
        clients[key] = meanwhile = Meanwhile(clients[key])
        counted.store(group(alert("its answer is lost", Priority="P2")))
        counted.absorb()
        counted.sandbox.faults.add(Fault("drop_answer", "github", method="POST", path="/repos/*/issues", count=1))
        with closing(sqlite3.connect(counted.bridge.ledger.path, isolation_level=None)) as stranger:
            meanwhile.happens = lambda: stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError):
                told(github)
        freed = counted.bridge.clock.now().timestamp()
        told(github)
        with counted.bridge.ledger.read() as connection:
            doubts = [one for one in connection.execute(select(deliveries.c.doubt)).scalars() if one]
        assert [doubt["ended"] > freed > doubt["at"] for doubt in doubts] == [True]
