"""The sandbox that templates run in: every value is escaped for its kind, and every rendering is bounded.

Jinja's own autoescaping knows only HTML. Here `finalize` escapes whatever a template puts out, at run time, for the
kind that is being rendered; and no way leads from plain text to markup but `link()`: filters, operators and methods
that could join untrusted text to markup unescaped are replaced or refused.
"""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, pass_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.loaders import split_template_path
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from markupsafe import Markup

from bridge.render import words
from bridge.render.bounds import CURRENT, VIEWS, bare, calculable, counted, numbers, parts_of, weigh
from bridge.render.harden import MOST_BYTES, MOST_SOURCE, Generator, Harden
from bridge.render.later import Seeing
from bridge.render.text import http_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import BaseLoader, Environment, nodes
    from jinja2.runtime import Context

_JINJAS_OWN: Final = frozenset({"_loop_vars", "_block_vars"})
"""What Jinja adds to a call."""
_GAP = re.compile(r"[A-Za-z ,;·\n]{0,7}")
TEXT_METHODS: Final = frozenset(
    {"capitalize", "casefold", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "partition"}
    | {"removeprefix", "removesuffix", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"}
)
"""What a template may call on text: nothing that grows it (`format`, `ljust`, `join`, `replace`)."""
LOOP_PARTS: Final = frozenset(name for name in dir(LoopContext) if not name.startswith("_"))
"""What a template may ask of `loop`, as Jinja's own sandbox has it."""
MAP_METHODS: Final = frozenset({"get", "items", "keys", "values"})
TEST_NAMES: Final = frozenset(
    {"boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt", "in"}
    | {"integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence"}
    | {"string", "true", "undefined", "upper", "==", "!=", "<", "<=", ">", ">="}
)
"""Jinja's tests that templates have."""


def put_out(value: object) -> str:
    """Return a value as text of the block's kind: everything that is not markup already is escaped."""
    if isinstance(value, str):
        if not isinstance(value, Markup):
            return CURRENT.get().put(value)
        CURRENT.get().spend(characters=len(value))
        return value
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return CURRENT.get().put(words.number(value))
    if isinstance(value, StrictUndefined):
        return str(value)  # it raises
    raise TemplateRuntimeError(f"a {type(value).__name__} can't be shown as a whole; name one of its parts")


@pass_context
def finalize(_context: Context, value: object) -> Markup:
    """Escape what `{{ … }}` puts out, should Jinja write it otherwise than `Generator` has it.

    Takes the context so that Jinja doesn't run it on constants while compiling.
    """
    return Markup(put_out(value))  # noqa: S704 - escaped


@pass_context
def joined(context: Context, values: Any, between: object = "", attribute: str | None = None) -> Markup:  # noqa: ANN401 - whatever a template puts in
    """Join values, escaping each that is not markup; stands in for Jinja's `~` and `join`."""
    part_of = context.environment.getattr
    gap = _gap(between)
    made: list[str] = []
    for value in values:
        if made:
            CURRENT.get().spend(characters=len(gap))
        made.append(put_out(value if attribute is None else part_of(value, attribute)))
    return Markup(str.join(gap, made))  # noqa: S704 - escaped, each of them


def _gap(between: object) -> str:
    """Put out what stands between joined values: as it is where no kind could take it for markup.

    A kind's escaping is for whole texts, and may take ", " or the spaces around "and" away.
    """
    return between if isinstance(between, str) and _GAP.fullmatch(between) else put_out(between)


def link(text: object, url: object) -> Markup:
    """Write a link: `link("Runbook", url)`. Both parts are escaped; without an http(s) URL only the text stands."""
    rendering = CURRENT.get()
    target = http_link(str(url)) if isinstance(url, str) else None
    label = str(bare(text))
    if url and not target:
        rendering.refused.append(str(url))
    made = rendering.link(label, target) if target else rendering.escape(label)
    rendering.spend(characters=len(made))
    return Markup(made)  # noqa: S704 - the kind's link escapes


class Folders(FileSystemLoader):
    """Templates in folders; a file that is too long for one is not read."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text as Jinja wants it."""
        parts = split_template_path(template)
        file = next((file for folder in self.searchpath if (file := Path(folder, *parts)).is_file()), None)
        if file is None:
            raise TemplateNotFound(template)
        if file.stat().st_size > MOST_BYTES:
            raise _too_long(template, str(file))
        return super().get_source(environment, template)


def _too_long(name: str | None, filename: str | None) -> TemplateSyntaxError:
    return TemplateSyntaxError(f"is longer than {MOST_SOURCE:,} characters", 1, name, filename)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates, whatever their kind."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    code_generator_class = Generator
    context_class = Seeing

    def __init__(self, loader: BaseLoader, filters: dict[str, Callable[..., Any]]) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=True,
            finalize=finalize,
            optimized=False,  # nothing runs uncounted, while compiling
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters = {**filters, "join": counted(joined, items=True)}
        self.tests = {name: counted(cast("Callable[..., Any]", TESTS[name])) for name in TEST_NAMES}
        self.globals = {"link": link, "range": numbers}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MOST_SOURCE:
            raise _too_long(name, filename)
        harden = Harden(name, filename, self.filters, self.tests)
        tree: nodes.Template = harden.visit(super()._parse(source, name, filename))
        return tree

    def call(self, context: Context, callee: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever a template puts in
        """Count each call with what it is given and makes: macros that call each other are as endless as a loop."""
        own = {name: value for name, value in kwargs.items() if name not in _JINJAS_OWN}
        weigh([getattr(callee, "__self__", None), *args, *own.values()])
        made = link(*args, **own) if callee is link else super().call(context, callee, *args, **kwargs)
        if isinstance(made, VIEWS):
            made = list(made)
        weigh(made)
        return made

    put_out = staticmethod(put_out)

    def spent(self, steps: int, characters: int, value: object = None) -> object:
        """Spend what a body or a condition costs that was written into a template; return the value."""
        CURRENT.get().spend(steps, characters)
        return value

    def weighed(self, value: object) -> object:
        """Spend what a value weighs, and return it."""
        weigh(value)
        return value

    def sliceable(self, value: object) -> object:
        """Return what may be sliced: a part of markup is none, and a part of a long text may be long."""
        weigh(value)
        return bare(value)

    def named(self, template: object) -> str:
        """Return the name of another template: one, since looking for many takes long."""
        if not isinstance(template, str):
            raise TemplateRuntimeError("name one template, as text")
        return template

    def written(self, text: str) -> Markup:
        """Return text that stands in the template itself, as markup in which nobody is mentioned."""
        return Markup(CURRENT.get().written(text))  # noqa: S704 - the author's own

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - whatever a template puts in
        """Ask about a name only where it is none of those that all may be asked for."""
        kind = type(obj)
        if attribute in parts_of(kind) or (kind is LoopContext and attribute in LOOP_PARTS):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - whatever a template puts in
        """A letter of markup is no markup."""
        return super().getitem(bare(obj), argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - whatever a template puts in
        """Text and maps have harmless methods, markup has none, parts of a view have their fields."""
        if isinstance(obj, str):
            return attr in TEXT_METHODS and not isinstance(obj, Markup)
        if isinstance(obj, dict):
            return attr in MAP_METHODS
        if is_dataclass(obj):
            return attr in parts_of(type(obj))
        jinjas = isinstance(obj, (LoopContext, Macro, BlockReference, TemplateReference, TemplateModule))
        return jinjas and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, _value: Any) -> None:  # noqa: ANN401 - whatever a template puts in
        """Leave `format` to `is_safe_attribute`, which refuses it; Jinja would wrap it first."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - whatever a template puts in
        """Calculate within bounds; text is joined with `~`."""
        if calculable(left) and calculable(right):
            if operator != "**":
                return super().call_binop(context, operator, left, right)
        elif operator == "+" and isinstance(left, str) and isinstance(right, str):
            return joined(context, [left, right])
        raise SecurityError(f"{operator!r} is not allowed on these values; join text with '~'")
