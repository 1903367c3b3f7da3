"""The request that opens a message, a page or an issue, drawn as people will see it.

The frames stand in `data/request.html`, which escapes everything but what the renderers made.
"""

from __future__ import annotations

import hashlib
import html
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bridge.drawn import blockkit, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

_PALETTE = ("0e8a16", "1d76db", "5319e7", "b60205", "d93f0b", "fbca04", "006b75", "bfdadc")


def label_color(name: str) -> str:
    """The colour of a label that was made on the fly, six hex digits; GitHub gives all of them the same grey."""
    return _PALETTE[hashlib.sha256(name.lower().partition(":")[0].encode()).digest()[3] % len(_PALETTE)]


def _rendered(renderer: Callable[..., str]) -> Callable[..., Markup]:
    """A filter whose HTML a template takes as it is: the renderers escape by themselves."""
    return lambda *given: Markup(renderer(*given))  # noqa: S704 (see above)


FILTERS: dict[str, Callable[..., Any]] = {
    "blocks": _rendered(blockkit.blocks),
    "mrkdwn": _rendered(blockkit.mrkdwn),
    "markdown": _rendered(markdown.render),
    "link": _rendered(lambda url, label: markdown.link(url, html.escape(label))),
    "color": label_color,
}
"""For templates that escape everything: what turns texts of messages into HTML."""


def drawn(kind: str, address: str, body: Mapping[str, Any]) -> str:
    """Return a request's body as HTML.

    Args:
        kind: "slack", "pagerduty" or "github".
        address: where it would be sent, as people know it.
        body: the request, as the kind's client sends it.
    """
    draw: Callable[..., str] = getattr(_frames(), kind)
    return str(draw(address, body, blockkit.Names()))


@cache
def _frames() -> ModuleType:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= FILTERS
    frames: Any = environment.from_string(files("bridge.drawn").joinpath("data", "request.html").read_text("utf-8"))
    module: ModuleType = frames.module
    return module
