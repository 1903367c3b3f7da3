"""What a rendering may use: whatever a template does spends steps or characters, and where none are left it ends.

Nothing that takes time or memory in proportion to a value is free: filters, tests, comparisons, calls and parts of
values spend what their values weigh, and bodies of loops and macros what stands in them, each time they run.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from jinja2.exceptions import SecurityError, TemplateRuntimeError
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MOST_STEPS: Final = 20_000
"""Parts of a template that are run, items that are handled, and `PIECE`s of text that are handled, together."""
MOST_CHARACTERS: Final = 100_000
"""Characters that are put out, into the block or into a value of the template's own."""
PIECE: Final = 50
"""Characters of text that are handled in one step."""
LARGEST: Final = 10**15
"""Numbers that are calculated with are not beyond it, so that none becomes one of a million digits."""
VIEWS: Final[tuple[type[Collection[Any]], ...]] = (type({}.keys()), type({}.values()), type({}.items()))
"""What maps give of themselves. Not as abstract classes, which take long to ask."""


@dataclass(slots=True)
class Rendering:
    """One rendering under way.

    How values, links and the template's own text are written in its block, what it may still use, and the addresses
    that it refused to link.
    """

    escape: Callable[[str], str]
    link: Callable[[str, str], str]
    written: Callable[[str], str]
    steps: int = MOST_STEPS
    room: int = MOST_CHARACTERS
    refused: list[str] = field(default_factory=list)

    def spend(self, steps: int = 1, characters: int = 0) -> None:
        """Count what is about to be used; end the rendering where it is too much."""
        self.steps -= steps
        self.room -= characters
        if self.steps < 0:
            raise TemplateRuntimeError(f"does more than {MOST_STEPS:,} steps")
        if self.room < 0:
            raise TemplateRuntimeError(f"makes more than {MOST_CHARACTERS:,} characters")

    def put(self, plain: str) -> str:
        """Escape a text that is put out; it is counted before, since escaping may leave nothing of it."""
        room = len(plain)
        self.steps -= 2
        self.room -= room
        if self.steps < 0 or self.room < 0:
            self.spend(0)
        made = self.escape(plain)
        if len(made) > room:
            self.spend(0, len(made) - room)
        return made


CURRENT: ContextVar[Rendering] = ContextVar("rendering")


def weigh(value: object) -> None:
    """Spend what it takes to look at all of a value, however deep: a step an item, and one a piece of text."""
    if isinstance(value, str) and len(value) < PIECE:
        return  # as most values do
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            CURRENT.get().spend(len(one) // PIECE)
        elif isinstance(one, _LISTS):
            CURRENT.get().spend(len(one))
            todo += [part for part in one if not isinstance(part, str) or len(part) >= PIECE]
        elif isinstance(one, dict):
            todo.append(one.items())
        else:
            todo += [getattr(one, name) for name in parts_of(type(one))]


_LISTS: Final[tuple[type[Collection[Any]], ...]] = (list, tuple, *VIEWS)
_PARTS: dict[type, tuple[str, ...]] = {}


def parts_of(kind: type) -> tuple[str, ...]:
    """Return what a template may name of a part of a view, all its fields; of anything else nothing."""
    parts = _PARTS.get(kind)
    if parts is None:
        parts = _PARTS[kind] = tuple(kind.__dataclass_fields__) if is_dataclass(kind) else ()
    return parts


def counted(function: Callable[..., Any], *, items: bool = False) -> Callable[..., Any]:
    """Return a filter or a test that spends what it is given and what it makes.

    Args:
        function: as Jinja takes it, with its mark where it wants context or environment first.
        items: it goes over its value item by item, text letter by letter, and may look at parts of each.
    """
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def run(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever a template puts in
        values = [bare(value) for value in given[first:]]
        weigh([*values, *named.values()] if named else values)
        if items and values:
            values[0] = _items(values[0], [*values[1:], *named.values()])
        made = function(*given[:first], *values, **named)
        if hasattr(made, "__next__"):
            made = list(made)
        weigh(made)
        return made

    return run


def _items(value: Any, others: list[Any]) -> list[Any]:  # noqa: ANN401 - whatever a template puts in
    """Return the items; spend a step for each, and more where parts of parts are asked for: "a.b.c"."""
    parts = sum([1 + other.count(".") + other.count(",") for other in others if isinstance(other, str)])
    CURRENT.get().spend((len(value) if hasattr(value, "__len__") else 0) * (1 + parts))
    return list(value)


def bare(value: Any) -> Any:  # noqa: ANN401 - anything may be sliced
    """Return markup as plain text, so that a part of it is escaped anew; all else as it is."""
    return str.__str__(value) if isinstance(value, Markup) else value


def calculable(value: object) -> bool:
    """Say whether a value is a number that may be calculated with."""
    return isinstance(value, (int, float)) and abs(value) <= LARGEST


def numbers(*bounds: int) -> list[int]:
    """Return what `range` does, each number counted before it is there."""
    if not all(calculable(bound) for bound in bounds):
        raise SecurityError("range() of these values is not allowed")
    found = range(*bounds)
    CURRENT.get().spend(len(found))
    return list(found)
