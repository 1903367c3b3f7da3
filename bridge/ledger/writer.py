"""All writing goes through here: group commit inside a process, turns between processes.

Why not SQLite's own busy wait: it is unfair (between processes p99 87 ms against 17 ms by turns; inside one, single
writers waited 3 s where group commit's worst was 14 ms). So one thread a process writes; what waits meanwhile shares
its commit; and between processes a file lock goes round by turns. On PostgreSQL the same thread shares commits too,
without the file lock.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.ledger.turns import FileTurns, NoTurns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that a writer waits for its turn before it is told that nothing could be stored (contract: 503)."""
BATCH = 200
"""Works that share one commit at most."""
YIELD = 3.0
"""How many times as long as it wrote a writer that yields leaves the turn to others, where they want it."""
LONGEST_YIELD = 0.05
"""Seconds that it leaves the turn to them at most."""


class UnavailableError(RuntimeError):
    """It could not be stored: disk full, database away, locked, or overloaded."""


class RefusedError(UnavailableError):
    """The database is there but refuses these very values (a constraint, a type): trying again does not mend it."""


class _Work:
    """One waiting write: its function, its future, and whether whoever asked is still there."""

    __slots__ = ("deadline", "function", "future")

    def __init__(self, function: Callable[[Connection], Any], deadline: float) -> None:
        self.function = function
        self.future: Future[Any] = Future()
        self.deadline = deadline


class Writer:
    """The one thread of this process that writes.

    `write` hands in a function of a connection; it may be run twice (again alone, when another one of its batch
    failed), so it does nothing but read and write the database.

    One that `yields` is a deliverer's: its transactions are the long ones, and senders wait for theirs. By turns alone
    it would have the database for most of the time; what waits meanwhile shares its next commit.
    """

    def __init__(self, engine: Engine, lock_path: Path | None) -> None:
        self.yields = False
        self._engine = engine.execution_options(immediate=True)
        self._turns: FileTurns | NoTurns = FileTurns(lock_path) if lock_path else NoTurns()
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="ledger-writer", daemon=True)
        self._thread.start()
        self.commits = 0
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether the writing thread lives."""
        return self._thread.is_alive()

    def write(self, function: Callable[[Connection], T], patience: float = PATIENCE) -> T:
        """Run `function` in a transaction and return its result once it is committed.

        Raises:
            RefusedError: the database refuses these values.
            UnavailableError: it could not be stored within `patience` seconds; on a lost PostgreSQL answer it may
                have been.
        """
        work = _Work(function, time.monotonic() + patience)
        self._queue.put(work)
        try:
            return cast("T", work.future.result(timeout=patience + 0.2))
        except FutureTimeoutError:
            work.future.cancel()
            raise UnavailableError("the database was busy for over 2 s; the sender should try again") from None
        except (DataError, IntegrityError) as error:
            raise RefusedError("the database refused it") from error
        except (DBAPIError, PoolTimeoutError) as error:
            raise UnavailableError(_reason(error)) from error

    def close(self) -> None:
        """Write what waits, then stop; a second time nothing is left to do."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join(timeout=5)
        self._turns.close()

    def _loop(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < BATCH:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Work]) -> None:
        rest = 0.0
        try:
            with self._turns:
                began = time.monotonic()
                # a future that can't be set running was given up by its asker: nobody is told, so nothing is written
                live = [work for work in batch if work.future.set_running_or_notify_cancel()]
                results = self._together(live)
                if self.yields and self._turns.wanted():
                    rest = min(YIELD * (time.monotonic() - began), LONGEST_YIELD)
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
        if rest:
            time.sleep(rest)

    def _together(self, batch: list[_Work]) -> list[Any]:
        if not batch:
            return []
        try:
            return self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - one bad work must not take the others along
            if len(batch) == 1 or _everybodys(error):
                return [error] * len(batch)
        results: list[Any] = []
        for work in batch:
            try:
                results += self._transaction([work])
            except Exception as error:  # noqa: BLE001 - it belongs to this work's asker
                results.append(error)
        return results

    def _transaction(self, batch: list[_Work]) -> list[Any]:
        deadline = min(work.deadline for work in batch)
        while True:
            committing = False
            try:
                with self._engine.begin() as connection:
                    results = [work.function(connection) for work in batch]
                    committing = True
                self.commits += 1
            except OperationalError as error:
                # a connection that was cut while it waited in the pool; whether a commit under way took, nobody knows
                cut = error.connection_invalidated and not committing
                if not (cut or _passes(error)) or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return results


def _passes(error: OperationalError) -> bool:
    """Whether the same transaction may succeed in a moment.

    A stranger (a shell, a backup) holds SQLite's lock: we wait for it here, never in SQLite. On PostgreSQL two writers
    may meet in a deadlock, of which it ends one.
    """
    return "locked" in str(error.orig) or getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}


def _everybodys(error: Exception) -> bool:
    """Whether each would fail alike, and wait for it: there is no database, or a stranger holds it."""
    if isinstance(error, OperationalError):
        return error.connection_invalidated or error.statement is None or _passes(error)
    return isinstance(error, PoolTimeoutError)


def _reason(error: Exception) -> str:
    """Say why in words without values: a driver's message may quote them."""
    text = str(getattr(error, "orig", error)).lower()
    if "full" in text or "no space" in text:
        return "the disk is full: make room, then the sender's next try is stored"
    if "locked" in text or "busy" in text:
        return "the database is locked by another program"
    if "readonly" in text or "read-only" in text:
        return "the database can't be written: check the file's owner and mode"
    return "the database can't be reached"
