"""`bridge run`, `bridge web`, `bridge worker`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from bridge.cli.common import config_option, environment

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.config.environ import Environ
    from bridge.reading import Reading

bind_option = click.option("--bind", metavar="ADDRESS", help="Where to listen: 127.0.0.1:8080, or 0.0.0.0:$PORT.")


announce_option = click.option("--announce", type=int, hidden=True)  # a descriptor that is told the address


_PLACE = re.compile(r"unix:.+|fd://[0-9]+|(?:tcp://)?(?P<host>\[[^]]+\]|[^][:/]*)(?::(?P<port>[0-9]{1,5}))?")
"""What gunicorn can listen on: a socket, or a host and the port in it."""
PORT = 8080
"""Where it listens when nobody says so."""


def _bind(environ: Environ, asked: str | None) -> str:
    if asked:
        from bridge.config.environ import LAST_PORT

        told = _PLACE.fullmatch(asked)
        if not told or int(told["port"] or 0) > LAST_PORT:
            mend = f"write an address like 127.0.0.1:8080, its port a number up to {LAST_PORT}"
            raise click.BadParameter(mend, param_hint="--bind")
        # gunicorn's own would be 8000
        return asked if told["port"] or not told["host"] else f"{asked}:{environ.port or PORT}"
    return f"0.0.0.0:{environ.port}" if environ.port else f"127.0.0.1:{PORT}"


def _begin(environ: Environ) -> Reading:
    """Begin to read the configuration; what is to be done before there is a second thread is done."""
    from bridge.lean import one_arena
    from bridge.reading import Reading

    one_arena()
    return Reading(environ, os.environ)  # it goes on while we import


def _serve(config: Path, bind: str | None, announce: int | None, *, deliver: bool) -> None:
    from bridge.cli.ledgers import database_sentences

    with database_sentences():
        environ = environment(config)
        where = _bind(environ, bind)
        reading = _begin(environ)
        from bridge.serve import Server

        server = Server(reading, where, deliver=deliver, announce=announce)
    server.run()


@click.command(epilog="\b\nExample:\n  bridge run --bind 127.0.0.1:8080")
@config_option
@bind_option
@announce_option
def run(config: Path, bind: str | None, announce: int | None) -> None:
    """Run everything on one machine: two web processes and one deliverer.

    The database is bridge.db in the working directory, or BRIDGE_DATABASE_URL. SIGTERM finishes what runs and exits.
    """
    _serve(config, bind, announce, deliver=True)


@click.command(epilog="\b\nExample:\n  bridge web --bind 0.0.0.0:8080")
@config_option
@bind_option
@announce_option
def web(config: Path, bind: str | None, announce: int | None) -> None:
    """Run the web part alone: it stores and answers; any number of it, on PostgreSQL, beside `bridge worker`."""
    _serve(config, bind, announce, deliver=False)


@click.command(epilog="\b\nExample:\n  bridge worker")
@config_option
def worker(config: Path) -> None:
    """Run the delivering part alone: any number of it, on PostgreSQL, beside `bridge web`."""
    from bridge.cli.ledgers import database_sentences

    with database_sentences():
        environ = environment(config)
        reading = _begin(environ)
        from bridge.deliver import work

        raise SystemExit(work(reading))
