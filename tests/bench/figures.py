"""How what was found is compared: a goal is a figure of one run, nearly always a ratio of two, and a bound.

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


def plain(case: str, subject: str, name: str, scale: float = 1.0) -> Figure:
    """A figure as it is."""
    return lambda found: [scale * one for one in values(found, case, subject, name)]


def across(case: str, other: str, name: str, key: str) -> Figure:
    """A figure of a subject in one case over the same in another."""

    def figure(found: Found) -> list[float]:
        pairs = zip(values(found, case, key, name), values(found, other, key, name), strict=False)
        return [one / of for one, of in pairs if of]

    return figure
