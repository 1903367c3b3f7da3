"""Rewrites a template's tree, so that all that it does passes through the sandbox and is counted there.

What it puts in are calls of the sandbox's own methods (`EnvironmentAttribute`), which no template can name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import TemplateAssertionError
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from jinja2.compiler import Frame

MOST_SOURCE: Final = 100_000
"""Characters of a template."""
MOST_BYTES: Final = 4 * MOST_SOURCE
"""Of its file, as UTF-8."""
MOST_NODES: Final = 5_000
"""Parts of a template: names, texts, operators, blocks and so on. The shipped ones have less than a tenth of it."""
MOST_CODE: Final = 250_000
"""Characters of the program that a template is made into."""
FILE_STEPS: Final = 200
"""Finding another template costs as much as this many other parts."""

_NAMING = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_LIVELY: Final = re.compile(r"[<@&]|\]\(")
"""Whatever any kind's `written` could have to change."""

_Body = TypeVar("_Body", nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)


class Harden(NodeTransformer):
    """Rewrites one template's tree."""

    def __init__(self, name: str | None, filename: str | None, filters: Container[str], tests: Container[str]) -> None:
        self._name = name
        self._filename = filename
        self._filters = filters
        self._tests = tests

    def visit_Template(self, node: nodes.Template) -> nodes.Node:
        """Put definitions first and an empty piece after them: `jinja.Words` runs a root no further than there."""
        if sum(1 for _ in node.find_all(nodes.Node)) > MOST_NODES:
            self._fail(f"is too large: it has more than {MOST_NODES:,} parts", 1)
        self.generic_visit(node)
        defines = (nodes.Macro, nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport, nodes.Extends)
        first = [child for child in node.body if isinstance(child, defines)]
        rest = [child for child in node.body if not isinstance(child, defines)]
        node.body = [_spending(node), *first, nodes.Output([nodes.TemplateData("")]), *rest]
        return node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """Have the template's own text written as its kind allows."""
        return _own("written", nodes.Const(node.data), lineno=node.lineno) if _LIVELY.search(node.data) else node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        """Refuse what there isn't, also where Jinja would look only when it gets there."""
        if node.name not in self._filters:
            self._fail(f"No filter named {node.name!r}.", node.lineno)
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        """Refuse what there isn't, also where Jinja would look only when it gets there."""
        if node.name not in self._tests:
            self._fail(f"No test named {node.name!r}.", node.lineno)
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Join with the filter, which escapes each part."""
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "join", [], [], None, None, lineno=node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """Slices do not ask the sandbox."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _own("sliceable", node.node, lineno=node.lineno)
        elif not isinstance(node.arg, nodes.Const):
            node.arg = _own("weighed", node.arg, lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """Two long lists take long to compare."""
        self.generic_visit(node)
        node.expr = _own("weighed", node.expr, lineno=node.lineno)
        for operand in node.ops:
            operand.expr = _own("weighed", operand.expr, lineno=node.lineno)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """A list of lists weighs what is in all of them, else doubling them would cost nothing."""
        self.generic_visit(node)
        return _own("weighed", node, lineno=node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """As lists."""
        self.generic_visit(node)
        return _own("weighed", node, lineno=node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """As lists; names on the left of a `set` or a `for` are no value."""
        self.generic_visit(node)
        return node if node.ctx == "store" else _own("weighed", node, lineno=node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """Each turn spends; so does each item that the loop's own `if` is asked about."""
        self.generic_visit(node)
        if node.test is not None:
            steps, characters = _cost(node.test)
            node.test = _own("spent", nodes.Const(steps), nodes.Const(characters), node.test, lineno=node.lineno)
        return _counted(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        """Each call spends."""
        self.generic_visit(node)
        return _counted(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        """Each `caller()` spends."""
        self.generic_visit(node)
        return _counted(node)

    def visit_Block(self, node: nodes.Block) -> nodes.Node:
        """Each `self.name()` and `super()` spends."""
        self.generic_visit(node)
        return _counted(node)

    def visit_Include(self, node: nodes.Include) -> nodes.Node:
        """One template, by its name."""
        return self._named(node)

    def visit_Import(self, node: nodes.Import) -> nodes.Node:
        """One template, by its name."""
        return self._named(node)

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.Node:
        """One template, by its name."""
        return self._named(node)

    def visit_Extends(self, node: nodes.Extends) -> nodes.Node:
        """One template, by its name."""
        return self._named(node)

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:
        """`{% autoescape false %}` has no effect."""
        self.generic_visit(node)
        node.options = [nodes.Keyword("autoescape", nodes.Const(True))]  # noqa: FBT003 - Jinja takes it by position
        return node

    def _named(self, node: nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.template, nodes.Const):
            node.template = _own("named", node.template, lineno=node.lineno)
        return node

    def _fail(self, what: str, line: int) -> NoReturn:
        raise TemplateAssertionError(what, line, self._name, self._filename)


class Generator(CodeGenerator):
    """Writes a template's program, which Jinja makes far longer than some templates are: up to a given length.

    What is put out goes to the sandbox's `put_out` and nowhere else, and what `Harden` wrote is called without asking.
    """

    room = MOST_CODE

    def write(self, x: str) -> None:
        """Write a piece of the program."""
        self.room -= len(x)
        if self.room < 0:
            self.fail("is too large: use fewer names and parts", 1)
        super().write(x)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        """Write a call; of the sandbox's own methods nobody has to say that they may be called."""
        if not isinstance(node.node, nodes.EnvironmentAttribute):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.write(f"environment.{node.node.name}(")
        for value in node.args:
            self.visit(value, frame)
            self.write(", ")
        self.write(")")

    def _output_child_pre(self, _node: nodes.Expr, _frame: Frame, _finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write("environment.put_out(")

    def _output_child_post(self, _node: nodes.Expr, _frame: Frame, _finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")


def own_texts(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of whatever a template itself says that could be markup."""
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.EnvironmentAttribute) and call.node.name == "written":
            (said,) = call.args
            assert isinstance(said, nodes.Const)
            yield call.lineno, str(said.value)


def _own(method: str, *values: nodes.Node, lineno: int) -> nodes.Call:
    """Return a call of the sandbox's own method."""
    return nodes.Call(nodes.EnvironmentAttribute(method), [*values], [], None, None, lineno=lineno)


def _spending(node: nodes.Node) -> nodes.ExprStmt:
    """Return the statement that spends what one run of a body costs."""
    steps, characters = _cost(node)
    return nodes.ExprStmt(
        _own("spent", nodes.Const(steps), nodes.Const(characters), lineno=node.lineno), lineno=node.lineno
    )


def _counted(node: _Body) -> _Body:
    node.body = [_spending(node), *node.body]
    return node


def _cost(node: nodes.Node) -> tuple[int, int]:
    """Return the parts of a node and the characters of its text, without bodies that count for themselves."""
    steps = FILE_STEPS if isinstance(node, _NAMING) else 1
    characters = len(node.data) if isinstance(node, nodes.TemplateData) else 0
    for child in node.iter_child_nodes():
        if isinstance(child, (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)):
            steps += 1 + sum(_cost(part)[0] for part in child.iter_child_nodes(exclude=("body",)))
            characters += sum(_cost(part)[1] for part in child.iter_child_nodes(exclude=("body",)))
        else:
            more, longer = _cost(child)
            steps, characters = steps + more, characters + longer
    return steps, characters
