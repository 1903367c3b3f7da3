"""Running it: health, what dies comes back, SIGTERM, SIGHUP, and where it refuses to start."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from frozen import freeze_deliverer
from harness import ENV, alert, config, environment, eventually, group, messages, write_config

from bridge.sandbox import Fault

DRAINED = 10.0
"""Seconds within which SIGTERM ends it: the contract's."""


def test_it_says_that_it_lives_can_store_and_delivers(start, sandbox):
    bridge = start(config(sandbox))
    assert bridge.request("GET", "/healthz").json() == {"status": "alive"}
    assert bridge.request("GET", "/readyz").json() == {"status": "ready"}
    eventually(lambda: bridge.request("GET", "/readyz?delivery=1").status_code == 200)


def test_without_a_live_deliverer_it_can_store_but_says_so(start, sandbox):
    bridge = start(config(sandbox))
    eventually(lambda: bridge.request("GET", "/readyz?delivery=1").status_code == 200)
    deliverer = freeze_deliverer(bridge)
    try:
        eventually(lambda: bridge.request("GET", "/readyz?delivery=1").status_code == 503)
        assert bridge.request("GET", "/readyz").status_code == 200
        bridge.post(group(alert("told after the freeze", Priority="P3")))
    finally:
        os.kill(deliverer, signal.SIGCONT)
    eventually(lambda: bridge.request("GET", "/readyz?delivery=1").status_code == 200)
    bridge.settle()
    assert len(messages(sandbox, "alerts", "told after the freeze")) == 1


def test_a_deliverer_that_starts_while_the_database_is_locked_waits_and_says_so(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("before", Priority="P3")))
    bridge.settle()
    with closing(sqlite3.connect(bridge.folder / "bridge.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        (deliverer,) = bridge.process.children()["deliverer"]
        os.kill(deliverer, signal.SIGKILL)
        eventually(lambda: '"event": "database"' in bridge.process.log() or "Traceback" in bridge.process.log())
        stranger.execute("ROLLBACK")
    assert "Traceback" not in bridge.process.log()
    bridge.post_stubbornly(group(alert("after", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "after"), 30)


def replaced(old, new):
    """Whether none of the old processes is left, and one deliverer is there."""
    return len(new["deliverer"]) == 1 and not any(set(old[kind]) & set(new[kind]) for kind in old)


@pytest.mark.parametrize("kind", ["deliverer", "web"])
def test_a_killed_process_comes_back(start, sandbox, kind):
    bridge = start(config(sandbox))
    before = eventually(lambda: c if len((c := bridge.process.children())["deliverer"]) == 1 else None)
    for pid in before[kind]:
        os.kill(pid, signal.SIGKILL)

    def back():
        now = bridge.process.children()
        return len(now["web"]) == 2 and len(now["deliverer"]) == 1 and not set(before[kind]) & set(now[kind])

    eventually(back)
    bridge.post_stubbornly(group(alert("after the kill", Priority="P3")))
    bridge.settle()
    assert len(messages(sandbox, "alerts", "after the kill")) == 1


def test_one_whose_parent_alone_was_killed_starts_again_at_its_port(start, sandbox):
    bridge = start(config(sandbox))
    orphans = [pid for kind in bridge.process.children().values() for pid in kind]
    for pid in orphans:
        os.kill(pid, signal.SIGSTOP)
    bridge.process.popen.kill()
    bridge.process.popen.wait()
    going = threading.Timer(1.0, lambda: [os.kill(pid, signal.SIGKILL) for pid in orphans])
    going.start()
    bridge.restart(bind=bridge.address.partition("//")[2])
    bridge.post(group(alert("after the kill", Priority="P3")))
    bridge.settle()
    going.join()
    assert len(messages(sandbox, "alerts", "after the kill")) == 1


def test_sigterm_ends_it_with_0_within_10_seconds(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("told before the end")))
    bridge.settle()
    since = time.monotonic()
    assert bridge.process.stop() == 0
    assert time.monotonic() - since < DRAINED
    assert not bridge.folder.joinpath("bridge.db-wal").exists(), "what is told stands in bridge.db, and nowhere else"


def test_sigterm_ends_it_even_while_all_destinations_hang_and_nothing_is_doubled(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("hang", seconds=60))
    bridge.post(group(alert("hangs", Priority="P0")))
    assert sandbox.wait_for(lambda: all(sandbox.faults.as_json()[0]["matched"] >= 3 for _ in "a"), 30)
    since = time.monotonic()
    assert bridge.process.stop() == 0
    assert time.monotonic() - since < DRAINED
    sandbox.faults.clear()
    bridge.restart()
    bridge.settle()
    assert len(messages(sandbox)) == 1


def test_sighup_reloads_a_valid_file_and_refuses_an_invalid_one_loudly(start, sandbox):
    bridge = start(config(sandbox))
    old = eventually(lambda: c if len((c := bridge.process.children())["deliverer"]) == 1 else None)
    bridge.configure(config(sandbox, destinations={"slack": {"channel": "#moved"}}))
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    # until the old set is gone its deliverer may take in an alert by the old rules
    eventually(lambda: replaced(old, bridge.process.children()))
    bridge.post_stubbornly(group(alert("after the reload", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "moved", "after the reload"), 30)

    bridge.configure({"destinatoins": {}})
    os.kill(bridge.process.popen.pid, signal.SIGHUP)
    eventually(lambda: "destinatoins" in bridge.process.log())
    bridge.post_stubbornly(group(alert("after the refusal", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "moved", "after the refusal"), 30)


@pytest.mark.parametrize(
    ("settings", "bind", "said"),
    [
        ({"destinations": {}}, "127.0.0.1:0", "destinations"),
        ({"destination": {}}, "127.0.0.1:0", "destination"),
        (None, "0.0.0.0:0", "BRIDGE_WEBHOOK_TOKEN"),
    ],
)
def test_it_refuses_to_start_with_what_can_not_be_right(tmp_path, sandbox, settings, bind, said):
    (tmp_path / "bridge.yml").write_text(json.dumps(settings or config(sandbox)))
    env = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "PORT"))} | ENV
    command = [sys.executable, "-m", "bridge", "run", "--bind", bind]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_refuses_to_start_with_a_key_that_is_empty_and_makes_one_where_there_is_none(tmp_path, sandbox, start):
    kept = tmp_path / "bridge.key"
    kept.write_bytes(b"\n")
    write_config(tmp_path, config(sandbox))
    command, env = (
        [sys.executable, "-m", "bridge", "run", "--bind", "127.0.0.1:0"],
        environment({"BRIDGE_SECRET_KEY": ""}),
    )
    refused = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "bridge.key: is empty: restore it from the backup; or remove it" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert kept.read_bytes() == b"\n"
    bridge = start(config(sandbox), env={"BRIDGE_SECRET_KEY": ""})
    made = bridge.folder / "bridge.key"
    assert len(made.read_bytes()) == 64
    assert made.stat().st_mode & 0o777 == 0o600
