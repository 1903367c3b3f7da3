"""What was found, as tables of Markdown: each goal with what it came to, and every figure's median by subject."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from goals import GOALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NAMES = {
    "0": "straight to the double",
    "a": "bare Flask + gunicorn",
    "b": "the same, one SQLite commit a request",
    "c": "the bridge on SQLite",
    "d": "the bridge on PostgreSQL",
    "e": "Alertmanager",
    "f": "posts to Slack inside the request",
}
HEADS = {
    "throughput": "accepted/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "longest": "longest ms",
    "cpu": "CPU ms a request",
    "drained": "all delivered s",
    "accepted": "all accepted s",
    "sender": "CPU ms of the sender a request",
}
"""What a figure's column is called, where its name doesn't say it."""


def text(results: Mapping[str, Any]) -> str:
    """Return the whole report."""
    return "\n\n".join(("Goals", goals(results["found"]), *cases(results["found"]))) + "\n"


def goals(found: Mapping[str, Any]) -> str:
    """Return the table of goals: those that were measured."""
    rows = []
    for goal in GOALS:
        value = goal.value(found)
        if value is not None:
            bound = f"{'≥' if goal.least else '≤'} {goal.bound:g}{goal.unit}"
            rows.append((goal.what, f"{number(value)}{goal.unit}", bound, "met" if goal.met(value) else "**not met**"))
    return table(("what", "measured", "goal", ""), rows)


def cases(found: Mapping[str, Any]) -> Iterable[str]:
    """Yield a table for each case: a row a subject, the medians of its figures."""
    for case, by in found.items():
        names = list(dict.fromkeys(name for rounds in by.values() for one in rounds for name in one))
        rows = []
        for key, rounds in by.items():
            medians = [number(median(met)) if (met := of(rounds, name)) else "" for name in names]
            rows.append((NAMES[key], *medians))
        yield f"{case}\n\n{table(('', *(HEADS.get(name, name) for name in names)), rows)}"


def of(rounds: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """One figure in each round that has it."""
    return [one[name] for one in rounds if name in one]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that is readable as text too."""
    lines = [head, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    made = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    made.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(made)


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.2g}"
