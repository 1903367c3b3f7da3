"""The row of a team at a priority: which destinations are told, by whose word, and who left the others out.

Later wins: the send table, the team's own `send`, the `send` of matching routes. A word that would leave nobody counts
for nothing: to tell nobody, a priority's word is mapped to `drop`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.rules import Inherited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.core.fill import Facts
    from bridge.core.rules import Rules, Sending


@dataclass(frozen=True, slots=True)
class Row:
    """The destinations that are told, in order, each with what names it; of the other declared ones, why not."""

    names: Mapping[str, Inherited]
    left_out: Mapping[str, str]


@dataclass(slots=True)
class _Changes:
    """What routes' `send` come to: whole lists and additions add up, and the latest word on a name counts."""

    whole: dict[str, Inherited] | None = None
    added: dict[str, Inherited] = field(default_factory=dict)
    removed: dict[str, Inherited] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)

    def take(self, send: Sending, place: Inherited) -> None:
        """Take in one more route's `send`."""
        if send.names is not None:
            self.whole = {**(self.whole or {}), **dict.fromkeys(send.names, place)}
            self.listed.append(str(place))
        self.added.update(dict.fromkeys(send.add, place))
        for name in (*(send.names or ()), *send.add):
            self.removed.pop(name, None)
        for name in send.remove:
            self.removed[name] = place
            self.added.pop(name, None)

    def left_out(self, name: str) -> str | None:
        """Say why a destination is not told; None where the routes have no word on it."""
        if name in self.removed:
            return f"taken out by {self.removed[name]}"
        return f"not in the send of {' and '.join(self.listed)}" if self.whole is not None else None


def row(facts: Facts, sends: Sequence[tuple[str, Sending]], rules: Rules) -> Row:
    """Return the destinations of a team at a priority.

    Args:
        facts: The team and the priority.
        sends: The matching routes' `send`, each with the route's name.
        rules: The configuration.
    """
    level = facts.priority
    place = Inherited(f"send {level}", rules.send_places.get(level, ""))
    names = dict.fromkeys(rules.send.get(level, ()), place)
    without = {name: f"not in {place}" for name in rules.destinations if name not in names}
    team = rules.teams.get(facts.team)
    if team and (own := team.send.get(level)):
        place = Inherited(f"team {team.name}, send {level}", team.places.get(("send", level), ""))
        before, names = names, _applied(own, names, place) or names
        gone = rules.destinations if own.names is not None else before
        how = "not in" if own.names is not None else "taken out by"
        without |= {name: f"{how} {place}" for name in gone if name not in names}
    changes = _Changes()
    for name, send in sends:
        changes.take(send, Inherited(name))
    base = names if changes.whole is None else changes.whole
    every = {**base, **changes.added}
    told = {name: place for name, place in every.items() if name not in changes.removed}
    if not told:
        told = {
            name: Inherited(f"{place}, though taken out by {changes.removed[name]}, for nobody else is left")
            for name, place in every.items()
        }
    left = {name: changes.left_out(name) or without.get(name, "") for name in rules.destinations if name not in told}
    return Row(told, left)


def _applied(send: Sending, names: Mapping[str, Inherited], place: Inherited) -> dict[str, Inherited]:
    """Apply a whole list, or additions and removals, to the row inherited so far."""
    base = dict(names) if send.names is None else dict.fromkeys(send.names, place)
    for name in send.add:
        base.setdefault(name, place)
    return {name: place for name, place in base.items() if name not in send.remove}
