"""Say in plain words what YAML could not read, without quoting the file: a line may hold a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.problem import Problem

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

_QUOTE = "put the value in double quotes"
_COMMENT = re.compile(r"[:\[,{]\s+#\S")
_FLOW = re.compile(r"[:\-]\s+[^\"'\s#]*[\[{]")
_SAYINGS = (
    ("found character '\\t'", "a tab where YAML wants spaces", "indent with spaces"),
    ("found character", "a value can't begin with this character", _QUOTE),
    ("undefined alias", "a value that begins with * refers to an anchor, and there is none of this name", _QUOTE),
    ("mapping values are not allowed", "a colon where YAML expects none", f"{_QUOTE}, or mend the indentation"),
    ("another document", "a second document begins here (---)", "keep one document in a file"),
    ("unexpected end of stream", "the quote opened here is never closed", "close it"),
    ("duplicate anchor", "this anchor (&name) is defined twice", "give each its own name"),
)


def explain(error: MarkedYAMLError, text: str, file: str) -> Problem:
    """Turn the parser's error into a finding that says how to mend it."""
    problem = str(error.problem or "").replace("\t", "\\t")
    context = str(error.context or "")
    line = error.problem_mark.line if error.problem_mark else 0
    start = error.context_mark.line if error.context_mark and "block" not in context else line
    for words, what, mend in _SAYINGS:
        if words in problem:
            at = start if "end of stream" in problem else line
            return Problem(file, at + 1, what, mend)
    lines = text.splitlines()
    unclosed = line >= len(lines)  # it noticed at the file's end only
    for number in range(0 if unclosed else start, min(line + 1, len(lines))):
        if ("flow" in context or (unclosed and _FLOW.search(lines[number]))) and _COMMENT.search(lines[number]):
            what = "what follows the # is a comment to YAML, so a { or [ is never closed"
            return Problem(file, number + 1, what, f'{_QUOTE}, like channel: "#alerts"')
        if not unclosed and _FLOW.search(lines[number]):
            what = "a { or [ that YAML can't read as a mapping or list"
            return Problem(file, number + 1, what, f'{_QUOTE} where it is text, like "${{env:NAME}}", or close it')
    if unclosed and (opened := [number for number, one in enumerate(lines) if _opens(one)]):
        return Problem(file, opened[-1] + 1, "a { or [ is opened here and never closed", "close it")
    what = "the line doesn't fit what stands before it"
    return Problem(file, line + 1, what, "check quotes, brackets and indentation here and just above")


def _opens(line: str) -> bool:
    """Return whether more is opened on a line than closed."""
    return bool(_FLOW.search(line)) and sum(line.count(one) for one in "{[") > sum(line.count(one) for one in "}]")
