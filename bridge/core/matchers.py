"""Matchers as Alertmanager writes them: `name = "value"`, with `=`, `!=`, `=~` and `!~`.

A regular expression must match the whole value, and a label that is not there counts as empty, both as in Alertmanager
(https://prometheus.io/docs/alerting/latest/configuration/#matcher). It is Python's `re`, which can take for ever where
Alertmanager's engine cannot: repeats within repeats and more than `MOST_REPEATS` of them are refused, and of a value
only the first `LONGEST_VALUE` characters are looked at. Operators write the expressions, but anybody may write the
labels that these meet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_REGEX = 1_000
LONGEST_VALUE = 300
MOST_REPEATS = 4

_MATCHER = re.compile(
    r"""\s*(?:"(?P<quoted_name>(?:[^"\\]|\\.)+)"|(?P<name>[^\s"'=!~{},]+))
        \s*(?P<op>=~|!~|!=|=)
        \s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^"{},]*?))\s*""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"""[^\s"'=!~{},]+""")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_INNERMOST = re.compile(r"\((?P<inside>[^()]*)\)(?P<after>[*+]|\{\d*,?\d*\})?")
_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}|\{\d{3,}\}")
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
            same = _compiled(self.value, any_case).fullmatch(text[:LONGEST_VALUE]) is not None
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
        (shown.startswith("{"), f"has braces: leave them out and give each condition an entry of its own; {_EXAMPLE}"),
        (shown.count('"') % 2 == 1, 'has a quote that is not closed; write \\" for a quote within the value'),
        (not re.search(r"[=~]", shown), f"has no operator; {_EXAMPLE}"),
        ("," in shown, "has a comma: one condition an entry, and a value with a comma goes in double quotes"),
    )
    why = next((sentence for wrong, sentence in complaints if wrong), f"can't be read; {_EXAMPLE}")
    return f"matcher {shown!r} {why}"


def _check(text: str, pattern: str) -> None:
    """Refuse a regular expression that is invalid, or that some value could keep busy for ever."""
    if len(pattern) > LONGEST_REGEX:
        raise MatcherError(f"matcher {text[:80]!r}… has more than {LONGEST_REGEX} characters; split it into several")
    try:
        _compiled(pattern, any_case=False)
    except (re.error, RecursionError, OverflowError) as error:
        raise MatcherError(
            f"matcher {text!r}: the regular expression is invalid ({error}); "
            "put a backslash before characters that are meant as such"
        ) from None
    if _explosive(pattern):
        raise MatcherError(
            f"matcher {text!r} can take for ever: a repeated group holds another repeat or alternatives, or there are "
            f"more than {MOST_REPEATS} repeats; write `[ab]+` for `(a|b)+` and `a+` for `(a+)+`, or several matchers"
        )


def _explosive(pattern: str) -> bool:
    """Say whether an expression could take more than a few seconds over `LONGEST_VALUE` characters.

    A check of the text, on the safe side: classes and escapes become plain letters, then groups are folded from the
    inside out, each repeat in them kept as a `+`.
    """
    plain = _ATOM.sub("x", pattern)
    if any(len(_REPEAT.findall(branch)) > MOST_REPEATS for branch in plain.split("|")):
        return True
    while group := _INNERMOST.search(plain):
        inside, after = group["inside"].removeprefix("?:"), group["after"] or ""
        repeats, repeated = _REPEAT.search(inside), _REPEAT.search(after)
        if (after and repeats) or (repeated and "|" in inside):
            return True
        folded = "x+" if repeats or repeated else "x"
        plain = plain[: group.start()] + folded + plain[group.end() :]
    return False


@lru_cache(maxsize=1024)
def _compiled(pattern: str, any_case: bool) -> re.Pattern[str]:
    """Compile once."""
    return re.compile(pattern, re.IGNORECASE if any_case else re.NOFLAG)
