"""What passes between a kind of destination and who calls it: values; `ports` says what a kind brings along.

A kind has a pure half (`message`: the request as one literal; `step`: what comes next) and a thin half (`client`:
send, find). A lane owns time, retries and order; nothing here waits, repeats or stores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bridge.core.incident import Incident
    from bridge.core.shadow import Would
    from bridge.render.jinja import Words

JSON = dict[str, object]
T = TypeVar("T")
Have = JSON
"""What we know of the remote: ids, what it was last told. Empty before the first step. Stored as JSON."""
VAIN = "vain"
"""In what a lane learned of its place: when a fact of the token was asked for in vain (`at`, unix seconds), and until
when it is asked for again before a message goes without it (`until`); empty where that is to be once more anyway."""


class Intent(StrEnum):
    """What a step is for; within a lane's budget they go in this order."""

    OPEN = "open"
    RESOLVE = "resolve"
    ANNOUNCE = "announce"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Step:
    """One request that moves have towards want.

    `number` counts the steps of a delivery; with the delivery's id it is the mark of what the step creates. `creates`
    says that a lost answer must be looked up before the step is repeated. `method` names the budget that it draws on
    ("chat.postMessage", "POST issues", "enqueue"). `request` is the body, `path` what the kind's client needs beside
    it. `told` is merged into Have when it succeeds, after the ids that the answer brings; `unsure` where nobody knows
    whether it acted (a lost answer, a crash), so that the next step reckons with both. A step that `learns` asks for a
    fact about the place itself (a channel's id, a repository's visibility): its answer is kept with the lane,
    beside what is known, as `Want.place` of all its deliveries, and changes nothing in Have.
    """

    intent: Intent
    number: int
    method: str
    request: JSON
    told: JSON
    creates: bool = False
    path: str = ""
    learns: bool = False
    unsure: JSON = field(default_factory=dict)

    def as_json(self) -> JSON:
        """Return it as it is stored while nobody knows what became of it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Nothing:
    """No step is due: want equals have. With a reason where there is nothing to tell at this address at all."""

    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """A destination's effective settings for one delivery, secrets resolved. Its repr shows no value.

    `values` are the merged fields of the contract for that kind (token, channel, mention, labels, …).
    """

    name: str
    kind: str
    values: Mapping[str, object] = field(repr=False)

    def text(self, key: str, default: str = "") -> str:
        """Return one setting as text."""
        value = self.values.get(key)
        return default if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Address:
    """One place that can be told: two names or two teams that lead to it make one delivery.

    `text` identifies it and is shown to people ("#alerts", "acme/alerts", "key ab12cd34"); `lane` is
    "slack/<workspace>/<channel>", "pagerduty/<key digest>" or "github/<owner>/<repo>".
    """

    kind: str
    text: str
    lane: str


@dataclass(frozen=True, slots=True)
class Want:
    """What should be true at one address: the incident at a version, and under which settings to tell it.

    `now` decides whether a step is due (a page again); it never shows in what is rendered, so that repeats are silent.
    `place` is what the lane learned about the place. `never_fired` marks an incident of which only resolves were heard.
    `because` is why it is told here although routing did not say so. `would` is what would have happened, were its
    teams not in shadow mode: it stands above the message, which then calls nobody.
    """

    delivery: str
    incident: Incident
    settings: Settings
    address: Address
    words: Words
    now: datetime
    place: JSON = field(default_factory=dict)
    never_fired: bool = False
    because: str | None = None
    would: Would | None = None
    made: dict[str, tuple[Incident, JSON, Any]] = field(default_factory=dict, compare=False, repr=False)

    def once(self, what: str, make: Callable[[], T]) -> T:
        """Return what is made of this incident at this place, which planning a step and the next one ask for alike."""
        known = self.made.get(what)
        if known is None or known[0] is not self.incident or known[1] is not self.place:
            known = self.made[what] = (self.incident, self.place, make())
        return cast("T", known[2])


class Fault(StrEnum):
    """Whose fault a failed step is, and so what the lane does."""

    RETRY = "retry"
    """A passing fault of the delivery's own or of the place (5xx, time-out, reset)."""
    LIMITED = "limited"
    """429 or a secondary limit: wait `retry_after`, this is no attempt."""
    PERMANENT = "permanent"
    """What retrying can't mend: a dead letter with `hint`."""
    DEGRADE = "degrade"
    """Refused as it is: send once more, plainer (`Have['plain']`)."""
    REPLACE = "replace"
    """The remote is gone or can't be edited: open a fresh one, once."""
    ELSEWHERE = "elsewhere"
    """The place does not exist: take the configured `fallback_channel` where there is one, else permanent."""
    SATISFIED = "satisfied"
    """The destination says that it is already so; counts as done."""
    UNSEARCHABLE = "unsearchable"
    """Of a lookup alone: none can be made there. A step whose answer was lost is repeated, once."""


class Scope(StrEnum):
    """How far a fault reaches."""

    DELIVERY = "delivery"
    THREAD = "thread"
    CHANNEL = "channel"
    TOKEN = "token"  # noqa: S105 - a scope's name


@dataclass(frozen=True, slots=True)
class Done:
    """The destination acted. `remote` holds the ids and urls that its answer brought."""

    remote: JSON
    request_id: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The destination did not act as asked, or we can't know.

    `unknown` is True where it may have acted although no answer says so: a creating step is then in doubt.
    `error` is a short code for machines and people ("not_in_channel", "HTTP 503"), `hint` a sentence that says what to
    mend. Neither ever holds a secret. `retry_after` in seconds. `note` is merged into Have whatever the fault, so that
    the next step knows what was refused (`{"plain": True}`).
    """

    fault: Fault
    error: str
    scope: Scope = Scope.DELIVERY
    hint: str = ""
    retry_after: float | None = None
    unknown: bool = False
    status: int | None = None
    request_id: str = ""
    note: JSON = field(default_factory=dict)


Outcome = Done | Failed


@dataclass(frozen=True, slots=True)
class Lack:
    """What a place or a credential lacks, as far as can be asked without anybody noticing.

    `told` says whether alerts are told all the same; `what` and `mend` are for the operator, without secrets.
    """

    what: str
    mend: str = ""
    told: bool = True
    retry_after: float | None = None


def then_replay(hint: str, delivery: str) -> str:
    """Return a hint, as yet without a full stop, that ends with how to go on; an empty one stays so."""
    again = f"`bridge replay {delivery}`" if delivery else "`bridge replay --all`"
    return f"{hint}, then {again}." if hint else ""


def instead_of_replay(hint: str, then: str = "") -> str:
    """Return a hint of `then_replay` with other words at its end: for a place that is only being tried."""
    return re.sub(r", then `bridge replay [^`]*`\.$", then, hint)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a lookup by mark: `remote` as Done would have brought it, or None for "not there (yet)"."""

    remote: JSON | None
