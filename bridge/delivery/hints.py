"""Hints: "look at this lane now", over a Unix datagram socket beside the database.

A hint may be lost, doubled or late: it only saves waiting for the sweep, which each second finds what is due.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
from pathlib import Path

LONGEST_PATH = 100
"""Bytes; the kernel allows 107 for a socket's path."""
WAKE = b"."
ALL = "all"
"""A hint for all lanes that have something due."""


def hint_path(database: Path) -> Path:
    """Return where a database's deliverer listens; a path too long for a socket moves to the temporary folder."""
    path = Path(f"{database}.hints")
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bridge-{os.getuid()}-{digest}.hints"


class Hinter:
    """Sends hints; never waits, never fails."""

    def __init__(self, path: Path) -> None:
        self._path = os.fsencode(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature

    def hint(self, lane: str) -> None:
        """Ask the deliverer to look at a lane."""
        # nobody listens, or the buffer is full: the sweep will find it
        with contextlib.suppress(OSError):
            self._socket.sendto(lane.encode(), self._path)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class Near:
    """Hints among the processes that one server forks: a pair of sockets, made before; never waits, never fails."""

    def __init__(self) -> None:
        self.reader, self.writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.writer.setblocking(False)  # noqa: FBT003 - the standard library's signature

    def hint(self, lane: str) -> None:
        """Ask the server's deliverer to look at a lane."""
        with contextlib.suppress(OSError):  # the buffer is full: the sweep will find it
            self.writer.send(lane.encode())

    def close(self) -> None:
        """Keep the sockets: the server's next processes have them too."""


class Listener:
    """Receives hints, and wakes its own process's loop; without a path it hears who is `near`, or its own process."""

    def __init__(self, path: Path | None, near: Near | None = None) -> None:
        self._path = path
        if path is None:
            near = near or Near()
            self._socket, self._waker = near.reader, near.writer
            return
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        old = os.umask(0o077)
        try:
            self._socket.bind(os.fsencode(path))
        finally:
            os.umask(old)
        self._waker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._waker.setblocking(False)  # noqa: FBT003 - as above
        self._waker.connect(os.fsencode(path))

    def wait(self, seconds: float) -> set[str]:
        """Wait at most so long for hints; return the lanes named by all that are there."""
        names: set[str] = set()
        self._socket.settimeout(max(seconds, 0.0005))
        try:
            names.add(self._socket.recv(512).decode(errors="replace"))
            self._socket.setblocking(False)  # noqa: FBT003 - as above
            while True:
                names.add(self._socket.recv(512).decode(errors="replace"))
        except (TimeoutError, BlockingIOError):
            pass
        return names - {WAKE.decode()}

    def wake(self) -> None:
        """Make `wait` return, from another thread or a signal handler."""
        with contextlib.suppress(OSError):
            self._waker.send(WAKE)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._waker.close()
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
