"""Loads on what runs: as fast as it takes them, at a steady rate, all at once, and into a destination with a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cases import Case, accepted, answered, percentile
from subjects import DIRECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases import Bench, Figures
    from sender import Sent
    from subjects import Running

BURST = 200
"""Requests under way at once in a storm."""
RATE = 20
"""Requests a second, where one after the other is sent; and what the destination permits, where it has a limit."""
URGENT = 20
"""One in so many is a P0, where not all are alike."""


def taken(bench: Bench, running: Running) -> Figures:
    """As fast as answers come, and nobody waits until the destination was told of all."""
    sent = running.send(connections=32, seconds=bench.size.seconds, count=bench.size.count)
    return answered(sent) | {"throughput": accepted(sent) / (sent.ended - sent.begun)}


def intake(connections: int, alerts: int) -> Callable[[Bench, Running], Figures]:
    """As fast as answers come; then until all is delivered, for what a delivered alert costs."""

    def run(bench: Bench, running: Running) -> Figures:
        size = bench.size
        before = running.cpu()
        sent = running.send(alerts, connections=connections, seconds=size.seconds, count=size.count)
        figures = answered(sent) | {"throughput": accepted(sent) / (sent.ended - sent.begun)}
        figures |= drained(bench, running, sent)
        return figures | {"cpu": 1000 * (running.cpu() - before) / accepted(sent)}

    return run


def drained(bench: Bench, running: Running, sent: Sent) -> Figures:
    """How many came to the destination, and how long after the first was sent the last one did."""
    if not running.subject.delivers:
        return {}
    delivered = bench.delivered(accepted(sent))
    return {"delivered": delivered, "drained": max(bench.double.arrivals().values(), default=sent.begun) - sent.begun}


def storm(bench: Bench, running: Running) -> Figures:
    """Many distinct alerts at once."""
    sent = running.send(connections=BURST, count=bench.size.storm)
    return answered(sent) | {"accepted": sent.ended - sent.begun} | drained(bench, running, sent)


def half(bench: Bench, running: Running) -> Figures:
    """How long answers take at half of what the bridge on SQLite takes in; that is found first, in each round."""
    size = bench.size
    if running.subject.key == "c":
        probe = running.send(connections=8, seconds=size.seconds, count=size.count, first=PROBE)
        bench.delivered(accepted(probe))
        running.cpu()
        bench.half = accepted(probe) / (probe.ended - probe.begun) / 2
    sent = running.send(rate=bench.half, seconds=2 * size.seconds, count=size.count)
    return answered(sent) | {"rate": bench.half}


PROBE = 5_000_000


def told(bench: Bench, running: Running) -> Figures:
    """How long it takes from a webhook that is sent to the request at the destination, in milliseconds."""
    sent = running.send(rate=RATE, count=bench.size.each)
    drained(bench, running, sent)
    arrivals = bench.double.arrivals()
    took = [1000 * (arrivals[number] - at) for number, at in enumerate(sent.at) if number in arrivals]
    figures = {
        "told p50": percentile(took, 0.5),
        "told p99": percentile(took, 0.99),
        "told longest": max(took, default=0.0),
    }
    return answered(sent) | {"delivered": len(took)} | figures


def urgent(bench: Bench, running: Running) -> Figures:
    """Some P0 among many P3, all at once: how long each waits; and how much of what is permitted is used."""
    sent = running.send(connections=BURST, count=bench.size.rated, urgent_every=URGENT)
    figures = drained(bench, running, sent)
    arrivals = bench.double.arrivals()
    delays = {number: arrivals[number] - at for number, at in enumerate(sent.at) if number in arrivals}
    p0 = percentile([delay for number, delay in delays.items() if number % URGENT == 0], 0.5)
    p3 = percentile([delay for number, delay in delays.items() if number % URGENT], 0.5)
    used = (len(arrivals) - 1) / (max(arrivals.values()) - min(arrivals.values())) / RATE
    return figures | {"requests": len(sent.at), "failed": answered(sent)["failed"], "P0": p0, "P3": p3, "used": used}


LOADS = [(connections, alerts) for connections in (8, 32) for alerts in (1, 50)]
CASES = [
    Case("ceiling", "intake", DIRECT.key, taken, warm=False),
    *(Case(f"intake {many} x {alerts}", "intake", "abcdef", intake(many, alerts)) for many, alerts in LOADS),
    Case("into 150 ms, 32 x 1", "intake", "abcdef", taken, latency=0.15),
    Case("answers at half the load", "answers", "cabdf", half),
    Case("one after the other", "told", "0cdef", told),
    Case("storm", "storm", "acdef", storm),
    Case("urgent first", "urgent", "cdef", urgent, latency=0.15, slack={"rate": f"{RATE}/s"}),
]
