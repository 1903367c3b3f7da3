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


def added(name: str, subject: str) -> Figure:
    """What a subject adds to the way to the destination, over what the handler adds that posts within the request."""

    def figure(found: Found) -> list[float]:
        case = "one after the other"
        direct = values(found, case, "0", "told p50")
        rounds = zip(values(found, case, subject, name), values(found, case, "f", name), direct, strict=False)
        return [(mine - least) / (theirs - least) for mine, theirs, least in rounds if theirs > least]

    return figure


def within(case: str, subject: str, name: str, other: str) -> Figure:
    """One figure of a case over another one of the same."""

    def figure(found: Found) -> list[float]:
        pairs = zip(values(found, case, subject, name), values(found, case, subject, other), strict=False)
        return [one / of for one, of in pairs if of]

    return figure


def _answers() -> list[Goal]:
    goals = []
    for key, database in NAMES.items():
        for name in ("p50", "p99"):
            what = f"answer {name} at half the load, {database}: of bare's"
            goals.append(Goal(what, ratio("answers at half the load", key, name, "a"), 1.5))
        for name, bound in (("told p50", 2.5), ("told p99", 2.0)):
            what = f"webhook sent to request at the destination, {name.split()[1]}, {database}: of what (f) adds"
            goals.append(Goal(what, added(name, key), bound))
        goals.append(
            Goal(f"P0's median delay in the queue, {database}: of P3's", within("urgent first", key, "P0", "P3"), 0.1)
        )
        goals.append(
            Goal(f"of the permitted rate used, {database}", plain("urgent first", key, "used"), 0.95, least=True)
        )
    return goals


def plain(case: str, subject: str, name: str, scale: float = 1.0) -> Figure:
    """A figure as it is."""
    return lambda found: [scale * one for one in values(found, case, subject, name)]


def _standing() -> list[Goal]:
    goals = []
    for key, database in NAMES.items():
        goals += [
            Goal(
                f"a group of very many absorbed, {database}",
                plain("a group of very many", key, "absorbed"),
                5,
                unit=" s",
            ),
            Goal(f"largest process then, {database}", largest("a group of very many", key, "peak"), 300, unit=" MiB"),
            Goal(f"idle CPU of a core, {database}", plain("at rest", key, "idle"), 0.5, unit=" %"),
            Goal(f"memory (PSS) at rest, {database}: of bare's", ratio("at rest", key, "pss", "a"), 1.75),
            Goal(
                f"memory after very many incidents, {database}: of that at rest",
                within("after very many incidents", key, "pss", "at rest"),
                1.15,
            ),
            *(
                Goal(
                    f"disk, {alerts} a body, {database}: of the raw bodies",
                    within(f"disk, {alerts} a body", key, "disk", "bodies"),
                    3,
                )
                for alerts in ("1 alert", "50 alerts")
            ),
        ]
    goals.append(Goal("bridge --help", plain("commands", "c", "help"), 150, unit=" ms"))
    goals.append(Goal("bridge run ready, SQLite", plain("commands", "c", "ready"), 1.5, unit=" s"))
    return goals


def _flat() -> list[Goal]:
    whats = {"cpu": "CPU an alert", "p50": "answer p50", "told p50": "webhook to destination p50"}
    return [
        Goal(f"{what} in a ledger of a long time, SQLite: of an empty one's", across(FILLED, EMPTY, name), 1.1)
        for name, what in whats.items()
    ]


EMPTY, FILLED = "an empty ledger", "a ledger of a long time"


def across(case: str, other: str, name: str) -> Figure:
    """A figure of the bridge in one case over the same in another."""

    def figure(found: Found) -> list[float]:
        pairs = zip(values(found, case, "c", name), values(found, other, "c", name), strict=False)
        return [one / of for one, of in pairs if of]

    return figure


def _faults() -> list[Goal]:
    goals = []
    for key, database in NAMES.items():
        goals += [
            Goal(f"{name}, {what}, {database}", largest(name, key, figure), 0)
            for name in SCENARIOS
            for figure, what in (("lost", "accepted and lost"), ("doubled", "doubled"))
        ]
        goals += [
            Goal(f"{name}, requests in the outage, {database}", largest(name, key, "asked in the outage"), 40)
            for name in SCENARIOS
            if name in OUTAGES
        ]
    return goals


OUTAGES = {"killed in an outage", "429 for a while", "503 for a while", "resets for a while", "answers lost"}
SCENARIOS = [
    "killed in traffic",
    "killed in an outage",
    "killed in a burst",
    "429 for a while",
    "503 for a while",
    "resets for a while",
    "answers lost",
    "30 at once under 1/s",
]
GOALS = [*_intake(), *_answers(), *_storm(), *_standing(), *_flat(), *_faults()]
