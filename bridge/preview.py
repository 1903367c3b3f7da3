"""What a payload would become, as plain values: what `explain` and `render` show. Sends nothing, stores nothing.

It goes the way of `bridge.absorb` and of a lane's first turn, with an empty book: as if nothing was known before. Ids
are placeholders of the real length, and secrets stay references, so that none can stand in what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from bridge.core.arrive import order_of
from bridge.core.arriving import arriving
from bridge.core.merge import Book
from bridge.core.normalize import normalize
from bridge.core.payload import parse
from bridge.heard import tells
from bridge.preview_alert import seen
from bridge.preview_incident import incident_of
from bridge.preview_step import NOTHING_TRIED, Planner
from bridge.render.members import tally

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from bridge.core.cases import Case
    from bridge.core.incident import Incident
    from bridge.core.routed import Target
    from bridge.core.rules import Rules
    from bridge.mapping import Reader
    from bridge.preview_alert import Seen
    from bridge.preview_step import Planned, Trial

_ID = 26
"""Characters of a real id."""


@dataclass(frozen=True, slots=True)
class Told:
    """One incident of the payload, and the first step at each of its addresses."""

    number: int
    title: str
    state: str
    priority: str
    teams: tuple[str, ...]
    alerts: int
    deliveries: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that is to say about one payload; of very much the first part, and how many more there are."""

    source: str
    shape: str
    truncated: int
    problems: tuple[str, ...]
    alerts: tuple[Seen, ...]
    incidents: tuple[Told, ...]
    more_alerts: int = 0
    more_incidents: int = 0


@dataclass(slots=True)
class _Draft:
    """An incident on its way: its case, and the targets of its alerts in their order.

    `over` are those of resolves: they count only where nothing of the incident ever fired (as in `bridge.absorb`).
    """

    number: int
    case: Case
    firing: list[Target] = field(default_factory=list)
    over: list[Target] = field(default_factory=list)

    @property
    def targets(self) -> list[Target]:
        """Where the incident is told."""
        return [*self.firing, *(self.over if self.case.never_fired else ())]


def preview(  # noqa: PLR0913 - its ports
    body: bytes,
    source: str,
    *,
    rules: Rules,
    env: Mapping[str, str] | None,
    templates: tuple[Path, ...],
    now: datetime,
    read: Reader = parse,
    trial: Trial = NOTHING_TRIED,
) -> Preview:
    """Say what a payload would become.

    Args:
        body: The request's body, as a source would post it.
        source: The source's name.
        rules: The configuration; its secrets may be missing.
        env: The environment's variables, where secrets are looked up (two references may name one place); None: none
            is read, and places are told apart by their references.
        templates: The template folders.
        now: The time of arrival.
        read: How the source's bodies are read.
        trial: What is tried out in place of what is configured.

    Raises:
        UnreadableError: the body is no notification; the sentence is that of the quarantine.
    """
    group = read(body, source)
    numbers = count(1)
    book = Book(
        source, lambda: f"{next(numbers):0{_ID}}", rules.reopen_duration, now=now, stale_after=rules.stale_after
    )
    said = [normalize(alert, group, rules.normalize, rules.teams) for alert in group.alerts]
    told_of = [(place, group, now, said[place]) for place in order_of(group.alerts)]
    drafts: dict[str, _Draft] = {}
    alerts: dict[int, Seen] = {}
    for place, arrival, routed in arriving(told_of, source, rules, lambda _, fired: fired):
        case = book.absorb(arrival, now)
        draft = drafts.setdefault(case.id, _Draft(len(drafts) + 1, case))
        (draft.firing if tells(case, arrival) else draft.over).extend(routed.targets)
        if trial.alerts is None or place < trial.alerts:
            # its start as it was told, which may count as none
            alerts[place] = seen(replace(arrival.alert, alert=said[place].alert), routed, draft.number)
    planner = Planner(rules, env, templates, now, trial)
    told = []
    for draft in [*drafts.values()][: trial.most]:
        known = incident_of(book, draft.case)
        told.append(_told(draft, known, planner.plan(known, draft.targets)))
    return Preview(
        source,
        group.shape,
        group.truncated,
        tuple(one.why for one in group.problems),
        tuple(alerts[place] for place in sorted(alerts)),
        tuple(told),
        more_alerts=len(group.alerts) - len(alerts),
        more_incidents=len(drafts) - len(told),
    )


def _told(draft: _Draft, incident: Incident, deliveries: tuple[Planned, ...]) -> Told:
    return Told(
        number=draft.number,
        title=incident.title,
        state="closed, a test" if incident.test else incident.state.value,
        priority=incident.priority.value,
        teams=incident.teams,
        alerts=tally(incident).total,
        deliveries=deliveries,
    )
