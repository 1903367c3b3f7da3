"""An incident with nothing in it longer than anybody reads: what is whole in the ledger is cut for showing.

Senders may write names and texts of megabytes; all that words and templates do with them takes time in proportion.
"""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, Final

from bridge.render.letters import METRIC
from bridge.render.where import PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.alert import Value
    from bridge.core.incident import Incident, Member

NAME = 200
LABEL = 2_000
ANNOTATION = 20_000
TITLE = 1_000
MOST = 200
"""Characters of a name, a label, an annotation, a title; labels or annotations of one alert."""
NAMED: Final = frozenset(
    {"summary", "description", "message", "error", "unit", "units", "alertname", "grafana_folder", METRIC, *PLACES}
)
"""Labels and annotations that words are made of, in small letters: of very many these are kept before all others."""


def bounded(incident: Incident) -> Incident:
    """Return an incident fit to be worded; what is so already is not made anew."""
    members = tuple(map(_member, incident.members))
    title, reason = incident.title[:TITLE], _short(incident.state_reason)
    kept = (title, reason) == (incident.title, incident.state_reason)
    if kept and all(map(is_, members, incident.members)):
        return incident
    return replace(incident, title=title, members=members, state_reason=reason)


def _member(member: Member) -> Member:
    labels, annotations = _texts(member.labels, LABEL), _texts(member.annotations, ANNOTATION)
    values, reason, word = tuple(map(_value, member.values)), _short(member.reason), _short(member.priority_word)
    kept = labels is member.labels and annotations is member.annotations
    if kept and (reason, word) == (member.reason, member.priority_word) and all(map(is_, values, member.values)):
        return member
    return replace(member, labels=labels, annotations=annotations, values=values, reason=reason, priority_word=word)


def _value(value: Value) -> Value:
    labels = _texts(value.labels, NAME)
    if labels is value.labels and len(value.name) <= NAME:
        return value
    return replace(value, name=value.name[:NAME], labels=labels)


def _texts(texts: Mapping[str, str], longest: int) -> Mapping[str, str]:
    if not texts or (len(texts) <= MOST and max(map(len, texts)) <= NAME and max(map(len, texts.values())) <= longest):
        return texts
    kept = set(sorted(texts, key=lambda name: name.lower() not in NAMED)[:MOST])
    return {name[:NAME]: text[:longest] for name, text in texts.items() if name in kept}


def _short(text: str | None) -> str | None:
    return text[:LABEL] if text else text
