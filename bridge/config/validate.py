"""Hold a document against its model: every fault becomes a finding at its line, in words that say how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from bridge.config.kinds import KINDS
from bridge.config.known import known_keys
from bridge.config.problem import Level, Problem, WrongError
from bridge.config.scalars import LiteralSecretError, Reading
from bridge.config.words import did_you_mean, quoted, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.document import Document, Tree
    from bridge.config.problem import Keys

M = TypeVar("M", bound=BaseModel)
MAY_BE_EMPTY = ("sources", "normalize", "destinations", "send", "teams", "routes", "retention", "include", "tests")
"""Keys with nothing after them count as not written; of the named things in three of them, as without settings."""
_NAMED = ("sources", "destinations", "teams")
_EXPECTED = {
    "model_type": ("settings are", "write `key: value` lines below it"),
    "dict_type": ("settings are", "write `key: value` lines below it"),
    "mapping_type": ("settings are", "write `key: value` lines below it"),
    "list_type": ("a list is", "write [one, two], or a line `- one` each"),
    "tuple_type": ("a list is", "write [one, two], or a line `- one` each"),
}


@dataclass(slots=True)
class Findings:
    """Collects findings, each once."""

    problems: list[Problem] = field(default_factory=list)
    left_out: list[Keys] = field(default_factory=list)
    """The ways to what can't be read, of whole files."""

    def add(self, document: Document, keys: Keys, what: str, mend: str = "", level: Level = Level.ERROR) -> None:
        """Add a finding about a key."""
        problem = document.problem(keys, what, mend, level)
        if problem not in self.problems:
            self.problems.append(problem)

    def errors(self, file: str | None = None) -> list[Problem]:
        """Return the errors, of one file or of all."""
        return [one for one in self.problems if one.level is Level.ERROR and file in {None, one.file}]


def validate(model: type[M], document: Document, keys: Keys, env: Mapping[str, str], findings: Findings) -> M | None:
    """Make a model of the part of a document at `keys`, faults going to `findings`.

    Keys with faults are left out of the model, so that what else is wrong can be found at the same time; None where
    that isn't possible.
    """
    data = _without_empty(at(document.data, keys), keys)
    _report_empty(document, data, keys, findings)
    section = _Section(model, document, keys, data)
    reading = Reading(env, document.folder)
    rest, told = data, False
    while True:
        try:
            return model.model_validate(rest, context=reading)
        except ValidationError as error:
            errors = [cast("Mapping[str, Any]", one) for one in error.errors(include_url=False, include_input=False)]
        for one in () if told else errors:
            section.report(one, findings)
        told = True
        ways = [way(rest, one["loc"]) for one in errors]
        smaller = _without(ways, rest, _NAMED if not keys else ())
        if smaller == rest:
            return None
        rest = smaller
        if not keys:
            findings.left_out += ways


def at(tree: Tree, keys: Keys) -> Tree:
    """Return what stands at the end of a way through a document, None where the way ends before."""
    for key in keys:
        tree = tree[key] if _has(tree, key) else None  # type: ignore[index] # as `_has` says
    return tree


def _has(tree: Tree, key: str | int) -> bool:
    if isinstance(tree, dict):
        return key in tree
    return isinstance(tree, list) and key in range(len(tree))


def _without_empty(data: Tree, keys: Keys) -> Tree:
    """Leave out keys that may stand alone, like `teams:` above lines that are all comments."""
    if keys:
        return {} if data is None else data
    if not isinstance(data, dict):
        return data
    kept = {key: value for key, value in data.items() if value is not None or key not in MAY_BE_EMPTY}
    for key in _NAMED:
        if isinstance(named := kept.get(key), dict):
            kept[key] = {name: {} if value is None else value for name, value in named.items()}
    return kept


def _without(ways: list[Keys], data: Tree, named: tuple[str, ...]) -> Tree:
    """Leave out the keys that faults are at or below, and no others.

    An entry of a list is left out with its list, so that the others keep their numbers; an entry of `named` stays,
    without settings.
    """
    for faulty in ways:
        cut = len(faulty)
        while cut and not (isinstance(faulty[cut - 1], str) and at(data, faulty[: cut - 1]) is not None):
            cut -= 1
        if cut:
            stays = cut == 2 and str(faulty[0]) in named and at(data, faulty[:cut]) != {}  # noqa: PLR2004 - a name's depth
            data = _replaced(data, faulty[:cut], {} if stays else None)
    return data


def _replaced(tree: Tree, keys: Keys, by: Tree) -> Tree:
    """Return a tree with something else at the end of a way; None takes the last key away."""
    key, rest = keys[0], keys[1:]
    if not _has(tree, key):
        return tree
    inner = by if not rest else _replaced(tree[key], rest, by)  # type: ignore[index] # as `_has` says
    if isinstance(tree, list):
        return [inner if index == key else one for index, one in enumerate(tree)]
    kept = cast("dict[str, Tree]", tree)
    if inner is None and not rest:
        return {name: one for name, one in kept.items() if name != key}
    return {**kept, str(key): inner}


def _report_empty(document: Document, data: Tree, keys: Keys, findings: Findings) -> None:
    if data is None:
        _report_nothing(document, keys, findings)
    elif isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            _report_empty(document, value, (*keys, key), findings)


def _report_nothing(document: Document, keys: Keys, findings: Findings) -> None:
    if (text := document.swallowed.get(keys)) is None:
        findings.add(document, keys, "is empty", "write a value, or leave the key out")
        return
    value = text.rstrip("]}, ")
    example = f'"{value}"' if quoted(value) == f"'{value}'" else "the value"
    what = "is empty, because YAML takes what follows the # for a comment"
    findings.add(
        document,
        keys,
        what,
        f"put it in quotes, {keys[-1]}: {example}" if isinstance(keys[-1], str) else f"put it in quotes, {example}",
    )


def _found(value: Tree) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "a text"


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of a document that doesn't fit its model."""

    model: type[BaseModel]
    document: Document
    top: Keys
    data: Tree

    def report(self, error: Mapping[str, Any], findings: Findings) -> None:
        """Turn one of pydantic's errors into a finding."""
        missing = error["type"] == "missing"
        keys = (*self.top, *way(self.data, error["loc"], missing=missing))
        value = at(self.document.data, keys)
        if not missing and keys in self.document.places and value is None:
            return  # empty: already told
        if error["type"] == "too_short" and value:
            return  # not empty but for its faulty entries: these are told
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, LiteralSecretError):
            mend = f'put it in an environment variable and write "${{env:{variable(keys)}}}"'
            findings.add(self.document, keys, cause.what, mend)
        elif isinstance(cause, WrongError):
            findings.add(self.document, keys, cause.what, cause.mend)
        else:
            findings.add(self.document, keys, *self._said(error, keys))

    def _said(self, error: Mapping[str, Any], keys: Keys) -> tuple[str, str]:
        """Return what is wrong by pydantic's own checks, and the mend."""
        kind = error["type"]
        value = at(self.document.data, keys)
        if kind == "extra_forbidden":
            if len(keys) == 1 and keys[0] in KINDS:
                return "stands at the top of the file", "indent it, so that it is below destinations"
            known = known_keys(self.model, keys[len(self.top) : -1])
            return "is no key that is known here", did_you_mean(str(keys[-1]), known)
        if kind == "missing":
            return "is missing", f"add {keys[-1]}"
        if kind == "literal_error" and isinstance(value, str):
            known = error["ctx"]["expected"].replace("'", "")
            return f"is {quoted(value)}, which is not understood", f"write {known}"
        if kind == "too_short":
            return "is an empty list", "name at least one"
        expected, mend = _EXPECTED.get(kind, ("something else is", "see bridge.example.yml"))
        return f"is {_found(value)} where {expected} expected", mend


def way(data: Tree, loc: tuple[str | int, ...], *, missing: bool = False) -> Keys:
    """Return pydantic's way to an error as keys of the data: without the marks it puts in between."""
    found: list[str | int] = []
    for index, key in enumerate(loc):
        if _has(data, key):
            data = data[key]  # type: ignore[index] # as `_has` says
            found.append(key)
        elif missing and index == len(loc) - 1:
            found.append(key)
    return tuple(found)
