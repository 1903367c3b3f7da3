"""Statements that are built once, and run by the driver's own cursor.

SQLAlchemy takes 20 µs to run a statement that it has compiled, of which the driver's share is 3; an alert takes some
thirty. What it would do is done here: values go in and out as `columns` has them, errors are its own, and who listens
to an engine hears of each. Only for what each alert or each second asks; all else asks SQLAlchemy.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Delete, Insert, Select, Update
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.compiler import ExpandedState

NOTHING: Mapping[str, Any] = MappingProxyType({})
COPIED = 8
"""From how many rows on PostgreSQL is given an insert as a COPY: of many rows it takes less than half of the time."""


class Statement:
    """A statement that is run with other values each time; of a list (`expanding`) each length is compiled by itself.

    A row is a named tuple. An insert takes the columns that its first row has.
    """

    def __init__(self, built: Select[Any] | Insert | Update | Delete) -> None:
        self._built = built
        self._lists: tuple[str, ...] | None = None
        self._made: dict[tuple[Any, ...], _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any] = NOTHING) -> list[Any]:
        """Return the rows that it finds.

        Raises:
            DBAPIError: as SQLAlchemy does, without the values.
        """
        made = self._compiled(connection.dialect, values)
        return made.shaped(_run(connection, made.sql, made.bound(values), _found))

    def first(self, connection: Connection, values: Mapping[str, Any] = NOTHING) -> Any | None:  # noqa: ANN401 - a row
        """Return the first row that it finds, or None (`rows`)."""
        return next(iter(self.rows(connection, values)), None)

    def run(self, connection: Connection, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Run it with some values, or with each of several, which are alike; return how many rows it changed.

        Raises:
            DBAPIError: as SQLAlchemy does, without the values.
        """
        several = [values] if isinstance(values, dict) else cast("Sequence[Mapping[str, Any]]", values)
        if not several:
            return 0
        made = self._compiled(connection.dialect, several[0])
        bound = [made.bound(one) for one in several]
        if made.copy and len(bound) >= COPIED:
            return cast("int", _run(connection, made.copy, bound, _copied))
        return cast("int", _run(connection, made.sql, bound[0] if len(bound) == 1 else bound, _changed))

    def _compiled(self, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:
        if self._lists is None:
            found = (one for one in visitors.iterate(self._built) if getattr(one, "expanding", False))
            self._lists = tuple({one.key for one in found if one.key in values})  # type: ignore[attr-defined]
        if self._built.is_insert:
            key: tuple[Any, ...] = (dialect.name, *values)
        else:
            key = (dialect.name, *[len(values[name]) for name in self._lists])
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _compile(self._built, dialect, values)
        return made


@dataclass(frozen=True, slots=True)
class _Slot:
    """A parameter: under which name its value is given, and which one of a list; or the `value` that it always has."""

    place: str
    name: str | None
    process: Callable[[Any], Any] | None
    number: int | None = None
    value: Any = None

    def of(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the driver takes
        if self.name is None:
            return self.value
        given = values[self.name] if self.number is None else values[self.name][self.number]
        return given if self.process is None else self.process(given)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What is sent to a driver, and what is made of what it answers; `copy` does the same for many rows."""

    sql: str
    by_name: bool
    slots: list[_Slot]
    copy: str | None
    row: Callable[[Sequence[Any]], Any] | None
    columns: list[tuple[int, Callable[[Any], Any]]]

    def bound(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the driver takes
        """Return the values as the driver takes them."""
        if self.by_name:
            return {slot.place: slot.of(values) for slot in self.slots}
        return tuple([slot.of(values) for slot in self.slots])

    def shaped(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Return rows as Python has their values."""
        make = self.row or tuple
        if not self.columns:
            return [make(row) for row in rows]
        shaped = []
        for row in rows:
            values = list(row)
            for number, process in self.columns:
                values[number] = process(values[number])
            shaped.append(make(values))
        return shaped


def _compile(built: Any, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:  # noqa: ANN401 - as `Statement`
    keys = list(values) if built.is_insert and built.select is None else None
    # its driver's, a generated key is not asked for
    compiled: Any = (built.inline() if built.is_insert else built).compile(dialect=dialect, column_keys=keys)
    state = compiled.construct_expanded_state(dict(values))
    lists: dict[str, tuple[str, int | None]] = {
        place: (name, number) for name, all_ in state.parameter_expansion.items() for number, place in enumerate(all_)
    }
    # one name may stand in several places, in some of which its type is not known
    made = (
        (name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for bind, name in compiled.bind_names.items()
    )
    processors = {name: process for name, process in made if process is not None} | dict(state.processors)
    places = state.positiontup if state.positiontup is not None else list(state.parameters)
    slots = [_slot(place, lists.get(place, (place, None)), processors.get(place), state, values) for place in places]
    row, columns = _shape(built, dialect)
    by_name = state.positiontup is None
    copy = None
    if keys and dialect.name == "postgresql" and " ON CONFLICT " not in state.statement:
        named = ", ".join(dialect.identifier_preparer.quote(slot.place) for slot in slots)
        copy = f"COPY {built.table.name} ({named}) FROM STDIN"
    return _Compiled(state.statement, by_name, slots, copy, row, columns)


def _slot(
    place: str,
    given: tuple[str, int | None],
    process: Callable[[Any], Any] | None,
    state: ExpandedState,
    values: Mapping[str, Any],
) -> _Slot:
    name, number = given
    if name in values:
        return _Slot(place, name, process, number)
    value: Any = state.parameters[place]
    return _Slot(place, None, None, value=value if process is None else process(value))


def _shape(built: Any, dialect: Dialect) -> tuple[Any, list[tuple[int, Callable[[Any], Any]]]]:  # noqa: ANN401
    if not built.is_select:
        return None, []
    selected = list(built.selected_columns)
    made = [one.type.dialect_impl(dialect).result_processor(dialect, None) for one in selected]
    names = [str(one.key) for one in selected]
    # what has no name is asked for by its place
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024 - its fields are data
    return row._make, [(number, process) for number, process in enumerate(made) if process is not None]


def begin(connection: Connection, how: str) -> None:
    """Begin a transaction by a statement, where a driver does not do it by itself.

    Raises:
        DBAPIError: as SQLAlchemy does.
    """
    _ask(connection, how, (), _changed)


def _run(connection: Connection, sql: str, bound: Any, do: Callable[..., Any]) -> Any:  # noqa: ANN401 - a driver's
    if not connection.in_transaction():
        connection.begin()
    return _ask(connection, sql, bound, do)


def _ask(connection: Connection, sql: str, bound: Any, do: Callable[..., Any]) -> Any:  # noqa: ANN401 - as `_run`
    cursor = connection.connection.cursor()
    try:
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, cursor, sql, bound, None, isinstance(bound, list))
        return do(cursor, sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        raise of_sqlalchemy(connection, sql, error) from error
    finally:
        cursor.close()


def _found(cursor: Any, sql: str, bound: Any) -> Sequence[Sequence[Any]]:  # noqa: ANN401 - a driver's
    cursor.execute(sql, bound)
    return cast("Sequence[Sequence[Any]]", cursor.fetchall())


def _changed(cursor: Any, sql: str, bound: Any) -> int:  # noqa: ANN401 - a driver's
    if isinstance(bound, list):
        cursor.executemany(sql, bound)
    else:
        cursor.execute(sql, bound)
    return int(cursor.rowcount)


def _copied(cursor: Any, sql: str, bound: Sequence[Mapping[str, Any]]) -> int:  # noqa: ANN401 - psycopg.Cursor
    with cursor.copy(sql) as copy:
        for row in bound:
            copy.write_row(list(row.values()))
    return len(bound)


def of_sqlalchemy(connection: Connection, sql: str, error: Exception) -> Exception:
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
