"""How values are stored: times as whole microseconds since 1970 in UTC, JSON as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, overload

from sqlalchemy import BigInteger, Text
from sqlalchemy.types import TypeDecorator

from bridge.storable import storable

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return an aware time as whole microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return whole microseconds since 1970 as an aware UTC time."""
    return EPOCH + timedelta(microseconds=micros)


@overload
def stamp(moment: datetime) -> str: ...
@overload
def stamp(moment: datetime | None) -> str | None: ...
def stamp(moment: datetime | None) -> str | None:
    """Return a time as the API and stored JSON show it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def to_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a JSON value as compact text. What can't be stored is replaced: NUL, and half a pair of surrogates."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).replace("\\u0000", "\\ufffd")
    return text if text.isascii() else storable(text)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """Python to database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Database to Python."""
        return None if value is None else from_micros(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value, stored as compact text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - any JSON
        """Python to database."""
        return None if value is None else to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - any JSON
        """Database to Python."""
        return None if value is None else json.loads(value)
