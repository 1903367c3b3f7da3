"""Read YAML into plain values, keeping the line and column of every key.

Scalars stay text as written, whatever YAML would make of them (`on`, `012`, `1e3`): what a key means is decided by the
schema, which knows what it expects.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bridge.config.document import Document, Place
from bridge.config.problem import ConfigError, Problem
from bridge.config.syntax import explain
from bridge.config.words import FOUR_LINES, dotted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bridge.config.document import Tree
    from bridge.config.problem import Keys

MAX_NODES = 100_000
"""Values in one file, aliases counted where they are used: more is a mistake, or an attack by aliases."""
_STANDARD = "tag:yaml.org,2002:"
_SWALLOWED = re.compile(r"^(?:[:\-,?\s]|&\S+)*\s(#\S.*?)\s*$")


def read(path: Path, file: str) -> Document:
    """Read a YAML file whose top is a mapping.

    Raises:
        ConfigError: with every problem of the file's form; none quotes the file's text.
    """
    text = _text(path, file)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise ConfigError([explain(error, text, file)]) from None
    except YAMLError:
        raise ConfigError([Problem(file, 1, "is not YAML", "remove control characters, save it as UTF-8")]) from None
    except RecursionError:
        raise ConfigError([Problem(file, 1, "is nested too deep", "take levels of { and [ out of it")]) from None
    if node is None or (isinstance(node, ScalarNode) and _is_null(node)):
        return Document(file, path.parent)
    walk = _Walk(file, text.splitlines())
    data = walk.value(node, ())
    if not isinstance(data, dict):
        walk.problems.append(
            Problem(file, 1, "the top of the file is not a mapping", f"write keys, like\n{FOUR_LINES}")
        )
        data = {}
    if walk.problems:
        raise ConfigError(walk.problems)
    return Document(file, path.parent, data, walk.places, walk.swallowed)


def _text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        mend = f"name it by --config or BRIDGE_CONFIG, or begin with these four lines\n{FOUR_LINES}"
        raise ConfigError([Problem(file, 0, "there is no such file", mend)]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(file, 0, "is not UTF-8 text", "save it as UTF-8")]) from None
    except OSError as error:
        why = (error.strerror or "it can't be opened").lower()
        mend = "lead the link to a file" if error.errno == errno.ELOOP else "let the bridge's user read it"
        raise ConfigError([Problem(file, 0, f"can't be read, {why}", mend)]) from None


def _is_null(node: Node) -> bool:
    return bool(node.tag == f"{_STANDARD}null")


class _Walk:
    """Turns YAML's nodes into plain values, noting places and problems on the way."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.places: dict[Keys, Place] = {}
        self.swallowed: dict[Keys, str] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._open: list[Node] = []

    def value(self, node: Node, keys: Keys) -> Tree:
        """Return a node's value; `keys` is the way to it."""
        self._nodes += 1
        if node in self._open or self._nodes > MAX_NODES:
            self._report(node, "an alias that contains itself, or far too many", "write the values out")
            return None
        if not str(node.tag).startswith(_STANDARD):
            self._report(node, "a YAML tag (!…) means nothing here", "leave it out; secrets are ${env:NAME}")
        if isinstance(node, MappingNode):
            return self._inside(node, lambda: self._mapping(node, keys))
        if isinstance(node, SequenceNode):
            return self._inside(node, lambda: self._sequence(node, keys))
        if _is_null(node):
            self._look_for_comment(node, keys)
            return None
        return str(node.value)

    def _inside(self, node: Node, read: Callable[[], Tree]) -> Tree:
        self._open.append(node)
        try:
            return read()
        finally:
            self._open.pop()

    def _sequence(self, node: SequenceNode, keys: Keys) -> Tree:
        for index, entry in enumerate(node.value):
            self.places[(*keys, index)] = _place(entry)
        return [self.value(entry, (*keys, index)) for index, entry in enumerate(node.value)]

    def _mapping(self, node: MappingNode, keys: Keys) -> Tree:
        found: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == f"{_STANDARD}merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
                continue
            if not isinstance(key, ScalarNode):
                self._report(key, "a key that is a list or a mapping", "quote values that begin with { or [")
                continue
            name = str(key.value)
            if name in found:
                way = dotted((*keys, name))
                mend = "keep one of the two"
                self._report(key, f"{way} stands here a second time, first in line {lines[name]}", mend)
                continue
            lines[name] = key.start_mark.line + 1
            self.places[(*keys, name)] = _place(key)
            found[name] = self.value(value, (*keys, name))
        for other in merged:
            self._merge(other, keys, found)
        return found

    def _merge(self, node: Node, keys: Keys, found: dict[str, Tree]) -> None:
        """Add what `<<: *anchor` brings, under the keys written here; places are those of the anchor."""
        if not isinstance(node, MappingNode):
            self._report(node, "<< takes a mapping, or a list of them", "give it an alias of a mapping (*name)")
            return
        apart = _Walk(self.file, self.lines)
        apart._open, apart._nodes = self._open, self._nodes
        brought = apart.value(node, keys)
        self._nodes = apart._nodes
        self.problems += apart.problems
        news = [name for name in brought if name not in found] if isinstance(brought, dict) else []
        for name in news:
            found[name] = brought[name]  # type: ignore[index,call-overload] # `news` are keys of a dict
        wanted = {(*keys, name) for name in news}
        depth = len(keys) + 1
        self.places |= {way: place for way, place in apart.places.items() if way[:depth] in wanted}
        self.swallowed |= {way: text for way, text in apart.swallowed.items() if way[:depth] in wanted}

    def _look_for_comment(self, node: Node, keys: Keys) -> None:
        """Note `#alerts` in `channel: #alerts`; a `# comment` has a space and is meant as one."""
        if node.value or not keys:
            return
        place = self.places[keys]
        line = self.lines[place.line - 1]
        rest = line[place.column - 1 :]
        rest = rest[len(str(keys[-1])) :] if isinstance(keys[-1], str) else line[line.find("-") :]
        if hit := _SWALLOWED.match(rest):
            self.swallowed[keys] = hit[1]

    def _report(self, node: Node, what: str, mend: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, what, mend))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
