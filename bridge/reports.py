"""What a deliverer's parts report: logged where it is worth it, counted for the metrics."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from bridge.destinations.base import Failed
from bridge.ledger.counts import key
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.ledger.counts import Key


class Reports:
    """Hears what lanes and templates report: logs what is worth it, counts the rest until somebody asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Key] = Counter()

    def __call__(self, what: str, delivery: object, *facts: object) -> None:
        """Hear of a fact about a delivery, or about none."""
        last = facts[-1] if facts else None
        self._count(what, delivery, facts)
        named = {"delivery": getattr(delivery, "id", None), "incident": getattr(delivery, "incident", None)}
        named = {name: value for name, value in named.items() if value}
        if isinstance(last, Failed):
            log.warning(what, **named, error=last.error, fault=last.fault, status=last.status)
        elif isinstance(last, BaseException):
            log.error(what, **named, error=type(last).__name__, exc_info=last)
        elif what == "step":
            log.debug(what, **named, intent=getattr(facts[0], "intent", ""))
        elif what in {"dead", "lost", "database"}:
            log.warning(what, **named, why=str(last))

    def template_failed(self, kind: str, why: str) -> None:
        """Hear of a message that went out in the built-in words."""
        with self._lock:
            self._counts[key("template_fallbacks", kind=kind)] += 1
        log.error("template failed", kind=kind, why=why)

    def drain(self) -> dict[Key, int]:
        """Return what was counted since the last time."""
        with self._lock:
            found, self._counts = self._counts, Counter()
        return found

    def put_back(self, counted: Mapping[Key, int]) -> None:
        """Count what could not be kept once more."""
        with self._lock:
            self._counts.update(counted)

    def _count(self, what: str, delivery: object, facts: tuple[object, ...]) -> None:
        kind = getattr(delivery, "kind", "")
        if what == "step":
            step, result = facts
            outcome = result.fault.value if isinstance(result, Failed) else "done"
            counted = key("steps", kind=kind, intent=str(getattr(step, "intent", "")), outcome=outcome)
        elif what in {"doubt", "dead", "repeated"}:
            counted = key({"doubt": "lookups", "dead": "given_up", "repeated": "blind_repeats"}[what], kind=kind)
        elif what == "hint":
            counted = key("hints")
        else:
            return
        with self._lock:
            self._counts[counted] += 1
