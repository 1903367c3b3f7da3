"""Hints and periodic tasks where there are many hosts: Procrastinate carries them through the ledger's PostgreSQL.

A hint may be lost, doubled or late, like every hint: the sweep finds what it told of. So none is ever tried again
"later", and none holds a lock of Procrastinate's; who works a lane is decided by the ledger's leases.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from procrastinate.jobs import Status

from bridge.delivery.deferrer import LOOK, QUEUE, own_queue
from bridge.ledger.engine import CONNECTION, database_url
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.abc import PQGen

T = TypeVar("T")
PERIODIC = "periodic"
AGAIN = 1.0
"""Seconds until Procrastinate is started anew, after the database was away."""
STALE = 60.0
"""Seconds after which a worker without a sign of life, and a hint that nobody took, are cleared away."""
DEAF = 600.0
"""Seconds after which is looked again whether notifications arrive."""
PATIENCE = 5.0
"""Seconds that a connection waits for its server before it looks up."""
UNASKED = 30.0
"""Seconds after which is looked for hints whose notification was lost; the sweep has long found what they told of."""
AT_ONCE = 8
"""Tasks at once: a long periodic one keeps no hint waiting."""
_FORGET = """
    DELETE FROM procrastinate_jobs AS job
    WHERE job.status = 'todo' AND job.task_name = %(task)s AND NOT EXISTS (
        SELECT 1 FROM procrastinate_events AS event
        WHERE event.job_id = job.id AND event.at > now() - make_interval(secs => %(stale)s))
"""


@dataclass(frozen=True, slots=True)
class Periodic:
    """A task of the whole installation: at its times one worker does it, any of them.

    `cron` has five fields, or a sixth for seconds. A worker killed in the middle leaves it to the next time, so
    `act` had better not mind what a forerunner left half done.
    """

    name: str
    cron: str
    act: Callable[[], object]


class Patient(psycopg.AsyncConnection[Any]):
    """Wakes up when something comes: psycopg's looks ten times a second for a Ctrl-C, which this thread never has.

    On an idle bridge that was a third of all that it did.
    """

    async def wait(self, gen: PQGen[T], interval: float = PATIENCE, timeout: float | None = None) -> T:  # noqa: ASYNC109 - psycopg's signature
        """Wait as psycopg does, but for longer between two looks."""
        return await super().wait(gen, interval, timeout)


class Carrier:
    """Procrastinate's worker, on an event loop in a thread of this process.

    `look` is called with each lane that somebody hints at. The connection is to the database itself, not through a
    pooler: else notifications don't arrive, hints are not listened for, and the sweep alone finds what is due.
    """

    def __init__(self, url: str, holder: str, look: Callable[[str], None], periodic: tuple[Periodic, ...] = ()) -> None:
        self._url = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._queues = [QUEUE, own_queue(holder), PERIODIC]
        self._look = look
        self._periodic = periodic
        self._loop = asyncio.new_event_loop()
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="procrastinate", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more hints; returns at once."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(lambda: self._main and self._main.cancel())

    def join(self, seconds: float) -> None:
        """Wait until it has stopped, but no longer than so."""
        self._thread.join(seconds)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
            runner.run(self._work_on())

    async def _work_on(self) -> None:
        self._main = asyncio.current_task()
        while True:
            try:
                await self._work()
            except (ProcrastinateException, psycopg.Error) as error:
                why = error.__cause__ or error
                log.warning("hints are not listened for, the sweep finds what is due", error=type(why).__name__)
            await asyncio.sleep(AGAIN)

    async def _work(self) -> None:
        """Take hints and periodic tasks until the database goes away."""
        connector = PsycopgConnector(
            conninfo=self._url,
            min_size=1,
            max_size=2,
            timeout=3,
            connection_class=Patient,
            kwargs={"application_name": "bridge-hints", **CONNECTION},
        )
        app = App(connector=connector)
        self._add_tasks(app)
        async with app.open_async():
            listens = await _notified(connector)
            if not listens:
                log.warning(
                    "notifications don't arrive, as behind a pooler: the sweep finds what is due within a second; "
                    "set BRIDGE_DATABASE_DIRECT_URL to the database's own address"
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(None if listens else DEAF):
                    await app.run_worker_async(
                        queues=self._queues,
                        concurrency=AT_ONCE,
                        listen_notify=listens,
                        fetch_job_polling_interval=UNASKED if listens else 1.0,
                        abort_job_polling_interval=UNASKED,  # nobody aborts any
                        delete_jobs="always",
                        install_signal_handlers=False,
                        shutdown_graceful_timeout=1,
                        stalled_worker_timeout=STALE,
                    )

    def _add_tasks(self, app: App) -> None:
        async def look(lane: str) -> None:
            self._look(lane)

        async def tidy(timestamp: int) -> None:  # noqa: ARG001 - every periodic task is told
            await _tidy(app)

        app.task(name=LOOK, queue=QUEUE)(look)
        app.periodic(cron="* * * * *")(app.task(name="tidy", queue=PERIODIC, queueing_lock="tidy")(tidy))
        for one in self._periodic:
            task = app.task(name=one.name, queue=PERIODIC, queueing_lock=one.name)(_acting(one))
            app.periodic(cron=one.cron)(task)


def _acting(periodic: Periodic) -> Callable[[int], None]:
    def act(timestamp: int) -> None:  # noqa: ARG001 - as above
        try:
            periodic.act()
        except Exception as error:  # noqa: BLE001 - the next time may do
            log.error("periodic task failed", task=periodic.name, error=type(error).__name__, exc_info=error)

    return act


async def _tidy(app: App) -> None:
    """Clear away what dead workers leave: their names, hints they had taken, hints that only they would take."""
    jobs = app.job_manager
    await jobs.prune_stalled_workers(STALE)
    for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALE):
        with suppress(ConnectorException):  # another one was quicker
            await jobs.finish_job(job, status=Status.ABORTED, delete_job=True)
    await app.connector.execute_query_async(_FORGET, task=LOOK, stale=STALE)


async def _notified(connector: PsycopgConnector) -> bool:
    """Whether notifications arrive here: a pooler in transaction mode takes LISTEN and then passes nothing on."""
    heard = asyncio.Event()

    async def hear(*, channel: str, payload: str) -> None:  # noqa: ARG001 - Procrastinate's signature
        heard.set()

    channel = f"bridge_{secrets.token_hex(8)}"
    listening = asyncio.create_task(connector.listen_notify(hear, [channel]))
    try:
        for _ in range(10):
            await connector.execute_query_async("SELECT pg_notify(%(channel)s, '')", channel=channel)
            with suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), 0.2)
                break
            if listening.done():
                break
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return heard.is_set()
