"""`bridge render --watch`: shows something again whenever one of its files changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from bridge.changes import stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from bridge.config.loaded import Loaded

EVERY = 0.25
"""Seconds between two looks at the files."""


def watch(show: Callable[[], Loaded | None], files: Callable[[Loaded | None], Iterable[Path]]) -> None:
    """Show again and again, until Ctrl-C; what is wrong is shown in place.

    Args:
        show: shows once, and returns the configuration that it read; ends with SystemExit where something is wrong.
        files: what it depends on, by the configuration that was read last.
    """
    loaded = None
    pause = threading.Event()
    try:
        while True:
            click.clear()  # only on a terminal
            # looked at before they are read: what changes in between is seen as a change
            before = stamps(files(loaded))
            try:
                loaded = show() or loaded
            except (SystemExit, click.ClickException, OSError) as error:
                if isinstance(error, OSError) and error.filename is None:
                    raise  # none of the files is at fault: nobody reads what is shown any more
                _say(error)
            before = {**stamps(set(files(loaded)) - before.keys()), **before}
            click.echo(f"Watching {len(before)} files; Ctrl-C ends it.", err=True)
            while stamps(files(loaded)) == before:
                pause.wait(EVERY)
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def _say(error: BaseException) -> None:
    """Show an error that nobody has shown yet."""
    if isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, OSError):
        click.echo(f"{error.filename}: {error.strerror}", err=True)
