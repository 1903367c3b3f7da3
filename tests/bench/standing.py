"""What it costs to have it: memory, disk, idle time, how soon it is there; and one notification of very many alerts."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx2
import processes
from cases import Case, accepted
from sender import MARK, URGENCY

if TYPE_CHECKING:
    from cases import Bench, Figures
    from subjects import Running

FAST = 8
"""Connections where much is to be sent and the sending is not what is measured."""


def rest(bench: Bench, running: Running) -> Figures:
    """Nobody sends anything: percent of a core, MiB; and how soon it was ready."""
    running.cpu()
    before, begun = processes.ran(running.pid), time.monotonic()
    time.sleep(bench.size.idle)
    idle = (processes.ran(running.pid) - before) / (time.monotonic() - begun)
    return {"idle": 100 * idle, "pss": processes.pss(running.pid), "ready": running.ready}


def grown(bench: Bench, running: Running) -> Figures:
    """Memory at rest, and after a storm and very many incidents."""
    running.cpu()
    before = processes.pss(running.pid)
    sent = running.send(connections=FAST, count=bench.size.incidents)
    if running.subject.delivers:
        bench.delivered(accepted(sent))
    running.cpu()
    return {"requests": len(sent.codes), "at rest": before, "pss": processes.pss(running.pid)}


def disk(alerts: int):
    """Bytes on disk for each byte of the bodies that were sent."""

    def run(bench: Bench, running: Running) -> Figures:
        before = stored(running)
        sent = running.send(alerts, connections=FAST, count=bench.size.storm // (5 if alerts > 1 else 1))
        delivered = bench.delivered(accepted(sent))
        running.cpu()
        taken = {"requests": len(sent.codes), "delivered": delivered}  # what is not told yet takes less
        return taken | {"bodies": accepted(sent) * sent.body / 1e6, "disk": (stored(running) - before) / 1e6}

    return run


def stored(running: Running) -> int:
    """Bytes of the ledger; on SQLite without its log, whose file keeps the size that it once had."""
    if running.database is None:
        return running.one("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    return running.one("SELECT pg_database_size(current_database())")


def group(bench: Bench, running: Running) -> Figures:
    """One notification of very many alerts: how long until it is answered, and absorbed; the largest process's MiB."""
    body = running.subject.body(bench.size.group).encode().replace(MARK, b"0000000").replace(URGENCY, b"P2")
    with httpx2.Client(base_url=running.bridge.address, verify=False, trust_env=False, timeout=60) as client:
        begun = time.monotonic()
        receipt = client.post("/webhooks/grafana", content=body).json()["receipt"]
        answered = time.monotonic()
        while (stood := client.get(f"/api/v1/receipts/{receipt}").json())["state"] == "new":
            time.sleep(0.02)
        absorbed = time.monotonic()
    bench.delivered(1)
    running.cpu()
    taken = {"answered": answered - begun, "absorbed": absorbed - answered, "alerts": stood["alerts"]}
    return taken | {"bodies": len(body) / 1e6, "peak": processes.peak(running.pid)}


def commands(_bench: Bench, running: Running) -> Figures:
    """How long `bridge --help` takes, in milliseconds; and what Python itself takes of that."""
    program = Path(sys.executable).with_name("bridge")
    return {"help": spent(program, "--help"), "python": spent(sys.executable, "-c", ""), "ready": running.ready}


def spent(*command: str | Path) -> float:
    """Milliseconds until a command has ended; the median of some."""
    took = []
    for _ in range(5):
        begun = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        took.append(1000 * (time.monotonic() - begun))
    return median(took)


CASES = [
    Case("at rest", "rest", "acdef", rest),
    Case("after very many incidents", "memory", "acde", grown, rounds=2),
    Case("disk, 1 alert a body", "disk", "cd", disk(1), rounds=2, apart=True),
    Case("disk, 50 alerts a body", "disk", "cd", disk(50), rounds=2, apart=True),
    Case("a group of very many", "group", "cd", group, apart=True),
    Case("commands", "commands", "c", commands, warm=False),
]
