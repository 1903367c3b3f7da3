"""The bridge in one thread, on virtual time and a real ledger, that dies wherever it is told to.

Everything that decides is the real thing: intake, absorb, lanes, steps, clients, statements, tables. Brought along
through their ports are the clock, identifiers, the network (`world.Wire`), the writer (it commits in the caller's
thread) and the loop that gives lanes their turns. A crash throws away all of it but the ledger's file.
"""

from __future__ import annotations

import copy
import json
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from seen import Seen, look
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from world import START, Crash, Points, World

from bridge.absorb import Intake
from bridge.delivery.lane import Lane
from bridge.delivery.turns import Rest, StaleSenderError
from bridge.delivery.yard import Yard
from bridge.destinations import KINDS
from bridge.destinations.base import Failed
from bridge.effective import Effective
from bridge.ledger import lanes, receipts
from bridge.ledger.columns import from_micros, to_micros
from bridge.ledger.engine import database_url, open_engine
from bridge.ledger.ledger import Ledger
from bridge.ledger.receipts import Receipt
from bridge.ledger.tables import lanes as lanes_table
from bridge.ledger.tables import metadata
from bridge.ledger.unavailable import RefusedError
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from pathlib import Path

    from scenarios import Scenario
    from sqlalchemy.engine import Connection, Engine
    from world import Asked

    from bridge.destinations.base import Settings
    from bridge.destinations.ports import Client, Kind
    from bridge.ledger.lanes import Held

AWAY = 3.0
"""Seconds from a crash until there is a process again."""
AGAIN = 5.0
"""Seconds until a sender that heard no 202 posts once more."""
LATEST = 60.0
"""Seconds after everything is told in which a request that was given up may still be acted on."""
FROZEN = 130.0
"""Seconds that a frozen host sleeps after another one could take over: long enough for what is said next."""
RENEW = 3.0
IDLE = 10.0
SWEEP = 1.0


class Writer:
    """Writes in the calling thread, with a numbered point on either side of the commit."""

    alive = True
    pressed = False

    def __init__(self, engine: Engine, points: Points) -> None:
        self._engine = engine.execution_options(immediate=True)
        self.points = points
        self.commits = 0

    def write(self, function: Callable[[Connection], Any], patience: float = 0.0) -> Any:  # noqa: ARG002 - as the writer
        try:
            # nobody can come between in a transaction, so who is stopped at this point stands before it
            self.points.stop_before()
            with self._engine.begin() as connection:
                result = function(connection)
                self.points.pass_by("before a commit")
            self.commits += 1
        except (DataError, IntegrityError) as error:
            raise RefusedError("the database refused it") from error
        self.points.pass_by("after a commit")
        return result

    def close(self) -> None:
        """Nothing waits."""


_DUE = "SELECT lane FROM deliveries WHERE due_at <= ? GROUP BY lane ORDER BY min(urgency), min(since)"
Rows = dict[str, list[tuple[Any, ...]]]


class Store:
    """An SQLite file with the present tables, which a run begins with as it wants them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = open_engine(database_url(f"sqlite:///{path}"))
        self._reader = sqlite3.connect(path, isolation_level=None)
        self._tables = [table.name for table in metadata.sorted_tables]

    def rows(self) -> Rows:
        """Return all that is committed."""
        return {name: self._reader.execute(f"SELECT * FROM {name}").fetchall() for name in self._tables}

    def holding(self, rows: Rows, points: Points) -> Ledger:
        """Return a ledger that holds these rows and no others."""
        with self.engine.execution_options(immediate=True).begin() as connection:
            for name in reversed(self._tables):
                connection.exec_driver_sql(f"DELETE FROM {name}")
            for name in self._tables:
                if found := rows.get(name):
                    marks = ", ".join("?" * len(found[0]))
                    connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", found)
        return Ledger(self.engine, Writer(self.engine, points), self.path)  # type: ignore[arg-type]

    def due(self, now: datetime) -> list[str]:
        """Name the lanes that have work, as a deliverer's sweep finds them (`Deliverer._due`)."""
        # by hand, since it is asked at every turn
        waiting = self._reader.execute("SELECT DISTINCT source FROM receipts WHERE state = 'new'").fetchall()
        due = self._reader.execute(_DUE, (to_micros(now),)).fetchall()
        return [*(f"intake/{row[0]}" for row in waiting), *(row[0] for row in due)]

    def due_later(self, now: datetime) -> datetime | None:
        """Return when the next step becomes due that is not due yet."""
        query = "SELECT min(due_at) FROM deliveries WHERE due_at > ?"
        later = self._reader.execute(query, (to_micros(now),)).fetchone()[0]
        return None if later is None else from_micros(later)

    def close(self) -> None:
        self._reader.close()
        self.engine.dispose()


class Wired:
    """A kind of destination whose clients go through the world's network."""

    def __init__(self, kind: Kind, world: World) -> None:
        self.NAME, self.WIDTH, self.RATE, self.SETTLE = kind.NAME, kind.WIDTH, kind.RATE, kind.SETTLE
        self.address, self.next_step = kind.address, kind.next_step
        self._kind = kind
        self._world = world

    def connect(self, settings: Settings) -> Client:
        return self._kind.connect(settings, self._world.network)  # type: ignore[call-arg]


@dataclass(frozen=True)
class Parts:
    """What a bridge is made of; to check the proof, one of them is given without a guard."""

    lane: type[Lane] = Lane
    intake: type[Intake] = Intake
    kind: Callable[[Kind, World], Kind] = Wired


@dataclass(slots=True)
class Heard:
    """What lanes reported."""

    dead: list[str] = field(default_factory=list)
    blind: int = 0
    lookups: int = 0
    steps: int = 0
    lost: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def __call__(self, what: str, _delivery: object, *facts: Any) -> None:
        match what:
            case "step":
                self.steps += 1
            case "looked":
                self.lookups += 1
            case "repeated":
                self.blind += 1
            case "dead":
                self.dead.append(str(facts[0]))
            case "lost":
                self.lost += 1
            case "broke" if not isinstance(facts[-1], Failed):
                self.errors.append(facts[-1])


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left when the process dies at a point: what is committed, what is outside, and how far the sender is."""

    world: World
    rows: Rows
    said: int
    not_before: float
    points: tuple[int, ...]


class Simulation:
    """One run of a scenario, from its beginning or from what a crash left."""

    def __init__(  # noqa: PLR0913 - its parts
        self,
        scenario: Scenario,
        store: Store,
        points: Points,
        parts: Parts,
        *,
        hosts: bool,
        remains: Remains | None = None,
    ) -> None:
        self.scenario = scenario
        self.points = points
        self.parts = parts
        self.hosts = hosts
        self.world = copy.deepcopy(remains.world) if remains else World(scenario, points)
        self.world.points = points
        self.ledger = store.holding(remains.rows if remains else {}, points)
        self.heard = Heard()
        self.lives = 0
        self.turns = 0
        self.process: Process | None = None
        self.remains: dict[tuple[float, ...], Remains] = {}
        self.store = store
        self._said = remains.said if remains else 0
        self._not_before = remains.not_before if remains else 0.0
        if remains:
            self.lives = 1000
            self.world.clock.advance(AWAY)

    def record(self) -> None:
        """Keep what would be left of a crash now; of points between which nothing outside has changed, once.

        A crash leaves nothing else: equal remains have equal futures.
        """
        writer, clock = self.ledger.writer, self.world.clock
        key = (writer.commits, self.world.acted, clock.monotonic(), self._said, self._not_before)
        number = len(self.points.names)
        if (known := self.remains.get(key)) is not None:
            self.remains[key] = replace(known, points=(*known.points, number))
            return
        world = copy.deepcopy(self.world)
        self.remains[key] = Remains(world, self.store.rows(), self._said, self._not_before, (number,))

    def run(self) -> Seen:
        """Live, die and live again until nothing is left to do; return what people see."""
        while True:
            try:
                self.process = Process(self)
                self.process.live()
                break
            except Crash:
                self.world.clock.advance(AWAY)
        self.points.off = True
        self.world.clock.advance(LATEST)
        with self.ledger.read() as connection:
            return look(self.world, connection)

    # The sender

    @property
    def next_post(self) -> float | None:
        """When the sender speaks next, in unix seconds."""
        if self._said == len(self.scenario.says):
            return None
        return max(self.scenario.says[self._said].at + START.timestamp(), self._not_before)

    def post(self) -> None:
        """Post what is due; without an answer it is posted again later, whether it was stored or not."""
        number = self._said
        say = self.scenario.says[number]
        self._not_before = self.world.clock.seconds() + AGAIN
        if say.act is not None:
            say.act(self.world)
        else:
            body = json.dumps(say.body).encode()
            receipt = Receipt(self.world.new_id(), say.source, self.world.clock.now(), {}, body)
            with self.points.unstoppable():
                self.ledger.write(lambda connection: receipts.insert(connection, receipt))
        self._not_before = 0.0
        self._said = max(self._said, number + 1)

    def troubled(self) -> list[str]:
        """Name the lanes that are in trouble now."""
        with self.ledger.read() as connection:
            return [row.name for row in connection.execute(select(lanes_table)) if row.trouble]

    def post_early(self) -> None:
        """Let the sender speak now, and intake absorb it, while something else is on its way."""
        if self.next_post is not None and self.process is not None:
            self.post()
            self.process.absorb()

    def freeze(self) -> None:
        """Another host takes over while this one is frozen; then this one wakes up."""
        self.world.clock.advance(lanes.LEASE + 1)
        other = Process(self)
        other.live(until=self.world.clock.seconds() + FROZEN)
        other.stop()


class Process:
    """A deliverer: what it holds in memory is gone with it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        world = simulation.world
        self._clock = world.clock
        self._ledger = simulation.ledger
        simulation.lives += 1
        self._holder = f"host/{simulation.lives}"
        rules = simulation.scenario.rules
        self._rules = lambda: rules
        self._effective = Effective(self._rules, simulation.scenario.env, b"key")
        self._yard = Yard(
            ledger=simulation.ledger,
            clock=world.clock,
            kinds={name: simulation.parts.kind(kind, world) for name, kind in KINDS.items()},
            effective=self._effective,
            words=WORDS,
            new_id=world.new_id,
            holder=self._holder,
            report=simulation.heard,
        )
        self._held: dict[str, Lane | Intake] = {}
        self._used: dict[str, float] = {}
        self._resting: dict[str, datetime] = {}
        self._renewed = world.clock.monotonic()
        self._at = ""

    def live(self, until: float | None = None) -> None:
        """Work until nothing is left to do, or nothing before `until`."""
        simulation = self._simulation
        if not (simulation.hosts or simulation.points.off):
            self._ledger.write(lanes.release_all)
        while True:
            simulation.turns += 1
            assert simulation.turns < simulation.scenario.turns, "it does not come to rest"
            if self._clock.monotonic() - self._renewed >= RENEW:
                self._renew()
            post = simulation.next_post
            if post is not None and post <= self._clock.seconds():
                simulation.post()
            elif not self._turn():
                wake = self._wake(post)
                if wake is None or (until is not None and wake > until):
                    return
                self._clock.advance(max(wake - self._clock.seconds(), 0.001))

    def stop(self) -> None:
        """Give the lanes back."""
        self._ledger.write(lambda connection: lanes.release(connection, self._holder, list(self._held)))

    def _turn(self) -> bool:
        """Give the first lane that has work a turn; False where none has any now."""
        now = self._clock.now()
        for name in self._simulation.store.due(now):
            if self._resting.get(name, now) > now:
                continue
            lane = self._held.get(name) or self._acquire(name)
            if lane is None:
                self._resting[name] = now + timedelta(seconds=SWEEP)
                continue
            self._take(name, lane)
            return True
        return False

    def _take(self, name: str, lane: Lane | Intake) -> None:
        self._used[name] = self._clock.monotonic()
        self._at = name
        try:
            rest = lane.turn()
        except (lanes.LostLeaseError, StaleSenderError) as error:
            self._simulation.heard("lost", None, error)
            self._held.pop(name, None)
            return
        finally:
            self._at = ""
        if rest is not None:
            self._resting[name] = _until(rest, self._clock.now() + timedelta(seconds=SWEEP))

    def absorb(self) -> None:
        """Give intake a turn now, as another thread would, while a lane's turn is under way."""
        if self._at.startswith("intake/"):
            return
        at = self._at
        for name in self._simulation.store.due(self._clock.now()):
            lane = (self._held.get(name) or self._acquire(name)) if name.startswith("intake/") else None
            if lane is not None:
                self._take(name, lane)
        self._at = at

    def _wake(self, post: float | None) -> float | None:
        """Return when something is due next, in unix seconds."""
        now = self._clock.now()
        store = self._simulation.store
        later = store.due_later(now)
        times = [self._resting[name].timestamp() for name in store.due(now) if self._resting.get(name, now) > now]
        times += [later.timestamp()] if later else []
        times += [post] if post is not None else []
        return min(times, default=None)

    def _acquire(self, name: str) -> Lane | Intake | None:
        ends = self._clock.monotonic() + lanes.LEASE
        now = self._ledger.database_now(self._clock.now())
        held = self._ledger.write(lambda connection: lanes.acquire(connection, name, self._holder, now))
        if held is None:
            return None
        self._held[name] = lane = self._open(held, ends)
        return lane

    def _open(self, held: Held, ends: float) -> Lane | Intake:
        parts = self._simulation.parts
        if not held.name.startswith("intake/"):
            return parts.lane(held, self._yard, ends)
        return parts.intake(
            held,
            ends,
            ledger=self._ledger,
            clock=self._clock,
            rules=self._rules,
            effective=self._effective,
            new_id=self._simulation.world.new_id,
            wake=lambda _names: None,
        )

    def _renew(self) -> None:
        """Prolong the leases, give back lanes without work, forget those that others have taken."""
        before = self._renewed = self._clock.monotonic()
        idle = [name for name in self._held if before - self._used[name] > IDLE]
        for name in idle:
            del self._held[name]
        if idle:
            self._ledger.write(lambda connection: lanes.release(connection, self._holder, idle))
        if not self._held:
            return
        now, names = self._ledger.database_now(self._clock.now()), list(self._held)
        ours = self._ledger.write(lambda connection: lanes.renew(connection, self._holder, names, now))
        for name in names:
            if ours.get(name) == self._held[name].fence:
                self._held[name].lease_ends = before + lanes.LEASE
            else:
                del self._held[name]


def _until(rest: Rest, otherwise: datetime) -> datetime:
    return rest.until or otherwise


WORDS = Words((template_folder(),))
"""Compiled templates; nothing that a run changes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what crashes at its points would have left, where that was asked for."""

    seen: Seen
    points: list[str]
    stoppable: list[bool]
    heard: Heard
    remains: list[Remains]
    asked: list[Asked]
    troubled: list[str]


def run(  # noqa: PLR0913 - the ways to disturb a run
    scenario: Scenario,
    store: Store,
    *,
    crash: Collection[int] = (),
    remains: Remains | None = None,
    freeze: int | None = None,
    early: int | None = None,
    parts: Parts | None = None,
    hosts: bool = False,
    record: bool = False,
) -> Outcome:
    """Run a scenario to its end.

    Args:
        scenario: what is said, and what goes wrong outside.
        store: the database; it is emptied.
        crash: the points at which the process dies.
        remains: what an earlier crash left; the run goes on from there.
        freeze: the point at which it freezes, until another host has taken over.
        early: the point at which the next notification comes in and is absorbed.
        parts: other parts than the real ones.
        hosts: leases of the dead are waited for, as on many hosts.
        record: keep what crashes at each point would leave.
    """
    points = Points(crash, freeze if freeze is not None else early)
    simulation = Simulation(
        scenario, store, points, parts or Parts(), hosts=hosts or freeze is not None, remains=remains
    )
    points.meanwhile = simulation.freeze if freeze is not None else simulation.post_early
    if record:
        points.record = simulation.record
    seen = simulation.run()
    return Outcome(
        seen,
        points.names,
        points.stoppable,
        simulation.heard,
        list(simulation.remains.values()),
        simulation.world.asked,
        simulation.troubled(),
    )
