"""Parts of receipts on their way through absorb's commits, and what is reported of them once they are committed."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.core.alert import UnreadableError
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.core.alert import Group, NormalAlert
    from bridge.core.cases import Case
    from bridge.ledger.receipts import Receipt

SLICE = 200
"""Alerts of one commit at most; a group of more is large, and takes several."""
MOST_BEGUN = 100
"""Large receipts of which is kept that this process has begun them: more do not wait at once."""


class Batch(NamedTuple):
    """What one commit takes.

    Attributes:
        receipts: at most.
        enough: alerts from which on no further receipt is begun.
        slice: alerts of a large group.
    """

    receipts: int
    enough: int
    slice: int


USUAL = Batch(20, SLICE, SLICE)
"""More receipts make nothing cheaper."""
SHORT = Batch(4, 4, 50)
"""While senders bring much: some small ones cost little more than one, and a usual group is never divided."""


@dataclass(slots=True)
class Part:
    """Some alerts of a receipt, on their way through one commit. `done` says that none are left after it."""

    receipt: Receipt
    group: Group
    alerts: Sequence[NormalAlert]
    done: bool
    incidents: dict[str, Case] = field(default_factory=dict)

    @property
    def heard_at(self) -> datetime | None:
        """When it was received; None where a person sent it once more."""
        return None if self.receipt.replayed else self.receipt.received_at

    @property
    def waited(self) -> bool:
        """Whether what came after it may be absorbed already: it was sent once more, or is the rest of a large one."""
        begun = self.receipt.progress > 0 or bool(self.receipt.incidents)  # also one that is absorbed once more
        return self.receipt.replayed or begun

    def row(self) -> dict[str, Any]:
        """Return how far the receipt is after this part."""
        problem = "; ".join(one.why for one in self.group.problems[:10]) or None
        return {
            "id": self.receipt.id,
            "state": "absorbed" if self.done else "new",
            "problem": problem,
            "alerts": len(self.group.alerts),
            "progress": self.receipt.progress + len(self.alerts),
            "incidents": list(dict.fromkeys((*self.receipt.incidents, *self.incidents))),
        }


class Large:
    """The large notification that is being absorbed: it is read once, not for each of its slices."""

    def __init__(self) -> None:
        self.id = ""
        self._group: Group | None = None
        self._reordered: deque[str] = deque(maxlen=MOST_BEGUN)
        self._begun: deque[str] = deque(maxlen=MOST_BEGUN)

    def keep(self, receipt: Receipt, group: Group, *, reordered: bool) -> None:
        """Keep one that was read, and whether its alerts were put in another order than they came in."""
        self.id, self._group = receipt.id, group
        if reordered and receipt.id not in self._reordered:
            self._reordered.append(receipt.id)

    def read(self) -> dict[str, Group]:
        """Return the one that was read last, by its receipt."""
        return {self.id: self._group} if self._group else {}

    def begun(self, receipt: Receipt) -> Receipt:
        """Return a receipt as far as it is absorbed.

        One that was put in order and was not begun by this process is at its beginning: an older release may have begun
        it in another order, and what is absorbed once more only repeats itself.
        """
        anew = receipt.id in self._reordered and receipt.id not in self._begun
        return replace(receipt, progress=0) if anew else receipt

    def committed(self, parts: Sequence[Part]) -> None:
        """Say that parts are stored."""
        self._begun.extend(part.receipt.id for part in parts if not part.done and part.receipt.id not in self._begun)


def growing(parts: Sequence[Part]) -> dict[str, Case]:
    """Return the incidents that more of the same notifications is to come for."""
    return {incident: case for part in parts if not part.done for incident, case in part.incidents.items()}


def tell(
    report: Callable[..., None], source: str, parts: Sequence[Part], unread: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Report what became of receipts: `unread` are the rows of those that went to quarantine."""
    for part in parts:
        report("alerts", None, source, Counter(one.alert.status.value for one in part.alerts))
        if part.done:
            seconds = (now - part.heard_at).total_seconds() if part.heard_at else None
            report("absorbed", None, source, part.row(), seconds)
    for row in unread:
        report("absorbed", None, source, row, None)


def unreadable(receipt: Receipt, error: Exception) -> dict[str, Any]:
    """Return the row of a receipt that goes to quarantine, for it could not be read."""
    problem = str(error)
    if not isinstance(error, UnreadableError):
        log.error("receipt can't be read", receipt=receipt.id, exc_info=error)
        problem = f"it could not be read ({type(error).__name__}); a bug of the bridge's, please report it"
    row = {"id": receipt.id, "state": "quarantined", "problem": problem}
    return {**row, "alerts": 0, "progress": 0, "incidents": list(receipt.incidents)}


def refused(part: Part, error: Exception) -> dict[str, Any]:
    """Return the row of a receipt that goes to quarantine, for it could not be absorbed."""
    log.error("receipt can't be absorbed", receipt=part.receipt.id, exc_info=error)
    problem = f"it could not be absorbed ({type(error).__name__}); a bug of the bridge's, please report it"
    # as far as it was before: what its commit was to bring was rolled back
    before = {"progress": part.receipt.progress, "incidents": list(part.receipt.incidents)}
    return {**part.row(), **before, "state": "quarantined", "problem": problem}
