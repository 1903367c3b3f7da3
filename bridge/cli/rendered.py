"""A preview in words, request by request: what `render` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.cli.explained import address, remarks
from bridge.cli.show import json_text
from bridge.readable import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = dict[str, Any]


def rendered(found: JSON, destination: str | None) -> Iterator[str]:
    """Yield the lines of `render`: what people would read, and the request."""
    anything = False
    for told in found["incidents"]:
        for planned in _of(told, destination):
            yield from [""] * anything
            anything = True
            yield f"{address(planned)}, incident {told['number']}: {told['title']}"
            yield from remarks(planned)
            yield from _request(planned)
    if not anything:
        yield f"Nothing is sent to {destination or 'any destination'}; `bridge explain` says why."


def _request(planned: JSON) -> Iterator[str]:
    request = planned["request"]
    if request is None:
        yield f"  nothing is sent: {planned['skipped']}"
        return
    yield from (f"  | {line}" for line in readable(planned["kind"], request["body"]))
    yield f"  {request['method']} {request['url']}"
    yield from (f"  {line}" for line in json_text(request["body"]).splitlines())


def rendered_json(found: JSON, destination: str | None) -> list[JSON]:
    """Return what `render --json` prints: a request, or why there is none, for each address."""
    return [
        {"incident": told["number"], **planned} for told in found["incidents"] for planned in _of(told, destination)
    ]


def _of(told: JSON, destination: str | None) -> list[JSON]:
    """Return the deliveries that a destination's name has a part in."""
    return [
        planned
        for planned in told["deliveries"]
        if destination in {None, planned["destination"], *(other.split()[0] for other in planned["also"])}
    ]
