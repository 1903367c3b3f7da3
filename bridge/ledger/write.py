"""What somebody asked the writer for, and how its asker hears what came of it."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.ledger.unavailable import RefusedError, UnavailableError, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bridge.ledger.appending import Appending, Row

PATIENCE = 2.0
"""Seconds that a writer waits for its turn before it is told that nothing could be stored (contract: 503)."""
LONG_PATIENCE = 20.0
"""Seconds that one may wait for whom no sender waits: a busy machine is no fault."""
SLACK = 3.0
"""Seconds past that for one that is being written just then: whoever is told that it was not stored should be told so
truly, even where the machine is so busy that a thread stands still between two steps. Only a disk that hangs for longer
may have stored it, and then its sender, who tries again, is heard twice."""


@dataclass(slots=True, eq=False)
class Write:
    """What somebody asked to write: a function, or a row. It is given up where it waited until after its `deadline`.

    `patience` is how many seconds that was, for the sentence that says so.
    """

    deadline: float
    function: Callable[[Connection], Any] | None = None
    into: Appending | None = None
    row: Row = ()
    patience: float = PATIENCE
    future: Future[Any] = field(default_factory=Future)

    def overdue(self) -> bool:
        """Return whether nobody need wait for it any longer; what nobody has begun to write by then never is."""
        now = time.monotonic()
        return now > self.deadline and (self._given_up() or now > self.deadline + SLACK)

    def _given_up(self) -> bool:
        if given_up := self.future.cancel():
            self.function, self.row = None, ()  # its body need not wait in memory for the writer to come by
        return given_up

    @property
    def known(self) -> bool:
        """Whether it is known what came of it."""
        return self.future.done()

    def then(self, call: Callable[[], None]) -> None:
        """Have `call` made once it is known what came of it, by the writer's thread: it must not wait for anything."""
        self.future.add_done_callback(lambda _: call())

    def result(self) -> Any:  # noqa: ANN401 - what the function returns
        """Wait until it is committed, and return the function's result.

        Raises:
            RefusedError: the database refuses these values.
            UnavailableError: it could not be stored in time; on a lost PostgreSQL answer it may have been.
        """
        try:
            return self._outcome()
        except (FutureTimeoutError, CancelledError):
            raise UnavailableError(f"the database was busy for over {self.patience:.0f} s; try again") from None
        except (DataError, IntegrityError) as error:
            raise RefusedError("the database refused it") from error
        except (DBAPIError, PoolTimeoutError) as error:
            raise UnavailableError(reason(error)) from error

    def _outcome(self) -> Any:  # noqa: ANN401 - what the function returns
        try:
            return self.future.result(timeout=max(self.deadline - time.monotonic(), 0.0))
        except FutureTimeoutError:
            if self._given_up():
                raise
            return self.future.result(timeout=max(self.deadline + SLACK - time.monotonic(), 0.0))
