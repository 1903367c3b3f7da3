"""Reading the configuration anew while it runs: valid as a whole, or not at all, and the operators hear of it."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge import metrics
from bridge.changes import Changes, files_of
from bridge.clock import SystemClock
from bridge.config.problem import ConfigError, Level, Problem
from bridge.ledger import counts, troubles
from bridge.ledger.ledger import open_ledger
from bridge.ledger.troubles import RENEWED, Wrong
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log
from bridge.reading import Reading
from bridge.storable import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from bridge.config.environ import Environ
    from bridge.config.loaded import Loaded
    from bridge.ledger.ledger import Ledger

AGAIN = 10.0
"""Seconds after which a configuration that was refused is tried again: what it lacks may be no file of its own."""


class Reloader:
    """The last good configuration of a process, and the way to the next.

    Args:
        environ: names the file, and the folder of templates.
        env: the environment that secrets are looked for in.
        loaded: what was read at the start.
        check: raises ConfigError where a configuration can't be served for another reason.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        environ: Environ,
        env: Mapping[str, str],
        loaded: Loaded,
        check: Callable[[Loaded], None] = lambda _loaded: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loaded = loaded
        self._environ = environ
        self._env = env
        self._check = check
        self._monotonic = monotonic
        self._changes = Changes(monotonic, loaded.stamps)
        self._refused: list[str] = []
        self._again_at = 0.0
        self._rests_until = 0.0
        self._reading: Reading | None = None
        self._asked = self._wanted = False
        self._renew_at = monotonic()

    def ask(self) -> None:
        """Read it anew at the next look, whether its files have changed or not."""
        self._asked = True

    def look(self, patience: float = 0.0) -> bool:
        """Return whether there is another good configuration, as its files have changed, or one that was asked for.

        Cheap where nothing has changed; what is read is not waited for, but for `patience` seconds: a later look has
        it. Nothing is raised, whatever the files are: who asks goes on serving, and it is tried again later.
        """
        if self._monotonic() < self._rests_until:
            return False
        try:
            return self._look(patience)
        except Exception as error:  # noqa: BLE001 - it would end everything that is served
            self._rests_until = self._monotonic() + AGAIN
            log.error("the configuration could not be looked at", error=type(error).__name__, exc_info=error)
            return False

    @property
    def reading(self) -> bool:
        """Whether it is being read."""
        return self._reading is not None

    def _look(self, patience: float) -> bool:
        if self._reading is None and not self._due():
            self._renew()
            return False
        try:
            if self._reading is None:
                self._wanted, self._asked = self._asked, False
                self._reading = Reading(self._environ, self._env, last=self.loaded)
            if not self._reading.ended(patience):
                return False
            reading, self._reading = self._reading, None
            read = reading.result()
            self._check(read.loaded)
            return self._take(read.whole())
        except ConfigError as error:
            problems = [str(one) for one in error.problems]
        except Exception as error:  # noqa: BLE001 - as above
            log.error("the configuration could not be looked at", error=type(error).__name__, exc_info=error)
            what = f"could not be read: {type(error).__name__}"
            problems = [str(Problem(str(self._environ.config), 0, what, "see the log"))]
        self._reading = None
        new = problems != self._refused
        if new:
            log.error("configuration refused, the last good one stays", problems=problems)
        self._note(problems, new=new)
        return False

    def _due(self) -> bool:
        settled = self._changes.settled(lambda: files_of(self._environ.config, self.loaded, self._environ.templates))
        return settled or self._asked or (bool(self._refused) and self._monotonic() >= self._again_at)

    def _take(self, found: Loaded) -> bool:
        """Take a good one over; return whether that is news."""
        changed = found != self.loaded
        if changed or self._refused:
            log.info("configuration read anew", files=len(found.documents), templates=len(found.templates))
            self.loaded = found
            self._note([], new=True)
        return changed or self._wanted

    def _note(self, problems: list[str], *, new: bool) -> None:
        self._refused = problems
        self._again_at = self._monotonic() + AGAIN
        if note(self._environ, wrong_in(self.loaded, problems), reload=new):
            self._renew_at = self._monotonic() + RENEWED.total_seconds()

    def _renew(self) -> None:
        """Say again that an included file is broken: who says nothing for long counts as gone."""
        if self._monotonic() < self._renew_at or not (wrong := wrong_in(self.loaded, self._refused)):
            return
        known = note(self._environ, wrong, again=True)
        self._renew_at = self._monotonic() + (RENEWED.total_seconds() if known else AGAIN)


def wrong_in(loaded: Loaded, problems: Sequence[str] = ()) -> Wrong:
    """Return what is wrong: the problems of a configuration that is refused, and what is broken of the one in force."""
    return Wrong(list(problems), [str(one) for one in loaded.warnings if one.level is Level.ERROR])


def note(
    environ: Environ, wrong: Wrong, ledger: Ledger | None = None, *, reload: bool = False, again: bool = False
) -> bool:
    """Write down what is wrong with the configuration here, if anything: at start, at `reload`, or still (`again`).

    Returns whether it could be written.
    """
    where = storable(f"{socket.gethostname()[:60]}:{environ.config.absolute()}")
    taken = not wrong.refused and not again
    with ExitStack() as stack:
        try:
            used_ledger = ledger or stack.enter_context(closing(open_ledger(environ.database_url, prepared=True)))
            with used_ledger.read() as connection:
                known = troubles.noted(connection, where, SystemClock().now())
            # another process of this host may have other words for it: who merely says it again leaves those
            if reload or taken or not known or (wrong != known and not again):
                used_ledger.write(lambda connection: _write(connection, where, wrong, reload=reload, taken=taken))
        except (UnavailableError, SQLAlchemyError) as error:
            # whoever reloads goes on serving: a database that is away is no reason to end
            log.error("the operators don't hear of the configuration: no database", error=type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001 - nor is anything else that this comes to
            log.error("the operators don't hear of the configuration", error=type(error).__name__, exc_info=error)
            return False
    return True


def _write(connection: Connection, where: str, wrong: Wrong, *, reload: bool, taken: bool) -> None:
    now = SystemClock().now()
    if wrong != troubles.noted(connection, where, now):
        troubles.note_wrong(connection, where, wrong, now)
    if reload:
        counts.add(connection, {counts.key(metrics.RELOADS.name, outcome="refused" if wrong.refused else "taken"): 1})
    if taken:
        counts.put(connection, counts.key(metrics.LOADED_AT.name), int(now.timestamp()))
