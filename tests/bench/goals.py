"""What is aimed at: each goal is a figure of one run, nearly always a ratio of two, and a bound.

A ratio is formed within each round, of subjects measured one after the other, and the median of these counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Found = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]
    Figure = Callable[[Found], list[float]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A line of the table.

    Attributes:
        what: in words.
        figure: its value in each round; empty where it was not measured.
        bound: and `least` says whether that is the least or the most that it may be.
        unit: behind the value; none for ratios.
    """

    what: str
    figure: Figure
    bound: float
    least: bool = False
    unit: str = ""

    def value(self, found: Found) -> float | None:
        rounds = self.figure(found)
        return median(rounds) if rounds else None

    def met(self, value: float) -> bool:
        return value >= self.bound if self.least else value <= self.bound


def values(found: Found, case: str, subject: str, name: str) -> list[float]:
    """One figure in each round."""
    return [one[name] for one in found.get(case, {}).get(subject, ()) if name in one]


def ratio(case: str, subject: str, name: str, other: str, other_name: str = "") -> Figure:
    """A subject's figure over another subject's, round by round."""

    def figure(found: Found) -> list[float]:
        pairs = zip(values(found, case, subject, name), values(found, case, other, other_name or name), strict=False)
        return [mine / theirs for mine, theirs in pairs if theirs]

    return figure


def largest(case: str, subject: str, name: str, scale: float = 1.0) -> Figure:
    """The largest of all rounds: for what may never be more. A `case` stands for all that begin so."""

    def figure(found: Found) -> list[float]:
        met = [one for key in found if key.startswith(case) for one in values(found, key, subject, name)]
        return [scale * max(met)] if met else []

    return figure


def lacking(case: str, subject: str, count: str = "requests") -> Figure:
    """How many of what was accepted was not delivered, in all rounds."""

    def figure(found: Found) -> list[float]:
        rounds = [
            one[count] - one["failed"] - one["delivered"]
            for key in found
            if key.startswith(case)
            for one in found[key].get(subject, ())
            if "delivered" in one
        ]
        return [float(sum(rounds))] if rounds else []

    return figure


LOADS = [f"{connections} x {alerts}" for connections in (8, 32) for alerts in (1, 50)]
NAMES = {"c": "SQLite", "d": "PostgreSQL"}


def _intake() -> list[Goal]:
    goals = []
    for key, bound in (("c", 0.60), ("d", 0.50)):
        for load in LOADS:
            what = f"intake while delivering, connections x alerts {load}, {NAMES[key]}: of bare's throughput"
            goals.append(Goal(what, ratio(f"intake {load}", key, "throughput", "a"), bound, least=True))
        what = f"CPU per delivered alert, {NAMES[key]}: of bare's per request"
        goals.append(Goal(what, ratio("intake 8 x 1", key, "cpu", "a"), 3.0))
        goals.append(
            Goal(f"longest request under load, {NAMES[key]}", largest("intake", key, "longest", 0.001), 1, unit=" s")
        )
        goals.append(Goal(f"requests refused under load, {NAMES[key]}", largest("intake", key, "failed"), 0))
        goals.append(Goal(f"accepted under load and not delivered, {NAMES[key]}", lacking("intake", key), 0))
    return goals


def _storm() -> list[Goal]:
    goals = []
    for key in "cd":
        name = NAMES[key]
        goals += [
            Goal(f"storm accepted, {name}: of bare's time", ratio("storm", key, "accepted", "a"), 1.5),
            Goal(
                f"storm delivered, {name}: of bare's time to accept",
                ratio("storm", key, "drained", "a", "accepted"),
                2.5,
            ),
            Goal(f"requests refused in the storm, {name}", largest("storm", key, "failed"), 0),
            Goal(f"longest request in the storm, {name}", largest("storm", key, "longest", 0.001), 1, unit=" s"),
        ]
    return goals


GOALS = [*_intake(), *_storm()]
