"""Logs: one line a fact, as text for people or JSON for machines; never a secret, never a body."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, cast

from bridge.lean import without

with without("rich", "colorama", "better_exceptions"):  # tracebacks are plain text here
    import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from bridge.config.environ import Environ

log: structlog.stdlib.BoundLogger = structlog.get_logger("bridge")
about = structlog.contextvars.bound_contextvars
"""`with about(incident=…):` puts ids into every line that is written inside, by this thread."""
LONGEST = 500
"""Characters of what a library says."""


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
    """Choose format and level as the environment says: without a word of it, text for a terminal, else JSON."""
    level = getattr(logging, environ.log_level.upper())
    stream = cast("TextIO", Unfailing(sys.stderr))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _json() if (environ.log_format or _usual()) == "json" else _text()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # what libraries warn of, gunicorn too: the same lines
    handler = logging.StreamHandler(stream)
    finish = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _cut], processors=finish
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _kind, error, _trace: _uncaught(error)
    threading.excepthook = lambda said: _uncaught(said.exc_value)


def _usual() -> str:
    return "text" if sys.stderr.isatty() else "json"


def _json() -> list[Processor]:
    # tracebacks as text: structured ones would show local variables, and these may be secrets
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _text() -> list[Processor]:
    # the default formatter shows local variables where rich is installed
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _cut(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    line["event"] = str(line["event"]).strip()[:LONGEST]
    return line


def _uncaught(error: BaseException | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    log.error("ended by an error that nobody expected", error=type(error).__name__, exc_info=error)
