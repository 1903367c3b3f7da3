"""Which blocks a template consists of, read from its source and from those that it extends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import TemplateNotFound, TemplateSyntaxError, nodes

from bridge.render.harden import own_texts

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_EXTENDED = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is written."""

    template: str
    file: Path | None
    line: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The blocks of a template by name, each where it is written; of several that extend each other, the first.

    `inner` are names of blocks that another one shows: those that stand in it, or that it names as `self.name()`.
    `texts` is what the templates themselves say that could be markup: where each text begins, and the text.
    `open` says that what the template extends is only known when it is rendered.
    """

    blocks: dict[str, Place]
    inner: frozenset[str]
    texts: tuple[tuple[Place, str], ...]
    extends: str
    open: bool


def outline(environment: Environment, name: str) -> Outline:
    """Read a template and what it extends.

    Raises:
        TemplateError: one of them is missing or can't be read.
    """
    blocks: dict[str, Place] = {}
    inner: set[str] = set()
    texts: list[tuple[Place, str]] = []
    first, asked = "", name
    seen: list[str] = []
    while len(seen) < MOST_EXTENDED:
        seen.append(asked)
        assert environment.loader is not None
        try:
            source, filename, _fresh = environment.loader.get_source(environment, asked)
        except TemplateNotFound as error:
            raise TemplateNotFound(asked) from error
        tree = environment._parse(source, asked, filename)  # noqa: SLF001 - `parse` would say no file in what it raises
        file = Path(filename) if filename else None
        texts += [(Place(asked, file, line), text) for line, text in own_texts(tree)]
        for block in tree.find_all(nodes.Block):
            blocks.setdefault(block.name, Place(asked, file, block.lineno))
            inner |= {within.name for within in block.find_all(nodes.Block)}
        inner |= {
            call.attr
            for call in tree.find_all(nodes.Getattr)
            if isinstance(call.node, nodes.Name) and call.node.name == "self"
        }
        parent = next(tree.find_all(nodes.Extends), None)
        if parent is None:
            return Outline(blocks, frozenset(inner), tuple(texts), first, open=False)
        if not isinstance(parent.template, nodes.Const):
            break
        if parent.template.value in seen:
            raise TemplateSyntaxError("extends itself", parent.lineno, asked, filename)
        asked = str(parent.template.value)
        first = first or asked
    return Outline(blocks, frozenset(inner), tuple(texts), first, open=True)
