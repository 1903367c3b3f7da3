"""Statements by a driver's own cursor, as SQLAlchemy would run them: its errors, and its listeners hear of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection


def begin(connection: Connection, how: str) -> None:
    """Begin a transaction by a statement, where a driver does not do it by itself.

    Raises:
        DBAPIError: as SQLAlchemy does.
    """
    _ask(connection, how, (), changed)


def run(connection: Connection, sql: str, bound: Any, do: Callable[..., Any]) -> Any:  # noqa: ANN401 - a driver's
    """Return what `do` (`found`, `changed`, `copied`) makes of a statement and its values, within a transaction.

    Raises:
        DBAPIError: as SQLAlchemy does, without the values.
    """
    if not connection.in_transaction():
        connection.begin()
    return _ask(connection, sql, bound, do)


def _ask(connection: Connection, sql: str, bound: Any, do: Callable[..., Any]) -> Any:  # noqa: ANN401 - as `run`
    cursor = connection.connection.cursor()
    try:
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, cursor, sql, bound, None, isinstance(bound, list))
        return do(cursor, sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _of_sqlalchemy(connection, sql, error) from error
    finally:
        cursor.close()


def found(cursor: Any, sql: str, bound: Any) -> Sequence[Sequence[Any]]:  # noqa: ANN401 - a driver's
    """Return the rows that it finds."""
    cursor.execute(sql, bound)
    return cast("Sequence[Sequence[Any]]", cursor.fetchall())


def changed(cursor: Any, sql: str, bound: Any) -> int:  # noqa: ANN401 - a driver's
    """Return how many rows it changed; `bound` is a list where it is run with several values."""
    if isinstance(bound, list):
        cursor.executemany(sql, bound)
    else:
        cursor.execute(sql, bound)
    return int(cursor.rowcount)


def copied(cursor: Any, sql: str, bound: Sequence[Mapping[str, Any]]) -> int:  # noqa: ANN401 - psycopg.Cursor
    """Return how many rows it took to PostgreSQL."""
    with cursor.copy(sql) as copy:
        for row in bound:
            copy.write_row(list(row.values()))
    return len(bound)


def _of_sqlalchemy(connection: Connection, sql: str, error: Exception) -> Exception:
    """Return a driver's error as SQLAlchemy's, without values; a connection that was cut is not used again."""
    dialect = connection.dialect
    cut = dialect.is_disconnect(cast("Any", error), connection.connection, None)
    base: Any = dialect.loaded_dbapi.Error
    made = DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, connection_invalidated=cut, dialect=dialect
    )
    if cut:
        connection.invalidate(error)
    return made
