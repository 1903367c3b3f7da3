"""What an alert means for its incident's history: whether its addresses hear of it, which line it wrote, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.alert import Status
from bridge.core.decision import decision, kept
from bridge.core.incident import State
from bridge.ledger.columns import stamp

if TYPE_CHECKING:
    from bridge.core.alert import NormalAlert
    from bridge.core.arrive import Arrival
    from bridge.core.cases import Case
    from bridge.core.routed import Routed
    from bridge.ledger.receipts import Receipt
    from bridge.ledger.stored import Line

JSON = dict[str, Any]
DECIDED = frozenset({"opened", "fires again", "fired late", "moved here", "priority"})
"""The lines that say where an incident is told anew; with the others the decision would be one more of the same."""


@dataclass(slots=True)
class Heard:
    """The details of one commit's lines, by incident and place in its history."""

    details: dict[Line, JSON] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)
    _kept: dict[tuple[object, ...], JSON] = field(default_factory=dict)

    def take(self, case: Case, receipt: Receipt, arrival: Arrival, routed: Routed) -> None:
        """Note whose doing the lines are that an alert has just added to a case."""
        first, last = self._lines.get(case.id, 0), len(case.history)
        if first == last:
            return
        self._lines[case.id] = last
        received = stamp(receipt.received_at)
        for number in range(first, last):
            self.details[case.id, number] = {"receipt": receipt.id, "received": received}
        decided = next((number for number in range(first, last) if case.history[number][0] in DECIDED), None)
        if decided is not None:
            self.details[case.id, decided]["decision"] = self._decision(arrival.alert, routed)

    def _decision(self, alert: NormalAlert, routed: Routed) -> JSON:
        """Return what was decided as it is kept, made once for alerts that go the same way for the same reasons."""
        key = (id(routed), alert.teams, alert.team_origin, alert.priority, alert.priority_origin)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = kept(decision(alert, routed))
        return found


def tells(case: Case, arrival: Arrival) -> bool:
    """Whether an alert's addresses are to be told of its incident.

    Not so for a resolve, a firing that changes nothing (late, stray, older news, of a closed incident), and never for
    one that another team set's incident took in: its own teams hear of it there.
    """
    if arrival.alert.alert.status is not Status.FIRING or arrival.outdated or case.team_set != arrival.team_set:
        return False
    return case.open or case.fresh or (case.changed and case.state is not State.CLOSED)
