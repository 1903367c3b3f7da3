"""The metrics page: what the ledger counts, so that it is the same whichever process answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from bridge.ledger import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from bridge.compose import Bridge

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Ledger:
    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def collect(self) -> Iterator[Metric]:
        with self._bridge.ledger.read() as connection:
            found = queries.backlog(connection)
        receipts = GaugeMetricFamily("bridge_receipts", "Stored requests by state.", labels=["state"])
        for state, number in found["receipts"].items():
            receipts.add_metric([state], number)
        yield receipts
        due = GaugeMetricFamily("bridge_deliveries_due", "Deliveries with a step due, by kind.", labels=["kind"])
        for kind, number in found["deliveries"].items():
            due.add_metric([kind], number)
        yield due
        yield GaugeMetricFamily("bridge_dead_letters", "Deliveries that retrying can't mend.", value=found["dead"])


def exposition(bridge: Bridge) -> bytes:
    """Return the page in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Ledger(bridge))
    return generate_latest(registry)
