"""Reading the configuration anew while it runs: valid as a whole, or not at all, and the operators hear of it."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bridge.config.load import load
from bridge.config.problem import ConfigError
from bridge.ledger import troubles
from bridge.ledger.ledger import open_ledger
from bridge.ledger.writer import UnavailableError
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.environ import Environ
    from bridge.config.load import Loaded
    from bridge.ledger.ledger import Ledger


def reload(environ: Environ, env: Mapping[str, str], last: Loaded, ledger: Ledger | None = None) -> Loaded | None:
    """Return the new configuration, None where it is refused and the last good one stays."""
    try:
        loaded = load(environ.config, env, require_secrets=True, last=last)
    except ConfigError as error:
        problems = [str(one) for one in error.problems]
        log.error("configuration refused, the last good one stays", problems=problems)
        note(environ, problems, ledger)
        return None
    note(environ, [], ledger)
    return loaded


def note(environ: Environ, problems: list[str], ledger: Ledger | None = None) -> None:
    """Write down that a configuration is refused here, or (without problems) that it is good."""
    where = f"{socket.gethostname()[:60]}:{environ.config.absolute()}"
    with ExitStack() as stack:
        try:
            used = ledger or stack.enter_context(closing(open_ledger(environ.database_url, prepared=True)))
            with used.read() as connection:
                known = troubles.refused(connection, where)
            if problems != known:
                used.write(lambda connection: troubles.refuse(connection, where, problems))
        except (UnavailableError, SQLAlchemyError) as error:
            # whoever reloads goes on serving: a database that is away is no reason to end
            log.error("the operators don't hear of the configuration: no database", error=type(error).__name__)
