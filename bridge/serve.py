"""`bridge run`: gunicorn with two web processes and one deliverer, each restarted by its arbiter when it dies."""

from __future__ import annotations

import gc
import os
import resource
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.base import Worker

from bridge.app import serve
from bridge.compose import Parent, compose
from bridge.delivery.hints import Near
from bridge.lean import leave_no_holes
from bridge.ledger.engine import database_url, sqlite_path
from bridge.ledger.pressure import Pressure
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log
from bridge.prepare import check_bind, is_loopback, prepare
from bridge.reload import Reloader
from bridge.web.worker import WebWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from bridge.compose import Bridge
    from bridge.reading import Reading

WEB = 2
THREADS = 16
CONNECTIONS = 800
"""Open connections of a web process; the ones that are slow make room for others."""
FILES = 4096
"""Open files that a process should be allowed: many systems' default of 1,024 is too near to its connections."""
GRACE = 8
"""Seconds that running steps and requests have to end on SIGTERM; the whole is over within 10, on busy machines too."""
NICE = 10


class ServerLog(GunicornLogger):  # type: ignore[misc] # gunicorn has no types
    """What gunicorn says, as lines of our own log (`bridge.log`)."""

    def __init__(self, cfg: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(cfg)
        self.error_log.propagate = True


class DelivererWorker(Worker):  # type: ignore[misc] # gunicorn has no types
    """The deliverer as one of gunicorn's processes: watched, restarted, and asked to stop like the others."""

    def load_wsgi(self) -> None:
        """Serve nothing over HTTP."""

    wake: Callable[[], None] = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stop, and don't wait for the next hint to notice it."""
        super().handle_exit(sig, frame)
        self.wake()

    def run(self) -> None:
        """Deliver until told to stop, or until the arbiter is gone."""
        from bridge.deliver import deliverer  # noqa: PLC0415 - the other processes have no use for it

        os.nice(NICE)
        for listener in self.sockets:
            listener.close()
        bridge = self.app.compose()
        try:
            with deliverer(bridge, near=self.app.near) as delivering:
                self.wake = delivering.wake
                while self.alive and os.getppid() == self.ppid and delivering.healthy():
                    self.notify()
                    delivering.round()
        except UnavailableError as error:  # as it begins; the next one, which is started at once, waits as long again
            log.warning("database", why=str(error))
        bridge.close()


class Master(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn's arbiter, with one place among its workers that is the deliverer's."""

    _leaving = 0  # the age of the youngest worker that a reload is about to replace

    def reload(self) -> None:
        """Start a whole new set, with a deliverer of its own, and let the old one go."""
        self._leaving = self.worker_age
        super().reload()

    def spawn_worker(self) -> Any:  # noqa: ANN401 - gunicorn's
        """Start the worker that is missing: the web processes first, so that senders find somebody."""
        kinds = [type(worker) for worker in self.WORKERS.values() if worker.age > self._leaving]
        missing = self.app.deliver and DelivererWorker not in kinds and len(kinds) >= self.num_workers - 1
        self.worker_class = DelivererWorker if missing else WebWorker
        return super().spawn_worker()

    def handle_hup(self) -> None:
        """Reload the configuration, once it is read: valid as a whole, or not at all, with the last good one kept."""
        self.app.reloader.ask()
        self._look()

    def murder_workers(self) -> None:
        """Look, every second, after workers that hang, and whether the configuration has changed."""
        super().murder_workers()
        self._look()

    def _look(self) -> None:
        if self.app.reloader.look():
            super().handle_hup()


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """The bridge as gunicorn serves it.

    `deliver` says whether one of the processes is a deliverer; the address is written to the file descriptor `announce`
    once it listens.

    Raises:
        ConfigError, NotDurableError, OutdatedError: as `prepare` does.
    """

    def __init__(self, reading: Reading, bind: str, *, deliver: bool, announce: int | None) -> None:
        self.environ = environ = reading.environ
        self.env = env = reading.env
        self.bind = bind
        self.prepared = made = prepare(reading, bind)
        self.reloader = Reloader(environ, env, made.loaded, lambda found: check_bind(found, environ, bind))
        self.deliver = deliver
        self.announce = announce
        self.loopback = is_loopback(bind)
        self.serving: Bridge | None = None
        # on SQLite the verbs hint as well, through a path that all know
        self.near = Near() if deliver and sqlite_path(database_url(environ.database_url)) is None else None
        self.pressure = Pressure()
        allow_files()
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        settings = {
            "bind": self.bind,
            "workers": WEB + self.deliver,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": 60,
            "graceful_timeout": GRACE,
            "keepalive": 5,
            "backlog": 2048,
            "worker_connections": CONNECTIONS,
            "forwarded_allow_ips": "",
            "loglevel": "warning",
            "logger_class": ServerLog,
            "errorlog": None,
            "control_socket_disable": True,
            "proc_name": "bridge",
            "when_ready": self._ready,
            "worker_exit": self._leave,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return a web process's application; called after the fork."""
        self.serving = self.compose(self.near)
        serve(self.prepared.application, self.serving)
        return self.prepared.application

    def _leave(self, _arbiter: object, _worker: object) -> None:
        """Keep what an ending web process has counted, and close the ledger: a file that all have closed is whole."""
        if self.serving is not None:
            self.serving.close()

    def compose(self, near: Near | None = None) -> Bridge:
        """Put a process's parts together, over the last good configuration."""
        loaded, parent = self.reloader.loaded, Parent(self.prepared.engine, near, self.pressure)
        return compose(self.environ, self.env, loaded=loaded, loopback=self.loopback, parent=parent)

    def reload(self) -> None:
        """Keep gunicorn's own settings: the configuration is read by the processes that start."""

    def run(self) -> None:
        """Serve until told to stop."""
        gc.collect()
        leave_no_holes()
        gc.freeze()  # what is there is shared: a process that looked for garbage among it would copy each page (20 MB)
        Master(self).run()

    def _ready(self, arbiter: Any) -> None:  # noqa: ANN401 - gunicorn's
        address = str(arbiter.LISTENERS[0])
        log.info("listening", at=address, deliverer=self.deliver)
        if self.announce is not None:
            # whoever started us with port 0 learns the address, without asking again and again
            with os.fdopen(self.announce, "w") as told:
                told.write(f"{address}\n")
            self.announce = None


def allow_files() -> None:
    """Raise this process's limit of open files, as far as it may and need be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
