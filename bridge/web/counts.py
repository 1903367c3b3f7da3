"""The metrics page: what the ledger counts, so that it is the same whichever process answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from bridge.ledger import counts, queries, storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from bridge.compose import Bridge
    from bridge.ledger.counts import Key

ABOUT = {
    "steps": "Requests to destinations, by kind, intent and outcome.",
    "lookups": "Lookups of steps whose answer was lost, by kind.",
    "blind_repeats": "Steps repeated although nobody could look whether they had been done, by kind.",
    "given_up": "Deliveries that became dead letters, by kind.",
    "hints": "Hints that workers heard through the database.",
    "template_fallbacks": "Messages sent in built-in words because their template failed, by kind.",
}
CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Ledger:
    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def collect(self) -> Iterator[Metric]:
        with self._bridge.ledger.read() as connection:
            found = queries.backlog(connection)
            counted = counts.all_of(connection)
        receipts = GaugeMetricFamily("bridge_receipts", "Stored requests by state.", labels=["state"])
        for state, number in found["receipts"].items():
            receipts.add_metric([state], number)
        yield receipts
        due = GaugeMetricFamily("bridge_deliveries_due", "Deliveries with a step due, by kind.", labels=["kind"])
        for kind, number in found["deliveries"].items():
            due.add_metric([kind], number)
        yield due
        yield GaugeMetricFamily("bridge_dead_letters", "Deliveries that retrying can't mend.", value=found["dead"])
        stored = counted.pop(counts.key(storage.METRIC), 0)
        yield GaugeMetricFamily("bridge_storage_bytes", "Bytes in use when last measured.", value=stored)
        yield from _totals(counted)


def _totals(counted: Mapping[Key, int]) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily] = {}
    for (metric, labels), number in sorted(counted.items()):
        names = [name for name, _ in labels]
        family = families.setdefault(
            metric, CounterMetricFamily(f"bridge_{metric}", ABOUT.get(metric, metric), labels=names)
        )
        family.add_metric([value for _, value in labels], number)
    yield from families.values()


def exposition(bridge: Bridge) -> bytes:
    """Return the page in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Ledger(bridge))
    return generate_latest(registry)
