"""Which alert is it? The sender's fingerprint, or one made from what stays the same between firing and resolve."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from bridge.core.payload import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 100
"""A sender's fingerprint or organisation longer than this is stored as its digest."""

TEST_FINGERPRINT = "57c6d9296de2ad39"
"""Grafana's Test button sends its tests under this fingerprint, up to version 11 (observed: Grafana Cloud, 2025)."""

_NOTHING = re.compile(r"0+")
_BRACKETS = re.compile(r"(?:\s*\[[^\]]*\])+")
_BRACKET = re.compile(r"\[[^\]]*\]")
_SAID = frozenset(
    {"paused", "critical", "fatal", "severe", "emergency", "disaster", "major", "minor", "warn", "warning", "info"}
    | {"informational", "problem", "alarm", "triggered", "re-triggered", "retriggered", "recovered", "recovery"}
    | {"open", "opened", "closed", "cleared", "down", "up", "unknown"}
)
"""Words for a state or a severity in a title, beside those for a status; "high" and "low" may be names."""
_WORDS = "|".join(
    [word.replace("_", "[ _]?") for word in sorted({*fields.FIRING_WORDS, *fields.RESOLVED_WORDS, *_SAID})]
    + ["P[0-5]", "sev[ _-]?[0-5]"]
)
_STATE = re.compile(
    rf"\[\s*(?:{_WORDS})(?:\s*:\s*\d+)?(?:\s*,.*|\s+on\s+(?P<where>.*))?\s*\]", re.IGNORECASE | re.DOTALL
)

_MEASURE = re.compile(r"(?<![\w.:/#-])[+-]?\d+(?:\.\d+)?\s*%|(?<![\w.:/#-])[+-]?\d+\.\d+(?![\w.:/#-])")
"""What was measured: a share, or one with decimals. Others may be names ("Worker 1", "HTTP 404", "db:5432")."""


def fingerprint(said: str, labels: Mapping[str, str], rule: str, title: str, receiver: str) -> str:
    """Return an alert's fingerprint, never empty.

    Args:
        said: The sender's own, empty where it gave none (Alertmanager before 0.19, hand-written senders).
        labels: The alert's own labels and those it was grouped by. Not those that a group merely has in common: they
            change with the company that an alert keeps.
        rule: The rule's id or UID, for an alert without labels.
        title: What the alert is called, for an alert without either.
        receiver: Who it was sent to, beside the title.
    """
    if said and not _NOTHING.fullmatch(said):
        return said if len(said) <= LONGEST else _digest(["fingerprint", said])
    if labels:
        return _digest(["labels", *(list(pair) for pair in sorted(labels.items()))])
    if rule:
        return _digest(["rule", rule])
    return _digest(["title", title, receiver])


def is_test(said: str, labels: Mapping[str, str]) -> bool:
    """Say whether an alert comes from Grafana's Test button.

    Newer versions add labels to it, so that its fingerprint is another one. A test whose name its sender changed can't
    be told from an alert.

    Args:
        said: The sender's fingerprint.
        labels: The alert's labels.
    """
    return labels.get("alertname") == "TestAlert" and (said == TEST_FINGERPRINT or labels.get("instance") == "Grafana")


def organisation(said: str) -> str:
    """Return an organisation's id as it can be stored."""
    return said if len(said) <= LONGEST else _digest(["organisation", said])


def bare_title(title: str) -> str:
    """Return a title without its leading `[FIRING:1]`, `[OK]` or `[Critical]`, which changes from firing to resolve.

    What else stands in brackets there (`[prod]`) is part of the name; so is the host of `[Triggered on web1]`.
    """
    leading = _BRACKETS.match(title)
    if leading is None:
        return title.strip()
    kept = [_named(one) for one in _BRACKET.findall(leading[0])]
    return " ".join([*(one for one in kept if one), title[leading.end() :].strip()]).strip()


def unmeasured(name: str) -> str:
    """Return a name without what was measured, which changes from firing to resolve ("CPU 93 %")."""
    bare = _MEASURE.sub("", name)
    return bare if any(map(str.isalpha, bare)) else name


def _named(bracket: str) -> str:
    """Return what of a bracket is part of the name, nothing where it says a state alone."""
    state = _STATE.fullmatch(bracket)
    if state is None:
        return bracket
    where = (state["where"] or "").strip()
    return f"[{where}]" if where else ""


def _digest(parts: list[object]) -> str:
    """Return 16 hex digits, as long as a Grafana fingerprint."""
    written = json.dumps(parts, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:16]
