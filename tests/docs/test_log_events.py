"""The page about logs names every event that the code logs, with its level, and none besides."""

from __future__ import annotations

import ast
import re

from docs_kit import DOCS, ROOT

LEVELS = ("debug", "info", "warning", "error")


def strings(node):
    """The texts that an expression may be; none of a variable."""
    if isinstance(node, ast.IfExp):
        return strings(node.body) | strings(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def calls(name_of):
    """Every call in the code of which `name_of` says a name, with that."""
    for path in sorted((ROOT / "bridge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (name := name_of(node.func)):
                yield name, node


def log_method(func):
    method = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "log"
    return func.attr if method and func.attr in LEVELS else None


def reporting(func):
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return name.lstrip("_") == "report"


def logged():
    """Each event with its level; of those that are reported as faults (`Reports`) the level is error."""
    found = {(event, level) for level, node in calls(log_method) for event in strings(node.args[0])}
    handled = set(
        re.findall(r'^            "(\w+)": self\._', (ROOT / "bridge/reports.py").read_text("utf-8"), re.MULTILINE)
    )
    reported = {event for _, node in calls(reporting) if node.args for event in strings(node.args[0])}
    assert handled
    assert handled & reported
    return found | {(event, "error") for event in reported - handled}


def test_every_event_is_named_with_its_level_and_none_besides():
    rows = re.findall(r"^\| (`.+?) \| (\w+) \| .+ \|$", (DOCS / "reference/logs.md").read_text("utf-8"), re.MULTILINE)
    named = {(event, level) for events, level in rows for event in re.findall(r"`([^`]+)`", events)}
    assert named == logged()
