"""The sandbox that templates run in: every value is escaped for its kind, and every rendering is bounded.

Jinja's own autoescaping knows only HTML. Here `finalize` escapes whatever a template puts out, at run time, for the
kind that is being rendered; and no way leads from plain text to markup but `link()`: filters, operators and methods
that could join untrusted text to markup unescaped are replaced or refused.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from bridge.render import words
from bridge.render.text import http_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import BaseLoader
    from jinja2.runtime import Context

MOST_STEPS: Final = 20_000
"""Values put out, loop turns and calls of one rendering, together."""
MOST_CHARACTERS: Final = 100_000

_LARGEST_FACTOR = 1e9
_GAP = re.compile(r"[A-Za-z ,;·\n]{0,7}")
_STRING_METHODS: Final = frozenset(
    {"capitalize", "casefold", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "partition"}
    | {"removeprefix", "removesuffix", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"}
)
"""What a template may call on text: nothing that grows it (`format`, `ljust`, `join`, `replace`)."""


@dataclass(slots=True)
class Rendering:
    """One rendering under way: how its block is escaped, what it may still use, and addresses that it refused."""

    escape: Callable[[str], str]
    link: Callable[[str, str], str]
    steps: int = MOST_STEPS
    room: int = MOST_CHARACTERS
    refused: list[str] = field(default_factory=list)

    def spend(self, steps: int = 1, characters: int = 0) -> None:
        """Count what was used; end the rendering where it is too much."""
        self.steps -= steps
        self.room -= characters
        if self.steps < 0:
            raise TemplateRuntimeError(f"does more than {MOST_STEPS:,} steps")
        if self.room < 0:
            raise TemplateRuntimeError(f"makes more than {MOST_CHARACTERS:,} characters")


CURRENT: ContextVar[Rendering] = ContextVar("rendering")


def put_out(value: object) -> Markup:
    """Return a value as markup of the block's kind: everything that is not markup already is escaped."""
    rendering = CURRENT.get()
    if isinstance(value, Markup):
        made = value
    elif value is None:
        made = Markup()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        made = Markup(rendering.escape(words.number(value)))  # noqa: S704 - escaped
    elif isinstance(value, (str, StrictUndefined)):
        made = Markup(rendering.escape(str(value)))  # noqa: S704 - escaped; an undefined value raises
    else:
        raise TemplateRuntimeError(f"a {type(value).__name__} can't be shown as a whole; name one of its parts")
    rendering.spend(characters=len(made))
    return made


@pass_context
def finalize(_context: Context, value: object) -> Markup:
    """Escape what `{{ … }}` puts out. Takes the context so that Jinja doesn't run it on constants while compiling."""
    return put_out(value)


@pass_context
def joined(context: Context, values: Any, between: object = "", attribute: str | None = None) -> Markup:  # noqa: ANN401
    """Join values, escaping each that is not markup; stands in for Jinja's `~` and `join`."""
    part_of = context.environment.getattr
    items = [value if attribute is None else part_of(value, attribute) for value in values]
    gap = _gap(between)
    made = Markup().join(part for item in items for part in (gap, put_out(item)))
    CURRENT.get().spend(characters=len(made))
    return made[len(gap) :]


def _gap(between: object) -> Markup:
    """Put out what stands between joined values: as it is where no kind could take it for markup.

    A kind's escaping is for whole texts, and may take ", " or the spaces around "and" away.
    """
    if isinstance(between, str) and _GAP.fullmatch(between):
        return Markup(between)  # noqa: S704 - letters, spaces and commas
    return put_out(between)


@pass_context
def turns(_context: Context, values: Any) -> list[Any]:  # noqa: ANN401 - whatever a template loops over
    """Return what a loop runs over, its turns counted."""
    rendering = CURRENT.get()
    taken = []
    for value in values:
        rendering.spend()
        taken.append(value)
    return taken


def bare(value: Any) -> Any:  # noqa: ANN401 - anything may be sliced
    """Return markup as plain text, so that a part of it is escaped anew; all else as it is."""
    return str.__str__(value) if isinstance(value, Markup) else value


@pass_context
def link(_context: Context, text: object, url: object) -> Markup:
    """Write a link: `link("Runbook", url)`. Both parts are escaped; without an http(s) URL only the text stands."""
    rendering = CURRENT.get()
    target = http_link(str(url)) if isinstance(url, str) else None
    label = str.__str__(text) if isinstance(text, str) else str(text)
    if url and not target:
        rendering.refused.append(str(url))
    made = rendering.link(label, target) if target else rendering.escape(label)
    rendering.spend(characters=len(made))
    return Markup(made)  # noqa: S704 - the kind's link escapes


class _Harden(NodeTransformer):
    """Rewrites a template's tree so that what the sandbox can't reach at run time passes through it."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja's naming
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "join", [], [], None, None, lineno=node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = nodes.Filter(node.node, "bare", [], [], None, None, lineno=node.lineno)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "turns", [], [], None, None, lineno=node.lineno)
        return node

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:  # noqa: N802
        """`{% autoescape false %}` has no effect."""
        self.generic_visit(node)
        node.options = [nodes.Keyword("autoescape", nodes.Const(True))]  # noqa: FBT003 - Jinja takes it by position
        return node

    def visit_Template(self, node: nodes.Template) -> nodes.Node:  # noqa: N802
        """Put definitions first and an empty piece after them: `jinja.Words` runs a root no further than there."""
        self.generic_visit(node)
        defines = (nodes.Macro, nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport, nodes.Extends)
        first = [child for child in node.body if isinstance(child, defines)]
        rest = [child for child in node.body if not isinstance(child, defines)]
        node.body = [*first, nodes.Output([nodes.TemplateData("")]), *rest]
        return node


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates, whatever their kind."""

    intercepted_binops = frozenset({"+", "*", "%", "**"})

    def __init__(self, loader: BaseLoader, filters: dict[str, Callable[..., Any]]) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=True,
            finalize=finalize,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters = {**filters, "join": joined, "turns": turns, "bare": bare}
        self.globals = {"link": link, "range": self.globals["range"]}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Harden().visit(super()._parse(source, name, filename))
        return tree

    def call(self, context: Context, callee: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Count every call: macros that call each other twice are as endless as a loop."""
        CURRENT.get().spend()
        return super().call(context, callee, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401
        """Markup has no methods, text only harmless ones."""
        if isinstance(obj, str) and (isinstance(obj, Markup) or attr not in _STRING_METHODS):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, _value: Any) -> None:  # noqa: ANN401
        """Leave `format` to `is_safe_attribute`, which refuses it; Jinja would wrap it first."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Add and multiply within bounds; text is joined with `~`."""
        if all(isinstance(side, (int, float)) and abs(side) <= _LARGEST_FACTOR for side in (left, right)):
            if operator != "**":
                return super().call_binop(context, operator, left, right)
        elif operator == "+" and isinstance(left, str) and isinstance(right, str):
            return joined(context, [left, right])
        raise SecurityError(f"{operator!r} is not allowed on these values; join text with '~'")
