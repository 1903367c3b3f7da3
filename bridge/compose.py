"""Everything that a process of the bridge is made of, put together in one place."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bridge.clock import SystemClock
from bridge.config.problem import ConfigError, Problem
from bridge.delivery.hints import ALL, Hinter, hint_path
from bridge.effective import Effective
from bridge.kept import Kept
from bridge.ledger.ledger import ledger_on, open_ledger
from bridge.log import log
from bridge.room import Room

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from bridge.config.environ import Environ
    from bridge.config.loaded import Loaded
    from bridge.delivery.hints import Near
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.pressure import Pressure

KEY_BYTES = 32
KEY_FILE = "bridge.key"
"""Where the secret key is kept that an SQLite ledger's bridge made itself."""


@dataclass(slots=True)
class Bridge:
    """What the web processes, the deliverer and the verbs share: configuration, ledger, clock."""

    environ: Environ
    env: Mapping[str, str] = field(repr=False)
    loaded: Loaded
    ledger: Ledger
    clock: SystemClock
    effective: Effective
    loopback: bool = True
    hinter: Hints | None = None
    room: Room = field(init=False)
    kept: Kept = field(init=False)
    refused: tuple[float, str] | None = None
    """When (monotonic) a notification could not be stored, and why; None since one could."""

    def __post_init__(self) -> None:
        """Watch how much is stored, and keep what is counted."""
        self.kept = Kept(self.ledger)
        self.room = Room(self.ledger, self.clock, lambda: self.loaded.settings.max_storage)

    def hint(self, lane: str = ALL) -> None:
        """Ask whoever delivers to look at a lane; never waits, never fails."""
        if self.hinter is not None:
            self.hinter.hint(lane)

    def close(self) -> None:
        """Write what waits and give connections back."""
        self.kept.close()
        if self.hinter is not None:
            self.hinter.close()
        self.ledger.close()


@dataclass(frozen=True, slots=True)
class Parent:
    """What a server has made for the processes that it forks.

    `engine` has no connections; the tables were looked at by it. `near` is where hints go, None where each process
    finds its own way. `pressure` is of all of them.
    """

    engine: Engine
    near: Near | None = None
    pressure: Pressure | None = None


def compose(
    environ: Environ,
    env: Mapping[str, str],
    *,
    loaded: Loaded | None = None,
    loopback: bool = True,
    parent: Parent | None = None,
) -> Bridge:
    """Load the configuration, open the ledger and put the parts together.

    A process that is started anew by its server is given what is `loaded` there: the file may be broken by now, or a
    secret missing, and the last good configuration holds. So is what the `parent` has made.

    Raises:
        ConfigError: the configuration or the environment has problems, all of which it names.
        NotDurableError, OutdatedError: the database can't serve (`ledger.ledger.open_ledger`).
    """
    if loaded is None:
        from bridge.whole import read_whole  # noqa: PLC0415 - who serves has it read in another process

        loaded = read_whole(environ, env)
    ledger = ledger_on(parent.engine, parent.pressure) if parent else open_ledger(environ.database_url)
    key = secret_key(environ, ledger.path)
    bridge = Bridge(
        environ=environ,
        env=env,
        loaded=loaded,
        ledger=ledger,
        clock=SystemClock(),
        effective=Effective(lambda: loaded.rules, env, key),
        loopback=loopback,
        hinter=(parent and parent.near) or hinter(ledger, environ),
    )
    for problem in loaded.warnings:
        log.warning("configuration", problem=str(problem))
    return bridge


class Hints(Protocol):
    """The way to whoever delivers."""

    def hint(self, lane: str) -> None:
        """Ask for a look at a lane."""
        ...

    def close(self) -> None:
        """Send what waits, and stop."""
        ...


def hinter(ledger: Ledger, environ: Environ) -> Hints:
    """Return the way hints go: over a socket to this machine's deliverer, on PostgreSQL through it to any worker."""
    if ledger.embedded:
        return Hinter(hints_at(ledger.path, environ))
    from bridge.delivery.deferrer import Deferrer  # noqa: PLC0415 - on SQLite nobody pays for it

    return Deferrer(ledger)


def hints_at(path: Path | None, environ: Environ) -> Path:
    """Return where the deliverer of this SQLite file listens."""
    return hint_path(path or environ.config.absolute().parent / "bridge")


def known_key(environ: Environ, database: Path | None) -> bytes | None:
    """Return BRIDGE_SECRET_KEY, or the one that is kept beside an SQLite file; None where there is none yet.

    Raises:
        ConfigError: the one that is kept is empty: anybody could test guesses on digests made with it.
    """
    if environ.secret_key is not None:
        return environ.secret_key.reveal().encode()
    kept = database.with_name(KEY_FILE) if database else None
    if kept is None or not kept.exists():
        return None
    if key := kept.read_bytes().strip():
        return key
    mend = "restore it from the backup; or remove it, and a new one is made: then pages that are open stay open"
    raise ConfigError([Problem(str(kept), 0, "is empty", mend)])


def secret_key(environ: Environ, database: Path | None) -> bytes:
    """Return BRIDGE_SECRET_KEY; beside an SQLite file it is made once, readable by its owner only.

    Raises:
        ConfigError: on PostgreSQL it is not set, or the one that is kept is empty.
    """
    if known := known_key(environ, database):
        return known
    if database is None:
        raise ConfigError(
            [
                Problem(
                    "BRIDGE_SECRET_KEY",
                    0,
                    "is not set, and on PostgreSQL every process needs the same one",
                    "set it once: `python -c 'import secrets; print(secrets.token_hex(32))'`",
                )
            ]
        )
    path = database.with_name(KEY_FILE)
    made = secrets.token_hex(KEY_BYTES).encode()
    # written whole under another name first, so that two processes that start together agree on one
    draft = path.with_name(f".bridge.key.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made)
        file.flush()
        os.fsync(descriptor)  # its name must not come to the disk before it
    try:
        os.link(draft, path)
    except FileExistsError:
        made = path.read_bytes()
    finally:
        draft.unlink()
    return made.strip()
