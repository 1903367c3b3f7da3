"""What is compared: each is started in a folder of its own, told where Slack is, and stopped again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bodies
import httpx2
import processes
import psycopg
from alertmanager_kit import Alertmanager
from harness import Bridge, eventually
from programs import PLACES
from rounds import database_of
from sender import Load, Sent

from bridge.serve import CONNECTIONS, THREADS, WEB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.sandbox import Sandbox

HERE = Path(__file__).parent
WARM = 9_000_000
"""The number of the first request that only warms up."""


class Double:
    """The double of Slack, a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, HERE / "raw_slack.py"]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout
        self.port = int(self.popen.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        # kept: making one costs more than many questions, and while they are asked it is others who are measured
        self._client = httpx2.Client(verify=False, trust_env=False, timeout=30)

    def ask(self, what: str, body: str = "") -> Any:
        return self._client.post(f"{self.url}/bench/{what}", content=body.encode()).json()

    def reset(self, latency: float = 0.0) -> None:
        """Forget what came; from now on answer after so many seconds."""
        self.ask("reset", str(latency))

    def wait(self, count: int, patience: float = 180.0) -> int:
        """Wait until so many marks were posted, or until nothing more comes; return how many were."""
        found, changed = -1, time.monotonic()
        while found < count and time.monotonic() < changed + patience:
            time.sleep(0.05)
            if (now := self.ask("count")) != found:
                found, changed, patience = now, time.monotonic(), min(patience, 20.0)
        return found

    def arrivals(self) -> dict[int, float]:
        """When each number was first posted, but for what only warmed up."""
        return {int(mark): at for mark, at in self.ask("seen")["first"].items() if int(mark) < WARM}

    def close(self) -> None:
        self._client.close()
        self.popen.kill()
        self.popen.wait()


class Strict:
    """The sandbox's double of Slack, which is strict, keeps all messages, and plays faults."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.url = sandbox.slack_url.removesuffix("/api/")


@dataclass(slots=True)
class Running:
    """A subject that runs.

    Attributes:
        pid: the process that all its others come from; `beside`: the database's, where it has one.
        folder: where its files are.
        double: where it delivers to.
        ready: seconds from its start until it said so; 0 where it says nothing.
        bridge, database: for what only the bridge can be asked, and the URL of its PostgreSQL.
    """

    subject: Subject
    port: int
    pid: int
    folder: Path
    double: Any
    beside: int = 0
    ready: float = 0.0
    bridge: Bridge | None = None
    database: str | None = None

    def load(self, alerts: int, **more: Any) -> Load:
        return Load(self.port, self.subject.path, self.subject.body(alerts), **more)

    def send(self, alerts: int = 1, **more: Any) -> Sent:
        return send(self.load(alerts, **more))

    def kill_and_restart(self) -> None:
        """SIGKILL to all of the bridge's processes at once; then it starts where it was."""
        self.bridge.process.kill()
        self.bridge.restart(bind=f"127.0.0.1:{self.port}")
        self.pid = self.bridge.process.popen.pid

    def warm(self, count: int) -> None:
        """Let it import and connect what it does at the first requests only."""
        self.send(count=count, first=WARM)

    @contextmanager
    def ledger(self) -> Iterator[Any]:
        """A connection to the bridge's database, sqlite3's or psycopg's; each statement is a transaction."""
        if self.database is not None:
            with psycopg.connect(self.database, autocommit=True) as connection:
                yield connection
        else:
            with closing(sqlite3.connect(self.folder / "bridge.db", isolation_level=None)) as connection:
                yield connection

    def one(self, question: str) -> Any:
        """The one value that a question to the bridge's database is answered with."""
        with self.ledger() as connection:
            return connection.execute(question).fetchone()[0]

    def cpu(self) -> float:
        """Seconds of CPU so far, its database's too, once it is quiet."""
        return processes.quiet_cpu(self.pid) + (processes.quiet_cpu(self.beside) if self.beside else 0.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to measure (`goals.SUBJECTS`): `start` is a context that gives it running; see `bridge`."""

    key: str
    start: Callable[[Subject, Path, Double], Any]
    path: str = "/webhooks/grafana"
    body: Callable[[int], str] = bodies.grafana
    delivers: bool = True


def send(load: Load) -> Sent:
    """Send a load from a process of its own."""
    made = {name: getattr(load, name) for name in Load.__slots__}
    command = [sys.executable, "-S", HERE / "sender.py"]
    done = subprocess.run(command, input=json.dumps(made), capture_output=True, text=True, check=True)
    return Sent(**json.loads(done.stdout))


def served(app: str) -> Callable[[Subject, Path, Double], Any]:
    """Gunicorn with one of `answers`, with as many processes and threads as the bridge has."""

    @contextmanager
    def start(subject: Subject, folder: Path, double: Double | Strict) -> Iterator[Running]:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener, (folder / "log").open("wb") as log:
            port = listener.getsockname()[1]
            popen = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", f"answers:{app}()", f"--bind=fd://{listener.fileno()}",
                 f"--workers={WEB}", "--worker-class=gthread", f"--threads={THREADS}", "--keep-alive=5",
                 f"--worker-connections={CONNECTIONS}", "--log-level=warning", "--no-control-socket"],
                cwd=folder, pass_fds=[listener.fileno()], start_new_session=True, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(HERE), "BENCH_SLACK_URL": f"{double.url}/api/"},
            )  # fmt: skip
        try:
            yield Running(subject, port, popen.pid, folder, double)
        finally:
            popen.terminate()
            popen.wait()

    return start


def settings(double: Double | Strict, **slack: Any) -> dict[str, Any]:
    """One Slack destination, without a pace of its own unless one is given."""
    made = {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts", "api_url": f"{double.url}/api/", "rate": "off"}
    return {"destinations": {"slack": {**made, **slack}}}


@contextmanager
def bridge(
    subject: Subject, folder: Path, double: Double | Strict, url: str = "", beside: int = 0, **slack: Any
) -> Iterator[Running]:
    """`bridge run`; on SQLite unless a database is given."""
    begun = time.monotonic()
    made = Bridge(folder, settings(double, **slack), {"BRIDGE_DATABASE_URL": url} if url else {})
    try:
        eventually(lambda: made.request("GET", "/readyz").is_success, "ready")
        ready = time.monotonic() - begun
        port = int(made.address.rpartition(":")[2])
        yield Running(subject, port, made.process.popen.pid, folder, double, beside, ready, made, url or None)
    finally:
        made.process.stop()


def on_postgresql(server: str, pid: int) -> Callable[[Subject, Path, Double], Any]:
    """`bridge run` on a fresh database of a server, whose CPU counts too."""

    @contextmanager
    def start(
        subject: Subject, folder: Path, double: Double | Strict, template: str = "template0", **slack: Any
    ) -> Iterator[Running]:
        with database_of(server, template) as url, bridge(subject, folder, double, url, pid, **slack) as running:
            yield running

    return start


@contextmanager
def alertmanager(subject: Subject, folder: Path, double: Double | Strict) -> Iterator[Running]:
    """Debian's Alertmanager, which tells Slack of each group at once through an incoming webhook."""
    slack = {"api_url": f"{double.url}/services/T/B/X", "channel": "#alerts", "title": "{{ .CommonLabels.alertname }}"}
    route = {"receiver": "slack", "group_by": ["alertname"], "group_wait": "0s", "repeat_interval": "12h"}
    made = {"route": route, "receivers": [{"name": "slack", "slack_configs": [slack]}]}
    started = Alertmanager(folder, configuration=made)
    try:
        yield Running(subject, int(started.address.rpartition(":")[2]), started.popen.pid, folder, double)
    finally:
        started.kill()


@contextmanager
def nothing(subject: Subject, folder: Path, double: Double | Strict) -> Iterator[Running]:
    """The double itself: what sending to it costs without anybody between, and the most that it takes."""
    yield Running(subject, double.port, double.popen.pid, folder, double)


BARE = Subject("a", served("bare"), delivers=False)
COMMIT = Subject("b", served("committing"), delivers=False)
SQLITE = Subject("c", bridge)
POST = Subject("f", served("posting"))
DIRECT = Subject("0", nothing, "/api/chat.postMessage", bodies.slack)
ALERTMANAGER = Subject("e", alertmanager, "/api/v2/alerts", bodies.alertmanager)


def postgresql(server: str, pid: int) -> Subject:
    return Subject("d", on_postgresql(server, pid))


def alertmanager_installed() -> bool:
    return shutil.which("prometheus-alertmanager", path=PLACES) is not None
