"""From the bytes of a notification to one Group of Alerts. What a body is, its content says, never a header."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.core.alert import Group, Problem, UnreadableError
from bridge.core.payload import alertmanager, entries, fields, grafana, legacy

if TYPE_CHECKING:
    from collections.abc import Callable

_READER = json.JSONDecoder(strict=False, parse_int=fields.integer)
_BLANK = "\ufeff \t\r\n\x00"
_ALERT_FIELDS = frozenset({"labels", "annotations", "status", "startsat", "fingerprint", "generatorurl"})
_SHOWN = 60
_ADVICE = ". A custom payload needs a `mapping` in its source's settings"
BEGINS = "; it begins "
"""What a sentence goes on with before it quotes a body: that is for who may see the receipt, not for a log."""
_TOO_DEEP = "the body nests too deeply to be a notification"

__all__ = ["BEGINS", "parse"]


def parse(body: bytes, source: str = "", mapped: Callable[[object], object] | None = None) -> Group:
    """Read a notification, whatever its sender's shape.

    Invalid UTF-8 becomes replacement characters, NaN and infinities become absent numbers, of duplicate keys the last
    counts. What no database can store (NUL, half a surrogate pair) becomes a replacement character too.

    Args:
        body: The request's body, as it came.
        source: The source's name, for the sentence of an error.
        mapped: Makes a notification, a list of alerts or one alert of a document of another shape; what gives nothing
            is read as it came.

    Returns:
        The group with at least one alert; entries that are none are in its `problems`.

    Raises:
        UnreadableError: The body is no notification; the sentence says what was found instead.
    """
    try:
        document = _loaded(_decoded(body))
        group = _group(document) if mapped is None else _of_mapping(mapped(document), document)
        return replace(group, alerts=group.alerts[:]) if len(group.alerts) <= entries.LAZY else group
    except RecursionError:
        raise UnreadableError(f"{source and f'source {source}: '}{_TOO_DEEP}") from None
    except UnreadableError as error:
        if not source:
            raise
        raise UnreadableError(f"source {source}: {error}") from error


def _decoded(body: bytes) -> str:
    """Return the body as text, never failing: UTF-8, or UTF-16 where it begins with that mark."""
    encoding = "utf-16" if body[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    written = body.decode(encoding, errors="replace").strip(_BLANK)
    if not written:
        raise UnreadableError("the body is empty; a notification is a JSON object with a list `alerts`")
    return written


def _loaded(written: str) -> object:
    """Read JSON leniently: raw line breaks in texts, NaN and integers of any length are taken."""
    try:
        document: object = _READER.decode(written)
    except ValueError as error:
        raise UnreadableError(f"the body is not JSON ({error}){BEGINS}{_beginning(written)}") from None
    return fields.storable(document, written)


def _group(document: object) -> Group:
    """Recognise the shape and read it."""
    if isinstance(document, list) and _holds_groups(document):
        return _joined(document)
    if isinstance(document, list):
        document = _of_array(document)
    if not isinstance(document, dict):
        raise UnreadableError(f"the body is a JSON {_kind(document)}, not an object with a list `alerts`")
    named = fields.canonical(document, grafana.GROUP_NAMES)
    if "alerts" not in named and entries.is_alert(document):
        named = {"alerts": [document]}
    listed = entries.listed(named.get("alerts"))
    if listed is not None:
        return _of_list(named, listed)
    named = fields.canonical(document, legacy.NAMES)
    if legacy.is_legacy(named):
        return legacy.read(named)
    keys = ", ".join(_shown(key) for key in list(document)[:8]) or "nothing"
    raise UnreadableError(
        f"the body has no list `alerts` and is no legacy Grafana notification; it holds: {_cut(keys)}{_ADVICE}"
    )


def _of_mapping(made: object, document: object) -> Group:
    """Read what a mapping made of a document; one alert alone is a list of one, and nothing leaves it as it came."""
    empty = not made or _empty(made)
    is_alert = isinstance(made, dict) and "alerts" not in made and _ALERT_FIELDS & {key.lower() for key in made}
    try:
        return _group(document if empty else [made] if is_alert else made)
    except UnreadableError as error:
        why = str(error).replace(_ADVICE, "")
        if empty:
            raise UnreadableError(f"{why}. Its source's `mapping` makes nothing of it") from None
        raise UnreadableError(f"what its source's `mapping` makes of the body is no notification: {why}") from None


def _empty(made: object) -> bool:
    """Say whether all that a mapping names is missing: a group without a list, or no word of an alert."""
    if not isinstance(made, dict):
        return made is None
    return made.get("alerts", made) is None or all(map(_empty, made.values()))


def _of_list(document: dict[str, object], listed: list[object]) -> Group:
    """Read a notification with a list of alerts; one without any that can be read is unreadable as a whole."""
    if not listed:
        raise UnreadableError("the list `alerts` is empty: the notification names no alert")
    group = grafana.read(document, listed, _shape(document, listed))
    if not group.alerts:
        raise UnreadableError(f"the list `alerts` holds no alert: {group.problems[0].why}")
    return group


def _shape(document: dict[str, object], listed: list[object]) -> str:
    """Say whose words a body with a list of alerts uses."""
    if not alertmanager.is_alertmanager(document, listed):
        return grafana.SHAPE
    return alertmanager.FROM_GRAFANA if alertmanager.fed_by_grafana(listed) else alertmanager.SHAPE


def _of_array(array: list[object]) -> dict[str, object]:
    """Return a notification for a bare array of alerts, as Prometheus posts them."""
    if any(isinstance(entry, dict) and _ALERT_FIELDS & {key.lower() for key in entry} for entry in array):
        return {"alerts": array}
    raise UnreadableError(f"the body is a JSON array of {len(array)} without alerts in it")


def _holds_groups(array: list[object]) -> bool:
    return any(isinstance(one, dict) and isinstance(one.get("alerts"), list | dict) for one in array)


def _joined(array: list[object]) -> Group:
    """Return the notifications of an array as one; what is none is a Problem, and the others go on.

    Of all together no more alerts are read than of one, and the first problems are kept.
    """
    first: Group | None = None
    told: list[entries.Told] = []
    problems: list[Problem] = []
    truncated = 0
    for index, one in enumerate(array):
        if len(told) > entries.MOST:
            break
        try:
            group = _group(one)
        except UnreadableError as error:
            found: tuple[Problem, ...] = (Problem(index, f"notification {index + 1}: {error}"),)
        else:
            first, found, truncated = first or group, group.problems, truncated + group.truncated
            told += group.alerts.told if isinstance(group.alerts, entries.Slices) else []
        problems += found if len(problems) < entries.MOST_PROBLEMS else ()
    if first is None:
        raise UnreadableError(problems[0].why)
    if len(told) > entries.MOST:
        more = f"the array names more than {entries.MOST} alerts, and only the first were read: send fewer at once"
        problems.insert(0, Problem(entries.MOST, more))
    alerts = entries.Slices(told[: entries.MOST])
    return replace(first, alerts=alerts, problems=tuple(problems), truncated=truncated)


def _kind(value: object) -> str:
    """Name a JSON type."""
    if value is None:
        return "null"
    return "text" if isinstance(value, str) else "truth value" if isinstance(value, bool) else "number"


def _beginning(written: str) -> str:
    """Show how a body begins, quoted, so that its sender is recognised."""
    return repr(_cut(written))


def _shown(key: str) -> str:
    """Return a name as an error shows it: as it is where it is a plain one, else quoted."""
    return key if len(key) <= _SHOWN and key.isascii() and key.isprintable() else repr(_cut(key))


def _cut(written: str) -> str:
    """Shorten what is shown of a body."""
    return written if len(written) <= _SHOWN else written[: _SHOWN - 1] + "…"
