"""Templates: finds them, renders one named block at a time, and says what is wrong with one that fails."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from jinja2 import (
    ChoiceLoader,
    DictLoader,
    Environment,
    TemplateError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
)

from bridge.render.bounds import CURRENT, Rendering
from bridge.render.escape import writing
from bridge.render.filters import FILTERS
from bridge.render.later import Parts
from bridge.render.outline import outline
from bridge.render.sandbox import Folders, Sandbox
from bridge.render.view import LATER, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from jinja2.runtime import Context

    from bridge.render.outline import Outline

_FAILURES = (
    TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # recursion too
    SyntaxError,  # Python's own, of a template with more than 20 loops in one another
    TypeError,
    ValueError,
)
_LONGEST_REASON = 300
_AT_ONCE = tuple(part for part in View.__slots__ if part not in LATER)
_at_once = attrgetter(*_AT_ONCE)


class TemplateFailedError(Exception):
    """A template is missing, broken, or does what it may not: the sentence names template, line and reason.

    `template` is the one at fault, which may be one that the asked one extends; `line` is 0 where none is to blame.
    """

    def __init__(self, template: str, line: int, block: str, reason: str) -> None:
        self.template = template
        self.line = line
        self.reason = reason
        place = f"template {template}" + (f" line {line}" if line else "") + (f", block {block}" if block else "")
        super().__init__(f"{place}: {reason}")


class Words:
    """The words of all messages: named blocks of templates, searched in folders, the first that has one wins.

    A message's own template may replace parts of the shipped one: `{% extends "slack/message.j2" %}` and the blocks to
    replace. Compiled templates are kept; changed files are seen by a new Words.
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        on_fallback: Callable[[str, str], None] = lambda _kind, _why: None,
        typed: Mapping[str, str] | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        """Search templates in `folders`.

        Args:
            folders: the first that has a template wins.
            on_fallback: called with kind and reason, hears of each message that had to do without its template.
            typed: for some kinds a template's text, in place of whatever else their messages would be rendered with.
            kept: templates' texts by name, before those of any folder: as they were read once, whatever is there now.
        """
        self.on_fallback = on_fallback
        self.folders = folders
        self._typed = {kind: f"{kind} as typed" for kind in typed or ()}
        texts = {**(kept or {}), **{self._typed[kind]: text for kind, text in (typed or {}).items()}}
        self._sandbox = Sandbox(ChoiceLoader([DictLoader(texts), Folders(folders)]), FILTERS)

    def block(self, kind: str, block: str, view: View, template: str | None = None) -> str:
        """Render one named block for a view, all values escaped for the kind.

        Args:
            kind: "slack", "pagerduty", "github"; also the folder of the shipped template.
            block: the block's name.
            view: what the template sees, each field under its own name.
            template: a name relative to the template folders, instead of `<kind>/message.j2`.

        Raises:
            TemplateFailedError: with template, line and reason; it holds no setting and no secret.
        """
        return self.blocks(kind, (block,), view, template)[block]

    def blocks(self, kind: str, blocks: Iterable[str], view: View, template: str | None = None) -> dict[str, str]:
        """Render several blocks for one view, each as `block` does; raises TemplateFailedError where one fails."""
        seen = _Seen(self._sandbox, self._name(kind, template), view)
        return {block: _tried(seen, kind, block)[0] for block in blocks}

    def tried(self, kind: str, block: str, view: View, template: str | None = None) -> tuple[str, list[str]]:
        """Render as `block` does; return with it the addresses that did not become links, as they are no http(s)."""
        return _tried(_Seen(self._sandbox, self._name(kind, template), view), kind, block)

    def check(self, kind: str, template: str | None = None) -> None:
        """Compile a template without rendering it; raises TemplateFailedError as `block` does."""
        name = self._name(kind, template)
        try:
            self._sandbox.get_template(name)
        except _FAILURES as error:
            raise _failed(name, "", error) from error

    def outline(self, kind: str, template: str | None = None) -> Outline:
        """Read which blocks a template has, and those of what it extends; raises TemplateFailedError as `block`."""
        name = self._name(kind, template)
        try:
            return outline(self._sandbox, name)
        except _FAILURES as error:
            raise _failed(name, "", error) from error

    def file_of(self, template: str) -> Path | None:
        """Return the file of a template, None where there is none."""
        return next((file for folder in self.folders if (file := folder / template).is_file()), None)

    def _name(self, kind: str, template: str | None) -> str:
        return self._typed.get(kind) or template or f"{kind}/message.j2"


class _Seen:
    """A view as one template's blocks see it: put together once for all of them.

    What the template defines above its blocks is made anew for each: values in it are escaped for the block's kind.
    """

    def __init__(self, sandbox: Sandbox, name: str, view: View) -> None:
        self.name = name
        self._sandbox = sandbox
        self._parts = Parts({**sandbox.globals, **dict(zip(_AT_ONCE, _at_once(view), strict=True))}, view, LATER)
        self._context: Context | None = None
        self._cost = (0, 0)

    def pieces(self, block: str, rendering: Rendering) -> Iterator[str]:
        """Return what a block puts out, piece by piece."""
        context = self._context
        if context is None:
            context = self._begun(rendering)
        else:
            rendering.spend(*self._cost)
        if block not in context.blocks:
            raise TemplateRuntimeError(f"it has no block {block!r}")
        return context.blocks[block][0](context)

    def _begun(self, rendering: Rendering) -> Context:
        """Return the context of a block, and spend what it takes to get there: extends and definitions."""
        steps, room = rendering.steps, rendering.room
        template = self._sandbox.get_template(self.name)
        context = template.new_context(self._parts, shared=True)
        # up to the empty piece that the sandbox puts after them
        next(template.root_render_func(context), None)
        if not context.vars:  # it defines nothing
            self._context, self._cost = context, (steps - rendering.steps, room - rendering.room)
        return context


def _tried(seen: _Seen, kind: str, block: str) -> tuple[str, list[str]]:
    rendering = Rendering(*writing(kind, block))
    token = CURRENT.set(rendering)
    try:
        return "".join(seen.pieces(block, rendering)).strip(), rendering.refused
    except _FAILURES as error:
        raise _failed(seen.name, block, error) from error
    finally:
        CURRENT.reset(token)


def text_of(folders: tuple[Path, ...], name: str) -> str | None:
    """Return a template's text, None where there is no such template, or none that could be one."""
    try:
        return Folders(folders).get_source(Environment(autoescape=True), name)[0]
    except (TemplateError, OSError, ValueError):
        return None


def _failed(name: str, block: str, error: BaseException) -> TemplateFailedError:
    found, line = _line_of(error.__traceback__)
    reason = (error.msg if isinstance(error, SyntaxError) else str(error)) or type(error).__name__
    if isinstance(error, TemplateSyntaxError):
        # not its text as a whole, which shows the folders of this machine
        found, line, block, reason = error.name or name, error.lineno, "", error.message or reason
    elif isinstance(error, TemplateNotFound):
        # nor here
        reason = "there is no such template" if error.name == name else f"there is no template {error.name}"
    return TemplateFailedError(found or name, line, block, " ".join(reason.split())[:_LONGEST_REASON])


def _line_of(trace: TracebackType | None) -> tuple[str, int]:
    """Return the template and line where an error came from: the innermost frame that is a template's."""
    found = ("", 0)
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (template.name or "", template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return found
