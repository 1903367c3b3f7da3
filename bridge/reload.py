"""Reading the configuration anew while it runs: valid as a whole, or not at all, and the operators hear of it."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge import metrics
from bridge.changes import MOST, Changes, files_of, folder_files
from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.config.problem import ConfigError, Problem
from bridge.ledger import counts, troubles
from bridge.ledger.ledger import open_ledger
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log
from bridge.rehearse import used
from bridge.render.harden import MOST_BYTES, MOST_SOURCE
from bridge.render.jinja import TemplateFailedError, Words, template_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from bridge.config.environ import Environ
    from bridge.config.load import Loaded
    from bridge.ledger.ledger import Ledger

AGAIN = 10.0
"""Seconds after which a configuration that was refused is tried again: what it lacks may be no file of its own."""
_TEMPLATES = "BRIDGE_TEMPLATES"


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
        self._changes = Changes(monotonic)
        self._refused: list[str] = []
        self._again_at = 0.0

    def look(self) -> bool:
        """Return whether there is another good configuration, as its files have changed; cheap where they haven't."""
        settled = self._changes.settled(lambda: files_of(self._environ.config, self.loaded, self._environ.templates))
        if not settled and not (self._refused and self._monotonic() >= self._again_at):
            return False
        before = self.loaded
        return self.read() and self.loaded != before

    def read(self) -> bool:
        """Read it now; return whether it is good, and `loaded` therefore this one. Else the last good one stays."""
        try:
            found = read_whole(self._environ, self._env, last=self.loaded)
            self._check(found)
            if found != self.loaded:
                _check_templates(found)
        except ConfigError as error:
            problems = [str(one) for one in error.problems]
        else:
            problems = []
            if found == self.loaded and not self._refused:
                return True
            log.info("configuration read anew", files=len(found.documents), templates=len(found.templates))
            self.loaded = found
        new = problems != self._refused or not problems
        if problems and new:
            log.error("configuration refused, the last good one stays", problems=problems)
        self._refused = problems
        self._again_at = self._monotonic() + AGAIN
        note(self._environ, problems, reload=new)
        return not problems


def read_whole(environ: Environ, env: Mapping[str, str], last: Loaded | None = None) -> Loaded:
    """Read configuration and templates, as a process holds them until the next time.

    Raises:
        ConfigError: with all problems.
    """
    loaded = load(environ.config, env, require_secrets=True, last=last)
    return replace(loaded, templates=_templates(environ.templates)) if environ.templates else loaded


def _templates(folder: Path) -> dict[str, str]:
    """Return the text of every template of a folder by its name; what is no text is none."""
    texts: dict[str, str] = {}
    files = list(folder_files(folder))
    if len(files) > MOST:
        what = f"{folder} holds over {MOST:,} files"
        raise ConfigError([Problem(_TEMPLATES, 0, what, "give the templates a folder of their own")])
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            what = f"is longer than {MOST_SOURCE:,} characters" if path.stat().st_size > MOST_BYTES else ""
            if not what:
                texts[name] = path.read_text("utf-8")
        except OSError:
            what = "can't be read"
        except UnicodeDecodeError:
            what = "is no UTF-8"
        if what and path.suffix == ".j2":
            raise ConfigError([Problem(name, 0, what, "write it as text, readable for the bridge")])
    return texts


def _check_templates(loaded: Loaded) -> None:
    """Refuse templates in use that can't be compiled: what they say, `bridge check` looks at."""
    if problems := list(_broken(loaded)):
        raise ConfigError(problems)


def _broken(loaded: Loaded) -> Iterator[Problem]:
    words = Words((template_folder(),), kept=loaded.templates)
    for kind, template, _where in used(loaded):
        try:
            words.outline(kind, template)
            words.check(kind, template)
        except TemplateFailedError as error:
            yield Problem(error.template, error.line, error.reason, "mend the template; `bridge check` shows more")


def note(environ: Environ, problems: list[str], ledger: Ledger | None = None, *, reload: bool = False) -> None:
    """Write down that a configuration is refused here, or (without problems) that it is good, at start or `reload`."""
    where = f"{socket.gethostname()[:60]}:{environ.config.absolute()}"
    with ExitStack() as stack:
        try:
            used_ledger = ledger or stack.enter_context(closing(open_ledger(environ.database_url, prepared=True)))
            with used_ledger.read() as connection:
                known = troubles.refused(connection, where)
            if reload or not problems or problems != known:
                used_ledger.write(lambda connection: _write(connection, where, problems, reload=reload))
        except (UnavailableError, SQLAlchemyError) as error:
            # whoever reloads goes on serving: a database that is away is no reason to end
            log.error("the operators don't hear of the configuration: no database", error=type(error).__name__)


def _write(connection: Connection, where: str, problems: list[str], *, reload: bool) -> None:
    if problems != troubles.refused(connection, where):
        troubles.refuse(connection, where, problems)
    if reload:
        counts.add(connection, {counts.key(metrics.RELOADS.name, outcome="refused" if problems else "taken"): 1})
    if not problems:
        counts.put(connection, counts.key(metrics.LOADED_AT.name), int(SystemClock().now().timestamp()))
