"""What the playground shows: what a payload would become with the templates that somebody is typing.

It goes the way of `bridge render`, by the same code. Sends nothing, stores nothing, and is given no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.config.sources import SourceSettings
from bridge.core.alert import UnreadableError
from bridge.drawn.requests import drawn
from bridge.mapping import reader
from bridge.preview import preview
from bridge.preview_step import STANDS_IN, Trial
from bridge.preview_unsent import UNSENT
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from bridge.core.rules import Rules
    from bridge.preview import Preview, Told
    from bridge.preview_step import Planned

KINDS = ("slack", "pagerduty", "github")
MOST_INCIDENTS = 3
"""Incidents of one payload that are drawn."""

Shown = dict[str, Any]
"""As JSON: `quarantine` (a sentence, or None), `left_out` (sentences), `more` (incidents that are not drawn), and for
each kind its `faults` (of the template) and `messages`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown. `typed` are templates' texts by kind, `private` is how GitHub's repositories are taken."""

    body: bytes
    source: str
    mapping: str | None
    rules: Rules
    templates: tuple[Path, ...]
    now: datetime
    typed: Mapping[str, str] = field(default_factory=dict)
    private: bool | None = None

    def made(self) -> Shown:
        """Return what people would see (`bridge.apart`)."""
        return shown(self)


def shown(asked: Asked) -> Shown:
    """Return what people would see."""
    kinds: dict[str, dict[str, list[Any]]] = {kind: {"faults": [], "messages": []} for kind in KINDS}
    made: Shown = {"quarantine": None, "left_out": [], "more": 0, "kinds": kinds}
    try:
        found = _previewed(asked)
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


def _previewed(asked: Asked) -> Preview:
    return preview(
        asked.body,
        asked.source,
        rules=asked.rules,
        env=None,
        templates=asked.templates,
        now=asked.now,
        read=reader(SourceSettings(asked.source, mapping=asked.mapping)),
        trial=Trial(typed=asked.typed, private=asked.private, everywhere=True, most=MOST_INCIDENTS, alerts=0),
    )


def _faults(asked: Asked, kind: str) -> list[str]:
    """Return what is wrong with a template whatever the payload."""
    try:
        Words(asked.templates, typed=asked.typed).check(kind)
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
