"""All writing goes through here: group commit inside a process, turns between processes.

Why not SQLite's own busy wait: it is unfair (between processes p99 87 ms against 17 ms by turns; inside one, single
writers waited 3 s where group commit's worst was 14 ms). So a process has a thread that writes; what waits meanwhile
shares its commit; and between processes a file lock goes round by turns. On PostgreSQL the same thread shares commits
too, without the file lock. What comes while nobody in the process writes, or waits to, may be written by who brings it.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from bridge.ledger.engine import Kept, alone
from bridge.ledger.pressure import Pressure
from bridge.ledger.turns import FileTurns, NoTurns
from bridge.ledger.unavailable import everybodys, passes
from bridge.ledger.write import PATIENCE, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

    from bridge.ledger.appending import Appending, Row

T = TypeVar("T")

BATCH = 200
"""Works that share one commit at most."""
YIELD = 16.0
"""How many times as long as it wrote a writer that yields leaves disk and processor to senders that bring much."""
LONGEST_YIELD = 0.16
"""Seconds that it leaves them at most."""
QUICK = 0.01
"""Seconds that storing may take who must not wait; where it took longer, the writer's thread does it for a while."""
SLOW = 1.0
"""Seconds of that while."""


class Writer:
    """Who writes in this process, one at a time: a thread for that, or whoever asks while nobody writes or waits to.

    `write` hands in a function of a connection; it may be run twice (again alone, when another one of its batch
    failed), so it does nothing but read and write the database.

    One that `yields` is a deliverer's, and writes in its asker's thread where it can. Its transactions are the long
    ones, by turns alone it would have the database for most of the time. It is `pressed` while its server's senders
    bring much (`Pressure`): then it makes room for them, and what waits meanwhile shares a later commit.
    """

    def __init__(self, engine: Engine, lock_path: Path | None, pressure: Pressure | None = None) -> None:
        self.yields = self.pressed = False
        self._pressure = pressure or Pressure()
        self._writing = Kept(engine.execution_options(immediate=True))
        self._appending = Kept(alone(engine))
        self._turns: FileTurns | NoTurns = FileTurns(lock_path) if lock_path else NoTurns()
        self._busy = threading.Lock()  # turns are those of processes; of a connection's threads one at a time may write
        self._slow_until = self._rests_until = 0.0
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="ledger-writer", daemon=True)
        self._thread.start()
        self.commits, self._closed = 0, False

    @property
    def alive(self) -> bool:
        """Whether the writing thread lives."""
        return self._thread.is_alive()

    def write(self, function: Callable[[Connection], T], patience: float = PATIENCE) -> T:
        """Run `function` in a transaction and return its result once it is committed.

        Raises:
            RefusedError, UnavailableError: as `Write.result`.
        """
        wanted = Write(time.monotonic() + patience, function, patience=patience)
        self._pressure.add(not self.yields)
        if not (self.yields and self._written_here(wanted)):
            self._queue.put(wanted)
        return cast("T", wanted.result())

    def _written_here(self, wanted: Write) -> bool:
        """Write in the asker's own thread, where no other writes or waits to: to change threads twice costs more."""
        if self._closed or not self._take():
            return False
        try:
            if not self._commit([wanted]):
                self._queue.put(None)  # it was the thread that is to stop
        finally:
            self._busy.release()
        return True

    def _take(self) -> bool:
        """Take the right to write, where nobody here writes or waits to; return whether it was taken."""
        return self._queue.empty() and self._busy.acquire(blocking=False)

    def append(self, rows: Sequence[Write], *, here: bool = False) -> None:
        """Have rows stored; rows that wait together, and nothing else with them, are one statement and no transaction.

        Nobody has waited for them yet when this returns. `here`: in this very thread, where nobody else writes or waits
        to, and the disk is quick: two changes of thread cost more than to store a row.
        """
        self._pressure.add(len(rows))
        if not (here and self._stored_here(rows)):
            for row in rows:
                self._queue.put(row)

    def _stored_here(self, rows: Sequence[Write]) -> bool:
        began = time.monotonic()
        if began < self._slow_until or len(rows) > BATCH or not self._take():
            return False
        try:
            if not self._turns.at_once():
                return False  # another process writes
            try:
                driver = self._appending.get().connection.driver_connection
                for into, values in _by_table(rows).items():
                    cast("sqlite3.Connection", driver).execute(*into.statement(values))
            finally:
                self._turns.leave()
            self.commits += 1
        except (sqlite3.Error, SQLAlchemyError):
            return False  # the writer's thread will meet it again: it has the time to, and a row may be sent twice
        finally:
            self._busy.release()
        if (ended := time.monotonic()) > began + QUICK:
            self._slow_until = ended + SLOW
        for row in rows:
            row.future.set_result(None)
        return True

    def close(self) -> None:
        """Write what waits, then stop; a second time nothing is left to do."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join(timeout=5)
        self._turns.close()

    def _loop(self) -> None:
        more = True
        while more and (first := self._queue.get()) is not None:
            with self._busy:
                more = self._commit([first])
        self._writing.hang_up()
        self._appending.hang_up()

    def _commit(self, batch: list[Write]) -> bool:
        """Write a batch and what else waits once it is its turn; return whether there is to be another one."""
        more = True
        if (rest := self._rests_until - time.monotonic()) > 0:
            time.sleep(rest)
        try:
            with self._turns:
                began = time.monotonic()
                more = self._gather(batch)
                # a future that can't be set running was given up by its asker: nobody is told, so nothing is written
                live = [work for work in batch if work.future.set_running_or_notify_cancel()]
                results = self._together(live)
                self.pressed = self.yields and self._pressure.high()
                if self.pressed:
                    self._rests_until = (ended := time.monotonic()) + min(YIELD * (ended - began), LONGEST_YIELD)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            results = [error] * len(batch)
            live = [work for work in batch if not work.future.cancelled()]
        for work, result in zip(live, results, strict=False):
            if work.future.done():
                continue
            if isinstance(result, BaseException):
                work.future.set_exception(result)
            else:
                work.future.set_result(result)
        return more

    def _gather(self, batch: list[Write]) -> bool:
        """Add what waits, up to a batch; return whether more may come, and this was not the last."""
        while len(batch) < BATCH:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return False
            batch.append(more)
        return True

    def _together(self, batch: list[Write]) -> list[Any]:
        if not batch:
            return []
        try:
            return self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - one bad work must not take the others along
            if len(batch) == 1 or everybodys(error):
                return [error] * len(batch)
        results: list[Any] = []
        for work in batch:
            try:
                results += self._transaction([work])
            except Exception as error:  # noqa: BLE001 - it belongs to this work's asker
                results.append(error)
        return results

    def _transaction(self, batch: list[Write]) -> list[Any]:
        deadline = min(work.deadline for work in batch)
        only_rows = all(work.into is not None for work in batch)
        kept = self._appending if only_rows else self._writing
        while True:
            committing = False
            try:
                connection = kept.get()
                with connection.begin():
                    results = _run(connection, batch)
                    committing = not only_rows
                self.commits += 1
            except OperationalError as error:
                kept.hang_up()
                # a connection that was cut while it waited; whether a commit under way took, nobody knows
                cut = error.connection_invalidated and not committing
                if not (cut or passes(error)):
                    raise
                time.sleep(0.005)
                if time.monotonic() > deadline:
                    raise  # by now their askers may have been told that it was not stored
            except BaseException:
                kept.hang_up()
                raise
            else:
                return results


def _run(connection: Connection, batch: list[Write]) -> list[Any]:
    for into, values in _by_table(batch).items():
        into.store(connection, values)
    return [work.function(connection) if work.function else None for work in batch]


def _by_table(batch: Iterable[Write]) -> Mapping[Appending, list[Row]]:
    rows: dict[Appending, list[Row]] = defaultdict(list)
    for work in batch:
        if work.into is not None:
            rows[work.into].append(work.row)
    return rows
