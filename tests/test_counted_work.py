"""What a receipt and a step cost, counted: statements, commits, requests. No clock is asked, so nothing here is noise.

Whoever changes a number here made the bridge dearer or cheaper, and says so in the commit.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from counted import in_process
from harness import alert, group
from sqlalchemy import event, select
from sqlalchemy.pool import Pool

from bridge.delivery.lane import EVERY_TENTH, TOGETHER
from bridge.delivery.turns import Rest
from bridge.ids import new_id
from bridge.ledger import receipts
from bridge.ledger.book import FEW
from bridge.ledger.receipts import Receipt
from bridge.ledger.tables import alerts
from bridge.parts import SHORT, SLICE, USUAL

MANY = 50
RARELY = 10.0
"""Seconds between two chores that may look at all that is open."""


@pytest.fixture
def rate():
    return "1000/s"  # with a pace steps are taken one by one


@pytest.fixture
def counted(ledger_url, tmp_path, monkeypatch, rate):
    # nothing is taken back behind an answer that a busy machine delays
    monkeypatch.setattr("bridge.delivery.lane.SLOW", 60.0)
    with in_process(ledger_url, tmp_path, "slack", rate=rate) as made:
        yield made


def learnt(counted):
    """What is asked once a place is known."""
    counted.store(group(alert("the first", Priority="P3")))
    counted.absorb()
    assert counted.step()["requests"] == ["auth.test", "conversations.list", "chat.postMessage"]


def test_the_work_of_a_life(counted):
    learnt(counted)
    counted.store(group(alert("one", Priority="P3")))
    assert counted.absorb() == {"statements": 12, "commits": 1, "requests": []}
    # PostgreSQL locks the incident, for who might add a delivery to it in this moment
    told = 14 if counted.bridge.ledger.embedded else 15
    assert counted.step() == {"statements": told, "commits": 2, "requests": ["chat.postMessage"]}
    counted.store(group(alert("one", Priority="P3")))
    assert counted.absorb() == {"statements": 10, "commits": 1, "requests": []}
    counted.store(group(alert("one", Priority="P3", status="resolved")))
    assert counted.absorb() == {"statements": 11, "commits": 1, "requests": []}
    assert counted.step() == {"statements": 27, "commits": 4, "requests": ["chat.update", "chat.postMessage"]}


@pytest.mark.parametrize("rate", ["off"])  # a pace puts off the second where the machine pauses for 50 ms meanwhile
def test_who_has_told_all_that_was_due_does_not_look_for_more(counted):
    learnt(counted)
    counted.store(group(alert("one", Priority="P3"), alert("two", Priority="P3")))
    counted.absorb()
    lane = counted.lane()
    lane.gap, lane._answers_at_once = 0.0, True  # as one that was answered at once
    with counted.counting() as found:
        assert lane.turn() == Rest()
    assert (found["commits"], found["requests"]) == (2, ["chat.postMessage", "chat.postMessage"])
    for number in range(TOGETHER + 1):
        counted.store(group(alert(f"more {number}", Priority="P3")))
    counted.absorb()
    lane.gap, lane._answers_at_once = 0.0, True
    assert lane.turn() is None


def test_many_cost_no_more_statements_than_one(counted):
    learnt(counted)
    counted.store(group(alert("a single one", Priority="P3")))
    one = counted.absorb()
    counted.step()
    counted.store(group(*(alert(f"alert {n}", Priority="P3") for n in range(MANY))))
    assert counted.absorb() == one
    # as many as are a commit may not be all: those cost one more look
    for many, looks in ((USUAL.receipts - 1, 0), (USUAL.receipts, 1)):
        for n in range(many):
            counted.store(group(alert(f"notification {n} of {many}", Priority="P3")))
        assert counted.absorb() == {**one, "statements": one["statements"] + looks}


def test_what_senders_store_at_once_is_one_statement(counted):
    asks = [Receipt(new_id(), "grafana", counted.bridge.clock.now(), {}, b"{}") for _ in range(MANY)]
    busy, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(counted.bridge.ledger.write, lambda _connection: busy.set() or go.wait(10))
        assert busy.wait(10)
        with counted.counting() as found:
            writes = [receipts.append(counted.bridge.ledger, one) for one in asks]
            go.set()
            assert [write.result() for write in writes] == [None] * MANY
    assert (found["statements"], found["commits"]) == (1, 2)  # the one that kept it busy is a commit as well


@pytest.mark.parametrize(("alerts", "taken"), [(1, SHORT.receipts), (SHORT.enough, 1), (SHORT.slice, 1)])
def test_while_senders_bring_much_a_commit_is_short(counted, alerts, taken):
    for n in range(SHORT.receipts + 1):
        counted.store(group(*(alert(f"{m} of notification {n}", Priority="P3") for m in range(alerts))))
    intake = counted.take("intake/grafana")
    counted.bridge.ledger.writer.pressed = True
    assert intake.turn() is None
    with counted.bridge.ledger.read() as connection:
        assert receipts.count(connection, "new") == SHORT.receipts + 1 - taken


def test_nothing_is_looked_for_row_by_row(counted):
    """The database says of each statement how it would go about it: none reads a whole table that grows."""
    learnt(counted)
    counted.store(group(alert("one", Priority="P3"), alert("two", Priority="P3")))
    counted.absorb()
    absorbed = list(counted.statements)
    counted.step()
    asked = [*absorbed, *counted.statements]
    with counted.bridge.ledger.read() as connection:
        if not counted.bridge.ledger.embedded:
            connection.exec_driver_sql("SET enable_seqscan = off")  # where it may, it reads a small table whole
        for statement, parameters in asked:
            assert scanned(connection, statement, parameters) == [], statement


def scanned(connection, statement, parameters):
    """The lines of a statement's plan by which a whole table is read."""
    if connection.dialect.name == "postgresql":
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
        return [node for node in nodes(plan["Plan"]) if whole(node)]
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    read = [row[-1] for row in plan if row[-1].startswith("SCAN")]
    return [line for line in read if line.split()[1] in connection.dialect.get_table_names(connection)]


def nodes(plan):
    yield {name: value for name, value in plan.items() if name != "Plans"}
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def whole(node):
    """Whether a node reads a whole table, or a whole index of it, which costs no less."""
    kind = node["Node Type"]
    return kind == "Seq Scan" or (kind.startswith("Index") and kind.endswith("Scan") and "Index Cond" not in node)


@pytest.fixture
def effort():
    """How much SQLite has done so far: its steps, in tens."""
    done = [0]

    def more():
        done[0] += 1

    def hear(connection, _record):
        if hasattr(connection, "set_progress_handler"):
            connection.set_progress_handler(more, 10)

    event.listen(Pool, "connect", hear)
    yield lambda: done[0]
    event.remove(Pool, "connect", hear)


def test_what_waits_and_what_was_makes_nothing_dearer(effort, counted):
    if not counted.bridge.ledger.embedded:
        pytest.skip("counted by SQLite's own steps")
    learnt(counted)

    def more(title, times):
        """Of each level some that are to be told, and some notifications that are to be absorbed."""
        for n in range(times):
            counted.store(group(*(alert(f"{title} {n} {k}", Priority=f"P{1 + k % 3}") for k in range(MANY))))
        counted.absorb()
        for n in range(times * MANY):
            counted.store(group(alert(f"{title} waits {n}", Priority="P2")))

    def cost():
        """What few and many notifications take, then ten steps, and then what is looked at every few seconds."""
        intake, lane = counted.take("intake/grafana"), counted.lane()
        done = [effort()]
        for counted.bridge.ledger.writer.pressed in (True, False):
            assert intake.turn() is None
            done.append(effort())
        assert [lane.turn() for _ in range(EVERY_TENTH)] == [None] * EVERY_TENTH
        done.append(effort())
        for chore in counted.chores:
            if chore.every < RARELY:
                chore.act()
        return [after - before for before, after in pairwise([*done, effort()])]

    more("of few", 1)
    cost()  # makes its plans
    more("of few more", 1)
    few = cost()
    more("of many", 12)
    counted.absorb()
    more("of many more", 1)
    assert cost() == pytest.approx(few, rel=0.15, abs=10)


def test_rules_without_data_cost_the_same_whatever_other_rules_told_of(effort, counted):
    if not counted.bridge.ledger.embedded:
        pytest.skip("counted by SQLite's own steps")

    def without_data(word):
        rules = (f"{word}-{n}" for n in range(2))
        at = "https://grafana.test/alerting/grafana"
        counted.store(
            group(*({**alert("DatasourceNoData", rulename=one), "generatorURL": f"{at}/{one}/view"} for one in rules))
        )
        before = effort()
        counted.absorb()
        return effort() - before

    without_data("makes-its-plans")
    few = without_data("of-few")
    counted.store(group(*(alert(f"alert {n}", Priority="P3") for n in range(10 * MANY))))
    counted.absorb()
    assert without_data("of-many") == pytest.approx(few, rel=0.15, abs=10)


def test_a_large_notification_costs_the_same_to_its_last_slice(effort, counted):
    """The members that its incident has by then are not read again for each."""
    if not counted.bridge.ledger.embedded:
        pytest.skip("counted by SQLite's own steps")
    learnt(counted)
    counted.store(group(*({**alert("large", Priority="P3"), "fingerprint": f"{n:016x}"} for n in range(5 * SLICE))))
    intake, costs = counted.take("intake/grafana"), []
    for rest in (None, None, None, None, Rest()):
        before = effort()
        assert intake.turn() == rest
        costs.append(effort() - before)
    assert costs[-1] == pytest.approx(costs[1], rel=0.15)


def test_an_incident_that_never_ends_costs_the_same_however_many_of_its_alerts_are_over(effort, counted):
    """A rule over pods: some always fire, and thousands that did stay members."""
    if not counted.bridge.ledger.embedded:
        pytest.skip("counted by SQLite's own steps")

    def pod(number, **said):
        return {**alert("pods", Priority="P3"), "fingerprint": f"{number:016x}", **said}

    def over(first, number):
        """As if so many pods had fired and were over."""

        def more(connection):
            (one,) = connection.execute(select(alerts).where(alerts.c.status == "resolved").limit(1)).mappings()
            rows = [{**one, "id": new_id(), "fingerprint": f"{n:016x}"} for n in range(first, first + number)]
            connection.execute(alerts.insert(), rows)

        counted.bridge.ledger.write(more)

    def cost(number):
        counted.store(group(pod(number)))
        before = effort()
        assert counted.absorb()["commits"] == 1
        return effort() - before

    counted.store(group(pod(1), pod(2), pod(3)))
    counted.store(group(pod(1, status="resolved")))
    counted.absorb()
    over(10_000, 2 * FEW)
    cost(4)  # makes its plans
    few = cost(5)
    over(20_000, 20 * FEW)
    assert cost(6) == pytest.approx(few, rel=0.15)
