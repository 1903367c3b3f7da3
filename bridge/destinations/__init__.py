"""The kinds of destination that there are. A new kind is one folder here, and its name below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from bridge.destinations.ports import Kind


class _Kinds(Mapping[str, "Kind"]):
    """Each kind by its name, loaded once it is asked for: who takes alerts in only needs the names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Kind:
        if name not in self._names:
            raise KeyError(name)
        return cast("Kind", import_module(f"bridge.destinations.{name}"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


KINDS: Mapping[str, Kind] = _Kinds("slack", "pagerduty", "github")
