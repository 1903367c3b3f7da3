"""Hold a document against its model: every fault becomes a finding at its line, in words that say how to mend it."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

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
    reading = Reading(env, document.folder)
    try:
        return model.model_validate(data, context=reading)
    except ValidationError as error:
        errors = [cast("Mapping[str, Any]", one) for one in error.errors(include_url=False, include_input=False)]
    section = _Section(model, document, keys, data)
    for one in errors:
        section.report(one, findings)
    rest = _without([one["loc"] for one in errors], data)
    try:
        return model.model_validate(rest, context=reading)
    except ValidationError:
        return None


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


def _without(faults: list[tuple[int | str, ...]], data: Tree) -> Tree:
    """Leave out the keys that faults are below; a named source, destination or team stays, without settings."""
    if not isinstance(data, dict):
        return data
    kept = dict(data)
    for fault in faults:
        top, name = str(fault[0]) if fault else "", fault[1] if len(fault) > 1 else None
        named = kept.get(top)
        if top in _NAMED and isinstance(named, dict) and isinstance(name, str):
            kept[top] = {**named, name: {}}
        else:
            kept.pop(top, None)
    return kept


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
        keys = (*self.top, *self._way(error["loc"], missing=missing))
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

    def _way(self, loc: tuple[str | int, ...], *, missing: bool) -> Keys:
        """Return pydantic's way to an error as keys of the document: without the marks it puts in between."""
        way: list[str | int] = []
        data = self.data
        for index, key in enumerate(loc):
            if _has(data, key):
                data = data[key]  # type: ignore[index] # as `_has` says
                way.append(key)
            elif missing and index == len(loc) - 1:
                way.append(key)
        return tuple(way)


def known_keys(model: type[BaseModel], keys: Keys) -> list[str]:
    """Return the keys that may stand in the mapping at the end of a way through a model."""
    found: object = model
    for key in keys:
        found = _inside(found, key)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [spec.alias or name for name, spec in found.model_fields.items() if spec.exclude is not True]
    return []


def _inside(annotation: object, key: str | int) -> object:
    """Return the type of what stands under a key of a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {spec.alias or name: spec.annotation for name, spec in annotation.model_fields.items()}
        return _model(fields.get(str(key)))
    arguments = typing.get_args(annotation)
    return _model(arguments[0] if isinstance(key, int) else arguments[-1]) if arguments else None


def _model(annotation: object) -> object:
    """Take `Annotated` and `| None` off a type."""
    while True:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            annotation = arguments[0]
        elif origin in (typing.Union, types.UnionType):
            annotation = next((one for one in arguments if one is not type(None)), None)
        else:
            return annotation
