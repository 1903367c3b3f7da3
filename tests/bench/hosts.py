"""How it grows on PostgreSQL: web hosts and workers by themselves, as many as asked for, all on this one machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import bodies
import processes
from cases import Case, accepted, failed
from harness import Bridge, Process
from sender import Load
from subjects import send, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cases import Bench, Figures
    from subjects import Double, Running

SENDERS = 4
"""Of each its own source, team and channel: a source and a channel are worked by one worker at a time."""
CONNECTIONS = 8
APART = 1_000_000
"""Between the numbers of two senders."""
TEAM = "broken-inductor"
"""Whose alert is sent, before each sender gives it its own."""


def spread(webs: int, workers: int) -> Callable[[Bench, Running], Figures]:
    """A storm to so many `bridge web`, and so many `bridge worker` that tell it."""

    def run(bench: Bench, running: Running) -> Figures:
        assert running.bridge is not None
        running.bridge.process.stop()  # what it made is the database; the warm-up's lanes are free
        with ExitStack() as stack:
            ports = started(stack, running, webs, workers)
            each = bench.size.storm // SENDERS
            loads = [load(ports[number % webs], number, each) for number in range(SENDERS)]
            with ThreadPoolExecutor(SENDERS) as pool:
                sent = list(pool.map(send, loads))
            taken = sum(map(accepted, sent))
            begun = min(one.begun for one in sent)
            told = bench.delivered(taken)
            last = max(bench.double.arrivals().values(), default=begun)
        return {
            "requests": sum(len(one.at) for one in sent),
            "failed": sum(map(failed, sent)),
            "throughput": taken / (max(one.ended for one in sent) - begun),
            "delivered": told,
            "drained": last - begun,
            "pace": told / (last - begun),
        }

    return run


def started(stack: ExitStack, running: Running, webs: int, workers: int) -> list[int]:
    """Start the processes on the database of what runs, each host in a folder of its own; return the webs' ports."""
    assert running.database is not None
    env, made = {"BRIDGE_DATABASE_URL": running.database}, configured(running.double)
    hosts = [Bridge(folder(running, f"web-{number}"), made, env, "web") for number in range(webs)]
    delivering = [Process("worker", hosts[0].folder, hosts[0].env, serves=False) for _ in range(workers)]
    for one in (*(host.process for host in hosts), *delivering):
        stack.callback(one.kill)
        processes.quiet_cpu(one.popen.pid)  # it has started
    return [int(host.address.rpartition(":")[2]) for host in hosts]


def folder(running: Running, name: str) -> Path:
    made = running.folder / name
    made.mkdir()
    return made


def configured(double: Double) -> dict[str, object]:
    made = settings(double)
    made["sources"] = {f"s{number}": {"auth": "none"} for number in range(SENDERS)}
    made["teams"] = {f"t{number}": {"destinations": {"slack": {"channel": f"#c{number}"}}} for number in range(SENDERS)}
    return made


def load(port: int, number: int, count: int) -> Load:
    body = bodies.grafana(1).replace(TEAM, f"t{number}")
    return Load(port, f"/webhooks/s{number}", body, CONNECTIONS, count=count, first=number * APART)


CASES = [
    Case(f"web hosts x workers {webs} x {workers}", "hosts", "d", spread(webs, workers))
    for webs, workers in ((1, 1), (2, 1), (4, 1), (1, 2), (1, 4), (4, 4))
]
