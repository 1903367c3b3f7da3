"""What stands above a message of shadow mode: where the incident would have gone, and who would have been called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.render.words import listing

if TYPE_CHECKING:
    from bridge.core.incident import Incident
    from bridge.core.shadow import Would

MOST: Final = 6
"""Names that are told, of each sort."""


def heading(incident: Incident, would: Would) -> str:
    """Return the heading, unescaped; it names the teams where others of the incident's are live."""
    whose = f" for {_listed(would.teams)}" if set(incident.teams) - set(would.teams) else ""
    called = f", would have mentioned {_listed(would.mentions)}" if would.mentions else ""
    return f"SHADOW{whose}: would have gone to {_listed(would.places) or 'nobody'}{called}"


def _listed(names: tuple[str, ...]) -> str:
    if 1 < len(names) <= MOST:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return listing(names, MOST)
