"""Disturbs a scenario at all its points, or at a seeded sample of them, in five ways; what then differs is a fault.

`python campaign.py` prints the table of all scenarios; `--most 20` takes that many points of each way only.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import SCENARIOS
from simulator import Parts, Store, run

from bridge.ledger.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scenarios import Scenario
    from simulator import Outcome

WAYS = {
    "crash": "it dies, and is started again at once",
    "hosts": "it dies, and another host waits for its leases to end",
    "twice": "it dies, and dies again after that",
    "freeze": "it freezes, another host takes over, then it wakes up",
    "early": "the next notification comes in and is absorbed just then",
}
SEED = 20260302


@dataclass(slots=True)
class Row:
    """What a campaign against one scenario came to."""

    name: str
    points: int = 0
    remains: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def scratch() -> Iterator[Store]:
    """Give a database with the present tables, in memory where there is a place for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="bridge-proof-", dir=memory if memory.is_dir() else None) as folder:
        path = Path(folder) / "bridge.db"
        open_ledger(f"sqlite:///{path}").close()
        store = Store(path)
        gc.freeze()  # what is imported by now is no garbage: looking through it again and again takes a tenth
        try:
            yield store
        finally:
            gc.unfreeze()
            store.close()


def campaign(  # noqa: PLR0913 - what a campaign is made of
    scenario: Scenario,
    store: Store,
    *,
    most: Mapping[str, int] | None = None,
    parts: Parts | None = None,
    seed: int = SEED,
    enough: int | None = None,
) -> Row:
    """Disturb a scenario.

    Args:
        scenario: the story; first it is run undisturbed.
        store: the database.
        most: how many runs each way at most; None: all points (and twice as many pairs as there are remains).
        parts: other parts than the real ones.
        seed: of the sample.
        enough: stop after so many faults.
    """
    dice = random.Random(f"{seed} {scenario.name}")
    plain = run(scenario, store, record=True, parts=parts)
    row = Row(scenario.name, len(plain.points), len(plain.remains))
    row.faults = [f"undisturbed: {one}" for one in _wrong(plain, plain, scenario, "")]
    if (lines := tuple(plain.seen.lines())) != scenario.expect:
        row.faults.append(f"undisturbed: {lines}")
    for way in WAYS:
        if (way == "early" and not scenario.early) or (most is not None and not most.get(way)):
            continue
        told = list(_tries(way, scenario, store, plain, dice, parts))
        if most is not None:
            told = dice.sample(told, min(most.get(way, 0), len(told)))
        for name, disturbed in told:
            if enough is not None and len(row.faults) >= enough:
                return row
            row.runs[way] = row.runs.get(way, 0) + 1
            try:
                outcome = run(scenario, store, parts=parts, **disturbed)
            except AssertionError as error:
                row.faults.append(f"{way} {name}: {error}")
                continue
            row.faults += [f"{way} {name}: {one}" for one in _wrong(outcome, plain, scenario, way)]
    return row


def _tries(  # noqa: PLR0913, PLR0917 - what a try is made of
    way: str, scenario: Scenario, store: Store, plain: Outcome, dice: random.Random, parts: Parts | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    if way in {"crash", "hosts"}:
        for one in plain.remains:
            yield f"at {_named(plain, one.points)}", {"remains": one, "hosts": way == "hosts"}
    elif way == "twice":
        for one in plain.remains * 2:
            second = dice.randint(1, max(len(plain.points) - one.points[0], 20))
            yield f"at {_named(plain, one.points)}, and at {second} after it", {"remains": one, "crash": {second}}
    else:
        undisturbed = run(scenario, store, hosts=True, parts=parts) if way == "freeze" else plain
        for number, stoppable in enumerate(undisturbed.stoppable, 1):
            if stoppable:
                yield f"at {_named(undisturbed, (number,))}", {way: number}


def _named(outcome: Outcome, points: Sequence[int]) -> str:
    return f"point {'='.join(str(number) for number in points)} ({outcome.points[points[0] - 1]})"


def _wrong(outcome: Outcome, plain: Outcome, scenario: Scenario, way: str) -> list[str]:
    loose = scenario.races or way == "early"
    found = outcome.seen.conflicts(plain.seen)
    if not loose:
        found = outcome.seen.differs(plain.seen, coalesces=scenario.coalesces)
    if scenario.outdated:
        found += [
            f"shows what was: {thing.line()}" for thing in outcome.seen.things if scenario.outdated in thing.words
        ]
    found += [f"internal error: {error!r}" for error in outcome.heard.errors]
    return [*found, *(f"dead letter: {why}" for why in outcome.heard.dead)]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Print the table; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description="Crash the bridge at every single act, in a simulator.")
    parser.add_argument("--most", type=int, help="points of each way and scenario; without it all")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--only", default="", help="scenarios whose names contain this")
    given = parser.parse_args()
    most = dict.fromkeys(WAYS, given.most) if given.most else None
    chosen = [scenario.name for scenario in SCENARIOS if given.only in scenario.name]
    say(f"{'scenario':60} {'points':>6} {'states':>6} " + " ".join(f"{way:>6}" for way in WAYS) + " faults")
    rows: list[Row] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for row in pool.map(partial(_alone, most=most, seed=given.seed), chosen):
            rows.append(row)
            say(_line(row.name, [row]))
    say(_line("all", rows))
    seconds = sum(row.seconds for row in rows)
    runs = sum(sum(row.runs.values()) for row in rows)
    say(f"{runs} runs in {seconds:.0f} s of one core, {runs / seconds * 60:.0f} a minute; seed {given.seed}")
    for row in rows:
        for fault in row.faults[:10]:
            say(f"{row.name}: {fault}")
    return any(row.faults for row in rows)


def _alone(name: str, most: Mapping[str, int] | None, seed: int) -> Row:
    """Run the campaign against one scenario, in a process of its own."""
    begun = time.process_time()
    (scenario,) = (one for one in SCENARIOS if one.name == name)
    with scratch() as store:
        row = campaign(scenario, store, most=most, seed=seed)
    row.seconds = time.process_time() - begun
    return row


def _line(name: str, rows: Sequence[Row]) -> str:
    counts = " ".join(f"{sum(row.runs.get(way, 0) for row in rows):6}" for way in WAYS)
    points, remains = sum(row.points for row in rows), sum(row.remains for row in rows)
    return f"{name:60} {points:6} {remains:6} {counts} {sum(len(row.faults) for row in rows):6}"


if __name__ == "__main__":
    sys.exit(main())
