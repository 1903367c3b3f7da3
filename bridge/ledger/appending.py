"""Rows that many append at once: stored by one statement, which is a transaction by itself."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

Row = tuple[Any, ...]
"""Plain values, as the database has them: times in microseconds, JSON as text."""


class Appending:
    """Appends to `columns` of a table, the first of which is its key.

    A row that is there already stays: so a statement whose answer was lost can be sent once more.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        # nobody outside names a table or a column
        self._head = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES "  # nosec B608 # noqa: S608 - as said
        self._tail = f" ON CONFLICT ({columns[0]}) DO NOTHING"
        self._width = len(columns)

    def store(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Store rows, each in the order of the columns."""
        connection.exec_driver_sql(*self.statement(rows, "?" if connection.dialect.paramstyle == "qmark" else "%s"))

    def statement(self, rows: Sequence[Row], mark: str = "?") -> tuple[str, Row]:
        """Return the statement that stores rows, and its values; `mark` is what a driver has in place of one."""
        # by hand: SQLAlchemy compiles a statement of many rows anew each time, and executes single ones one by one
        one = f"({', '.join([mark] * self._width)})"
        return f"{self._head}{', '.join([one] * len(rows))}{self._tail}", tuple(chain.from_iterable(rows))
