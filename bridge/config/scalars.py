"""Read single values: text, references to secrets, durations, numbers, switches, priorities.

Every function takes what stands in the file (text, None, a list, a mapping) and raises WrongError where it can't be
read. They run as pydantic validators (`fields`); `info.context` is a `Reading`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.config import units
from bridge.config.problem import WrongError
from bridge.config.secrets import ELSE, PLACEHOLDER, REFERENCE, MissingSecretError, Secret, resolve
from bridge.config.words import did_you_mean, quoted
from bridge.core.alert import Priority
from bridge.core.rules import DROP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import ValidationInfo

MAX_TIMEOUT = timedelta(seconds=8)
WORDS = ("team", "priority", "source")
"""What may stand in braces in a channel, repository, label, mention or file path."""
_REFERENCE_LIKE = re.compile(r"\$\{")


@dataclass(frozen=True, slots=True)
class Reading:
    """What validators need of their surroundings: the environment, and the folder that relative paths start from."""

    env: Mapping[str, str]
    folder: Path


def reading(info: ValidationInfo) -> Reading:
    """Return the surroundings of a validation."""
    assert isinstance(info.context, Reading)
    return info.context


class LiteralSecretError(WrongError):
    """A secret written out where a reference belongs; the text is never shown."""


def as_text(value: object, info: ValidationInfo) -> str:
    """Read text, with `${env:NAME}` and `${file:PATH}` in it filled in."""
    text = _plain(value)
    if _REFERENCE_LIKE.search(REFERENCE.sub("", text)):
        raise WrongError("holds ${…} that is no reference", "write ${env:NAME} or ${file:PATH}")
    if REFERENCE.search(text):
        try:
            text = resolve(Secret(text, reading(info).folder), reading(info).env).strip()
        except MissingSecretError as error:
            raise WrongError(f"can't be filled in: {error}", "set it, or write the value itself") from None
    return text


def _plain(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, list | dict):
        found = "a list" if isinstance(value, list) else "a mapping"
        raise WrongError(f"is {found} where one text is expected", "write one value, in quotes")
    raise WrongError("is empty", "write a value, or leave the key out")


def as_secret(value: object, info: ValidationInfo) -> Secret:
    """Read a reference to a secret; nothing may stand around it."""
    secret = as_secret_within(value, info)
    if REFERENCE.sub("", secret):
        raise LiteralSecretError("has text around its reference")
    return secret


def as_secret_within(value: object, info: ValidationInfo) -> Secret:
    """Read a reference to a secret with plain text around it allowed, like `Bearer ${env:NAME}`."""
    text = _plain(value)
    found = REFERENCE.findall(text)
    if not found or _REFERENCE_LIKE.search(REFERENCE.sub("", text)):
        raise LiteralSecretError("is a literal secret")
    for kind, inside in found:
        names = check_words(inside)
        if kind == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", inside):
            raise WrongError("names an environment variable that can't be", "write one like ${env:NAME}")
        if "team" in names and not inside.partition(ELSE)[2]:
            raise WrongError(
                "has {team} in a path without a default",
                "add the path for other teams, like ${file:keys/{team}:-keys/default}",
            )
    return Secret(text, reading(info).folder)


def check_words(text: str) -> list[str]:
    """Return the names in braces in a text.

    Raises:
        WrongError: one of them isn't known.
    """
    names: list[str] = PLACEHOLDER.findall(text)
    for name in names:
        if name not in WORDS:
            raise WrongError(f"holds {{{name}}}, which isn't filled in", did_you_mean(name, WORDS))
    return names


def as_duration(value: object, info: ValidationInfo) -> timedelta:
    """Read a duration; 0 is allowed."""
    return units.parse_duration(as_text(value, info))


def as_span(value: object, info: ValidationInfo) -> timedelta:
    """Read a duration longer than nothing."""
    if not (span := as_duration(value, info)):
        raise WrongError("is 0", "write a duration above 0, like 10m")
    return span


def as_timeout(value: object, info: ValidationInfo) -> timedelta:
    """Read a step's total time: above 0, at most 8 s."""
    span = as_span(value, info)
    if span > MAX_TIMEOUT:
        raise WrongError("is above 8s, the longest that a whole step may take", "write at most 8s")
    return span


def as_size(value: object, info: ValidationInfo) -> int:
    """Read a size as bytes."""
    return units.parse_size(as_text(value, info))


def as_rates(value: object, info: ValidationInfo) -> tuple[units.Rate, ...]:
    """Read one rate or a list of them that all hold; off is none."""
    texts = [as_text(one, info) for one in (value if isinstance(value, list) else [value])]
    if not texts:
        raise WrongError("is an empty list", "write requests per time, like 1/s or 500/h, or off")
    if len(texts) == 1 and texts[0].lower() in units.OFF:
        return ()
    return tuple(units.parse_rate(text) for text in texts)


def as_count(value: object, info: ValidationInfo) -> int:
    """Read a whole number above 0."""
    text = as_text(value, info)
    if not text.isdecimal() or not int(text):
        raise WrongError(f"is {quoted(text)}, which is no count", "write a whole number above 0")
    return int(text)


def as_number(value: object, info: ValidationInfo) -> float:
    """Read a number."""
    text = as_text(value, info)
    try:
        return float(text)
    except ValueError:
        raise WrongError(f"is {quoted(text)}, which is no number", "write a number") from None


def as_switch(value: object, info: ValidationInfo) -> bool:
    """Read on or off, true or false, yes or no."""
    return units.parse_switch(as_text(value, info))


def as_priority(value: object, info: ValidationInfo) -> Priority:
    """Read P0 to P3, in any case."""
    text = as_text(value, info)
    try:
        return Priority(text.upper())
    except ValueError:
        raise WrongError(f"is {quoted(text)}, which is no priority", "write P0, P1, P2 or P3") from None


def as_meaning(value: object, info: ValidationInfo) -> str:
    """Read what a priority word means: P0 to P3, or drop."""
    text = as_text(value, info)
    if text.lower() == DROP:
        return DROP
    try:
        return Priority(text.upper()).value
    except ValueError:
        raise WrongError(f"is {quoted(text)}, which is no priority", "write P0, P1, P2, P3 or drop") from None
