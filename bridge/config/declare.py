"""What the files declare by name: destinations and teams, each name once, with the place of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bridge.config.kinds import KINDS, lacking, rivals, written
from bridge.config.problem import Level
from bridge.config.units import OFF
from bridge.config.validate import at, validate
from bridge.config.words import did_you_mean, listed, quoted, shown
from bridge.core.rules import SHADOW, DestinationRules, Sending, TeamRules
from bridge.core.teams import LONGEST_TEAM, folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.config.document import Document
    from bridge.config.problem import Keys
    from bridge.config.schema import IncludedFile, Team
    from bridge.config.validate import Findings
    from bridge.core.alert import Priority

LONGEST = 100
"""Characters of the name of a source or destination, for which the ledger has room."""
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One file, read and held against its model."""

    document: Document
    file: IncludedFile


@dataclass(slots=True)
class Names:
    """The declared names, and the findings about who refers to one that isn't declared.

    `lenient` is the main file where an included one is left out: what it refers to may be in there, so that an
    unknown name is left out with a warning, and the rest goes on.
    """

    findings: Findings
    env: Mapping[str, str]
    lenient: Document | None = None
    destinations: dict[str, DestinationRules] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    """Canonical names by every name and alias, case folded."""
    places: dict[str, str] = field(default_factory=dict)
    """Where each of those is written."""
    faulty: set[str] = field(default_factory=set)
    """Destinations that are declared, but can't be used: that is told where they are declared, and nowhere else."""
    unsure: bool = False
    """Whether names may be declared in what couldn't be read: what a name leads to can't be said then."""

    @property
    def sure(self) -> bool:
        """Whether all that is declared can be used: only then can it be said who is left with nobody to tell."""
        return not self.unsure and not self.faulty and self.lenient is None

    def destination(self, document: Document, keys: Keys, name: str) -> bool:
        """Say whether a destination is declared; a finding where it isn't."""
        if name not in self.destinations and name not in self.faulty:
            known = did_you_mean(name, [*self.destinations, *self.faulty])
            self._unknown(document, keys, f"names the destination {quoted(name)}", known)
        return name in self.destinations

    def team(self, document: Document, keys: Keys, said: str) -> str | None:
        """Return the canonical name of a team; a finding where it isn't configured."""
        if (found := self.teams.get(folded(said))) is None:
            self._unknown(document, keys, f"names the team {quoted(said)}", did_you_mean(said, self.teams.values()))
        return found

    def sending(self, document: Document, keys: Keys, cell: Sending) -> Sending:
        """Return a cell of a send table with what is declared; an empty list is a finding."""
        if cell.names == ():
            mend = "name a destination; to tell nobody, map the priority's word to drop"
            self.findings.add(document, keys, "is an empty list, so these alerts would be told nowhere", mend)

        def known(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(one for one in names if self.destination(document, _entry(document, keys, one), one))

        # a list of which nobody is left would tell nobody: as if it were not there
        names, add = known(cell.names or ()) or None, known(cell.add)
        return Sending(names, add, known(cell.remove) if add or not cell.add else ())

    def _unknown(self, document: Document, keys: Keys, what: str, mend: str) -> None:
        if self.unsure:
            return
        level = Level.WARNING if document is self.lenient else Level.ERROR
        left = ", left out" if level is Level.WARNING else ""
        self.findings.add(document, keys, f"{what}, which isn't declared{left}", mend, level)


def _entry(document: Document, keys: Keys, name: str) -> Keys:
    """Return the way to the entry of a list that holds a name, with or without + and -."""
    written_names = at(document.data, keys)
    if isinstance(written_names, list):
        for index, text in enumerate(written_names):
            if isinstance(text, str) and text.strip().lstrip("+-").strip() == name:
                return (*keys, index)
    return keys


def declare_destinations(parts: list[Part], names: Names) -> None:
    """Read every declared destination into `names`."""
    for part in parts:
        for name, settings in part.file.destinations.items():
            keys: Keys = ("destinations", name)
            if not _NAME.fullmatch(name) or len(name) > LONGEST:
                mend = f"write at most {LONGEST} letters, digits, - and _"
                names.findings.add(part.document, keys, "can't be a name", mend)
            elif name == SHADOW:
                names.findings.add(part.document, keys, "is what shadow mode's own is called", "give it another name")
            elif name in names.destinations:
                first = names.destinations[name].where
                names.findings.add(part.document, keys, f"is declared a second time, first at {first}", "keep one")
            elif kind := _kind(part.document, name, settings, names.findings):
                _declare(part.document, name, kind, names)
            if name not in names.destinations:
                names.faulty.add(name)


def _kind(document: Document, name: str, settings: Mapping[str, object], findings: Findings) -> str | None:
    if not _settled(document, ("destinations", name)):
        return None
    said = settings.get("kind", name)
    if isinstance(said, str) and said.strip().lower() in KINDS:
        return said.strip().lower()
    keys: Keys = ("destinations", name)
    if "kind" in settings:
        found = f"is {quoted(said)}, which is no kind" if isinstance(said, str) else "is no kind"
        findings.add(document, (*keys, "kind"), found, f"write {listed(KINDS, 'or')}")
    else:
        findings.add(document, keys, "has no kind, and its name is none", f"add kind: {listed(KINDS, 'or')}")
    return None


def _settled(document: Document, keys: Keys) -> bool:
    """Say whether settings, or none, stand at the end of a way; what else does is told by then."""
    said = at(document.data, keys)
    return said is None or isinstance(said, dict)


def _declare(document: Document, name: str, kind: str, names: Names) -> None:
    keys: Keys = ("destinations", name)
    before = len(names.findings.problems)
    settings = _settings(document, keys, kind, names)
    places = {key: document.where((*keys, key)) for key in settings}
    names.destinations[name] = DestinationRules(name, kind, settings, document.where(keys), places)
    if len(names.findings.problems) == before:
        for key, what, mend in lacking(kind, settings):
            names.findings.add(document, (*keys, key) if key else keys, what, mend)


def _settings(document: Document, keys: Keys, kind: str, names: Names) -> dict[str, object]:
    own = validate(KINDS[kind], document, keys, names.env, names.findings)
    return written(own) if own else {}


def declare_teams(parts: list[Part], names: Names) -> dict[str, TeamRules]:
    """Read every team; names and aliases go into `names` first, so that all may be referred to."""
    kept = [(part.document, name, team) for part, name, team in _teams(parts, names)]
    return {name: _team(document, name, team, names) for document, name, team in kept}


def _teams(parts: list[Part], names: Names) -> Iterator[tuple[Part, str, Team]]:
    kept = []
    for part in parts:
        for name, team in part.file.teams.items():
            keys: Keys = ("teams", name)
            if _claim(part.document, keys, name, name, names):
                kept.append((part, name, team))
    for part, name, team in kept:
        for index, alias in enumerate(team.aliases):
            _claim(part.document, ("teams", name, "aliases", index), alias, name, names)
    yield from kept


def _claim(document: Document, keys: Keys, said: str, team: str, names: Names) -> bool:
    """Take a name or alias for a team; a finding where it is taken, or can't be a name."""
    plain = folded(said)
    if "," in said or not plain or plain in OFF or len(said) > LONGEST_TEAM:
        what = f"holds {quoted(said)}, which can't be a team's name" if keys[-1] != said else "can't be a team's name"
        brief = f"write at most {LONGEST_TEAM} characters"
        mend = brief if len(said) > LONGEST_TEAM else "write a word without commas: a comma stands between teams"
        names.findings.add(document, keys, what, mend)
        return False
    if plain in names.teams:
        owner = names.teams[plain]
        what = f"({quoted(said)}) names the team {shown(owner)} already, at {names.places[plain]}"
        names.findings.add(document, keys, what, "names and aliases count in any case: keep one")
        return False
    names.teams[plain] = team
    names.places[plain] = document.where(keys)
    return True


def _team(document: Document, name: str, team: Team, names: Names) -> TeamRules:
    keys: Keys = ("teams", name)
    overrides: dict[str, dict[str, object]] = {}
    places: dict[tuple[str, str], str] = {}
    for destination in team.destinations:
        way: Keys = (*keys, "destinations", destination)
        if names.destination(document, way, destination):
            if at(document.data, (*way, "kind")):
                names.findings.add(document, (*way, "kind"), "can't be changed by a team", "leave it out")
            declared = names.destinations[destination]
            own = overrides[destination] = _settings(document, way, declared.kind, names)
            for key, what, mend in rivals(declared.kind, declared.settings, own):
                names.findings.add(document, (*way, key), what, mend, Level.WARNING)
            places |= {(destination, key): document.where((*way, key)) for key in overrides[destination]}
    send: dict[Priority, Sending] = {}
    for level, cell in team.send.items():
        row: Keys = (*keys, "send", spelled(document, (*keys, "send"), level))
        send[level] = names.sending(document, row, cell)
        places["send", level] = document.where(row)
    return TeamRules(
        name=name,
        aliases=tuple(team.aliases),
        destinations=overrides,
        send=send,
        timezone=team.timezone,
        mode=team.mode,
        remind=dict(team.remind or {}) if "remind" in team.model_fields_set else None,
        where=document.where(keys),
        places=places,
    )


def spelled(document: Document, keys: Keys, level: Priority | str) -> str:
    """Return a priority as the file's mapping spells it: `p0` where that stands there."""
    table = at(document.data, keys)
    known = cast("dict[str, object]", table) if isinstance(table, dict) else {}
    return next((key for key in known if key.casefold() == level.casefold()), str(level))
