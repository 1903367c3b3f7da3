"""What was found, as tables of Markdown: each goal with what it came to, and every figure's median by subject."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from goals import GOALS, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

HEADS = {
    "throughput": "accepted/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "longest": "longest ms",
    "cpu": "CPU ms a request",
    "drained": "all delivered s",
    "pace": "delivered/s",
    "accepted": "all accepted s",
    "sender": "CPU ms of the sender a request",
    "told p50": "p50 ms until told",
    "told p99": "p99 ms until told",
    "told longest": "longest ms until told",
    "rate": "requests/s",
    "delivered": "told",
    "P0": "P0's median s until told",
    "P3": "P3's median s until told",
    "used": "used of the permitted rate",
    "idle": "idle % of a core",
    "pss": "PSS MiB",
    "at rest": "PSS MiB at rest",
    "ready": "ready s",
    "bodies": "MB of bodies",
    "disk": "MB on disk",
    "answered": "answered s",
    "absorbed": "then absorbed s",
    "peak": "MiB of the largest process",
    "help": "--help ms",
    "python": "Python alone ms",
    "incidents": "incidents in the ledger",
    "missing": "never told, of all sent",
    "lost": "never told, of those accepted",
    "asked": "requests to Slack",
    "asked in the outage": "of them in the outage",
}
"""What a figure's column is called, where its name doesn't say it."""


BEGIN, END = "<!-- generated: make bench KEEP=1 -->", "<!-- end of generated -->"
"""What stands around the report on the page."""
SHORT = "short"
"""What is said of anything but a full run."""
SAID = (
    "Cases may be of different runs: the machine is the last one's. Each table of figures says how often its case was"
    " measured; where it is short, less of everything was sent and stored than the goals are about."
)


def text(results: Mapping[str, Any]) -> str:
    """Return the whole report, as Markdown."""
    facts = table(("what", "is"), [(name, str(value)) for name, value in results["machine"].items()])
    parts = ["### Where", facts, SAID, "### Goals", goals(results), "### All figures", *cases(results)]
    return "\n\n".join(parts) + "\n"


def keep(results: Mapping[str, Any], page: Path) -> None:
    """Put the report on the page, in place of the last one."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text(results)}\n{END}{after}", "utf-8")


def goals(results: Mapping[str, Any]) -> str:
    """Return the table of goals: those that were measured, and which of them by short cases."""
    found, rows = results["found"], []
    full = {case: by for case, by in found.items() if results["sizes"][case] == "full"}
    for goal in GOALS:
        value = goal.value(found)
        if value is not None:
            bound = f"{'≥' if goal.least else '≤'} {goal.bound:g}{goal.unit}"
            met = "met" if goal.met(value) else "**not met**"
            short = "" if goal.value(full) == value else SHORT
            rows.append((goal.what, f"{number(value)}{goal.unit}", bound, met, short))
    return table(("what", "measured", "goal", "", ""), rows)


def cases(results: Mapping[str, Any]) -> Iterable[str]:
    """Yield a table for each case, with how often it was done: a row a subject, the medians of its figures."""
    for case, by in results["found"].items():
        names = list(dict.fromkeys(name for rounds in by.values() for one in rounds for name in one))
        rows = []
        for key, rounds in by.items():
            medians = [number(median(met)) if (met := of(rounds, name)) else "" for name in names]
            rows.append((SUBJECTS[key], *medians))
        short = "" if results["sizes"][case] == "full" else f", {SHORT}"
        made = table(("", *(HEADS.get(name, name) for name in names)), rows)
        yield f"**{case}**, {often(by)}{short}\n\n{made}"


def often(by: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """In how many rounds the subjects were measured."""
    least, most = (which(len(rounds) for rounds in by.values()) for which in (min, max))
    return f"{most if least == most else f'{least} to {most}'} round{'s' if most > 1 else ''}"


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
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
