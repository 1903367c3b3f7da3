"""An incident with nothing in it longer than anybody reads: what is whole in the ledger is cut for showing.

Senders may write names and texts of megabytes; all that words and templates do with them takes time in proportion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.incident import Incident, Member

NAME = 200
LABEL = 2_000
ANNOTATION = 20_000
TITLE = 1_000
MOST = 200
"""Characters of a name, a label, an annotation, a title; labels or annotations of one alert."""


def bounded(incident: Incident) -> Incident:
    """Return an incident fit to be worded."""
    return replace(
        incident,
        title=incident.title[:TITLE],
        members=tuple(_member(member) for member in incident.members),
        state_reason=_short(incident.state_reason),
        priority_word=_short(incident.priority_word),
    )


def _member(member: Member) -> Member:
    return replace(
        member,
        labels=_texts(member.labels, LABEL),
        annotations=_texts(member.annotations, ANNOTATION),
        values=tuple(
            replace(value, name=value.name[:NAME], labels=_texts(value.labels, NAME)) for value in member.values
        ),
        reason=_short(member.reason),
    )


def _texts(texts: Mapping[str, str], longest: int) -> Mapping[str, str]:
    if len(texts) <= MOST and all(len(name) <= NAME and len(text) <= longest for name, text in texts.items()):
        return texts
    return {name[:NAME]: text[:longest] for name, text in list(texts.items())[:MOST]}


def _short(text: str | None) -> str | None:
    return text[:LABEL] if text else text
