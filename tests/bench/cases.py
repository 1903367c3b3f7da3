"""What is measured: each case is done to one running subject, and gives figures by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from subjects import DIRECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sender import Sent
    from subjects import Double, Running

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent; the smallest is for the test that this runs at all."""

    seconds: float = 4.0
    storm: int = 2_000
    each: int = 200
    rated: int = 400
    group: int = 10_000
    closed: int = 100_000
    open: int = 1_000
    idle: float = 10.0
    count: int = 0


FULL = Size()
QUICK = Size(1.5, 500, 60, 100, 2_000, 10_000, 500, 3.0)
SMALLEST = Size(0.0, 20, 20, 20, 20, 40, 20, 0.2, 20)
SIZES = {"full": FULL, "quick": QUICK, "smallest": SMALLEST}


@dataclass(slots=True)
class Bench:
    """What cases share: how much to send, the double, and what was found so far."""

    size: Size
    double: Double
    found: dict[str, dict[str, list[Figures]]] = field(default_factory=dict)

    def figure(self, case: str, subject: str, name: str) -> float | None:
        """The median so far; None where it is not measured."""
        values = [one[name] for one in self.found.get(case, {}).get(subject, ()) if name in one]
        return median(values) if values else None


@dataclass(frozen=True, slots=True)
class Case:
    """A measurement.

    Attributes:
        key: names it in the results; `group` is what `ONLY` says.
        subjects: the keys of those that it is done to, in turn.
        run: does it; `latency` is the double's, in seconds.
        slack: settings of the bridge's destination in it.
        prepare: done in the folder before the bridge starts.
    """

    key: str
    group: str
    subjects: str
    run: Callable[[Bench, Running], Figures]
    latency: float = 0.0
    slack: Mapping[str, Any] = field(default_factory=dict)
    warm: bool = True


def percentile(values: list[float], share: float) -> float:
    """The value that so many of the others are not above; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def failed(sent: Sent) -> int:
    """How many requests got no 2xx."""
    return sum(count for status, count in sent.statuses.items() if not status.startswith("2"))


def accepted(sent: Sent) -> int:
    return sum(sent.statuses.values()) - failed(sent)


def answers(sent: Sent) -> Figures:
    """What every load says about its answers, times in milliseconds."""
    took = [1000 * one for one in sent.seconds if one >= 0]
    return {
        "requests": len(sent.at),
        "failed": failed(sent),
        "p50": percentile(took, 0.5),
        "p99": percentile(took, 0.99),
        "longest": max(took, default=0.0),
        "sender": 1000 * sent.cpu / max(len(sent.at), 1),
    }


def intake(connections: int, alerts: int) -> Callable[[Bench, Running], Figures]:
    """As fast as answers come; then until all is delivered, for what a delivered alert costs."""

    def run(bench: Bench, running: Running) -> Figures:
        size = bench.size
        before = running.cpu()
        sent = running.send(alerts, connections=connections, seconds=size.seconds, count=size.count)
        taken = accepted(sent)
        seconds = sent.ended - sent.begun
        figures = answers(sent) | {"throughput": taken / seconds}
        delivers = running.subject.delivers
        if delivers:
            figures["delivered"] = bench.double.wait(taken + WARMED) - WARMED
            figures["drained"] = max(bench.double.arrivals().values()) - sent.begun
        figures["cpu"] = 1000 * (running.cpu() - before) / taken
        return figures

    return run


WARMED = 40
"""How many marks the warming up posts."""


def storm(bench: Bench, running: Running) -> Figures:
    """Many distinct alerts at once."""
    count = bench.size.storm
    sent = running.send(connections=BURST, count=count)
    figures = answers(sent) | {"accepted": sent.ended - sent.begun}
    if running.subject.delivers:
        figures["delivered"] = bench.double.wait(accepted(sent) + WARMED) - WARMED
        figures["drained"] = max(bench.double.arrivals().values()) - sent.begun
    return figures


BURST = 200
"""Requests under way at once in a storm."""


def ceiling(bench: Bench, running: Running) -> Figures:
    """What the load generator and the double can do without anybody between."""
    sent = running.send(connections=32, seconds=bench.size.seconds, count=bench.size.count)
    return answers(sent) | {"throughput": accepted(sent) / (sent.ended - sent.begun)}


CASES = [
    Case("ceiling", "intake", DIRECT.key, ceiling, warm=False),
    *(
        Case(f"intake {connections} x {alerts}", "intake", "abcdef", intake(connections, alerts))
        for connections in (8, 32)
        for alerts in (1, 50)
    ),
    Case("storm", "storm", "acdef", storm),
]
