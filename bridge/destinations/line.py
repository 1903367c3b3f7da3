"""A connection to a destination, opened within a deadline and held to one: every write, every read gets what is left.

A time-out of the system's holds for one call, so a peer that sends a byte now and then could hold a request for ever.
"""

from __future__ import annotations

import os
import select
import ssl
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bridge.destinations.deadline import LostError

if TYPE_CHECKING:
    import socket

    from bridge.destinations.deadline import Deadline

CHUNK: Final = 65_536

NO_CONNECTION: Final = "no connection"
NOT_IN_TIME: Final = "no connection in time"
NO_TLS: Final = "TLS failure"
NO_ANSWER: Final = "no answer in time"
RESET: Final = "connection reset"

_FILES: Final = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
"""Where systems keep the authorities that they believe, if not where the TLS library was built to look."""


class Line(Protocol):
    """A connection."""

    def write(self, content: bytes, deadline: Deadline) -> bool:
        """Write all of it; False where the peer is gone, which may have answered before it went.

        Raises:
            LostError: not in time.
        """
        ...

    def read(self, deadline: Deadline) -> bytes:
        """Read what comes next, nothing where the peer has closed.

        Raises:
            LostError: not in time, or the connection broke.
        """
        ...

    def is_quiet(self) -> bool:
        """Has nothing come, not even the connection's end? Only then an unused one is good for a request."""
        ...

    def close(self) -> None:
        """Close it at once."""
        ...


class Plain:
    """A connection over a socket, with or without TLS."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._poll = select.poll()
        self._poll.register(connected.fileno(), select.POLLIN)

    def write(self, content: bytes, deadline: Deadline) -> bool:
        """Write all of it (`Line.write`)."""
        view = memoryview(content)
        try:
            while view:
                self.socket.settimeout(deadline.share(NO_ANSWER))
                view = view[self.socket.send(view[:CHUNK]) :]
        except TimeoutError:
            raise LostError(NO_ANSWER) from None
        except OSError:
            return False
        return True

    def read(self, deadline: Deadline) -> bytes:
        """Read what comes next (`Line.read`)."""
        self.socket.settimeout(deadline.share(NO_ANSWER))
        try:
            return self.socket.recv(CHUNK)
        except TimeoutError:
            raise LostError(NO_ANSWER) from None
        except OSError:
            raise LostError(RESET) from None

    def is_quiet(self) -> bool:
        """Has nothing come (`Line.is_quiet`)?"""
        held = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        return not held and not self._poll.poll(0)

    def close(self) -> None:
        """Close it at once."""
        self.socket.close()


def secure(line: Plain, host: str, deadline: Deadline) -> Plain:
    """Begin TLS on a connection, which is closed where that fails.

    Raises:
        LostError: there is no TLS with that host, or not in time.
    """
    try:
        line.socket.settimeout(deadline.share(NOT_IN_TIME))
        return Plain(tls().wrap_socket(line.socket, server_hostname=host))
    except (LostError, TimeoutError):
        code = NOT_IN_TIME
    except (ssl.SSLError, ValueError):
        code = NO_TLS
    except OSError:
        code = NO_CONNECTION
    line.close()
    raise LostError(code)


@cache
def tls() -> ssl.SSLContext:
    """One TLS context for all: it takes tens of milliseconds to make. SSL_CERT_FILE and SSL_CERT_DIR are heard."""
    made = _believing()
    made.set_alpn_protocols(["http/1.1"])
    return made


def _believing() -> ssl.SSLContext:
    """A context that believes whom the variables name, else whom the system believes."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=file)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=folder)
    if sys.platform == "darwin":
        import truststore  # noqa: PLC0415 - there the system itself has to be asked

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    found = next((name for name in (paths.openssl_cafile, *_FILES) if Path(name).is_file()), None)
    beside = paths.openssl_capath if Path(paths.openssl_capath).is_dir() else None
    if found or beside:
        made.load_verify_locations(found, beside)
    return made
