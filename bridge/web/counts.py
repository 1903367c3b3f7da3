"""The metrics page: what the ledger counts and holds, so that it is the same whichever process answers."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from bridge import __version__, metrics
from bridge.core.rules import OWN, STORM
from bridge.delivery.trouble import lasts
from bridge.ledger import counts, lanes, queries, troubles
from bridge.metrics import METRICS, MICROSECONDS, SUM, bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric as Family
    from sqlalchemy.engine import Connection

    from bridge.compose import Bridge
    from bridge.ledger.counts import Key
    from bridge.metrics import Metric

CONTENT_TYPE = CONTENT_TYPE_LATEST
Labels = dict[str, str]
Sample = tuple[Labels, float]


def exposition(bridge: Bridge) -> bytes:
    """Return the page in Prometheus' text format; without a database it says only that."""
    registry = CollectorRegistry()
    registry.register(_Ledger(bridge))
    return generate_latest(registry)


class _Ledger:
    """Reads one moment's truth at each look."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def collect(self) -> Iterator[Family]:
        bridge = self._bridge
        bridge.kept.keep()
        try:
            with bridge.ledger.read() as connection:
                stored = counts.all_of(connection)
                gauges = _measured(bridge, connection, stored)
        except SQLAlchemyError:
            bridge.kept.add(metrics.DATABASE_ERRORS, process="web")
            yield _gauge(metrics.DATABASE, [({}, 0)])
            yield _gauge(metrics.BUILD, [({"version": __version__}, 1)])
            return
        for metric in METRICS:
            if metric.type == "gauge":
                yield _gauge(metric, gauges[metric.name])
            else:
                make = _counter if metric.type == "counter" else _histogram
                yield make(metric, stored, list(metric.all_labels(**_configured(bridge))))


def _configured(bridge: Bridge) -> dict[str, list[str]]:
    kinds = {one.kind for one in bridge.loaded.rules.destinations.values()}
    return {"kind": sorted(kinds), "source": [*sorted(bridge.loaded.settings.sources), OWN, STORM]}


def _measured(bridge: Bridge, connection: Connection, stored: Mapping[Key, int]) -> dict[str, list[Sample]]:
    """Return every gauge's samples, by name."""
    now, waits = bridge.clock.now(), queries.backlog(connection)
    paused = Counter(
        name.split("/", 1)[0]
        for name, trouble, _, due in troubles.troubled_lanes(connection)
        if lasts(trouble, now.timestamp(), due)
    )
    none = dict.fromkeys(_configured(bridge)["kind"], 0)
    ages = {f"P{urgency}": now - waits.oldest.get(urgency, now) for urgency in range(4)}
    single = {
        metrics.OLDEST_RECEIPT.name: max((now - (waits.oldest_receipt or now)).total_seconds(), 0.0),
        metrics.DELIVERER.name: lanes.delivering(connection, bridge.ledger.database_now(now)),
        metrics.DATABASE.name: True,
        metrics.STORAGE.name: stored.get(counts.key(metrics.STORAGE.name), 0),
        metrics.LIMIT.name: bridge.loaded.settings.max_storage,
        metrics.RELOADED.name: not troubles.wrong(connection, now),
        metrics.LOADED_AT.name: stored.get(counts.key(metrics.LOADED_AT.name), 0),
    }
    return {
        metrics.WAITING.name: _by("state", waits.receipts),
        metrics.DUE.name: _by("kind", {**none, **waits.due}),
        metrics.DEAD.name: _by("kind", {**none, **waits.dead}),
        metrics.PAUSED.name: _by("kind", {**none, **paused}),
        metrics.OLDEST.name: _by("priority", {one: max(age.total_seconds(), 0.0) for one, age in ages.items()}),
        metrics.BUILD.name: [({"version": __version__}, 1)],
        **{name: [({}, float(value))] for name, value in single.items()},
    }


def _by(label: str, values: Mapping[str, float]) -> list[Sample]:
    return [({label: one}, value) for one, value in values.items()]


def _gauge(metric: Metric, samples: Iterable[Sample]) -> Family:
    family = GaugeMetricFamily(metric.shown, metric.about, labels=list(metric.labels))
    for labels, value in samples:
        family.add_metric([labels[name] for name in metric.labels], value)
    return family


def _counter(metric: Metric, stored: Mapping[Key, int], known: Iterable[Labels]) -> Family:
    family = CounterMetricFamily(metric.shown, metric.about, labels=list(metric.labels))
    for labels in _sides(metric.name, stored, known):
        value = stored.get(counts.key(metric.name, **labels), 0)
        family.add_metric([labels[name] for name in metric.labels], value)
    return family


def _histogram(metric: Metric, stored: Mapping[Key, int], known: Iterable[Labels]) -> Family:
    family = HistogramMetricFamily(metric.shown, metric.about, labels=list(metric.labels))
    bounds = [bound(metric, number) for number in range(len(metric.buckets) + 1)]
    for labels in _sides(f"{metric.name}{SUM}", stored, known):
        into = accumulate(stored.get(counts.key(metric.name, le=le, **labels), 0) for le in bounds)
        total = stored.get(counts.key(f"{metric.name}{SUM}", **labels), 0) / MICROSECONDS
        buckets = [(le, float(number)) for le, number in zip(bounds, into, strict=True)]
        family.add_metric([labels[name] for name in metric.labels], buckets, total)
    return family


def _sides(name: str, stored: Mapping[Key, int], known: Iterable[Labels]) -> list[Labels]:
    """Return the labels of every series: those that can be, and those that a past configuration left."""
    past = [dict(labels) for metric, labels in sorted(stored) if metric == name]
    return [*known, *(labels for labels in past if labels not in known)]
