"""The parts of a view: small frozen values with worded fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """An http(s) link. `name` says what it is (alert, dashboard, runbook, silence; slack, github), `text` is shown."""

    name: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A label: its name as sent, its value on one line."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert of a group.

    `name` is what tells it apart, `word` its state, `values` its values in words.
    """

    name: str
    word: str
    values: str
    firing: bool
    url: str


@dataclass(frozen=True, slots=True)
class PreviousView:
    """The incident before this one: where it was told, and when and after how long it ended, where known.

    `times` is which one of its kind this incident is within 30 days. `words` is all that in words.
    """

    text: str
    url: str
    resolved: str
    lasted: str
    times: int
    words: str
