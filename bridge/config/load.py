"""Load a configuration: the file, what it includes, every check that needs no network. All problems at once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.assemble import assemble
from bridge.config.declare import Names, Part
from bridge.config.environ import external_url
from bridge.config.include import included
from bridge.config.loaded import Loaded
from bridge.config.missing import missing_secrets, needed
from bridge.config.problem import ConfigError, Level, Problem
from bridge.config.read import read
from bridge.config.schema import BridgeFile, IncludedFile, Team
from bridge.config.validate import Findings, at, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.assemble import Assembled
    from bridge.config.document import Document
    from bridge.config.problem import Keys

_NAME = 2
"""How deep a name stands with what is declared by it: `teams.payments`."""


def load(
    path: str | Path, env: Mapping[str, str], *, require_secrets: bool = False, last: Loaded | None = None
) -> Loaded:
    """Load a configuration file.

    Args:
        path: The file; problems show it as it is given here.
        env: The environment's variables. BRIDGE_EXTERNAL_URL wins over the file.
        require_secrets: Whether secrets must be there now, as for `bridge run`; an included file's is warned of.
        last: What was loaded before: an included file that is broken now keeps its settings of then.

    Raises:
        ConfigError: with all problems; a broken included file alone is none, it is left out (`Loaded.warnings`).
    """
    file = os.fspath(path)
    document = read(Path(path), file)
    findings = Findings()
    main = validate(BridgeFile, document, (), env, findings)
    if main is None:
        raise ConfigError(_sorted(findings.errors()))
    joined = _Join(Part(document, main), env, findings, {one.file: one for one in last.documents[1:]} if last else {})
    for name, place in included(document, main.include, joined.problems):
        joined.add(name, place)
    found = joined.settle()
    rules = replace(found.rules, external_url=external_url(env) or found.rules.external_url)
    documents = tuple(part.document for part in joined.parts)
    loaded = Loaded(rules, found.settings, tuple(joined.problems), documents)
    missing = missing_secrets(loaded, env) if require_secrets else []
    if needed(loaded, missing):
        raise ConfigError(_sorted(missing))
    return replace(loaded, warnings=(*loaded.warnings, *(replace(one, level=Level.WARNING) for one in missing)))


def _included(document: Document, env: Mapping[str, str], findings: Findings) -> Part | None:
    file = validate(IncludedFile, document, (), env, findings)
    return Part(document, file) if file and not findings.errors() else None


def _may_declare(document: Document, keys: Keys) -> bool:
    """Say whether names may have stood where something can't be read: then nobody knows which names there are."""
    if len(keys) == 1 and keys[0] not in BridgeFile.model_fields:
        return isinstance(at(document.data, keys), dict | list)
    aliases = (
        keys[0] == "teams" and len(keys) > _NAME and (keys[_NAME] not in Team.model_fields or keys[_NAME] == "aliases")
    )
    return keys[0] == "include" or (keys[0] in {"destinations", "teams"} and len(keys) <= _NAME) or aliases


def _sorted(problems: list[Problem]) -> list[Problem]:
    """Order problems by file, as first met, and line."""
    files = list(dict.fromkeys(one.file for one in problems))
    return sorted(problems, key=lambda one: (files.index(one.file), one.line))


class _Join:
    """Joins the main file with its included ones, leaving out those that are broken."""

    def __init__(self, main: Part, env: Mapping[str, str], found: Findings, last: Mapping[str, Document]) -> None:
        self.parts = [main]
        self._errors = found.errors()
        self._unsure = any(_may_declare(main.document, keys) for keys in found.left_out)
        self.problems: list[Problem] = []
        self._env = env
        self._last = dict(last)
        self._put_back: set[str] = set()
        self._broken = False

    def add(self, file: str, path: Path) -> None:
        """Read an included file; where it is broken, its last good one."""
        findings = Findings()
        try:
            part = _included(read(path, file), self._env, findings)
        except ConfigError as error:
            part = None
            mend = "mend include, or write the file"
            findings.problems = [one if path.exists() else replace(one, mend=mend) for one in error.problems]
        if part:
            self.parts.append(part)
        else:
            self._leave_out(file, findings.errors(), len(self.parts))

    def settle(self) -> Assembled:
        """Join all that is whole: a file whose names clash or lead nowhere is left out too.

        Where that file is as it was and another one's change is what does it, the other one is left out.

        Raises:
            ConfigError: the main file has problems, or its change, or a file that is gone, makes those of another one.
        """
        while True:
            found, findings = self._assembled(self.parts)
            faulty = next((part for part in self.parts[1:] if findings.errors(part.document.file)), None)
            if faulty is None:
                break
            culprit = self._culprit(faulty) or faulty
            if culprit is faulty and self._as_it_was(faulty):
                break  # left out, it would lose its teams for what is no fault of its own
            index = self.parts.index(culprit)
            del self.parts[index]
            self._leave_out(culprit.document.file, findings.errors(faulty.document.file), index)
        if errors := findings.errors():
            raise ConfigError(_sorted([*errors, *self.problems]))
        self.problems += _sorted(findings.problems)
        return found

    def _assembled(self, parts: list[Part]) -> tuple[Assembled, Findings]:
        findings = Findings(list(self._errors))
        lenient = self.parts[0].document if self._broken else None
        return assemble(parts, Names(findings, self._env, lenient, unsure=self._unsure)), findings

    def _culprit(self, faulty: Part) -> Part | None:
        """Return the part by whose change one that is as it was has become faulty, where there is one."""
        parts = list(self.parts)
        for part in [one for one in self.parts[1:] if not self._as_it_was(one)] if self._as_it_was(faulty) else ():
            index = parts.index(part)
            parts[index : index + 1] = self._before(part.document.file)
            if not self._assembled(parts)[1].errors(faulty.document.file):
                return part
        return None

    def _as_it_was(self, part: Part) -> bool:
        file = part.document.file
        return file in self._put_back or self._last.get(file) == part.document

    def _before(self, file: str) -> list[Part]:
        """Return a file's last good version, where there is one."""
        old = self._last.get(file)
        kept = _included(old, self._env, Findings()) if old else None
        return [kept] if kept else []

    def _leave_out(self, file: str, errors: list[Problem], index: int) -> None:
        """Say what is broken, and put the file's last good version in its place, once, where there is one."""
        kept = self._before(file)
        self._last.pop(file, None)
        if kept:
            self.parts[index:index] = kept
            self._put_back.add(file)
            what, mend = "this included file is broken, its last good settings stay", "mend the lines below"
        else:
            self._broken = True
            what = "this included file is broken and left out, its teams count as not configured"
            mend = "mend the lines below"
        self.problems += [Problem(file, 0, what, mend, Level.ERROR), *_sorted(errors)]
