"""TLS inside a connection that is TLS itself, to a proxy: the standard library's sockets can't be nested."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from bridge.destinations.deadline import LostError
from bridge.destinations.line import CHUNK, NO_ANSWER, NO_CONNECTION, NO_TLS, NOT_IN_TIME, RESET, tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.deadline import Deadline
    from bridge.destinations.line import Line


class Inner:
    """A connection with TLS of its own inside another one.

    Raises:
        LostError: there is no TLS with that host, or not in time.
    """

    def __init__(self, outer: Line, host: str, deadline: Deadline) -> None:
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._tls = tls().wrap_bio(self._in, self._out, server_hostname=host)
            self._run(self._tls.do_handshake, deadline)
        except (ssl.SSLError, ValueError):
            raise LostError(NO_TLS) from None
        except LostError as error:
            raise LostError(NOT_IN_TIME if error.code == NO_ANSWER else NO_CONNECTION) from None

    def write(self, content: bytes, deadline: Deadline) -> bool:
        """Write all of it (`Line.write`)."""
        view = memoryview(content)
        while view:
            part = view[:CHUNK]
            try:
                view = view[self._run(lambda: self._tls.write(part), deadline) :]  # noqa: B023 - called at once
            except (ssl.SSLError, BrokenPipeError):
                return False
        return True

    def read(self, deadline: Deadline) -> bytes:
        """Read what comes next (`Line.read`)."""
        try:
            return bytes(self._run(lambda: self._tls.read(CHUNK), deadline))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""
        except (ssl.SSLError, BrokenPipeError):
            raise LostError(RESET) from None

    def is_quiet(self) -> bool:
        """Has nothing come (`Line.is_quiet`)?"""
        return not self._in.pending and not self._tls.pending() and self._outer.is_quiet()

    def close(self) -> None:
        """Close it at once."""
        self._outer.close()

    def _run(self, act: Callable[[], Any], deadline: Deadline) -> Any:  # noqa: ANN401 - whatever the act returns
        """Do something, and carry between it and the outer connection what it asks for."""
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                if part := self._outer.read(deadline):
                    self._in.write(part)
                else:
                    self._in.write_eof()
                continue
            self._flush(deadline)
            return done

    def _flush(self, deadline: Deadline) -> None:
        if (ready := self._out.read()) and not self._outer.write(ready, deadline):
            raise BrokenPipeError
