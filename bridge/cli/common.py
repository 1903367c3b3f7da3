"""What the verbs share: their options, and errors as sentences instead of tracebacks."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.environ import Environ

config_option = click.option(
    "--config",
    envvar="BRIDGE_CONFIG",
    default="bridge.yml",
    show_default=True,
    metavar="F",
    type=click.Path(path_type=Path),
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show(words: str) -> None:
    """Show where long work is, to people; an empty text takes it away."""
    if sys.stderr.isatty():
        click.echo(f"\r{words[:75]:75}\r", err=True, nl=False)


def environment(config: Path) -> Environ:
    """Return the environment's settings, with the configuration file that was asked for."""
    from bridge.config.environ import from_environ
    from bridge.log import set_up

    found = replace(from_environ(os.environ), config=config)
    set_up(found)
    return found


@contextmanager
def sentences() -> Iterator[None]:
    """Print what a person can mend as a sentence and exit 1."""
    from bridge.config.problem import ConfigError
    from bridge.ledger.engine import AddressError, NotDurableError
    from bridge.ledger.migrate import OutdatedError
    from bridge.ledger.unavailable import UnavailableError

    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(1) from None
    except (AddressError, NotDurableError, OutdatedError, UnavailableError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None
