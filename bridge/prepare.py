"""What a server does before it forks: whatever can be wrong is looked at, whatever is done once is done for all."""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gunicorn.util import parse_address
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bridge.app import application, serve
from bridge.compose import Parent, compose
from bridge.config.problem import ConfigError, Problem
from bridge.delivery.hints import Near
from bridge.ledger.ledger import open_ledger
from bridge.reload import note, wrong_in
from bridge.web.auth import LOOPBACK_NAMES

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.engine import Engine

    from bridge.config.environ import Environ
    from bridge.config.loaded import Loaded
    from bridge.reading import Reading

GOING = 5.0
"""Seconds in which processes whose parent was killed go, and give back what they listen at."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the processes to be forked are given: configuration, an engine without connections, the web application."""

    loaded: Loaded
    engine: Engine
    application: Flask


def is_loopback(bind: str) -> bool:
    """Return whether a bind address is reached from this machine only."""
    if bind.startswith("unix:"):
        return True
    host = urlsplit(f"//{bind}").hostname or ""
    if host in LOOPBACK_NAMES:
        return True
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(address.startswith("127.") or address == "::1" for address in found)


def check_bind(loaded: Loaded, environ: Environ, bind: str) -> None:
    """Refuse to serve a source without auth where others than this machine can reach it.

    Raises:
        ConfigError: naming the sources and what to set.
    """
    if is_loopback(bind) or environ.webhook_token is not None:
        return
    bare = [name for name, source in loaded.settings.sources.items() if source.auth is None]
    if bare:
        mend = "set BRIDGE_WEBHOOK_TOKEN, or auth for each source (`auth: none` lets anybody in)"
        what = f"{', '.join(bare)}: no auth, and {bind} can be reached by others"
        raise ConfigError([Problem(str(environ.config), 0, what, mend)])


def check_free(bind: str) -> None:
    """Refuse a place that somebody else listens at, once it had time to go: gunicorn would say less.

    Raises:
        ConfigError: saying so.
    """
    place, ends = parse_address(bind), time.monotonic() + GOING
    if not isinstance(place, tuple):
        return
    while (error := _not_free(place)) and error.errno == errno.EADDRINUSE and time.monotonic() < ends:
        time.sleep(0.1)
    if error:
        taken = error.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else error.strerror or type(error).__name__
        mend = f"stop it, or choose another port, as in --bind {place[0]}:{place[1] + 1}" if taken else "see --bind"
        raise ConfigError([Problem(bind, 0, why, mend)])


def _not_free(place: tuple[str, int]) -> OSError | None:
    try:
        socket.create_server(place, family=socket.AF_INET6 if ":" in place[0] else socket.AF_INET).close()
    except OSError as error:
        return error
    return None


def prepare(reading: Reading, bind: str) -> Prepared:
    """Check everything that can be wrong before a process is forked: configuration, bind, database, secret key.

    Then serve a request here: what only a first one does is done once, in memory that all processes go on to share.

    Raises:
        ConfigError, NotDurableError, OutdatedError: with what to mend.
    """
    environ, loaded = reading.environ, reading.result().loaded
    check_bind(loaded, environ, bind)
    check_free(bind)
    ledger = open_ledger(environ.database_url, apart=True)
    note(environ, wrong_in(loaded), ledger)
    ledger.close()
    # its warnings are told by the processes that serve
    bridge = compose(environ, reading.env, loaded=replace(loaded, warnings=()), parent=Parent(ledger.engine, Near()))
    made = Prepared(loaded, ledger.engine, application())
    serve(made.application, bridge)
    run_wsgi_app(made.application.wsgi_app, EnvironBuilder(path="/readyz").get_environ(), buffered=True)
    bridge.close()
    return made
