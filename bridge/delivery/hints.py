"""Hints: "look at this lane now", over a Unix datagram socket beside the database.

A hint may be lost, doubled or late: it only saves waiting for the sweep, which each second finds what is due.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
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
    """Receives hints, by a path or from who is `near`, and wakes its own process's loop."""

    def __init__(self, path: Path | None, near: Near | None = None) -> None:
        self._path = path
        # its own: where two share what is near, while a server reloads, one must not take the other's
        self._woken, self._waker = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._waker.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._own = [self._woken, *([_bound(path)] if path is not None else [])]
        self._selector = selectors.DefaultSelector()
        for one in (*self._own, *([near.reader] if near is not None else [])):
            self._selector.register(one, selectors.EVENT_READ)

    def wait(self, seconds: float) -> set[str]:
        """Wait at most so long for hints; return the lanes named by all that are there."""
        names: set[str] = set()
        for key, _ in self._selector.select(max(seconds, 0.0005)):
            with contextlib.suppress(BlockingIOError):
                while True:
                    names.add(key.fileobj.recv(512, socket.MSG_DONTWAIT).decode(errors="replace"))  # type: ignore[union-attr] # sockets are what was registered
        return names - {WAKE.decode()}

    def wake(self) -> None:
        """Make `wait` return, from another thread or a signal handler."""
        with contextlib.suppress(OSError):
            self._waker.send(WAKE)

    def close(self) -> None:
        """Stop listening; what is near is its server's."""
        self._selector.close()
        for one in (*self._own, self._waker):
            one.close()
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()


def _bound(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    old = os.umask(0o077)
    try:
        opened.bind(os.fsencode(path))
    finally:
        os.umask(old)
    return opened
