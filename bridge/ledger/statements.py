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

from sqlalchemy.sql import visitors

from bridge.ledger import driver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Delete, Insert, Select, Update
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.compiler import ExpandedState

NOTHING: Mapping[str, Any] = MappingProxyType({})
LONG = 1024
"""Values of a list up to which its room is a power of two; beyond, a multiple of this."""
COPIED = 8
"""From how many rows on PostgreSQL is given an insert as a COPY: of many rows it takes less than half of the time."""


class Statement:
    """A statement that is run with other values each time.

    A row is a named tuple. An insert takes the columns that its first row has. A list (`expanding`, for IN and NOT IN)
    has room for more, in which its last value stands again: so few lengths are compiled, and kept.
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
        return made.shaped(driver.run(connection, made.sql, made.bound(values), driver.found))

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
            return cast("int", driver.run(connection, made.copy, bound, driver.copied))
        return cast("int", driver.run(connection, made.sql, bound[0] if len(bound) == 1 else bound, driver.changed))

    def _compiled(self, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:
        if self._lists is None:
            found = (one for one in visitors.iterate(self._built) if getattr(one, "expanding", False))
            self._lists = tuple({one.key for one in found if one.key in values})  # type: ignore[attr-defined]
        if self._built.is_insert:
            key: tuple[Any, ...] = (dialect.name, *values)
        else:
            key = (dialect.name, *[room(len(values[name])) for name in self._lists])
        made = self._made.get(key)
        if made is None:
            filled = {name: _filled(values[name]) for name in self._lists}
            made = self._made[key] = _compile(self._built, dialect, {**values, **filled})
        return made


def room(length: int) -> int:
    """Return for how many values a list of a length is compiled."""
    if length > LONG:
        return -(-length // LONG) * LONG
    return length and 1 << (length - 1).bit_length()


def _filled(given: Sequence[Any]) -> list[Any]:
    return [*given, *[given[-1] for _ in range(room(len(given)) - len(given))]]


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
        given = values[self.name]
        if self.number is not None:
            given = given[self.number] if self.number < len(given) else given[-1]
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
    # inline: a key that the database generates is not asked for
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


def _shape(built: Any, dialect: Dialect) -> tuple[Any, list[tuple[int, Callable[[Any], Any]]]]:  # noqa: ANN401 - as above
    if not built.is_select:
        return None, []
    selected = list(built.selected_columns)
    made = [one.type.dialect_impl(dialect).result_processor(dialect, None) for one in selected]
    names = [str(one.key) for one in selected]
    # what has no name is asked for by its place
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc] # noqa: PYI024 - its fields are data
    return row._make, [(number, process) for number, process in enumerate(made) if process is not None]
