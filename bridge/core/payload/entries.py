"""The entries of a notification's list of alerts: found wherever a sender puts them, told from what is none, in order.

A list may be very long (16 MiB hold hundreds of thousands of entries): they are read one slice after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from bridge.core.alert import Alert, Problem
from bridge.core.payload import fields, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Map = dict[str, str]
    Told = tuple[dict[str, object], Callable[[dict[str, object]], Alert]]

LAZY = 1_000
"""Entries from which a list is read slice by slice."""
MOST = 100_000
"""Alerts of one notification that are read: nobody means more, and what is said of the rest is that it was left out."""
MOST_PROBLEMS = 10

_NAMES = ("alertname", "alert_name", "title", "name", "rulename")
_NAMING = (*_NAMES, "message", "summary", "description")
_TITLES = frozenset({"title", "summary", "description"})
"""Annotations that name an alert which has no name."""
_WHERE = frozenset(
    {"host", "hostname", "instance", "node", "server", "device", "cluster", "namespace", "pod", "container", "service"}
    | {"job", "region", "zone", "datacenter", "env", "environment"}
)
"""Words that say where an alert is, the same when it fires and when it is over; an id may be an event's."""
_LONGEST_LABEL = 200
_STRUCTURED = frozenset({"labels", "annotations"})
_STATES = frozenset({"status", "state"})
_OF_ALERTS = frozenset(
    {"status", "state", "startsat", "endsat", "sendsat", "fingerprint", "generatorurl", "dashboardurl", "panelurl"}
    | {"silenceurl", "imageurl", "values", "valuestring", "orgid", "ruleuid", *_STRUCTURED}
)
KNOWN = frozenset({*_NAMING, *_OF_ALERTS, "severity", "priority"})
"""Words, in lower case, of which an alert has at least one."""


def listed(alerts: object) -> list[object] | None:
    """Return the entries of `alerts` as a list, None where there are none.

    A single one may stand there bare, several by name (`{"0": {…}, "1": {…}}`), or by what they do
    (`{"firing": […], "resolved": […]}`).
    """
    if not isinstance(alerts, dict):
        return alerts if isinstance(alerts, list) else None
    if KNOWN & {key.lower() for key in alerts} or not all(isinstance(one, dict | list) for one in alerts.values()):
        return [alerts]
    found: list[object] = []
    for name, entry in alerts.items():
        said = name.lower() if name.lower() in fields.FIRING_WORDS | fields.RESOLVED_WORDS else ""
        inner = entry if isinstance(entry, list) else [entry]
        found += [{"status": said, **one} if said and isinstance(one, dict) else one for one in inner]
    return found


def is_alert(document: Mapping[str, object]) -> bool:
    """Say whether an object that is no notification is one alert alone."""
    labels = document.get("labels")
    names = {key.lower() for key in document}
    return isinstance(labels, dict) and ("alertname" in labels or bool(names & {"annotations", "startsat"}))


def structured(entry: dict[str, object], grouped: Mapping[str, str]) -> tuple[Map, Map, Map]:
    """Return an entry's labels and annotations, completed by its other words, and the labels that it is known by.

    `grouped` are its group's labels.

    What names it is its label `alertname`, where neither it nor its group has one. What says where it is, is a label
    too then, so that it is told from others of its name. Where its sender knows neither labels nor annotations, its
    other texts and numbers are annotations; where it does, a number in its name is a measure, and it is known without.
    """
    labels, annotations = fields.string_map(entry.get("labels")), fields.string_map(entry.get("annotations"))
    flat = not labels and not annotations
    if not flat and (labels.get("alertname") or grouped.get("alertname")):
        return labels, annotations, labels
    plain = plain_words(entry)
    lower = {name.lower(): said for name, said in plain.items()}
    # a message, which may change from firing to resolve, names only what has nothing else to be known by
    naming = _NAMES if labels or _TITLES & annotations.keys() else _NAMING
    name = next((bare for word in naming if (bare := identity.bare_title(lower.get(word, "")))), "")
    if not name:
        return labels, annotations, labels
    where = {name: said for name, said in plain.items() if name.lower() in _WHERE and _is_place(entry[name])}
    named = {**where, **labels, "alertname": name[:500]}
    if flat:
        return named, plain, named
    return named, annotations, {**named, "alertname": identity.unmeasured(named["alertname"])}


def _is_place(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= _LONGEST_LABEL and said.isprintable()


def plain_words(entry: Mapping[str, object]) -> dict[str, str]:
    """Return an entry's texts and numbers but for those under an alert's own names."""
    return {
        name: fields.text(value) or ""
        for name, value in entry.items()
        if name.lower() not in _OF_ALERTS and isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def sorted_out(listed: Sequence[object]) -> tuple[list[dict[str, object]], tuple[Problem, ...]]:
    """Tell alerts from what is none.

    Returns:
        The alerts' entries, and a Problem for each of the others (the first few, then how many there are).
    """
    found: list[dict[str, object]] = []
    problems: list[Problem] = []
    wrong = 0
    for index, entry in enumerate(listed[:MOST]):
        why = _why_not(entry)
        if why is None and isinstance(entry, dict):
            found.append(entry)
            continue
        wrong += 1
        if wrong <= MOST_PROBLEMS:
            problems.append(Problem(index, f"alert {index + 1} {why}"))
    if wrong > MOST_PROBLEMS:
        problems.append(Problem(MOST, f"{wrong - MOST_PROBLEMS} more entries are no alerts"))
    if len(listed) > MOST:
        more = f"it names {len(listed)} alerts, and only the first {MOST} were read: send fewer at once"
        problems.append(Problem(MOST, more))
    return found, tuple(problems)


def _why_not(entry: object) -> str | None:
    if not isinstance(entry, dict):
        return f"is not an object but {_kind(entry)}"
    if entry and not any(key.lower() in KNOWN for key in entry):
        return "has none of an alert's words (labels, annotations, status, title, message …)"
    if fields.too_deep(entry):
        return f"nests deeper than {fields.MAX_DEPTH} levels"
    return None


def _kind(entry: object) -> str:
    """Name the JSON type of what stands where an alert should."""
    if isinstance(entry, list):
        return "a list"
    return "null" if entry is None else f"a {'text' if isinstance(entry, str) else 'number or truth value'}"


class Slices(Sequence[Alert]):
    """Alerts that are read when they are asked for, each from its entry: of very many only a slice is there at a time.

    Attributes:
        told: each alert's entry, and what reads it.
    """

    def __init__(self, told: list[Told]) -> None:
        self.told = told

    def __len__(self) -> int:
        return len(self.told)

    def mixed(self) -> bool:
        """Return whether the entries say different things of their state, each word for word."""
        said = set()
        for entry, read in self.told:
            words = sorted((key.lower(), str(entry[key])) for key in entry if key.lower() in _STATES)
            said.add((read, *words))
        return len(said) > 1

    def arranged(self, order: Iterable[int]) -> Slices:
        """Return these alerts in another order."""
        return Slices([self.told[number] for number in order])

    @overload
    def __getitem__(self, index: int) -> Alert: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Alert, ...]: ...
    def __getitem__(self, index: int | slice) -> Alert | tuple[Alert, ...]:
        if isinstance(index, slice):
            return tuple(read(entry) for entry, read in self.told[index])
        entry, read = self.told[index]
        return read(entry)


def alerts(entries: list[dict[str, object]], read: Callable[[dict[str, object]], Alert]) -> Slices:
    """Return the alerts of entries, none of them read."""
    return Slices([(entry, read) for entry in entries])
