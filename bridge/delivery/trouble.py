"""A place in trouble: when it is asked again, by whom, and whose fault it was in the end. Pure; stored with its lane.

One request at a time probes the place. The gap grows to a fifth of the outage so far, between 1 s and 30 s;
`Retry-After` is honoured to the second. A delivery whose probe failed twice steps behind the next delivery of another
incident: if that one succeeds, the fault was the first one's own, and it backs off alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SHORTEST, LONGEST = 1.0, 30.0
"""Seconds between two probes."""
SHARE = 5.0
"""A quarter is promised; a step in doubt needs two looks, 3 s apart, within the time that is left of it."""
ROUNDED = 0.001
"""Seconds that a time may lose as a number."""
FORGOTTEN = 15.0
"""Seconds after which a trouble is over that nobody asked about again though it was time to: what failed is gone, or
was found. More than a lease, so that a deliverer's death ends none."""
STEPS_BEHIND = 2
"""Failed probes of one incident after which another one is asked."""
OWN_SHORTEST, OWN_LONGEST = 1.0, 300.0
"""Seconds that a delivery which fails by its own fault waits, doubling with each attempt."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when (unix seconds), by which kind of request, when to ask again, and who has asked how often.

    `probes` counts failed probes by incident; `suspects` names the deliveries among them by incident.
    """

    since: float
    method: str
    until: float
    probes: Mapping[str, int] = field(default_factory=dict)
    suspects: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    def waits(self, now: datetime) -> bool:
        """Whether it is too early to ask again."""
        return self.until > now.timestamp() + ROUNDED

    def behind(self) -> tuple[str, ...]:
        """Return the incidents that step behind others."""
        return tuple(incident for incident, failed in self.probes.items() if failed >= STEPS_BEHIND)

    def as_json(self) -> dict[str, Any]:
        """Return it as stored."""
        return {
            "since": self.since,
            "method": self.method,
            "until": self.until,
            "probes": dict(self.probes),
            "suspects": dict(self.suspects),
            "error": self.error,
        }


def restored(stored: Mapping[str, Any] | None, now: float) -> Trouble | None:
    """Return a trouble as it was stored; None of one that, by a clock that was set back, is yet to come."""
    return Trouble(**stored) if stored and stored["since"] <= now + FORGOTTEN else None


def lasts(stored: Mapping[str, Any], now: float, due: float) -> bool:
    """Whether a stored trouble still is one: somebody asks about it when it is time to, or would but for us.

    `due`: since when the first step there is due. One that has been due all along shows that nobody could ask.
    """
    return bool(min(now, due) - stored["until"] < FORGOTTEN)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was made in a lane: by which delivery, of which kind, and when (unix seconds).

    `failed`: how often its delivery had failed before, in troubles that others' success has ended. `due`: since when
    its step was due, where that is long ago although nothing was in its way but that nobody delivered.
    """

    delivery: str
    incident: str
    method: str
    at: float
    failed: int = 0
    due: float = math.inf

    def after(self, trouble: Trouble) -> bool:
        """Whether the trouble was over by then, since nobody had asked about it although somebody could have."""
        return min(self.at, self.due) > trouble.until + FORGOTTEN


def gap(lasted: float) -> float:
    """Return how long (seconds) nobody asks again after a trouble or a limit has lasted so many seconds."""
    return min(max(lasted / SHARE, SHORTEST), LONGEST)


def failed(trouble: Trouble | None, asked: Asked, now: float, retry_after: float | None, error: str) -> Trouble:
    """Return the trouble after a request failed by the place's fault."""
    if trouble is None or asked.after(trouble):
        trouble = Trouble(now, asked.method, now)
    wait = gap(now - trouble.since)
    # a request that hung has waited already
    until = max(asked.at + wait, now + SHORTEST) if retry_after is None else now + max(retry_after, SHORTEST)
    return replace(
        trouble,
        method=asked.method,
        until=max(trouble.until, until),
        probes={**trouble.probes, asked.incident: trouble.probes.get(asked.incident, asked.failed) + 1},
        suspects={**trouble.suspects, asked.incident: asked.delivery},
        error=error,
    )


def succeeded(
    trouble: Trouble | None, asked: Asked, *, looking: bool = False
) -> tuple[Trouble | None, tuple[str, ...]]:
    """Return the trouble after a request succeeded, and the deliveries whose own fault it was.

    A lookup proves nothing about a place that refuses to act, nor does a request that was under way already when
    another one failed: the wait holds. A success of another kind of request ends the trouble only where it shows that
    the fault was another incident's own.
    """
    if trouble is None or asked.after(trouble):
        return None, ()
    if looking or asked.at < trouble.until - ROUNDED:
        return trouble, ()
    own = tuple(
        delivery
        for incident, delivery in trouble.suspects.items()
        if incident != asked.incident and trouble.probes[incident] >= STEPS_BEHIND
    )
    if asked.method == trouble.method or own:
        return None, own
    return trouble, ()


def back_off(attempts: int) -> float:
    """Return how long (seconds) a delivery waits that failed by its own fault for the nth time."""
    return min(OWN_SHORTEST * 2.0 ** min(max(attempts - 1, 0), 20), OWN_LONGEST)


def waited(attempts: int) -> float:
    """Return how long (seconds) a delivery has waited in all that failed by its own fault so often."""
    return sum(back_off(number) for number in range(1, attempts))
