"""What the bridge counts and measures: the name, labels and meaning of every metric, and counts on their way.

Counts are kept in the ledger (`ledger.counts`), so that they are the same whichever process of whichever host is asked.
A process gathers them in a `Tally` and adds them every few seconds: no step and no accept pays a commit for them.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Literal

from bridge.core.alert import Priority
from bridge.destinations.base import Fault, Intent
from bridge.ledger import storage
from bridge.ledger.counts import key

if TYPE_CHECKING:
    from bridge.ledger.counts import Key

Labels = Mapping[str, tuple[str, ...]]
KIND: Labels = {"kind": ()}
SOURCE: Labels = {"source": ()}
PRIORITY: Labels = {"priority": tuple(one.value for one in Priority)}
SUM = "_sum"
"""What the name of a histogram's sum ends in, where it is kept: in microseconds, for counts are whole numbers."""
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; on the page its name begins with `bridge_`, and a counter's ends in `_total`.

    `labels` holds each label's values; () stands for those that the configuration has: its sources, the kinds of its
    destinations. Nothing else becomes a label's value, whatever senders say. `buckets` in seconds. Every
    combination of values is on the page from the start, so that the first event is an increase.
    """

    name: str
    type: Literal["counter", "gauge", "histogram"]
    about: str
    labels: Labels = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        """Return its name on the page."""
        return f"bridge_{self.name}_total" if self.type == "counter" else f"bridge_{self.name}"

    def all_labels(self, **configured: Iterable[str]) -> Iterator[dict[str, str]]:
        """Give every combination of its labels' values, with those that the configuration has."""
        values = [known or tuple(configured.get(name, ())) for name, known in self.labels.items()]
        for chosen in product(*values):
            yield dict(zip(self.labels, chosen, strict=True))


NOTIFICATIONS = Metric(
    "notifications",
    "counter",
    "Notifications that senders posted, by what became of the request; an unknown source is an empty one.",
    {
        **SOURCE,
        "outcome": ("stored", "repeated", "unauthorized", "too_large", "incomplete", "unavailable", "unknown_source"),
    },
)
RECEIPTS_READ = Metric(
    "receipts_absorbed",
    "counter",
    "Stored receipts that were read, by what became of them.",
    {**SOURCE, "outcome": ("absorbed", "partly", "quarantined")},
)
ALERTS = Metric("alerts", "counter", "Alerts absorbed.", {**SOURCE, "status": ("firing", "resolved")})
ABSORB = Metric(
    "absorb_duration_seconds",
    "histogram",
    "From a receipt's arrival until all its alerts are incidents.",
    SOURCE,
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
DELIVERY = Metric(
    "delivery_duration_seconds",
    "histogram",
    "From a receipt's arrival until a destination confirmed what it changed; trouble: whether the place failed or "
    "limited requests meanwhile.",
    {**KIND, **PRIORITY, "trouble": ("no", "yes")},
    (0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
)
STEPS = Metric(
    "steps",
    "counter",
    "Requests to destinations, by what they were for and what came of them: done, or whose fault it was.",
    {
        **KIND,
        "intent": tuple(one.value for one in Intent),
        "outcome": ("done", *(one.value for one in Fault)),
    },
)
DOUBTS = Metric("doubts", "counter", "Steps that may or may not have been done: their answer was lost.", KIND)
LOOKUPS = Metric("lookups", "counter", "Lookups of steps whose answer was lost.", KIND)
BLIND = Metric(
    "blind_repeats", "counter", "Steps repeated although nobody could look whether they had been done.", KIND
)
GIVEN_UP = Metric("given_up", "counter", "Deliveries that became dead letters.", KIND)
FALLBACKS = Metric("template_fallbacks", "counter", "Renderings in built-in words because a template failed.", KIND)
PAUSES = Metric("lane_pauses", "counter", "Times that a place got into trouble and its lane waited.", KIND)
HINTS = Metric("hints", "counter", "Hints that workers heard through the database.")
DATABASE_ERRORS = Metric(
    "database_errors",
    "counter",
    "Times that the database was away, locked or full.",
    {"process": ("web", "deliverer")},
)
RELOADS = Metric(
    "config_reloads", "counter", "Times that the configuration was read anew.", {"outcome": ("taken", "refused")}
)

WAITING = Metric(
    "receipts",
    "gauge",
    "Stored receipts that wait: new ones to be absorbed, those that could not be read (or not whole) for a person.",
    {"state": ("new", "quarantined")},
)
OLDEST_RECEIPT = Metric("oldest_receipt_age_seconds", "gauge", "How long the oldest new receipt has been waiting.")
DUE = Metric("deliveries_due", "gauge", "Deliveries with a step due.", KIND)
OLDEST = Metric("oldest_due_age_seconds", "gauge", "How long the oldest step that is due has been waiting.", PRIORITY)
DEAD = Metric("dead_letters", "gauge", "Deliveries that retrying can't mend.", KIND)
PAUSED = Metric("lanes_paused", "gauge", "Lanes in trouble that have steps due.", KIND)
DELIVERER = Metric("deliverer_up", "gauge", "Whether a live deliverer exists.")
DATABASE = Metric("database_up", "gauge", "Whether the database answers; where it does not, nothing else is known.")
STORAGE = Metric(storage.METRIC, "gauge", "Bytes in use when last measured; on PostgreSQL reckoned, without indices.")
LIMIT = Metric("storage_limit_bytes", "gauge", "The setting max_storage.")
RELOADED = Metric(
    "config_last_reload_successful", "gauge", "Whether the configuration was good on every host when last read."
)
LOADED_AT = Metric(
    "config_last_reload_success_timestamp_seconds",
    "gauge",
    "When a good configuration was read last, at a start or a reload, on any host.",
)
BUILD = Metric("build_info", "gauge", "Always 1; the label says which version answers.", {"version": ()})

METRICS = (
    NOTIFICATIONS, RECEIPTS_READ, ALERTS, ABSORB, DELIVERY, STEPS, DOUBTS, LOOKUPS, BLIND, GIVEN_UP, FALLBACKS, PAUSES,
    HINTS, DATABASE_ERRORS, RELOADS, WAITING, OLDEST_RECEIPT, DUE, OLDEST, DEAD, PAUSED, DELIVERER, DATABASE, STORAGE,
    LIMIT, RELOADED, LOADED_AT, BUILD,
)  # fmt: skip
"""All of them, in the order of the page."""


class Tally:
    """What a process has counted and not yet kept; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Key] = Counter()

    def add(self, metric: Metric, number: int = 1, /, **labels: str) -> None:
        """Count."""
        self.more({key(metric.name, **labels): number})

    def observe(self, metric: Metric, seconds: float, /, **labels: str) -> None:
        """Put a duration into a histogram."""
        seconds = max(seconds, 0.0)  # two hosts' clocks may differ
        self.more(
            {
                key(metric.name, le=bound(metric, bisect_left(metric.buckets, seconds)), **labels): 1,
                key(f"{metric.name}{SUM}", **labels): round(seconds * MICROSECONDS),
            }
        )

    def drain(self) -> dict[Key, int]:
        """Return what was counted since the last time."""
        with self._lock:
            found, self._counts = self._counts, Counter()
        return found

    def more(self, counted: Mapping[Key, int]) -> None:
        """Add counts, such as those that could not be kept."""
        with self._lock:
            self._counts.update(counted)


def bound(metric: Metric, number: int) -> str:
    """Return the upper bound of a histogram's bucket as it is kept."""
    return str(float(metric.buckets[number])) if number < len(metric.buckets) else "+Inf"
