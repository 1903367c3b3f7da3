"""From an alert as told to the facts that routing and people need: team, priority, the two counts, NoData."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from bridge.core.alert import NormalAlert, Origin, Priority, Status
from bridge.core.payload.fields import leading_number, written
from bridge.core.payload.legacy import SHAPE as LEGACY
from bridge.core.rules import DROP
from bridge.core.teams import canonical_team, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from bridge.core.alert import Alert, Group
    from bridge.core.rules import FieldName, Normalizing, TeamRules

LONGEST_SAID = 2_000
"""Characters of a team's or priority's text that are looked at."""
LONGEST_NAME = 100
"""Characters of a name that could be one of those looked for."""
MOST_TEAMS = 20
"""An alert that names more teams than this is told to the first ones."""

NOT_SAID = frozenset({"", "<no value>", "[no value]"})
"""What Grafana's templates leave where a label or value is missing."""

_NO_DATA = {"DatasourceNoData": "no data", "DatasourceError": "error"}
_PLAIN = re.compile(r"(?:priority\s{0,9}[:=#]?\s{0,9})?(?:p[\s-]?)?(?P<digit>[0-3])(?:\.0+)?", re.IGNORECASE | re.ASCII)
_PHRASE = re.compile(r"(?:priority\s{0,9}[:=#]?\s{0,9})?p[\s-]?(?P<digit>[0-3])(?![\w.])", re.IGNORECASE | re.ASCII)
_FIRST_WORD = re.compile(r"\w+")
_SEPARATORS = re.compile(r"[\s_-]+")

_Places = dict[str, dict[str, tuple[str, str]]]
_Said = tuple[tuple[str, ...], Origin, Priority | None, Origin, str | None]


def normalize(alert: Alert, group: Group, rules: Normalizing, teams: Mapping[str, TeamRules]) -> NormalAlert:
    """Read an alert's team, priority and counts.

    Args:
        alert: The alert, its labels completed.
        group: The notification it came in: legacy Grafana tells NoData by its state alone.
        rules: Which names to look for, and what words mean.
        teams: The configured teams by canonical name.

    Returns:
        The alert with its facts, each with its origin. Nothing in an alert makes this fail.
    """
    return Normalizer(rules, teams).normalize(alert, group)


class Normalizer:
    """`normalize` for many alerts: where they say the same of team and priority, that is read once."""

    def __init__(self, rules: Normalizing, teams: Mapping[str, TeamRules]) -> None:
        self._rules = rules
        self._teams = teams
        self._names = frozenset(one.name.lower() for one in (*rules.team, *rules.priority))
        self._default = (canonical_team(rules.default_team, teams),)
        self._known: dict[tuple[tuple[tuple[str, str], ...], ...], _Said] = {}

    def normalize(self, alert: Alert, group: Group) -> NormalAlert:
        """Read an alert's team, priority and counts; those that say the same get the same values."""
        names, team_origin, priority, priority_origin, unread = self._said(alert)
        return NormalAlert(
            alert=alert,
            teams=names or self._default,
            team_origin=team_origin,
            team_said=bool(names),
            priority=priority or self._rules.default_priority,
            priority_origin=priority_origin,
            priority_word=unread,
            drop=priority is None,
            failure_threshold=_measure(alert, self._rules.failure_threshold),
            job_count=_measure(alert, self._rules.job_count),
            no_data=_no_data(alert, group),
        )

    def _said(self, alert: Alert) -> _Said:
        annotations, labels = _folded(alert.annotations, self._names), _folded(alert.labels, self._names)
        key = (tuple(annotations.values()), tuple(labels.values()))
        if key not in self._known:
            places = {"annotation": annotations, "label": labels}
            self._known[key] = (*_teams(places, self._rules, self._teams), *_priority(places, self._rules))
        return self._known[key]


def read_priority(said: str, words: Mapping[str, str]) -> tuple[Priority | str | None, str]:
    """Return the priority that a text means, `DROP` where it means that, or None where it can't be read.

    With it comes the configured word that says so, empty where it needed none. Such a word goes first, as a whole. Then
    `P1`, `p1`, `P0 - urgent`, `priority: 2` and a digit alone; then the first word of a phrase, so that "Critical, disk
    is full" is critical.
    """
    text = visible(said[:LONGEST_SAID]).strip()
    known = {visible(word).lower(): meaning for word, meaning in words.items()}
    if text.lower() not in known and (match := _PLAIN.fullmatch(text) or _PHRASE.match(text)):
        return Priority(f"P{match['digit']}"), ""
    tokens = [text, text.split()[0].strip(".,:;!-()[]"), *_FIRST_WORD.findall(text)[:1]] if text else []
    word = next((token.lower() for token in tokens if token.lower() in known), "")
    found = known.get(word)
    return found if found is None or found == DROP else Priority(found), word


def _folded(mapping: Mapping[str, str], names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return (name as sent, text) by lower-case name, of those names, leaving out what says nothing."""
    folded: dict[str, tuple[str, str]] = {}
    for name, text in mapping.items():
        if len(name) > LONGEST_NAME or (lower := name.lower()) not in names:
            continue
        if visible(text[:LONGEST_SAID]).strip().lower() not in NOT_SAID:
            folded.setdefault(lower, (name, text))
    return folded


def _said(places: _Places, names: Sequence[FieldName]) -> Iterator[Origin]:
    """Yield where the names say something, in their order, annotations before labels."""
    for wanted in names:
        for place in ("annotation", "label"):
            if wanted.place in {"", place} and (found := places[place].get(wanted.name.lower())):
                yield Origin(place, *found)


def _teams(places: _Places, rules: Normalizing, teams: Mapping[str, TeamRules]) -> tuple[tuple[str, ...], Origin]:
    """Return the teams of the first name that says any; none where nobody is said."""
    for origin in _said(places, rules.team):
        said: dict[str, str] = {}
        for part in _listed(origin.text[:LONGEST_SAID]):
            said.setdefault(canonical_team(part, teams), part.strip())
        names = tuple(name for name in said if name not in NOT_SAID)
        if names:
            return names[:MOST_TEAMS], replace(origin, note=_remarks(names, said, teams))
    return (), Origin("default_team", note=f"nothing says {_either(rules.team)}")


def _listed(text: str) -> list[str]:
    """Return the parts of a text, comma separated or a JSON list of texts; what is null in that names nobody."""
    found = written(text) if text.lstrip().startswith("[") else None
    if isinstance(found, list) and all(one is None or isinstance(one, str) for one in found):
        text = ",".join(filter(None, found))
    return text.split(",")


def _remarks(names: Sequence[str], said: Mapping[str, str], teams: Mapping[str, TeamRules]) -> str:
    """Say which names were aliases, which are no configured team, and how many were too many."""
    remarks = [
        f"{said[name]} is an alias of {name}" if name in teams else f"{name} is no configured team"
        for name in names[:MOST_TEAMS]
        if (name not in teams and teams) or (name in teams and " ".join(said[name].split()).lower() != name.lower())
    ]
    if len(names) > MOST_TEAMS:
        remarks.append(f"only the first {MOST_TEAMS} of {len(names)} teams are told")
    return "; ".join(remarks)


def _either(names: Sequence[FieldName]) -> str:
    """Name the names that were looked for, as the configuration writes them."""
    return " or ".join(f"{one.place}:{one.name}" if one.place else one.name for one in names)


def _priority(places: _Places, rules: Normalizing) -> tuple[Priority | None, Origin, str | None]:
    """Return the priority (None: drop), its origin, and the word that nobody could read.

    A text that can't be read gives way to a later name that can, the origin noting it; but never to one that drops,
    since what can't be read must be told.
    """
    unread: Origin | None = None
    for origin in _said(places, rules.priority):
        found, word = read_priority(origin.text, rules.priority_words)
        note = f"the word {word} means {found}" if word else ""
        if unread is None and found == DROP:
            return None, replace(origin, note=note), None
        if isinstance(found, Priority):
            notes = [note, f"{unread} could not be read" if unread else ""]
            return found, replace(origin, note="; ".join(filter(None, notes))), None
        unread = unread or origin
    if unread is None:
        return rules.default_priority, Origin("default_priority", note=f"nothing says {_either(rules.priority)}"), None
    return rules.unknown_priority, replace(unread, note="could not be read: unknown_priority"), unread.text.strip()


@lru_cache(maxsize=4096)
def _squashed(name: str) -> str:
    """Make `Failure_Threshold`, `failure-threshold` and `Failure Threshold` the same."""
    return _SEPARATORS.sub("", name).casefold()


def _measure(alert: Alert, names: Sequence[FieldName]) -> float | None:
    """Return the first number that one of the names has, among values, then annotations, then labels."""
    for wanted in names:
        key = _squashed(wanted.name)
        if not wanted.place:
            for value in alert.values:
                if value.number is not None and _named(value.name, key):
                    return value.number
        for place, mapping in (("annotation", alert.annotations), ("label", alert.labels)):
            if wanted.place not in {"", place}:
                continue
            for name, text in mapping.items():
                if _named(name, key) and (found := leading_number(text)) is not None:
                    return found
    return None


def _named(name: str, key: str) -> bool:
    return len(name) <= LONGEST_NAME and _squashed(name) == key


def _no_data(alert: Alert, group: Group) -> str | None:
    """Say that an alert is about missing data or a failed query, not about what its rule watches."""
    if group.shape == LEGACY:
        return "no data" if alert.state in {"no_data", "nodata"} else None
    if found := _NO_DATA.get(alert.labels.get("alertname", "")):
        return found
    # a rule that is set to fire on no data or an error fires under its own name, and says why
    reason = alert.annotations.get("grafana_state_reason", "") if alert.status is Status.FIRING else ""
    return _NO_DATA.get(f"Datasource{reason}")
