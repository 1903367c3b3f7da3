"""Opening the ledger for a verb: beside a running bridge or without one, from the environment alone."""

from __future__ import annotations

import errno
import getpass
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bridge.cli.common import environment, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bridge.config.environ import Environ
    from bridge.ledger.acts import Act
    from bridge.ledger.ledger import Ledger


def fail(sentence: str) -> SystemExit:
    """Say what is wrong; to be raised."""
    click.echo(sentence, err=True)
    return SystemExit(1)


@contextmanager
def database_sentences() -> Iterator[None]:
    """Print what is wrong with the database, or a file beside it, as a sentence; no address: it may hold a password."""
    from sqlalchemy.exc import SQLAlchemyError

    from bridge.ledger.unavailable import AWAY, reason, unreached

    try:
        with sentences():
            yield
    except SQLAlchemyError as error:
        why = reason(error)
        raise fail((_no_folder() or unreached(error)) if why == AWAY else why) from None
    except OSError as error:
        if error.filename is None or error.errno == errno.ENOSPC:  # of what is printed; or said for all verbs
            raise
        mend = "check its owner and mode, and its folder's"
        raise fail(f"{error.filename} can't be opened: {error.strerror}; {mend}") from None


def _no_folder() -> str:
    """Say where the folder of the SQLite file that the environment names isn't there."""
    from bridge.config.environ import from_environ

    path = database_file(from_environ(os.environ))
    missing = path is not None and not os.path.isdir(path.parent)  # noqa: PTH112 - never raises
    return f"there is no folder {path.parent}: make it, or mend BRIDGE_DATABASE_URL" if path and missing else ""


@contextmanager
def opened(config: Path) -> Iterator[tuple[Ledger, Environ]]:
    """Give the ledger that the environment names; the tables are left as they are.

    An SQLite file that isn't there is not made: the verb was called in another folder than the bridge's.
    """
    with database_sentences():
        from bridge.ledger.ledger import open_ledger
        from bridge.ledger.write import LONG_PATIENCE

        environ = environment(config)
        path = database_file(environ)
        if path is not None and not path.exists():
            raise fail(f"there is no {path.name} here: go to the bridge's folder, or set BRIDGE_DATABASE_URL")
        try:
            ledger = open_ledger(environ.database_url, upgrade=False)
        except OSError as error:
            raise fail(f"the ledger can't be opened: {error.strerror or error}") from None
        ledger.patience = LONG_PATIENCE
        try:
            yield ledger, environ
        finally:
            ledger.close()


def database_file(environ: Environ) -> Path | None:
    """Return the SQLite file that the environment names, None for PostgreSQL."""
    from bridge.ledger.engine import database_url, sqlite_path

    return sqlite_path(database_url(environ.database_url))


def _hint(ledger: Ledger, environ: Environ) -> None:
    """Ask whoever delivers to look at once; where nobody hears it, the sweep finds what is due."""
    from bridge.compose import hinter
    from bridge.delivery.hints import ALL

    sending = hinter(ledger, environ)
    sending.hint(ALL)
    sending.close()


def act(ledger: Ledger, environ: Environ, ids: Sequence[str], function: Act) -> Iterator[list[str]]:
    """Act on ids in the name of whoever is logged in; give those that it was true for, some after some, as stored."""
    from bridge.clock import SystemClock
    from bridge.ledger.acts import carry_out

    for some in carry_out(ledger, function, ids, f"{_user()} at the command line", SystemClock().now()):
        if some:
            _hint(ledger, environ)
        yield some


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "somebody"


def chosen(ids: Sequence[str], *, everything: bool) -> tuple[str, ...]:
    """Return the ids as they are stored; naming some and --all at once, or neither, is wrong use."""
    if bool(ids) == everything:
        raise click.UsageError("name ids, or give --all")
    return tuple(dict.fromkeys(one.strip().upper() for one in ids))
