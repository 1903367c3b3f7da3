"""What a turn of a lane is made of: its values, and the small decisions that need no lane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

from bridge.delivery.budget import COUNTED
from bridge.destinations.base import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.core.incident import Incident
    from bridge.destinations.base import Outcome, Settings, Step, Want
    from bridge.ledger.deliveries import Delivery

T = TypeVar("T")
Act: TypeAlias = "Callable[[Connection], Any]"
"""Something to be written in a transaction; it does nothing but read and write the database, and may be run twice."""


class Shared(ABC):
    """An act that is written together with all others of its class, by as many statements as one takes."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def all(cls, connection: Connection, acts: Sequence[Self]) -> Sequence[Any]:
        """Write them; return the result of each."""

    def __call__(self, connection: Connection) -> Any:  # noqa: ANN401 - each class's own
        """Write this one alone."""
        return self.all(connection, [self])[0]


def perform(connection: Connection, acts: Sequence[Act]) -> list[Any]:
    """Write acts in one transaction; return the result of each."""
    shared: dict[type[Shared], dict[int, Shared]] = defaultdict(dict)
    results: list[Any] = [None] * len(acts)
    for number, act in enumerate(acts):
        if isinstance(act, Shared):
            shared[type(act)][number] = act
        else:
            results[number] = act(connection)
    for kind, those in shared.items():
        for number, result in zip(those, kind.all(connection, list(those.values())), strict=True):
            results[number] = result
    return results


Acting: TypeAlias = "Generator[Act, Any, T]"
"""Work that yields each act which is to be written, goes on with its result once that is committed, and returns a T."""

BELIEVED_FOR, LACKING_FOR = 86_400.0, 3_600.0
"""Seconds that what was learned about a place is believed: whole, or with something that could not be learned."""
BECAUSE = "because"
"""In what we have: why it is told at the place that stands in. Routing chose that, so its row says nothing of it."""
ONCE_MORE_FOR = 600.0
"""Seconds for which it is believed once more where it could not be asked anew."""
SHORT_TERM = 60.0
"""Rates per second or minute are a lane's pace; longer ones are a token's budget, where it has one."""
LONG = 500
"""Characters of a text that are kept with a step in doubt."""


class Turns(Protocol):
    """A lane as the loop sees it: destinations' lanes and intake's."""

    name: str
    fence: int
    lease_ends: float

    @property
    def width(self) -> int:
        """Turns at once."""
        ...

    def turn(self) -> Rest | None:
        """Do one piece of work; None means: ask again at once."""
        ...


@dataclass(slots=True)
class Worked:
    """A lane that we hold: its turns under way, and whether somebody asked for more meanwhile."""

    lane: Turns
    slots: int = 0
    kicked: bool = False
    idle_since: float = 0.0


class StaleSenderError(RuntimeError):
    """The lease may have run out while this process was not running: nothing may be sent under it."""


class NotNowError(RuntimeError):
    """Another request of the lane failed just before this one would have left: it waits like all the others."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do now. `until` says when to look again, None: when something changes."""

    until: datetime | None = None


def soonest(rests: Sequence[Rest | None]) -> Rest | None:
    """Return how a lane rests whose deliveries' turns ended so: not at all where one of them did something."""
    if None in rests:
        return None
    return Rest(min((rest.until for rest in rests if rest and rest.until), default=None))


@dataclass(slots=True)
class Task:
    """A delivery's turn: when it began, and what was read for it then.

    `took` is how long its request did, in seconds, without what it `waited` for the pace; None where nothing was sent.
    `want` is what it should come to; it was planned by the lane's `knowledge` then. `behind` says whether it waits,
    claimed, behind others of its turn (`bridge.delivery.underway`), `probes` whether its request asks if a limit of its
    token's is over.
    """

    delivery: Delivery
    incident: Incident
    settings: Settings
    at: datetime
    took: float | None = None
    want: Want | None = None
    waited: float = 0.0
    knowledge: int = 0
    behind: bool = False
    probes: bool = False

    @property
    def due(self) -> float:
        """Since when its step is due, as far as was read (unix seconds)."""
        return self.delivery.due_at.timestamp() if self.delivery.due_at else self.at.timestamp()

    def asked(self, method: str, result: Outcome) -> dict[str, object]:
        """Return what the time line keeps of a request and its answer."""
        failed = result if isinstance(result, Failed) else None
        return {
            "method": method,
            "request": result.request_id,
            "ms": None if self.took is None else round(self.took * 1000),
            "status": result.status,
            "retry_after": failed.retry_after if failed else None,
        }


def believed(place: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return what was learned about a place while it may still be so; else only, as `before`, what was known.

    It is asked anew then. A repository is made public, a scope is granted: what could not be learned is asked sooner.
    """
    lacking = any(value is None for value in place.values()) or "unsearchable" in place
    age = now.timestamp() - float(place.get("learned_at", 0.0))
    span = LACKING_FOR if lacking else BELIEVED_FOR
    if age < span or not place:
        return dict(place)
    return {"before": {**place, "learned_at": now.timestamp() - span + ONCE_MORE_FOR}}


def pace(settings: Settings, usual: tuple[float, ...]) -> float:
    """Return the seconds between two requests that a destination's `rate` asks for; 0 without a limit (`rate: off`).

    Where a token has a budget, that holds a longer rate: its requests may come in a burst. Elsewhere nothing but the
    pace does.
    """
    rates = settings.values.get("rate")
    if rates is None:
        return 1 / max(usual)
    assert isinstance(rates, tuple)
    paces = (one for one in rates if one.seconds <= SHORT_TERM or settings.kind not in COUNTED)
    return max((one.seconds / one.count for one in paces), default=0.0)


def patience(settings: Settings, most: float) -> float:
    """Return the seconds that a whole step may take: the destination's `timeout`, and never more than `most`."""
    timeout = settings.values.get("timeout")
    return min(most, timeout.total_seconds()) if isinstance(timeout, timedelta) else most


def sent_at(clock: Clock, at: float) -> datetime:
    """Return when a step was written down (unix seconds) as a bound for lookups, by a clock that may be set back."""
    return min(datetime.fromtimestamp(at, UTC), clock.now()) - timedelta(seconds=clock.ahead())


def reckoned(delivery: Delivery) -> Delivery:
    """A delivery whose sender died in a step that creates nothing: what that step may have done is reckoned with."""
    stored = delivery.doubt or {}
    if stored.get("creates") or not stored.get("unsure"):
        return delivery
    return replace(delivery, have={**delivery.have, **stored["unsure"]})


def paced(ready_at: datetime | None, now: datetime, gap: float = 0.0) -> datetime | None:
    """Return until when a pace holds: one further off than a minute, and its `gap`, was written by another clock."""
    slowest = timedelta(seconds=max(SHORT_TERM, gap))
    return ready_at if ready_at is not None and ready_at <= now + slowest else None


def doubtful(task: Task, step: Step, now: datetime) -> dict[str, Any]:
    """Return what a claim sets of a delivery: once it is committed the step counts as sent until we know better."""
    written = {**step.as_json(), "request": _brief(step.request), "version": task.incident.version}
    return {
        "doubt": {**written, "at": now.timestamp(), "ended": None, "negatives": 0},
        "have": task.delivery.have,
        "attempts": task.delivery.attempts + 1,
    }


def _brief(request: dict[str, Any]) -> dict[str, Any]:
    """Keep of a request what a lookup needs, and a person: its mark stands at the beginning of long texts."""
    return {
        name: value[:LONG] if isinstance(value, str) else value for name, value in request.items() if name != "blocks"
    }


def until_a_lookup(found: list[Delivery]) -> list[Delivery]:
    """Return those before the first that is to be looked up at its place, which may take long, or that one alone."""
    doubtful = next((n for n, one in enumerate(found) if (one.doubt or {}).get("creates")), len(found))
    return found[: max(doubtful, 1)]
