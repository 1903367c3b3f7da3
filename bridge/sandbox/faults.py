"""A fault script: rules that say which requests go wrong, and how.

A rule is a `Fault`; the first one that matches a request is played. The server plays them on sockets; a test in process
asks `FaultScript.choose` itself.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bridge.sandbox.exchange import Request

Action = Literal["status", "ok_false", "reset", "hang", "drop_answer", "redirect", "garbage", "delay"]
Double = Literal["*", "slack", "pagerduty", "github"]


@dataclass(frozen=True)
class Fault:
    """One rule: what it matches, and what then happens.

    Attributes:
        action: `status`: answer so, without acting. `ok_false`: Slack's HTTP 200 with `code`. `reset`: cut the
            connection with a TCP reset, without acting. `hang`: hold the request for `seconds`, then cut it, without
            acting. `drop_answer`: act, then cut the connection without an answer. `redirect`: point to `location`.
            `garbage`: HTTP 200 with an HTML page, without acting. `delay`: act and answer `seconds` later.
        double: whose requests; `*`: all.
        method: HTTP method, `*`: all.
        path: shell pattern over the path below the double, as `/api/chat.*`.
        contains: what the body must contain.
        nth: begin with the nth match, counted from 1.
        count: how many matches go wrong; None: one where `nth` is given, else all.
        after: seconds since the rule was added until it begins.
        until: seconds since then until it ends; None: never.
        status: of `status` (default 503) and `redirect` (default 307).
        headers: of `status`, as `Retry-After`.
        body: of `status` and `garbage`.
        code: of `ok_false`.
        location: of `redirect`.
        seconds: of `hang` and `delay`.
    """

    action: Action
    double: Double = "*"
    method: str = "*"
    path: str = "*"
    contains: str = ""
    nth: int | None = None
    count: int | None = None
    after: float = 0.0
    until: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    code: str = "internal_error"
    location: str = "/"
    seconds: float = 30.0

    def matches(self, double: str, request: Request) -> bool:
        """Whether the rule is about the request; time and counts aside."""
        return (
            self.double in {"*", double}
            and self.method in {"*", request.method}
            and fnmatchcase(request.path, self.path)
            and (not self.contains or self.contains.encode() in request.body)
        )

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """A rule from its JSON object.

        Raises:
            ValueError: it is none, names a field there is not, or an action or double there is not.
            TypeError: a number is none.
        """
        if not isinstance(value, dict) or "action" not in value:
            raise ValueError("a fault is an object with an action")
        names = [f.name for f in dataclasses.fields(cls)]
        unknown = sorted(value.keys() - set(names))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such field; there are {', '.join(names)}")
        for name, kind in (("action", Action), ("double", Double)):
            if value.get(name, get_args(kind)[0]) not in get_args(kind):
                raise ValueError(f"{value[name]!r}: no such {name}; there are {', '.join(get_args(kind))}")
        for name in ("nth", "count", "after", "until", "status", "seconds"):
            if not isinstance(value.get(name, 0), int | float | None):
                raise TypeError(f"{name} is a number")
        return cls(**value)


@dataclass
class _Rule:
    fault: Fault
    added: float
    matched: int = 0

    def applies(self, now: float) -> bool:
        """Counts a match and says whether it goes wrong."""
        age = now - self.added
        if age < self.fault.after or (self.fault.until is not None and age >= self.fault.until):
            return False
        self.matched += 1
        first = self.fault.nth or 1
        count = self.fault.count if self.fault.count is not None else (1 if self.fault.nth else None)
        return self.matched >= first and (count is None or self.matched < first + count)


class FaultScript:
    """The rules in force, in the order they were added.

    Args:
        clock: seconds, of any beginning.
        faults: the first rules.
    """

    def __init__(self, clock: Callable[[], float], faults: Iterable[Fault] = ()) -> None:
        self._clock = clock
        self._rules: list[_Rule] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Adds rules; their counts and times begin now."""
        self._rules += [_Rule(fault, self._clock()) for fault in faults]

    def clear(self) -> None:
        """Takes all rules away."""
        self._rules.clear()

    def choose(self, double: str, request: Request) -> Fault | None:
        """The rule to play for a request, if any; counts the request for every rule that matches it."""
        now = self._clock()
        chosen = [rule.fault for rule in self._rules if rule.fault.matches(double, request) and rule.applies(now)]
        return chosen[0] if chosen else None

    def as_json(self) -> list[dict[str, Any]]:
        """The rules with how often each has matched."""
        return [{**dataclasses.asdict(rule.fault), "matched": rule.matched} for rule in self._rules]
