"""Sending hints to the workers of many hosts, through Procrastinate: after the commit, beside it, never in its way.

At most one hint goes out for a lane in 10 ms, and none while one waits already. It goes to the worker that holds the
lane, else to whoever comes first.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.clock import SystemClock
from bridge.ledger import lanes
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

    from bridge.ledger.ledger import Ledger

QUEUE = "hints"
"""The queue of hints for whoever comes first; a worker's own is `hints/` and the end of its holder's name."""
LOOK = "look"
"""The task that a hint is."""
APART = 0.010
"""Seconds between two hints for one lane from one process."""
AGAIN = 1.0
"""Seconds until hints are sent again after the database was away."""
_WAITING = text(
    "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock IN :locks"
).bindparams(bindparam("locks", expanding=True))


def own_queue(holder: str) -> str:
    """Return the queue of hints for the lanes of one holder."""
    return f"{QUEUE}/{holder.rsplit('/', 1)[-1]}"


class Deferrer:
    """Sends hints. Whoever hints waits for nothing and hears of no failure."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._clock = SystemClock()
        # never opened: hints are written on the ledger's own connections, of which there are enough
        self._app = App(connector=SyncPsycopgConnector())
        self._changed = threading.Condition()
        self._names: set[str] = set()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def hint(self, lane: str) -> None:
        """Ask the workers to look at a lane."""
        with self._changed:
            self._names.add(lane)
            if self._thread is None:  # not before: a process may fork until it has something to do
                self._thread = threading.Thread(target=self._loop, name="hints", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, if that is soon done, and stop."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(1)

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._names or self._closing.is_set())
                names, self._names = self._names, set()
            if not names:
                return
            began = time.monotonic()
            pause = APART
            try:
                self.defer(names)
            except (SQLAlchemyError, ProcrastinateException, psycopg.Error) as error:
                log.debug("hints not sent, the sweep finds what is due", lanes=len(names), error=type(error).__name__)
                pause = AGAIN
            self._closing.wait(max(pause - (time.monotonic() - began), 0.0))

    def defer(self, names: Collection[str]) -> int:
        """Store one hint for each lane that none waits for; return how many."""
        with self._ledger.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            try:
                # a hint may be lost: nobody waits for the disk
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
                sent = sum(self._defer(raw, queue, lane, lock) for queue, lane, lock in self._routed(connection, names))
                connection.commit()
            except (ProcrastinateException, psycopg.Error):
                connection.invalidate()  # SQLAlchemy did not see what happened to it
                raise
        return sent

    def _routed(self, connection: Connection, names: Collection[str]) -> list[tuple[str, str, str]]:
        """Say for each lane to which queue its hint goes and under which lock, but for those that wait there already.

        They are asked for first because a refused insert is an error in the database's log.
        """
        holders = lanes.holders(connection, names, self._ledger.database_now(self._clock.now()))
        queues = {name: own_queue(holders[name]) if name in holders else QUEUE for name in names}
        # a hint that waits for a dead worker must not absorb those for others
        locks = {name: name if queue == QUEUE else f"{name} {queue}" for name, queue in queues.items()}
        waiting = set(connection.execute(_WAITING, {"locks": list(locks.values())}).scalars())
        # in one order everywhere, or two processes could wait for each other
        return [(queues[name], name, locks[name]) for name in sorted(names) if locks[name] not in waiting]

    def _defer(self, raw: Any, queue: str, lane: str, lock: str) -> bool:  # noqa: ANN401 - psycopg's connection
        try:
            with raw.transaction():
                self._app.configure_task(LOOK, queue=queue, queueing_lock=lock, connection=raw).defer(lane=lane)
        except AlreadyEnqueued:
            return False
        return True
