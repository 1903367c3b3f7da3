"""A pooler in transaction mode, as far as listeners notice one: what the server says unasked never arrives."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from sqlalchemy.engine import make_url

NOTIFICATION = b"A"


class Pooler:
    """Stands before a database on a port of its own; everything but notifications passes."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        mine = self._url.set(host="127.0.0.1", port=port, query={"sslmode": "disable", "gssencmode": "disable"})
        self.url = mine.render_as_string(hide_password=False)
        self._open: list[socket.socket] = [self._server]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._server.accept()[0]
                database = self._connect()
                self._open += [client, database]
                threading.Thread(target=_pass, args=[client, database], daemon=True).start()
                threading.Thread(target=self._pass_messages, args=[database, client], daemon=True).start()

    def _connect(self) -> socket.socket:
        folder = self._url.query.get("host", "")
        if str(folder).startswith("/"):
            made = socket.socket(socket.AF_UNIX)
            made.connect(f"{folder}/.s.PGSQL.{self._url.port or 5432}")
            return made
        return socket.create_connection((str(folder or self._url.host), self._url.port or 5432))

    def _pass_messages(self, database: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), database.makefile("rb") as stream:
            while head := stream.read(5):
                body = stream.read(int.from_bytes(head[1:]) - 4)
                if head[:1] != NOTIFICATION:
                    client.sendall(head + body)
        _end(client)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
    _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
