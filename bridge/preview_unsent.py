"""Where an incident is not sent, for a look at what it would be there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.core.route import target_at
from bridge.core.routed import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.core.incident import Incident
    from bridge.core.rules import Rules

UNSENT = "nothing sends it there"
EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "slack": {"channel": "#alerts"},
    "pagerduty": {},
    "github": {"repo": "owner/repository"},
}
"""The settings of kinds that no destination is of."""


def unsent(rules: Rules, incident: Incident, targets: Sequence[Target]) -> Iterator[Target]:
    """Yield a target for each kind that has none: its first destination that can tell this team, else an example."""
    team = incident.teams[0] if incident.teams else rules.normalize.default_team
    for kind in sorted(EXAMPLES.keys() - {target.kind for target in targets}):
        names = [one.name for one in rules.destinations.values() if one.kind == kind]
        found = (target_at(rules, name, team, incident.priority, incident.source) for name in names)
        first = next((one for one in found if isinstance(one, Target)), None)
        yield replace(first, why=UNSENT) if first else Target(kind, kind, team, EXAMPLES[kind], {}, UNSENT)
