"""An incident's alerts as its page shows them: what all of them say once, what each says by itself, nothing endless."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from bridge.render.text import http_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.ledger.shapes import AlertShape

T = TypeVar("T")
NAME: Final = 200
TEXT: Final = 20_000
PAIRS: Final = 100
"""Characters of a name and of a text, and how many of each sort one alert shows."""
ROOM: Final = 400_000
SHORT: Final = 200
FEW: Final = 10
"""Characters of texts that a page shows; where they are used up, a text is cut to `SHORT`, and a sort to `FEW`."""
LINKS: Final = {
    "alert": "View alert",
    "dashboard": "Dashboard",
    "panel": "Panel",
    "runbook": "Runbook",
    "silence": "Silence",
    "image": "Picture",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What alerts say: texts by name, numbers by name, addresses by what they lead to."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """The alerts of a page: what all of them say, and of each what it says besides; whether anything was cut."""

    common: Said
    rows: Sequence[tuple[AlertShape, Said]]
    cut: bool


def shown(alerts: Sequence[AlertShape]) -> Shown:
    """Return how alerts are shown."""
    room = _Room()
    common = Said(
        annotations=room.texts(_common([one["annotations"] for one in alerts])),
        links=_links(_common([one["links"] for one in alerts])),
    )
    rows = [
        (
            one,
            Said(
                room.texts(one["labels"]),
                room.texts({name: text for name, text in one["annotations"].items() if name not in common.annotations}),
                room.numbers(one["values"]),
                {name: url for name, url in _links(one["links"]).items() if common.links.get(name) != url},
            ),
        )
        for one in alerts
    ]
    return Shown(common, rows, room.cut)


def _common(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what several alerts have alike; one alone has nothing in common."""
    if len(each) < 2:  # noqa: PLR2004 - several
        return {}
    first, *others = each
    return {name: text for name, text in first.items() if all(other.get(name) == text for other in others)}


def _links(links: Mapping[str, str]) -> dict[str, str]:
    found = {LINKS[name]: http_link(links[name]) for name in LINKS if name in links}
    return {name: url for name, url in found.items() if url}


class _Room:
    """What is left of a page."""

    def __init__(self) -> None:
        self._left = ROOM
        self.cut = False

    def texts(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return texts by name, cut where they would fill the page."""
        return {self._short(name, NAME): self._short(text, TEXT) for name, text in self._few(texts)}

    def numbers(self, values: Mapping[str, float | None]) -> dict[str, float | None]:
        """Return values by name."""
        return {self._short(name, NAME): value for name, value in self._few(values)}

    def _few(self, pairs: Mapping[str, T]) -> list[tuple[str, T]]:
        most = PAIRS if self._left > 0 else FEW
        self.cut = self.cut or len(pairs) > most
        return list(islice(pairs.items(), most))

    def _short(self, text: str, most: int) -> str:
        most = min(most, max(self._left, SHORT))
        self._left -= min(len(text), most)
        if len(text) <= most:
            return text
        self.cut = True
        return f"{text[:most]}…"
