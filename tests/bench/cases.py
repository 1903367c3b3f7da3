"""What a measurement is: done to one running subject at a time, it gives figures by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sender import Sent
    from subjects import Double, Running, Subject

Figures = dict[str, float]
WARMED = 40
"""How many requests warm a subject up; each posts a mark of its own."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent; the smallest is for the test that this runs at all.

    Attributes:
        seconds: of a load in a closed loop, where `count` is 0.
        storm: alerts at once; `each`: one after the other at a steady rate; `rated`: under a limit.
        group: alerts of one large notification.
        closed, open: incidents in a filled ledger; `seeds`: of the closed ones, how many the bridge makes itself.
        incidents: that memory is looked at after.
        idle, outage: seconds.
        fault: alerts of a scenario with a fault, over about an outage and a half.
    """

    seconds: float
    storm: int
    each: int
    rated: int
    group: int
    closed: int
    seeds: int
    open: int
    incidents: int
    idle: float
    outage: float
    fault: int
    count: int = 0


SIZES = {
    "full": Size(4.0, 2_000, 200, 400, 10_000, 100_000, 1_000, 1_000, 10_000, 10.0, 20.0, 240),
    "quick": Size(1.5, 500, 60, 100, 2_000, 10_000, 200, 200, 500, 3.0, 5.0, 60),
    "smallest": Size(0.0, 20, 20, 20, 100, 40, 20, 10, 20, 0.2, 0.5, 20, 20),
}


@dataclass(slots=True)
class Bench:
    """What cases share: how much to send, the double, and what was found so far.

    Attributes:
        folder: for what is made once.
        half: the rate of half the load, found anew in each round.
    """

    size: Size
    double: Double
    folder: Path
    found: dict[str, dict[str, list[Figures]]] = field(default_factory=dict)
    half: float = 0.0

    def delivered(self, count: int) -> int:
        """Wait until so many have come to the double, those that warmed up not counted; return how many did."""
        return self.double.wait(count + WARMED) - WARMED


@dataclass(frozen=True, slots=True)
class Case:
    """A measurement.

    Attributes:
        key: names it in the results; `group` is what `ONLY` says.
        subjects: the keys of those that it is done to, in turn.
        run: does it; `latency` is the double's, in seconds.
        slack: settings of the bridge's destination in it.
        strict: the destination is the sandbox's double instead of the raw one.
        prepare: done with the bridge's folder before it starts there; what it returns its start is given.
        rounds: it is done in the first so many only; 0: in all.
        apart: no subject's figures are compared with another's, so that each may be of another run.
        beside: the case that its figures are compared with, so that who measures that one measures this one too.
    """

    key: str
    group: str
    subjects: str
    run: Callable[[Bench, Running], Figures]
    latency: float = 0.0
    slack: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Bench, Subject, Path], Mapping[str, Any]] | None = None
    warm: bool = True
    strict: bool = False
    rounds: int = 0
    apart: bool = False
    beside: str = ""


def percentile(values: list[float], share: float) -> float:
    """The value that so many of the others are not above; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def failed(sent: Sent) -> int:
    """How many requests got no 2xx."""
    return sum(not 200 <= code < 300 for code in sent.codes)


def accepted(sent: Sent) -> int:
    return len(sent.codes) - failed(sent)


def answered(sent: Sent) -> Figures:
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
