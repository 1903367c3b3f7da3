"""Storms: what was set aside is told in one message a place, kept up to date, and by itself once it is calm again.

Level-triggered: what the message should say is worked out from what is stored, and compared with what it says.
"""

from __future__ import annotations

import json
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from bridge.backlog import AWAY, HOLD
from bridge.chores.called import TITLE, called, title
from bridge.core.episodes import to_come
from bridge.core.incident import State
from bridge.core.rules import ALONE, APART, ITS_OWN, MEMBER, PRIORITY, STORM, TEAM
from bridge.core.shadow import Would
from bridge.ids import new_id
from bridge.ledger import acts, folds, lanes, placing, receipts
from bridge.ledger.columns import stamp
from bridge.ledger.placing import Placement
from bridge.ledger.receipts import Receipt
from bridge.ledger.tables import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bridge.chores.called import Called
    from bridge.clock import Clock
    from bridge.core.rules import Rules
    from bridge.ledger.folds import Fold
    from bridge.ledger.ledger import Ledger

JSON = dict[str, Any]
EVERY = 3.0
"""Seconds between two looks."""
LEASE_NAME = "storms"
BY = "the dismissal of its message"
"""Who closes a storm that is told nowhere any more."""


def set_aside(connection: Connection, rows: list[JSON], at: datetime, source: str, rules: Rules) -> None:
    """Set aside what is one too many for a place; the bridge's own incidents and tests never are."""
    if source not in ITS_OWN and (rules.storm or rules.page_storm):
        folds.aside(connection, rows, at, rules.folding)


class Storms:
    """Looks at what is folded; `look` is cheap where nothing is."""

    def __init__(self, ledger: Ledger, clock: Clock, rules: Callable[[], Rules], holder: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules = rules
        self._holder = f"{holder}/storms"
        self._since: float | None = None

    def look(self) -> bool:
        """Bring the storms' messages up to date; return whether there was anything to do."""
        now = self._clock.now()
        with self._ledger.read() as connection:
            present = folds.present(connection, now)
            behind = bool(present) and receipts.behind(connection, now - AWAY)
        if self._waits(behind=behind) or not present:
            return False
        return sum(self._ledger.write(partial(self._keep, fold=fold)) for fold in present) > 0

    def _waits(self, *, behind: bool) -> bool:
        """Return whether what waited while nobody absorbed is still to come, for a moment: what fires may be over."""
        now = self._clock.monotonic()
        self._since = (now if self._since is None else self._since) if behind else None
        return self._since is not None and now - self._since < HOLD.total_seconds()

    def _keep(self, connection: Connection, fold: Fold) -> bool:
        now = self._clock.now()
        if lanes.acquire(connection, LEASE_NAME, self._holder, self._ledger.database_now(now)) is None:
            return False
        digest, closed = folds.digest(connection, fold), folds.closed(connection, fold)
        if digest and digest.state != State.CLOSED and 0 < digest.places == digest.dismissed:
            # it is told nowhere any more: what comes later is told in another one
            return bool(acts.close(connection, [digest.id], BY, now))
        told = folds.told(connection, digest.id) if digest else {}
        rows = [
            row
            for row in folds.folded(connection, fold, told.keys(), now)
            if row.id in told or closed.get(row.id) != str(row.times)
        ]
        firing = [row for row in rows if row.state in OPEN_STATES]
        apart = self._calm(fold, firing, now)
        # what ends all that fires in it comes to its place when that is in it: else it would page for what is over
        ready = digest if digest and (digest.places or firing or digest.state not in OPEN_STATES) else None
        placed = ready is not None and self._placed(connection, fold, ready, rows, now)
        named = folds.name_digest(connection, fold, ready.id) if ready else set()
        # what was over before it was told of has its line by now
        rows = [row for row in rows if row.state in OPEN_STATES or row.id in told or row.id not in named]
        news = [row for row in rows if row.id not in told or _says(told[row.id]) != (row.priority, title(row))]
        what = called(connection, news, fold.team, told)
        alerts = list(self._alerts(fold, [(row, what.get(row.id)) for row in rows], told, apart=apart, now=now))
        if apart and firing:
            folds.unfold(connection, firing, now)
        if alerts:
            body = json.dumps({"status": "firing", "alerts": alerts}).encode()
            receipts.insert(connection, Receipt(new_id(), STORM, now, {}, body))
        return bool(alerts or named) or placed or bool(apart and firing)

    @staticmethod
    def _placed(connection: Connection, fold: Fold, digest: Row[Any], rows: Sequence[Row[Any]], now: datetime) -> bool:
        """Give a storm's message its place, unless it has it; return whether it got it now."""
        whys = {row.because for row in rows}
        because = whys.pop() if len(whys) == 1 else None
        if digest.places:
            if rows and because is None:
                folds.routed(connection, digest.id)
            return False
        sides = (fold.destination, fold.kind, fold.address, fold.lane, fold.team, "storm", because)
        place = Placement(*sides, would=_would(rows))
        placing.place_one(connection, digest.id, [place], new_id, now, over=True)
        return True

    def _calm(self, fold: Fold, firing: Sequence[Row[Any]], now: datetime) -> bool:
        """Return whether what still fires is no more than can be told one by one."""
        limit = self._rules().folding(fold.kind)
        if limit is None:
            return True
        since, placed = now - limit.within, [row.placed_at for row in firing if row.placed_at]
        return not any(since <= at and not to_come(at, now) for at in placed) and len(firing) <= limit.most

    def _alerts(
        self,
        fold: Fold,
        rows: Sequence[tuple[Row[Any], Called | None]],
        told: dict[str, JSON],
        *,
        apart: bool,
        now: datetime,
    ) -> Iterator[JSON]:
        """Yield what is new, changed or over, as a sender would say it; what is news comes with what it is called."""
        known = {row.id for row, _ in rows}
        for row, what in rows:
            if row.state not in OPEN_STATES:
                # what was over before it was told of began all the same
                begun = [] if row.id in told or what is None else [self._firing(fold, row, what, row.opened_at)]
                yield from begun
                detail = begun[0] if begun else told[row.id]
                yield _over(fold, row.id, detail, row.resolved_at or now, row.state_reason)
            elif apart:
                if row.id in told:
                    yield _over(fold, row.id, told[row.id], now, APART)
            elif what is not None:
                # one that fires again is no late news of what was over; one that goes on may by now have begun earlier
                begins = now if row.times > 1 else None if row.id in told else row.opened_at
                yield self._firing(fold, row, what, begins)
        for gone in told.keys() - known:
            yield _over(fold, gone, told[gone], now, ALONE)

    def _firing(self, fold: Fold, row: Row[Any], what: Called, begins: datetime | None) -> JSON:
        limit = self._rules().folding(fold.kind)
        said = {TEAM: fold.team, PRIORITY: row.priority, **({folds.TIMES: str(row.times)} if row.times > 1 else {})}
        words = f"More than {limit.most if limit else 0} {_noun(fold)} at once: these are told together."
        said |= {**what.runbook, TITLE: title(row), "summary": words}
        told = _alert(fold, row.id, what.line, said)
        return {**told, **what.links, "status": "firing", "startsAt": begins and stamp(begins)}


def _says(detail: JSON) -> tuple[str | None, str | None]:
    """Return what a storm's message says of an incident: its priority, and what it is called."""
    said = detail.get("annotations", {})
    # an older release told no more than the title
    return said.get(PRIORITY), said.get(TITLE, detail.get("labels", {}).get(MEMBER))


def _would(rows: Sequence[Row[Any]]) -> Would | None:
    """Return what would have happened with all of these, where they are told in shadow mode."""
    known = [Would.from_json(row.would) for row in rows if row.would]
    return reduce(Would.joined, known) if known else None


def _noun(fold: Fold) -> str:
    return "pages" if fold.kind == "pagerduty" else "incidents"


def _alert(fold: Fold, incident: str, line: str, annotations: JSON) -> JSON:
    name = f"Storm: more {_noun(fold)} of {fold.team}"
    return {
        "fingerprint": folds.fingerprint(fold, incident),
        "ruleUID": fold.id,
        "labels": {"alertname": name, MEMBER: line},
        "annotations": annotations,
    }


def _over(fold: Fold, incident: str, detail: JSON, at: datetime, reason: str | None) -> JSON:
    annotations = dict(detail.get("annotations", {}))
    if reason:
        annotations["grafana_state_reason"] = reason
    line = detail.get("labels", {}).get(MEMBER, "")
    return {**_alert(fold, incident, line, annotations), "status": "resolved", "endsAt": stamp(at)}
