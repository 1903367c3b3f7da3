"""`make docs`: write the generated parts of the documentation: what templates see, and the list of modules.

With `--check` nothing is written, and the exit status is 1 where a page is not up to date.
"""
# ruff: noqa: INP001 - a script, not part of the package

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
from functools import partial
from pathlib import Path

import dead_letters

from bridge.metrics import METRICS
from bridge.rehearse import BLOCKS
from bridge.render import changes, history, parts
from bridge.render.filters import FILTERS
from bridge.render.sandbox import MAP_METHODS, TEST_NAMES, TEXT_METHODS
from bridge.render.view import View

DOCS = Path(__file__).parent
ROOT = DOCS.parent
HEAD = ("| module | what it is |", "| --- | --- |")
BEGIN, END = "<!-- generated: make docs -->", "<!-- end of generated -->"
PARTS = (parts.Link, parts.Pair, parts.AlertView, parts.PreviousView, history.Event, changes.Change)


def template_view() -> str:
    """Return the table of what a template sees, from the fields' own metadata."""
    lines = ["| name | type | meaning | example |", "| --- | --- | --- | --- |"]
    for field in dataclasses.fields(View):
        example = field.metadata["example"]
        lines.append(f"| `{field.name}` | {_type(field.type)} | {field.metadata['meaning']} | `{_json(example)}` |")
    lines += ["", "## Parts"]
    for part in PARTS:
        about = " ".join((inspect.getdoc(part) or "").split())
        names = ", ".join(f"`{field.name}` ({_type(field.type)})" for field in dataclasses.fields(part))
        lines += ["", f"### {part.__name__}", "", about, "", f"Fields: {names}."]
    lines += ["", "## Filters", "", "| filter | does |", "| --- | --- |"]
    for name, function in sorted(FILTERS.items()):
        ours = function.__module__.startswith("bridge.")
        about = (inspect.getdoc(function) or "").split("\n")[0] if ours else "As in Jinja."
        lines.append(f"| `{name}` | {about} |")
    lines.append("| `join` | As in Jinja, every part escaped. |")
    tests = ", ".join(f"`{name}`" for name in sorted(TEST_NAMES) if name.isidentifier())
    methods = ", ".join(f"`{name}`" for name in sorted(TEXT_METHODS))
    maps = ", ".join(f"`{name}`" for name in sorted(MAP_METHODS))
    lines += ["", "## Tests", "", f"As in Jinja: {tests}.", "", "## Methods", ""]
    lines += [f"Of text, as in Python: {methods}. Of maps: {maps}."]
    lines += ["", "## Blocks", "", "| kind | block | characters shown |", "| --- | --- | --- |"]
    for kind, blocks in BLOCKS.items():
        lines += [f"| {kind} | `{name}` | {room:,} |" for name, room in blocks.items()]
    return "\n".join(lines)


def _json(example: object) -> str:
    text = json.dumps(example, ensure_ascii=False)
    return text.replace("|", "\\|")


def _type(written: object) -> str:
    names = str(written).replace(", ...", ", …").replace("|", "or").replace("str", "text").replace("int", "number")
    names = names.replace("float", "number")
    return names.replace("bool", "true or false").replace("tuple[", "list of ").replace(", …]", "")


def modules() -> str:
    """Return every module of the package with the first line of what it says of itself."""
    lines: list[str] = []
    order = sorted((ROOT / "bridge").rglob("*.py"), key=lambda one: (one.parent, one.name != "__init__.py", one.name))
    for path in order:
        about = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
        if path.name == "__init__.py":
            lines += ["", f"### `{path.parent.relative_to(ROOT)}/`", "", about, "", *HEAD]
        else:
            lines.append(f"| `{path.relative_to(ROOT)}` | {about.replace('|', chr(92) + '|')} |")
    return "\n".join(lines).strip("\n")


def metrics() -> str:
    """Return the table of all metrics, from their definitions."""
    lines = ["| metric | type | labels | what it is |", "| --- | --- | --- | --- |"]
    for metric in METRICS:
        about = metric.about[0].lower() + metric.about[1:]
        labels = ", ".join(_label(name, values) for name, values in metric.labels.items())
        lines.append(f"| `{metric.shown}` | {metric.type} | {labels} | {about} |")
    return "\n".join(lines)


def _label(name: str, values: tuple[str, ...]) -> str:
    known = ", ".join(values)
    return f"`{name}` ({known})" if known else f"`{name}`"


PAGES = {
    DOCS / "reference" / "template-view.md": template_view,
    DOCS / "layout.md": modules,
    DOCS / "reference" / "metrics.md": metrics,
}
PAGES |= {
    DOCS / "runbook" / f"dead-letters-{family}.md": partial(dead_letters.page, family)
    for family in dead_letters.FAMILIES
}


def renewed(page: Path) -> str:
    """Return a page with its generated part made anew."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{PAGES[page]()}\n\n{END}{after}"


def main() -> None:
    """Write the pages, or say which of them are old."""
    old = [page for page in PAGES if renewed(page) != page.read_text("utf-8")]
    for page in old:
        if "--check" in sys.argv[1:]:
            sys.stdout.write(f"{page.relative_to(ROOT)} is not up to date: run `make docs`\n")
        else:
            page.write_text(renewed(page), "utf-8")
    sys.exit(1 if old and "--check" in sys.argv[1:] else 0)


if __name__ == "__main__":
    main()
