"""How the bodies of a source are read: by their own shape, or through the source's `mapping` (JMESPath)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from bridge.core.alert import UnreadableError
from bridge.core.payload import parse

if TYPE_CHECKING:
    from bridge.config.sources import SourceSettings
    from bridge.core.alert import Group


class Reader(Protocol):
    """Reads a body; raises UnreadableError."""

    def __call__(self, body: bytes, source: str) -> Group:
        """Return the group that a body holds, `source` for the sentence of an error."""
        ...


def reader(source: SourceSettings | None) -> Reader:
    """Return what reads a source's bodies; of a source that is not configured any more, by their own shape."""
    if source is None or source.mapping is None:
        return parse
    import jmespath  # noqa: PLC0415 - most sources have no mapping

    expression = jmespath.compile(source.mapping)

    def mapped(document: object) -> object:
        try:
            return expression.search(document)
        except Exception as error:  # whatever a function of the library makes of a hostile body
            raise UnreadableError(f"its mapping can't be applied to this body: {type(error).__name__}") from error

    return partial(parse, mapped=mapped)
