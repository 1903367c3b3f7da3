"""Parts of a view that are made when they are first asked for: most templates name few of those that take long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from jinja2.runtime import Context
from jinja2.utils import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

T = TypeVar("T")


class _Unmade:
    """Stands in a field until somebody asks for it."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


def later(make: Callable[[], T]) -> T:
    """Return what stands for a value until it is asked for: for the fields that `made_later` names, and no others."""
    return cast("T", _Unmade(make))


class _Field:
    """One field of a class with slots; what was given `later` is made when it is first read."""

    def __init__(self, slot: Any) -> None:  # noqa: ANN401 - Python's own has no name
        self._slot = slot

    def __get__(self, one: object, owner: type | None = None) -> Any:  # noqa: ANN401 - whatever the field holds
        value = self._slot.__get__(one, owner)
        if isinstance(value, _Unmade):
            value = value.make()
            self._slot.__set__(one, value)
        return value

    def __set__(self, one: object, value: object) -> None:
        self._slot.__set__(one, value)


def made_later(kind: type, names: Iterable[str]) -> None:
    """Let these fields of a class with slots be given `later`."""
    for name in names:
        setattr(kind, name, _Field(getattr(kind, name)))


class Parts(dict[str, Any]):
    """What a template may name: what is there, and the fields of a view that are made when they are named."""

    def __init__(self, there: Mapping[str, object], view: object, names: Collection[str]) -> None:
        super().__init__(there)
        self._view = view
        self._names = names

    def made(self, name: str) -> Any:  # noqa: ANN401 - whatever the field holds
        """Return a field by its name, Jinja's `missing` where there is none of that name."""
        if name not in self._names:
            return missing
        value = self[name] = getattr(self._view, name)
        return value

    def complete(self) -> None:
        """Make all that is not there yet."""
        for name in self._names:
            self.made(name)


class Seeing(Context):
    """A rendering's context that makes what its template names."""

    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - as Jinja has it
        """Look up a name; as Jinja does, and then among what can be made."""
        if key in self.vars:
            return self.vars[key]
        if key in self.parent:
            return self.parent[key]
        return self.parent.made(key) if isinstance(self.parent, Parts) else missing

    def get_all(self) -> dict[str, Any]:
        """Return all that there is, for another template that sees it."""
        if isinstance(self.parent, Parts):
            self.parent.complete()
        return super().get_all()
