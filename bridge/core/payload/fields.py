"""Reading single fields of a notification leniently: text, maps, numbers, times, words for status.

Nothing here raises for what a sender wrote: an unusable field is None, so that its alert still goes on.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from bridge.core.alert import Status
from bridge.storable import storable as text_storable

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 50
"""An alert nested deeper than this is no alert that anybody wrote."""

LONGEST_INTEGER = 300
"""Digits up to which an integer is read as a number; a longer one stays text (and is no float either)."""

RESOLVED_WORDS = frozenset({"resolved", "ok", "normal", "inactive"})
FIRING_WORDS = frozenset({"firing", "alerting", "alert", "active", "pending", "no_data", "nodata", "error"})

_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_PRIVATE = re.compile(r"__.+__")
LONGEST_NUMBER = 200
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NUMBER = re.compile(
    # what it begins is taken whole, or not at all: a part of "12 345", "1.5k" or "0x10" is another number
    r"\s*(?P<number>(?>[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))"
    r"(?!\w|[\s.,'\u2019\u066c]\d)"
)


def integer(digits: str) -> int | str:
    """Read a JSON integer without Python's limit on digits; for `json.loads(parse_int=…)`."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


def text(value: object) -> str | None:
    """Return any JSON value as text: numbers as JSON writes them, nested ones as compact JSON; None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return _COMPACT.encode(value)
    except RecursionError:
        return "(nested too deeply to show)"


def identifier(value: object) -> str:
    """Return an id as text, empty where there is none. Some senders write whole numbers as floats: 93.0 is "93"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (text(value) or "").strip()


def string_map(value: object) -> dict[str, str]:
    """Return a map of labels or annotations as text to text; nulls are left out, what is no map is empty.

    A list of `{"name": …, "value": …}` and JSON written as text are maps too.
    """
    if isinstance(value, str) and value.startswith("{"):
        value = written(value)
    if isinstance(value, list):
        pairs = [one for one in value if isinstance(one, dict) and isinstance(one.get("name"), str)]
        value = {one["name"]: one.get("value") for one in pairs}
    if not isinstance(value, dict):
        return {}
    return {key: item if isinstance(item, str) else text(item) or "" for key, item in value.items() if item is not None}


def written(value: str) -> object:
    """Read JSON that stands as text; None where it is none."""
    try:
        return storable(json.loads(value, strict=False, parse_int=integer), value)
    except (ValueError, RecursionError):
        return None


def storable(value: object, written: str) -> object:
    """Replace characters that PostgreSQL and UTF-8 refuse in every text of a value; `written` is the JSON it is from.

    Raises:
        RecursionError: It nests too deeply.
    """
    return _replaced(value) if "\x00" in written or _UNSTORABLE.search(written) else value


def _replaced(value: object) -> object:
    """Walk a JSON value."""
    if isinstance(value, str):
        return text_storable(value)
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    if isinstance(value, dict):
        return {text_storable(key): _replaced(item) for key, item in value.items()}
    return value


def without_private(mapping: Mapping[str, str]) -> dict[str, str]:
    """Leave out private `__…__` names: Grafana hides them from people too."""
    return {key: value for key, value in mapping.items() if not (key.startswith("__") and _PRIVATE.fullmatch(key))}


def variants(*names: str) -> dict[str, str]:
    """Return the usual name by itself and by its lower case, for `canonical`."""
    return {**{name.lower(): name for name in names}, **{name: name for name in names}}


def canonical(fields: dict[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Return fields under their usual names where a sender wrote them in another case, or misspelt.

    Args:
        fields: A JSON object; an exact name always wins over a variant of it.
        names: The usual name by every known variant, in lower case, and by itself.
    """
    odd: dict[str, object] = {}
    for key, value in fields.items():
        if names.get(key) != key:
            usual = names.get(key.lower())
            if usual is not None and usual not in fields:
                odd[usual] = value
    return {**fields, **odd} if odd else fields


def too_deep(value: object) -> bool:
    """Say whether a JSON value nests deeper than `MAX_DEPTH`, level by level, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [node.values() if isinstance(node, dict) else node for node in level if isinstance(node, (dict, list))]
        level = [node for nodes in inner for node in nodes if isinstance(node, (dict, list))]
        if not level:
            return False
    return True


def number(value: object) -> float | None:
    """Return a finite number, also one written as text; None for null, NaN, infinities, booleans and words."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def is_nan(value: object) -> bool:
    """Say whether a value is Not a Number: what a query gives that has nothing to give."""
    return (isinstance(value, float) and math.isnan(value)) or (isinstance(value, str) and value.lower() == "nan")


def leading_number(words: str) -> float | None:
    """Return the number that a text begins with: "3 consecutive commits" is 3, and "1,234" as people write it.

    Where more belongs to it than can be read ("12 345", "1.5k"), there is none: no figure is better than a false one.
    """
    match = _NUMBER.match(words[:LONGEST_NUMBER])
    return number(match["number"].replace(",", "")) if match else None


def count(value: object) -> int:
    """Return a count such as `truncatedAlerts`; 0 for anything that is none."""
    found = number(value)
    return int(found) if found is not None and found > 0 else 0


def word(value: object) -> str:
    """Return a status or state as a lower-case word, empty where none is said.

    Alertmanager's API writes `{"status": {"state": "active", …}}`, so an object is asked for its state.
    """
    if isinstance(value, dict):
        value = value.get("state")
    return value.strip().lower() if isinstance(value, str) else ""


def group_status(*words: str) -> Status | None:
    """Return what a group says of all its alerts: the first of its words that has a known meaning."""
    for said in words:
        if said in RESOLVED_WORDS:
            return Status.RESOLVED
        if said in FIRING_WORDS:
            return Status.FIRING
    return None


def status(said: str, group: Status | None) -> Status:
    """Return an alert's status: its own word first, then the group's, and firing where neither says anything.

    An alert's own word wins, also over a group called resolved; one that nobody knows ("warning") is firing. `endsAt`
    is never asked: senders write real ones into firing alerts (Prometheus: when the alert would expire), a pure
    function has no clock to compare it with, and an alert wrongly open is seen while one wrongly over is not.
    """
    if said:
        return Status.RESOLVED if said in RESOLVED_WORDS else Status.FIRING
    return group or Status.FIRING
