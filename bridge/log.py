"""Logs: one line a fact, as text for people or JSON for machines; never a secret, never a body."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, cast

import structlog

if TYPE_CHECKING:
    from bridge.config.environ import Environ

log: structlog.stdlib.BoundLogger = structlog.get_logger("bridge")


class Unfailing:
    """Standard error, perhaps a file on a full disk: a line that can't be written is lost, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Hand on what is buffered, where that can be."""
        with suppress(OSError):
            self._stream.flush()


def set_up(environ: Environ) -> None:
    """Choose format and level as the environment says."""
    level = getattr(logging, environ.log_level.upper())
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if environ.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # the default one shows local variables where rich is installed, and these may be secrets
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
