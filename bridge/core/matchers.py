"""Matchers as Alertmanager writes them: `name = "value"`, with `=`, `!=`, `=~` and `!~`.

A regular expression must match the whole value, and a label that is not there counts as empty, both as in Alertmanager
(https://prometheus.io/docs/alerting/latest/configuration/#matcher). It is in RE2's syntax, Alertmanager's own, and by
its engine: that takes time in proportion to a value's length, whatever the expression. Operators write the
expressions, but anybody may write the labels that these meet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class _Regexp(Protocol):
        """What is used of a compiled expression."""

        def fullmatch(self, text: str) -> object | None: ...


LONGEST_REGEX = 1_000

_MATCHER = re.compile(
    r"""\s*(?:"(?P<quoted_name>(?:[^"\\]|\\.)+)"|(?P<name>[^\s"'=!~{},]+))
        \s*(?P<op>=~|!~|!=|=)(?!\s*[=~'])
        \s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^"{},]*?))\s*""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"""[^\s"'=!~{},]+""")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_EXAMPLE = 'write it as `name = "value"`, with =, !=, =~ or !~'


class MatcherError(ValueError):
    """A matcher that can't be read; the sentence says how to mend it."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. `op` is one of `=`, `!=`, `=~`, `!~`; `value` is unescaped, unanchored."""

    name: str
    op: str
    value: str

    @property
    def negative(self) -> bool:
        """Whether it holds for what is different: of several values all must differ, where otherwise one suffices."""
        return self.op[0] == "!"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether it holds for an alert with these labels."""
        return self.holds(labels.get(self.name, ""))

    def holds(self, text: str, *, any_case: bool = False) -> bool:
        """Say whether it holds for one value; `any_case` is for teams and priorities, whose case means nothing."""
        if self.op in {"=", "!="}:
            same = text.casefold() == self.value.casefold() if any_case else text == self.value
        else:
            # half a surrogate pair has no place in UTF-8, which the engine reads
            plain = text if text.isascii() else text.encode("utf-8", "replace").decode()
            same = _compiled(self.value, any_case).fullmatch(plain) is not None
        return same != self.negative

    def __str__(self) -> str:
        r"""As it can be read again: `team =~ "broken-.*"`."""
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _quoted(self.name)
        return f"{name} {self.op} {_quoted(self.value)}"


def parse_matcher(text: str) -> Matcher:
    r"""Read one matcher.

    Args:
        text: `grafana_folder = "staging"`, `team =~ broken-.*`, `"a name" != "x"`. In quotes `\"`, `\\` and `\n` are
            escapes, and any other backslash stands for itself, so that `=~ "\d+"` means what it says.

    Raises:
        MatcherError: It can't be read, or its regular expression is invalid or unsafe.
    """
    match = _MATCHER.fullmatch(text)
    if not match:
        raise MatcherError(_complaint(text))
    name = match["name"] or _unescaped(match["quoted_name"])
    value = match["bare"] if match["quoted"] is None else _unescaped(match["quoted"])
    if match["op"] in {"=~", "!~"}:
        _check(text, value)
    return Matcher(name, match["op"], value)


def _quoted(text: str) -> str:
    """Put a text in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unescaped(quoted: str) -> str:
    """Undo the escapes within quotes."""
    known = {"n": "\n", '"': '"', "\\": "\\"}
    return _ESCAPED.sub(lambda found: known.get(found[1], found[0]), quoted)


def _complaint(text: str) -> str:
    """Say what is wrong with a text that is no matcher, and how to mend it."""
    shown = text.strip()
    complaints = (
        (not shown, f"is empty; {_EXAMPLE}"),
        ("==" in shown, f"has `==`, equality is a single `=`; {_EXAMPLE}"),
        (re.search(r"[=~]\s*'", shown), "has single quotes, which would be part of the value: write double ones"),
        (shown.startswith("{"), f"has braces: leave them out and give each condition an entry of its own; {_EXAMPLE}"),
        (shown.count('"') % 2 == 1, 'has a quote that is not closed; write \\" for a quote within the value'),
        (not re.search(r"[=~]", shown), f"has no operator; {_EXAMPLE}"),
        ("," in shown, "has a comma: one condition an entry, and a value with a comma goes in double quotes"),
    )
    why = next((sentence for wrong, sentence in complaints if wrong), f"can't be read; {_EXAMPLE}")
    return f"matcher {shown!r} {why}"


def _check(text: str, pattern: str) -> None:
    """Refuse a regular expression that is invalid, or that takes a lot of memory."""
    if len(pattern) > LONGEST_REGEX:
        raise MatcherError(f"matcher {text[:80]!r}… has more than {LONGEST_REGEX} characters; split it into several")
    try:
        _compiled(pattern, any_case=False)
    except re2.error as error:
        said = error.args[0]
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise MatcherError(
            f"matcher {text!r}: the regular expression is invalid ({why}); "
            "put a backslash before characters that are meant as such"
        ) from None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, any_case: bool) -> _Regexp:
    """Compile once."""
    options = re2.Options()
    options.case_sensitive = not any_case
    options.log_errors = False
    pattern = pattern.encode("utf-8", "replace").decode()
    compiled: _Regexp = re2.compile(pattern, options=options)
    return compiled
