"""Teams by the names that alerts and files give them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.rules import TeamRules

LONGEST_TEAM = 100
"""Characters of a team's name, for which the ledger has room."""


def canonical_team(said: str, teams: Mapping[str, TeamRules]) -> str:
    """Return the configured team that a name or alias means, in any case; else the name itself, lower case.

    A name goes before an alias of another team. Invisible characters count in neither.
    """
    if said in teams:
        return said
    wanted = folded(said)
    for team in teams.values():
        if _configured(team.name) == wanted:
            return team.name
    for team in teams.values():
        if any(_configured(alias) == wanted for alias in team.aliases):
            return team.name
    return _seen(said).lower()[:LONGEST_TEAM].strip()


def folded(said: str) -> str:
    """Return a team's name or alias as it is compared: in any case, without what nobody sees of it."""
    return _seen(said).casefold()


# of names in the configuration alone, which are compared with each that is said
_configured = lru_cache(10_000)(folded)


def _seen(said: str) -> str:
    return " ".join(visible(said).split())


def visible(said: str) -> str:
    """Return a text without what nobody sees of it, any white space as a blank."""
    return said if said.isprintable() else "".join(one if one.isprintable() else " " * one.isspace() for one in said)
