"""Hints through the database: what they bring, and that nothing depends on them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import psycopg
import pytest
from harness import ENV, Starter, alert, config, eventually, group, messages, write_config
from pooler import Pooler
from procrastinate import App, PsycopgConnector
from sqlalchemy import event, text
from structlog.testing import capture_logs

from bridge.app import application, serve
from bridge.compose import compose
from bridge.config.environ import from_environ
from bridge.deliver import deliverer
from bridge.delivery import local, procrastinate
from bridge.delivery.deferrer import Deferrer, own_queue
from bridge.delivery.hints import Listener, Near
from bridge.delivery.procrastinate import Carrier, Periodic
from bridge.ledger import lanes
from bridge.ledger.engine import open_engine
from bridge.ledger.ledger import open_ledger


@pytest.fixture
def bridges(sandbox, database, tmp_path):
    """Makes bridges in this process, as separate as those of two hosts."""
    write_config(tmp_path, config(sandbox))
    made = []

    def make(**env):
        environ = from_environ({**ENV, "BRIDGE_DATABASE_URL": database, **env})
        made.append(compose(replace(environ, config=tmp_path / "bridge.yml"), ENV))
        return made[-1]

    yield make
    for bridge in made:
        bridge.close()


@pytest.fixture
def ledger(database):
    ledger = open_ledger(database)
    yield ledger
    ledger.close()


@contextmanager
def delivering(bridge):
    """A worker in a thread of this process."""
    done = threading.Event()
    with deliverer(bridge) as made:

        def work():
            while not done.is_set():
                made.round()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield made
        finally:
            done.set()
            made.wake()
            thread.join()


def jobs(ledger):
    with ledger.read() as connection:
        rows = connection.execute(text("SELECT queue_name, queueing_lock, status FROM procrastinate_jobs ORDER BY id"))
        return [tuple(row) for row in rows]


def workers(ledger):
    """How many of Procrastinate's workers have ever registered."""
    with ledger.read() as connection:
        return connection.execute(text("SELECT coalesce(max(id), 0) FROM procrastinate_workers")).scalar_one()


def hold(ledger, name, holder):
    now = ledger.database_now(None)
    assert ledger.write(lambda connection: lanes.acquire(connection, name, holder, now))


def test_without_any_sweep_hints_alone_bring_alerts_to_whoever_holds_the_lane(monkeypatch, bridges, sandbox):
    monkeypatch.setattr(local, "SWEEP", 3600.0)
    web = serve(application(), bridges()).test_client()
    with delivering(bridges()), delivering(bridges()):
        for number in range(8):
            body = group(alert(f"Alert {number}"))
            assert web.post("/webhooks/grafana", json=body).status_code == 202
            assert sandbox.wait_for(lambda number=number: messages(sandbox, text=f"Alert {number}"), 20)
    assert len(messages(sandbox)) == 8


def test_without_any_sweep_a_burst_is_told_whole(monkeypatch, bridges, sandbox):
    """What comes in the moment in which a lane is about to rest is not left behind."""
    monkeypatch.setattr(local, "SWEEP", 3600.0)
    web = serve(application(), bridges())

    def post(number):
        return web.test_client().post("/webhooks/grafana", json=group(alert(f"Burst {number}"))).status_code

    with delivering(bridges()), ThreadPoolExecutor(4) as pool:
        assert set(pool.map(post, range(40))) == {202}
        assert sandbox.wait_for(lambda: len(messages(sandbox)) == 40, 60)


def test_what_a_worker_finds_to_do_in_a_lane_of_another_one_it_tells_that_one(bridges, ledger):
    hold(ledger, "slack/a", "host/9/other")
    with delivering(bridges()) as worker:
        worker._kick("slack/a")
        eventually(lambda: ("hints/other", "slack/a hints/other", "todo") in jobs(ledger))


def test_a_lane_that_another_one_holds_is_not_asked_for_with_every_hint(bridges, ledger):
    hold(ledger, "slack/a", "host/9/other")
    asked = []
    with delivering(bridges()) as worker:
        engine = worker._yard.ledger.engine
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        for _ in range(5):
            worker._start("slack/a")
        assert sum(statement.startswith("UPDATE lanes SET holder") for statement in asked) == 1
        ledger.write(lambda connection: lanes.release(connection, "host/9/other", ["slack/a"]))
        worker._elsewhere["slack/a"] = 0.0  # a second later
        worker._start("slack/a")
        assert "slack/a" in worker._held


def test_processes_of_one_server_hint_each_other_without_the_database():
    near = Near()
    listener = Listener(None, near)
    near.hint("slack/a")
    assert listener.wait(20) == {"slack/a"}
    for number in range(10_000):  # more than there is room for: nobody waits, and nobody fails
        near.hint(f"slack/{number}")
    assert "slack/0" in listener.wait(20)
    listener.close()


def test_a_server_of_its_own_deliverer_sends_no_hint_through_the_database(tmp_path_factory, sandbox, database):
    with Starter(tmp_path_factory) as start:
        bridge = start(config(sandbox), env={"BRIDGE_DATABASE_URL": database})
        for number in range(5):
            bridge.post(group(alert(f"Near {number}")))
            assert sandbox.wait_for(lambda number=number: messages(sandbox, text=f"Near {number}"), 20)
        # what the deliverer counts it writes down all at once
        steps = r"bridge_steps_total{.*intent=\"open\".*kind=\"slack\".*outcome=\"done\".*}"
        eventually(lambda: bridge.metric(steps) >= 5, "the deliverer's counts are written down")
        assert bridge.metric("bridge_hints_total") == 0


def test_a_waiting_hint_absorbs_the_next_and_finished_ones_are_gone(ledger):
    sending = Deferrer(ledger)
    assert sending.defer({"slack/a", "slack/b"}) == 2
    assert sending.defer({"slack/a", "slack/c"}) == 1
    assert [queue for queue, _, _ in jobs(ledger)] == ["hints"] * 3
    heard = []
    carrier = Carrier(ledger.engine.url.render_as_string(hide_password=False), "host/1/aa", heard.append)
    eventually(lambda: len(heard) == 3)
    eventually(lambda: jobs(ledger) == [], "finished hints are deleted")
    carrier.stop()
    carrier.join(5)
    assert sorted(heard) == ["slack/a", "slack/b", "slack/c"]


def test_a_hint_goes_to_the_holder_and_one_that_waits_for_a_dead_holder_absorbs_none_for_others(ledger):
    sending = Deferrer(ledger)
    hold(ledger, "slack/a", "host/1/dead")
    sending.defer({"slack/a"})
    ledger.write(lanes.release_all)
    sending.defer({"slack/a"})
    hold(ledger, "slack/a", "host/2/live")
    sending.defer({"slack/a"})
    assert [queue for queue, _, _ in jobs(ledger)] == [own_queue("host/1/dead"), "hints", own_queue("host/2/live")]


def test_hints_of_many_processes_at_once_are_one(ledger):
    senders = [Deferrer(ledger) for _ in range(8)]
    together = threading.Barrier(len(senders))
    names = {f"slack/{number}" for number in range(5)}
    sent = []

    def send(sender):
        together.wait()
        sent.append(sender.defer(names))

    threads = [threading.Thread(target=send, args=[sender]) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == len(senders)
    assert sum(sent) == len(jobs(ledger)) == 5


def test_hints_in_a_row_are_sent_10_ms_apart_and_the_last_is_never_left_behind(ledger, monkeypatch):
    sending, sent = Deferrer(ledger), []
    monkeypatch.setattr(sending, "defer", lambda names: sent.append((time.monotonic(), set(names))))
    for number in range(2000):
        sending.hint("slack/a" if number % 2 else "slack/b")
    sending.hint("slack/last")
    eventually(lambda: any("slack/last" in names for _, names in sent))
    sending.close()
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(sent)]
    assert all(gap > 0.009 for gap in gaps)


def test_a_hint_neither_waits_nor_fails_where_there_is_no_database(ledger):
    ledger.engine.dispose()
    gone = ledger.engine.url.set(query={"host": "/nowhere"})
    ledger.engine = open_engine(gone)
    sending = Deferrer(ledger)
    began = time.monotonic()
    for _ in range(100):
        sending.hint("slack/a")
    assert time.monotonic() - began < 0.5
    sending.close()


def test_behind_a_pooler_the_sweep_delivers_and_the_log_says_what_to_set(bridges, sandbox, database):
    with Pooler(database) as pooler, capture_logs() as logged:
        bridge = bridges(BRIDGE_DATABASE_URL=pooler.url)
        with delivering(bridge):
            serve(application(), bridge).test_client().post("/webhooks/grafana", json=group(alert("Behind a pooler")))
            assert sandbox.wait_for(lambda: messages(sandbox, text="Behind a pooler"), 20)
            eventually(lambda: any("BRIDGE_DATABASE_DIRECT_URL" in line["event"] for line in logged))
        logged.clear()
        direct = bridges(BRIDGE_DATABASE_URL=pooler.url, BRIDGE_DATABASE_DIRECT_URL=database)
        with delivering(direct):
            eventually(lambda: workers(direct.ledger) > 1, "it takes hints")
        assert [line for line in logged if "BRIDGE_DATABASE_DIRECT_URL" in line["event"]] == []


def test_where_notifications_can_not_be_had_the_rest_goes_on(database):
    heard = []
    with Pooler(database) as pooler:
        often = Periodic("often", "* * * * * *", lambda: heard.append("often"))
        carrier = Carrier(pooler.url, "host/1/aa", heard.append, (often,))
        eventually(lambda: "often" in heard, "a periodic task is done")
        carrier.stop()
        carrier.join(5)


def test_of_all_workers_one_does_what_is_periodic(database):
    done = []
    task = Periodic("often", "* * * * * *", lambda: done.append(time.monotonic()))
    carriers = [Carrier(database, f"host/{number}/{number}", lambda _lane: None, (task,)) for number in range(3)]
    eventually(lambda: len(done) >= 4)
    for carrier in carriers:
        carrier.stop()
    for carrier in carriers:
        carrier.join(5)
    assert len(done) <= done[-1] - done[0] + 2.5


def test_a_periodic_task_that_fails_is_done_again(database):
    done = []

    def fail():
        done.append(1)
        raise RuntimeError("no luck")

    carrier = Carrier(database, "host/1/aa", lambda _lane: None, (Periodic("often", "* * * * * *", fail),))
    eventually(lambda: len(done) >= 2)
    carrier.stop()
    carrier.join(5)


def test_what_dead_workers_leave_is_cleared_away(ledger, database):
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '2 min')")
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('hints', 'look')")
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = 1")
        connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('hints/dead', 'look')")
        connection.execute("UPDATE procrastinate_events SET at = now() - interval '2 min'")
    Deferrer(ledger).defer({"slack/fresh"})

    async def tidy():
        connector = PsycopgConnector(conninfo=database)
        async with App(connector=connector).open_async() as app:
            await procrastinate._tidy(app)

    asyncio.run(tidy())
    assert [lock for _, lock, _ in jobs(ledger)] == ["slack/fresh"]


def test_on_sqlite_nothing_of_it_is_loaded(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    script = """
import os, sys
from bridge.compose import compose
from bridge.config.environ import from_environ
from bridge.deliver import deliverer
bridge = compose(from_environ(os.environ), os.environ)
with deliverer(bridge) as delivering:
    bridge.hint()
    delivering.round()
assert not {"procrastinate", "bridge.delivery.deferrer"} & set(sys.modules)
"""
    env = {**os.environ, **ENV, "BRIDGE_DATABASE_URL": "sqlite:///bridge.db"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, check=True)


def test_while_nothing_comes_a_connection_that_listens_is_not_woken_again_and_again(database):
    looks = []

    class Counted(procrastinate.Patient):
        """Writes down each time that a wait looks whether something has come."""

        async def wait(self, gen, *given, **named):
            def counted():
                try:
                    asked = next(gen)
                    while True:
                        looks.append(asked)
                        asked = gen.send((yield asked))
                except StopIteration as done:
                    return done.value

            return await super().wait(counted(), *given, **named)

    async def listen():
        async with await Counted.connect(database, autocommit=True) as connection:
            await connection.execute("LISTEN nobody")
            looks.clear()
            return [one async for one in connection.notifies(timeout=1)]

    assert asyncio.run(listen()) == []
    assert len(looks) <= 2, "psycopg itself looks ten times a second"
