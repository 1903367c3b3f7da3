"""What a deliverer's parts report: logged where it is worth it, counted for the metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from bridge import metrics
from bridge.core.payload import BEGINS
from bridge.destinations.base import Failed
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.destinations.base import Outcome, Step
    from bridge.ledger.deliveries import Delivery
    from bridge.metrics import Tally

SHOWN = 20
"""Incidents of one receipt that its line names."""


class Reports:
    """Hears what lanes, intake and templates report.

    Quiet where all is well: one line a receipt. The ids of the delivery that a turn is about stand in every line that
    is written during it (`log.about`).
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._heard: Mapping[str, Callable[..., None]] = {
            "step": self._step,
            "told": self._told,
            "dead": self._dead,
            "doubt": self._doubt,
            "looked": self._looked,
            "repeated": self._repeated,
            "paused": self._paused,
            "alerts": self._alerts,
            "absorbed": self._absorbed,
            "hint": self._hint,
            "database": self._database,
            "lost": self._lost,
            "broke": partial(self._broke, "broke"),
            "chore": partial(self._broke, "chore"),
        }

    def __call__(self, what: str, delivery: Delivery | None, *facts: Any) -> None:  # noqa: ANN401 - each fact's own
        """Hear of a fact about a delivery, or about none."""
        self._heard[what](delivery, *facts)

    def template_failed(self, kind: str, why: str) -> None:
        """Hear of a message that went out in the built-in words."""
        self._tally.add(metrics.FALLBACKS, kind=kind)
        log.error("template failed", kind=kind, why=why)

    def _step(self, delivery: Delivery, step: Step, result: Outcome) -> None:
        said = {"kind": delivery.kind, "intent": step.intent.value}
        if not isinstance(result, Failed):
            self._tally.add(metrics.STEPS, **said, outcome="done")
            log.debug("step", **said, number=step.number, request=result.request_id)
            return
        self._tally.add(metrics.STEPS, **said, outcome=result.fault.value)
        if result.unknown and step.creates:
            self._doubt(delivery)
        found = {"error": result.error, "fault": result.fault.value, "status": result.status}
        log.warning("step failed", **said, **found, request=result.request_id)

    def _told(self, delivery: Delivery, seconds: float, well: bool) -> None:
        priority, trouble = f"P{delivery.urgency}", "no" if well else "yes"
        self._tally.observe(metrics.DELIVERY, seconds, kind=delivery.kind, priority=priority, trouble=trouble)
        log.debug("told", kind=delivery.kind, priority=priority, seconds=round(seconds, 3))

    def _dead(self, delivery: Delivery, why: str, number: int = 1) -> None:
        """Hear of a dead letter, and how many became one together with it: one line for all."""
        self._tally.add(metrics.GIVEN_UP, number, kind=delivery.kind)
        named = {"delivery": delivery.id, "incident": delivery.incident}
        log.warning("dead letter", **named, kind=delivery.kind, why=why, number=number)

    def _doubt(self, delivery: Delivery) -> None:
        self._tally.add(metrics.DOUBTS, kind=delivery.kind)

    def _looked(self, delivery: Delivery) -> None:
        self._tally.add(metrics.LOOKUPS, kind=delivery.kind)

    def _repeated(self, delivery: Delivery, found: Failed) -> None:
        self._tally.add(metrics.BLIND, kind=delivery.kind)
        log.warning("repeated without a look", kind=delivery.kind, error=found.error, status=found.status)

    def _paused(self, _delivery: None, lane: str, error: str) -> None:
        self._tally.add(metrics.PAUSES, kind=lane.split("/", 1)[0])
        log.warning("lane paused", lane=lane, error=error)

    def _alerts(self, _delivery: None, source: str, statuses: Mapping[str, int]) -> None:
        for status, number in statuses.items():
            self._tally.add(metrics.ALERTS, number, source=source, status=status)

    def _absorbed(self, _delivery: None, source: str, row: Mapping[str, Any], seconds: float | None) -> None:
        """Hear of a receipt that is read to its end, or can't be: `seconds` since it came, None of a replayed one."""
        problem = row["problem"]
        outcome = "quarantined" if row["state"] == "quarantined" else "partly" if problem else "absorbed"
        self._tally.add(metrics.RECEIPTS_READ, source=source, outcome=outcome)
        if seconds is not None:
            self._tally.observe(metrics.ABSORB, seconds, source=source)
        said = {"receipt": row["id"], "source": source, "alerts": row["alerts"], "incidents": row["incidents"][:SHOWN]}
        if problem:
            bare = problem.partition(BEGINS)[0]
            log.warning("quarantined" if outcome == "quarantined" else "absorbed in part", **said, problem=bare)
        else:
            log.info("absorbed", **said)

    def _hint(self, _delivery: None) -> None:
        self._tally.add(metrics.HINTS)

    def _database(self, _delivery: None, why: str) -> None:
        self._tally.add(metrics.DATABASE_ERRORS, process="deliverer")
        log.warning("database", why=why)

    def _lost(self, _delivery: None, why: str) -> None:
        log.warning("lane lost", why=why)

    def _broke(self, what: str, _delivery: Delivery | None, error: BaseException) -> None:
        if isinstance(error, UnavailableError | SQLAlchemyError):
            self._database(None, type(error).__name__)
            return
        log.error(what, error=type(error).__name__, exc_info=error)
