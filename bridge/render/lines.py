"""The alerts of a group, a line each; and what they measured, each alone or all of them alike."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bridge.core.alert import Status, Value
from bridge.render import members as group
from bridge.render.facts import LONGEST_LABEL, annotation
from bridge.render.parts import AlertView
from bridge.render.states import member_word
from bridge.render.text import http_link
from bridge.render.words import values_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.core.incident import Incident, Member


class Lines:
    """A group's alerts in words. What takes long is done when it is needed, and once."""

    def __init__(self, incident: Incident) -> None:
        self._incident = incident
        self._members = group.latest(incident.members)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The values that all of them have alike, of one alert all it has; who never fired here has none to tell."""
        if not self._members:
            return ()
        first, *rest = [member for member in self._members if not member.never_fired] or self._members
        shared = of_member(first)
        for member in rest:
            if not shared:
                break
            if not _measure_alike(first, member):
                others = of_member(member)
                shared = tuple(words for words in shared if words in others)
        return shared

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return group.naming(self._incident)

    def of(self, chosen: Sequence[Member]) -> tuple[AlertView, ...]:
        """Return a line for each of some: what tells it apart from all others, and only the values that they lack."""
        return tuple(
            AlertView(
                name=group.name_of(member, self._labels),
                word=member_word(member),
                values=", ".join(words for words in of_member(member) if words not in self.shared),
                firing=member.status is Status.FIRING,
                url=http_link(member.links.alert if member.links else None) or "",
            )
            for member in chosen
        )


def of_member(member: Member) -> tuple[str, ...]:
    """Return one alert's values, and the two counts that annotations or labels may bring, in words.

    Without data, or where the rule cannot be evaluated, there are none: nothing was measured.
    """
    if member.no_data:
        return ()
    told = list(member.values)
    for name, part, number in (
        ("Number_of_Jobs_Failing", "job", member.job_count),
        ("Failure_Threshold", "threshold", member.failure_threshold),
    ):
        if number is not None and not any(_is_that(value, part, number) for value in member.values):
            told.append(Value(name, number))
    return values_words(told, _unit(member), member.labels)


def _is_that(value: Value, part: str, number: float) -> bool:
    """Say whether a value is a count that was read: it is named so, and says the same, or has nothing to say."""
    return value.number in {None, number} and part in value.name[:LONGEST_LABEL].lower()


def _unit(member: Member) -> str:
    named = "unit" in "".join(member.annotations).lower()
    said = named and (annotation(member, "unit") or annotation(member, "units"))
    return said or member.labels.get("unit", "")


def _measure_alike(one: Member, other: Member) -> bool:
    """Return whether two alerts' values are the same words for sure: equal ones, to which no labels belong."""
    return (
        one.values == other.values
        and not any(value.labels for value in one.values)
        and (one.no_data, one.job_count, one.failure_threshold, _unit(one))
        == (other.no_data, other.job_count, other.failure_threshold, _unit(other))
    )
