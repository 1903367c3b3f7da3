"""A configuration read whole in a process of its own, which ends: who serves has no library in memory that only reads.

That process is given its parent's environment, and what was read before; it answers with frozen values, in which
secrets are references, or with what is wrong.
"""

from __future__ import annotations

import math
import os
import pickle  # nosec B403 # only what this program itself has written is read
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.config.environ import Environ
from bridge.config.problem import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.loaded import Loaded

DEADLINE = 20.0
"""Seconds that a reading may take: a file that never answers, a pipe or one on a lost mount, must hold up nobody."""
_ENDING = 2
"""Seconds that a process has to end once it has answered, or is killed."""
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: it is good, but for what is `broken` of its templates, where it is another one than the last."""

    loaded: Loaded
    broken: tuple[Problem, ...] = ()

    def whole(self) -> Loaded:
        """Return it.

        Raises:
            ConfigError: a template in use can't be compiled.
        """
        if self.broken:
            raise ConfigError(self.broken)
        return self.loaded


class Reading:
    """A reading under way, from when this is made: what else there is to do can be done meanwhile.

    Args:
        environ: names the file, and the folder of templates.
        env: the environment that secrets are looked for in.
        last: what was read before (`config.load.load`).

    Raises:
        ConfigError: no process can be started for it.
    """

    def __init__(self, environ: Environ, env: Mapping[str, str], last: Loaded | None = None) -> None:
        self.environ = environ
        self.env = env
        asked = Environ(config=environ.config, templates=environ.templates), dict(env), last
        # with just the places that this process has its modules from, whatever stands in the working directory
        program = f"import sys; sys.path[:] = {sys.path!r}; from bridge.reading import main; main()"
        command = [sys.executable, "-P", "-c", program]
        try:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            what = f"could not be read: no process can be started for it, {why}"
            raise ConfigError([self._problem(what)]) from None
        assert self._child.stdin
        with suppress(BrokenPipeError), self._child.stdin as pipe:  # one that has ended says nothing below
            pickle.dump(asked, pipe)
        self._answer, self._whole = b"", False
        self._ends = time.monotonic() + DEADLINE

    def ended(self, patience: float = 0.0) -> bool:
        """Return whether there is a result, after waiting for it at most so many seconds."""
        assert self._child.stdout
        ends, coming = min(time.monotonic() + patience, self._ends), select.poll()
        coming.register(self._child.stdout, select.POLLIN)
        while coming.poll(max(ends - time.monotonic(), 0.0) * 1000):
            piece = os.read(self._child.stdout.fileno(), _PIECE)
            if not piece:
                self._whole = True
                return True
            self._answer += piece
        return time.monotonic() >= self._ends

    def result(self) -> Read:
        """Return what was read, once it is.

        Raises:
            ConfigError: with all problems, or that it took too long.
        """
        assert self._child.stdout
        if not self._whole:
            self.ended(DEADLINE)
        self._child.stdout.close()
        if not self._whole:
            self._child.kill()
        with suppress(subprocess.TimeoutExpired):  # what waits for a mount that is gone may not even be killed
            self._child.wait(_ENDING)
        if not self._whole:
            mend = "see whether a secret's file or a template is a pipe, or on a mount that doesn't answer"
            raise ConfigError([self._problem(f"could not be read within {DEADLINE:.0f} s", mend)])
        found = pickle.loads(self._answer) if self._answer else None  # nosec B301 # noqa: S301 - our child's
        if isinstance(found, Read):
            return found
        raise ConfigError(found or [self._problem("could not be read: the process for it has ended")])

    def _problem(self, what: str, mend: str = "see the log, and whether memory is short") -> Problem:
        return Problem(os.fspath(self.environ.config), 0, what, mend)


def main() -> None:
    """Read what the parent asks for, and answer: `Read`, or the problems."""
    from bridge.whole import broken, read_whole  # noqa: PLC0415 - in this process alone

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    signal.alarm(math.ceil(DEADLINE) + _ENDING)  # nobody may be there any more to end what hangs
    environ, env, last = pickle.load(sys.stdin.buffer)  # nosec B301 # noqa: S301 - our parent's
    told, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        loaded = read_whole(environ, env, last)
        wrong = tuple(broken(loaded)) if loaded != last else ()
        if last is None:  # nothing else is in force: the built-in words go out, and the operators hear of it
            loaded, wrong = replace(loaded, warnings=(*loaded.warnings, *wrong)), ()
        answer: object = Read(loaded, wrong)
    except ConfigError as error:
        answer = error.problems
    with suppress(BrokenPipeError):
        told.write(pickle.dumps(answer))
        told.flush()
    os._exit(0)  # nothing is left to be put away
