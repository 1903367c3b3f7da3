"""A process of its own for what somebody types: whatever a template does there, it ends, and hurts nobody.

What templates do is counted, but not what becomes of a payload of many alerts. So the playground and explanations are
made where time and memory end, and where no secret is: not in a process that takes alerts in.
"""

from __future__ import annotations

import json
import os
import pickle  # nosec B403 # only what this program itself has written is read
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any, Protocol

SECONDS = 5.0
"""Processor time that one look may take: what the machine does besides, which goes first, is not its fault."""
LONGEST = 30.0
"""Seconds by the clock that it may take."""
MEMORY = 1_073_741_824
"""Bytes of addresses that the process may use."""
IDLE = 60.0
"""Seconds without work after which it ends."""
MOST_PAYLOAD = 1_048_576
"""Bytes of a body that is explained or drawn over HTTP."""
PATIENCE = 10.0
"""Seconds that a request waits for those before it."""
NICE = 10
_LENGTH = struct.Struct("!Q")
_KEPT = ("PATH", "HOME", "LANG", "LC_", "PYTHON", "COVERAGE", "TZ", "VIRTUAL_ENV", "TMPDIR", "LD_LIBRARY_PATH")
"""How the variables begin that it is given: none of them is a secret."""


class Work(Protocol):
    """What is asked for: a value that can be pickled, and that holds no secret."""

    def made(self) -> dict[str, Any]:
        """Make what is asked for, as JSON."""
        ...


class EndedError(Exception):
    """There is nothing to show; the sentence says why."""


class Apart:
    """Asks the process, and starts it where there is none."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, asked: Work) -> dict[str, Any]:
        """Return what was made, in the process apart.

        Raises:
            EndedError: it took too long, or too many ask at once.
        """
        work = pickle.dumps(asked)
        if not self._turn.acquire(timeout=PATIENCE):
            raise EndedError("too many people are trying things at this moment: try again")
        try:
            answer = self._answer(work) or self._answer(work)  # an idle one may end just now
        finally:
            self._turn.release()
        if answer is None:
            raise EndedError("it ended for no known reason: the bridge's log says more")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _answer(self, work: bytes) -> bytes | None:
        """Return the answer, None where the process was gone before it began."""
        if self._child is None or self._child.poll() is not None:
            self._close()
            self._child = _started()
        child = self._child
        assert child.stdin
        assert child.stdout
        with suppress(OSError):
            child.stdin.write(_LENGTH.pack(len(work)) + work)
            child.stdin.flush()
        # it ends by itself, so that this never waits for long
        if (answer := _read(child.stdout)) is not None:
            return answer
        code = child.wait()
        self._close()
        if code == -signal.SIGPROF:
            raise EndedError(f"it took more than {SECONDS:.0f} s: the payload is too large, or a template too busy")
        if code == -signal.SIGALRM:
            raise EndedError(f"it was not done after {LONGEST:.0f} s: the machine is busy, try again")
        if code:
            raise EndedError("it used too much memory, or failed: the bridge's log says more")
        return None

    def _close(self) -> None:
        if self._child is not None:
            for pipe in (self._child.stdin, self._child.stdout):
                with suppress(OSError):
                    if pipe:
                        pipe.close()
        self._child = None


def _started() -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    command = [sys.executable, "-m", "bridge.apart"]
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own


def _read(pipe: IO[bytes]) -> bytes | None:
    """Return one message, None where there is no whole one any more."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    return body if len(body) == length else None


def main() -> None:
    """Answer until nobody asks any more."""
    os.nice(NICE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while select.select([asked], [], [], IDLE)[0]:
        # not caught: either ends this process, whatever it is doing
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        work = _read(asked)
        if work is None:
            return
        answer = json.dumps(pickle.loads(work).made()).encode()  # nosec B301 # noqa: S301 - our parent's
        told.write(_LENGTH.pack(len(answer)) + answer)
        told.flush()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()
