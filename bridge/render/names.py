"""Names of values and labels as words: "Failure_Threshold", "NumberOfJobsFailing", `rate{job="a_b"}`.

Names come from senders and may be anything, of any length: each is cut first, and read once from left to right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bridge.render import nouns
from bridge.render.text import cut, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 200
"""Characters of a name that are looked at and shown."""

MOST_KNOWN: Final = 1_000
"""Names whose words are kept: the same few come with every alert."""

UNNAMED: Final = "Value"
"""What stands for a name that says nothing, such as Prometheus's empty series `{}`."""

_PLAIN = re.compile(r"[\w.: -]+…?")
_NOTHING = "{}[]()_.:-\"'` "
_COUNT = re.compile(r"\s{0,3}(?i:number|count|num)(?:[ _-]{1,3}(?i:of)[ _-]|Of(?=[A-Z0-9_ -]))")
_NUMBER_OF = 2
_COMPOUNDS = (
    "OOMKilled|OOMKill|CrashLoopBackOff|ImagePullBackOff|ErrImagePull|DaemonSet|StatefulSet|ReplicaSet|ConfigMap|CronJob"
    "|PyTorch|GitHub|GitLab|PostgreSQL|MySQL|MongoDB|DynamoDB|CloudWatch|RabbitMQ|JavaScript|OAuth|YouTube|OpenSearch"
)
"""Names that are written in one word with capitals inside."""

_HUMPS = re.compile(
    rf"(?:{_COMPOUNDS})s?(?![a-z])|[A-Z]{{2,}}s(?![a-z])|[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+(?:[0-9]+(?![a-z]))?|[0-9]+[a-z]*|."
)
_CAMEL = re.compile(r"(?=[A-Za-z0-9]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z]))[A-Za-z0-9]+")
_TOKEN = re.compile(r"[<>]=?|=|[<>]=?[0-9][\w.%]*|[\w.:%/&+,()'-]+…?|…")
_NOUN = re.compile(r"[A-Z]?[a-z]+(?:['/-][a-z]+)*|[A-Z]{2,}s?|(?:[A-Z]+[a-z]+)+")

_MODIFIERS = frozenset({
    "active", "ahead", "alive", "available", "away", "bad", "behind", "broken", "busy", "corrupt", "critical",
    "dead", "degraded", "down", "due", "empty", "free", "full", "gone", "good", "green", "healthy", "held",
    "high", "hung", "idle", "inactive", "invalid", "late", "left", "long", "lost", "low", "new", "not", "offline",
    "old", "online", "open", "out", "overdue", "pending", "read", "ready", "red", "sent", "short", "slow",
    "stale", "stuck", "unavailable", "unhealthy", "unknown", "unreachable", "unready", "unresponsive", "unsent",
    "unused", "up", "used", "valid", "yellow",
})  # fmt: skip
_NO_MODIFIERS = frozenset({
    "bed", "building", "deed", "embed", "feed", "king", "meeting", "need", "ping", "ring", "seed", "setting",
    "shed", "speed", "spring", "string", "thing", "warning", "weed",
})  # fmt: skip
"""Nouns that end as participles do."""

_STOPS = frozenset({
    "above", "across", "after", "among", "and", "as", "at", "before", "below", "between", "by", "during", "for",
    "from", "in", "last", "of", "on", "or", "over", "per", "since", "than", "that", "till", "to", "under",
    "until", "via", "vs", "when", "where", "which", "who", "whose", "with", "within", "without",
})  # fmt: skip
"""A noun that is counted stands before any of these."""


@dataclass(frozen=True, slots=True)
class Things:
    """What a value counts, as it goes with one and with any other number: "job failing", "jobs failing"."""

    one: str
    many: str

    def words(self, n: float | None) -> str:
        """Return them as they go with a number."""
        return self.one if n == 1 else self.many


def shortened(name: str) -> str:
    """Return a name on one line, cut where nobody would read on."""
    return cut(one_line(name[: LONGEST * 2]), LONGEST)


def spelled(name: str) -> str:
    """Return a label's or value's name as words: "Failure_Threshold" is "Failure threshold".

    Only plain names are turned into words. What holds a selector or other signs (`rate{job="My_Job"}`) stays as it is
    written: its underscores and capitals are part of what it names.
    """
    return _spelled(name[: LONGEST * 2])


@lru_cache(maxsize=MOST_KNOWN)
def _spelled(name: str) -> str:
    written = shortened(name)
    if not written.strip(_NOTHING):
        return UNNAMED
    if not _PLAIN.fullmatch(written):
        return written
    parts = written.replace("_", " ").split()
    if len(parts) == 1:
        parts = _humps(parts[0])
    return " ".join([parts[0], *(_small(part) for part in parts[1:])])


def is_count(name: str) -> bool:
    """Return whether a name says that its value is a number of things."""
    return _COUNT.match(name) is not None


def things(name: str) -> Things | None:
    """Return what a value of this name counts; None where it is no count, or no noun can be told ("Number of 5xx")."""
    return _things(name[: LONGEST * 2])


@lru_cache(maxsize=MOST_KNOWN)
def _things(name: str) -> Things | None:
    written = shortened(name)
    if not is_count(written):
        return None
    if written.isupper():
        written = written.lower()
    tokens = re.split(r"[ _]+", written.strip(" _"))
    if len(tokens) == 1 and "-" in written:
        tokens = written.split("-")
    if not all(_TOKEN.fullmatch(token) for token in tokens if token):
        return None
    parts = [_small(part) for token in tokens if token for part in _humps(token)][_NUMBER_OF:]
    return _around(parts, _noun(parts))


def _humps(token: str) -> list[str]:
    """Return the words of a camel-case name; where one is a single letter (kWh, iOS) it is none."""
    if not _CAMEL.fullmatch(token):
        return [token]
    found = _HUMPS.findall(token)
    return found if all(len(part) > 1 for part in found) else [token]


def _small(word: str) -> str:
    """Return a word without the capital of a headline; acronyms and names with capitals inside keep theirs."""
    return word.lower() if len(word) > 1 and word.isalpha() and word[1:].islower() else word


def _around(parts: Sequence[str], place: int | None) -> Things | None:
    if place is None:
        return None
    before, noun, after = parts[:place], parts[place], parts[place + 1 :]
    one, many = (" ".join((*before, form, *after)) for form in (nouns.singular(noun), nouns.plural(noun)))
    return Things(one, many)


def _noun(parts: Sequence[str]) -> int | None:
    """Return where the noun stands: the first plural before a preposition, else the last word before a modifier.

    Of several nouns in a row the last is inflected: "disk errors", "sales orders".
    """
    end = next((at for at, part in enumerate(parts) if _stops(part)), len(parts))
    nominal = [_is_nominal(part) for part in parts[:end]]
    candidates = [at for at in range(end) if nominal[at]]
    if not candidates:
        return None
    many = next((at for at in candidates if nouns.is_plural(parts[at])), None)
    first = candidates[0] if many is None else many
    last = next((at for at in range(first, end) if not nominal[at]), end) - 1
    if many is None or nouns.is_plural(parts[last]):
        return last
    return many


def _stops(part: str) -> bool:
    return part.lower() in _STOPS or not part[:1].isalnum()


def _is_nominal(part: str) -> bool:
    """Return whether a word may be a noun that can be inflected."""
    lower = part.lower()
    if lower in _MODIFIERS or not _NOUN.fullmatch(part):
        return False
    return lower in _NO_MODIFIERS or len(part) < len("aged") or not lower.endswith(("ing", "ed"))
