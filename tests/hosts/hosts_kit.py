"""What the tests of many hosts ask of an installation, from outside and from its database."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import psycopg
from harness import alert, config, eventually, group, messages

if TYPE_CHECKING:
    from harness import Bridge, Process, Starter

    from bridge.sandbox import Sandbox


class Installation:
    """Web processes and workers on one database; the workers stand in the first web process's folder."""

    def __init__(self, starter: Starter, sandbox: Sandbox, url: str) -> None:
        self._starter = starter
        self.sandbox = sandbox
        self.url = url
        self.env = {"BRIDGE_DATABASE_URL": url}
        self.webs: list[Bridge] = []
        self.workers: list[Process] = []

    def start(self, webs: int = 1, workers: int = 1) -> Bridge:
        """Start so many of each; give the first web process."""
        for _ in range(webs):
            self.webs.append(self._starter(config(self.sandbox), env=self.env, verb="web"))
        for _ in range(workers):
            self.add_worker()
        return self.webs[0]

    def add_worker(self) -> Process:
        """Start one more worker, and wait until it takes hints."""
        before = self._registered()
        self.workers.append(self._starter.worker(self.webs[0]))
        eventually(lambda: self._registered() > before, "the worker takes hints")
        return self.workers[-1]

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def holder(self, kind: str) -> Process | None:
        """The worker that holds the one lane of a kind."""
        rows = self.query("SELECT holder FROM lanes WHERE name LIKE %s AND holder IS NOT NULL", f"{kind}/%")
        if not rows:
            return None
        host, pid, _ = rows[0][0].split("/")
        assert host == socket.gethostname()[:60]
        return next((one for one in self.workers if one.popen.pid == int(pid)), None)

    def warm_up(self) -> Process:
        """Have one alert told everywhere; give the worker that holds Slack's lane then."""
        self.webs[0].post(group(alert("Warm up")))
        eventually(lambda: messages(self.sandbox, text="Warm up"), "the first alert is told")
        self.webs[0].settle()
        worker = self.holder("slack")
        assert worker is not None
        return worker

    def _registered(self) -> int:
        return int(self.query("SELECT coalesce(max(id), 0) FROM procrastinate_workers")[0][0])
