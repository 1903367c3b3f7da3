"""The deliverer of one process: finds lanes with work, holds them by leases, and gives their turns to threads.

Threads only take turns. They are pooled by kind of lane: who hangs keeps no thread from another destination.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.delivery.chores import Chores
from bridge.delivery.hints import ALL
from bridge.delivery.lane import Lane
from bridge.delivery.sweep import Sweep
from bridge.delivery.turns import Rest, StaleSenderError, Turns, Worked
from bridge.ledger import lanes
from bridge.ledger.unavailable import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.delivery.chores import Chore
    from bridge.delivery.hints import Listener
    from bridge.delivery.yard import Yard
    from bridge.ledger.lanes import Held

SWEEP = 1.0
"""Seconds between two looks for what no hint told of."""
RENEW = 3.0
"""Seconds between two renewals of our leases (12 s)."""
IDLE = 10.0
"""Seconds after which a lane without work is given back."""
THREADS = 64
"""Turns at once of one kind of lane."""
HUNG = 60.0
"""Seconds after which a turn counts as hung; a step's total deadline is 8 s."""


class Deliverer:
    """Runs lanes until it is stopped.

    `open_intake(held, lease_ends)` makes the lane of a source's receipts; `chores` are done beside the lanes.
    """

    def __init__(
        self,
        yard: Yard,
        listener: Listener,
        open_intake: Callable[[Held, float], Turns],
        chores: tuple[Chore, ...] = (),
    ) -> None:
        self._yard = yard
        self._listener = listener
        self._open_intake = open_intake
        self._lock = threading.Lock()
        self._held: dict[str, Worked] = {}
        self._leaving: dict[str, Worked] = {}
        self._resting: dict[str, float] = {}
        self._elsewhere: dict[str, float] = {}
        self._pools: dict[str, ThreadPoolExecutor] = defaultdict(lambda: ThreadPoolExecutor(THREADS))
        self._running: dict[int, float] = {}
        self._stopping = False
        self._kicks: set[str] = set()
        self._sweep = Sweep(yard)
        self._sweep_at = self._renew_at = 0.0
        self._chores = Chores(chores, self._sweep_soon, yard.report)
        yard.kick = self._kick
        yard.kick_due = self._sweep_soon

    def round(self) -> None:
        """One round of the loop: wait for a hint or the next due time, then start what is due."""
        monotonic = self._yard.clock.monotonic()
        with self._lock:
            due = min([self._sweep_at, self._renew_at, *self._resting.values()])
        names = self._listener.wait(min(max(due - monotonic, 0.0), SWEEP))
        monotonic = self._yard.clock.monotonic()
        with self._lock:
            names |= self._kicks
            self._kicks.clear()
            if ALL in names:
                self._sweep_at = 0.0
            names |= {name for name, until in self._resting.items() if until <= monotonic}
            self._resting = {name: until for name, until in self._resting.items() if until > monotonic}
            names -= set(self._resting)
        try:
            if monotonic >= self._sweep_at:
                self._sweep_at = monotonic + SWEEP
                found = self._sweep.due_here()
                self._elsewhere = {name: until for name, until in self._elsewhere.items() if name not in found}
                names |= found - set(self._resting)
            if monotonic >= self._renew_at:
                self._renew_at = monotonic + (RENEW if self._held else lanes.BEAT)
                self._renew(monotonic)
            for name in sorted(names):
                self._start(name)
            self._chores.start(monotonic)
        except (UnavailableError, SQLAlchemyError) as error:
            self._yard.report("database", None, type(error).__name__)

    def wake(self) -> None:
        """Make a round under way end at once."""
        self._listener.wake()

    def healthy(self) -> bool:
        """Whether no turn hangs and the writer lives; else this process had better be replaced."""
        with self._lock:  # by the time that the machine was awake
            hung = any(time.monotonic() - since > HUNG for since in self._running.values())
        return not hung and self._yard.ledger.writer.alive

    def stop(self) -> None:
        """Finish the turns under way, begin no more, and give the lanes back; then finish what chores have begun."""
        with self._lock:
            self._stopping = True
        self._chores.stop()
        for pool in list(self._pools.values()):
            pool.shutdown(wait=True, cancel_futures=True)
        try:
            self._yard.ledger.write(lambda connection: lanes.release(connection, self._yard.holder, list(self._held)))
            self._chores.wait()
            self._yard.keep(lambda _connection: None)  # what is counted, by chores too
        except UnavailableError as error:
            self._yard.report("database", None, str(error))

    def _kick(self, name: str) -> None:
        """Ask for more work in a lane, from any thread: one that is held has it at once."""
        with self._lock:
            if name not in self._resting and (worked := self._held.get(name)):
                self._slot(name, worked)
                return
            self._kicks.add(name)
        self._listener.wake()

    def _sweep_soon(self) -> None:
        self._sweep_at = 0.0
        self._listener.wake()

    def _start(self, name: str) -> None:
        """Give a lane's turns to threads."""
        if worked := self._held.get(name) or self._acquire(name):
            with self._lock:
                self._slot(name, worked)

    def _slot(self, name: str, worked: Worked) -> None:
        """Give a lane one more thread, where its width allows it; with the lock held."""
        worked.kicked = True
        if self._stopping or worked.slots >= worked.lane.width:
            return
        worked.slots += 1
        self._pools[name.split("/", 1)[0]].submit(self._take_turns, worked)

    def _acquire(self, name: str) -> Worked | None:
        known = name.startswith(lanes.INTAKE) or name.split("/", 1)[0] in self._yard.kinds
        if not known or name in self._leaving:
            return None  # a hint for all, a kind of a newer release; or its last turn here has not ended
        if self._elsewhere.get(name, 0.0) > self._yard.clock.monotonic():
            self._yard.pass_on(name)
            return None
        ends = self._yard.clock.monotonic() + lanes.LEASE
        self._renew_at = min(self._renew_at, self._yard.clock.monotonic() + RENEW)
        now = self._yard.ledger.database_now(self._yard.clock.now())
        held = self._yard.ledger.write(lambda connection: lanes.acquire(connection, name, self._yard.holder, now))
        if held is None:
            # who has it keeps it, and each hint of ours would ask the database again
            self._elsewhere[name] = self._yard.clock.monotonic() + SWEEP
            self._yard.pass_on(name)
            return None
        lane: Turns = self._open_intake(held, ends) if name.startswith(lanes.INTAKE) else Lane(held, self._yard, ends)
        with self._lock:
            self._held[name] = worked = Worked(lane)
        return worked

    def _take_turns(self, worked: Worked) -> None:
        """A thread's work: turns of one lane until it rests."""
        rests = False
        try:
            while not (self._stopping or rests):
                worked.kicked = False
                with self._lock:
                    self._running[threading.get_ident()] = time.monotonic()
                rest = worked.lane.turn()
                rests = rest is not None and self._may_rest(worked, rest)
        except (lanes.LostLeaseError, StaleSenderError) as error:
            self._yard.report("lost", None, str(error))
            with self._lock:
                self._drop(worked)
        except Exception as error:  # noqa: BLE001 - a thread that dies silently is worse than a crash
            away = isinstance(error, (UnavailableError, SQLAlchemyError))
            self._yard.report("database" if away else "broke", None, type(error).__name__ if away else error)
        finally:
            if not rests:
                with self._lock:
                    self._leave(worked)

    def _leave(self, worked: Worked) -> None:
        """Give a thread's place in a lane back, with the lock held."""
        self._running.pop(threading.get_ident(), None)
        worked.slots -= 1
        worked.idle_since = self._yard.clock.monotonic()
        if not worked.slots and self._leaving.get(worked.lane.name) is worked:
            del self._leaving[worked.lane.name]

    def _drop(self, worked: Worked) -> None:
        """Let a lane go that is not ours any more; it is not taken again before its last turn here has ended."""
        name = worked.lane.name
        if self._held.get(name) is worked:
            del self._held[name]
            if worked.slots:
                self._leaving[name] = worked

    def _may_rest(self, worked: Worked, rest: Rest) -> bool:
        with self._lock:
            if rest.until is None and worked.kicked:
                return False  # somebody asked while this thread found nothing: look once more
            self._leave(worked)  # in the same moment: who asks from here on starts a thread
            if rest.until is not None:
                wait = (rest.until - self._yard.clock.now()).total_seconds()
                self._resting[worked.lane.name] = self._yard.clock.monotonic() + max(wait, 0.0)
                self._listener.wake()
        return True

    def _renew(self, monotonic: float) -> None:
        """Prolong our leases; give back lanes without work, and forget those that others have taken."""
        with self._lock:
            idle = [n for n, w in self._held.items() if not w.slots and monotonic - w.idle_since > IDLE]
            for name in idle:
                del self._held[name]
            names = list(self._held)
        if idle:
            self._yard.ledger.write(lambda connection: lanes.release(connection, self._yard.holder, idle))
        before = self._yard.clock.monotonic()
        now = self._yard.ledger.database_now(self._yard.clock.now())

        def renew(connection: Connection) -> dict[str, int]:
            lanes.pulse(connection, self._yard.holder, now)
            return lanes.renew(connection, self._yard.holder, names, now) if names else {}

        ours = self._yard.keep(renew)
        with self._lock:
            for worked in [self._held[name] for name in names if name in self._held]:
                if ours.get(worked.lane.name) == worked.lane.fence:
                    worked.lane.lease_ends = before + lanes.LEASE
                else:
                    self._drop(worked)
