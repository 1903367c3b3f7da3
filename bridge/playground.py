"""What the playground shows: what a payload would become with the templates that somebody is typing.

It goes the way of `bridge render`, by the same code. Sends nothing, stores nothing, and is given no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.core.alert import UnreadableError
from bridge.drawn.requests import drawn
from bridge.explain import Question
from bridge.preview_step import STANDS_IN, Trial
from bridge.preview_unsent import UNSENT
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.preview import Told
    from bridge.preview_step import Planned

KINDS = ("slack", "pagerduty", "github")
MOST_INCIDENTS = 3
"""Incidents of one payload that are drawn."""

Shown = dict[str, Any]
"""As JSON: `quarantine` (a sentence, or None), `left_out` (sentences), `more` (incidents that are not drawn), and for
each kind its `faults` (of the template) and `messages`."""


@dataclass(frozen=True, slots=True)
class Asked(Question):
    """What is to be shown; `trial` is one of `trying`."""

    def made(self) -> Shown:
        """Return what people would see (`bridge.apart`)."""
        return shown(self)


def trying(typed: Mapping[str, str], *, private: bool | None = None) -> Trial:
    """Return what is tried: templates' texts by kind, and how GitHub's repositories are taken."""
    return Trial(typed=typed, private=private, everywhere=True, most=MOST_INCIDENTS, alerts=0)


def shown(asked: Asked) -> Shown:
    """Return what people would see."""
    kinds: dict[str, dict[str, list[Any]]] = {kind: {"faults": [], "messages": []} for kind in KINDS}
    made: Shown = {"quarantine": None, "left_out": [], "more": 0, "kinds": kinds}
    try:
        found = asked.previewed()
    except UnreadableError as error:
        found, made["quarantine"] = None, one_line(str(error))
    for told in found.incidents if found else ():
        for planned in told.deliveries:
            _add(kinds[planned.kind], planned, told)
    for kind, one in kinds.items():
        # what is wrong with a template whatever the payload stands in place of what that broke
        one["faults"] = _faults(asked, kind) or one["faults"]
    if found is None:
        return made
    return {**made, "left_out": [one_line(problem) for problem in found.problems], "more": found.more_incidents}


def _faults(asked: Asked, kind: str) -> list[str]:
    """Return what is wrong with a template whatever the payload."""
    try:
        Words(asked.templates, typed=asked.trial.typed).check(kind)
    except TemplateFailedError as error:
        return [str(error)]
    return []


def _add(kind: dict[str, list[Any]], planned: Planned, told: Told) -> None:
    notes = [note for note in planned.notes if not note.endswith(STANDS_IN)]
    faults = [note.removesuffix(STANDS_IN) for note in planned.notes if note.endswith(STANDS_IN)]
    kind["faults"] += [fault for fault in faults if fault not in kind["faults"]]
    body = planned.request.body if planned.request else None
    kind["messages"].append(
        {
            "incident": f"{told.priority} {told.state}: {told.title}",
            "address": planned.address,
            "sent": planned.why != UNSENT,
            "skipped": planned.skipped,
            "notes": notes,
            "html": drawn(planned.kind, planned.address, body) if body else None,
        }
    )
