"""One listing for all doubts of a place: its pages are read once, however many steps are looked for.

Under the harshest limits a place may be read once a minute, 15 messages at a time (Slack, conversations.history for
apps outside its marketplace). So a listing goes on where it stopped, and answers for every step whose request had ended
when it began.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.delivery import budget, trouble
from bridge.delivery.turns import sent_at
from bridge.destinations.base import Failed, Fault, Found
from bridge.destinations.ports import Lister
from bridge.ledger import deliveries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.delivery.budget import Budget
    from bridge.delivery.held import HeldLane
    from bridge.delivery.turns import Task
    from bridge.destinations.base import Step

T = TypeVar("T")

LOOKUP = 8.0
"""Seconds that a page may take."""
BUSY = 0.25
"""Seconds to wait while another thread reads the page that would answer."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A listing on its way: from when on, when it began, what it found, and where it goes on (None: it is whole)."""

    since: datetime
    began: datetime
    found: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    whole: bool = False

    def serves(self, at: datetime, needed: datetime) -> bool:
        """Return whether it reaches back to a step of `at` and began late enough to be believed."""
        return self.began >= needed and self.since <= at


class Search:
    """The listings of one lane; it outlives the lane, which is given back while a limit lasts."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._walks: dict[str, Walk] = {}  # one for all, and one for each that is looked for by itself
        self._trouble: trouble.Trouble | None = None

    def ask(
        self, lane: HeldLane, task: Task, step: Step, at: datetime, needed: datetime
    ) -> tuple[Found | Failed | None, datetime]:
        """Look for what a step of `at` may have made, in a listing not begun before `needed`.

        Returns:
            What was found, None where the listing has to go on before it can tell; and as of when it holds.
        """
        client = lane.yard.client(task.settings)
        now = lane.yard.clock.now()
        if self._trouble is not None and self._trouble.until > now.timestamp():
            wait = self._trouble.until - now.timestamp()
            return Failed(Fault.RETRY, self._trouble.error, retry_after=wait), now
        if not isinstance(client, Lister):
            return self._heard(lane, task, step, client.find(step, task.delivery.have, at, LOOKUP)), now
        if not self._reading.acquire(blocking=False):
            return Failed(Fault.RETRY, "a lookup is under way", retry_after=BUSY), now
        try:
            return self._ask(lane, task, client, step, (at, needed))
        finally:
            self._reading.release()

    def _ask(
        self, lane: HeldLane, task: Task, client: Lister, step: Step, when: tuple[datetime, datetime]
    ) -> tuple[Found | Failed | None, datetime]:
        (at, needed), now = when, lane.yard.clock.now()
        if not client.lists(step, task.delivery.have):
            return self._by_itself(lane, task, client, step, at), now
        mark = f"{task.delivery.id}:{step.number}"
        alone = bool((task.delivery.doubt or {}).get("buried"))
        which = mark if alone else ""
        walk = self._walks.get(which)
        if walk is not None and (mark in walk.found or (walk.whole and walk.serves(at, needed))):
            return _found(client, step, walk, mark), walk.began
        if walk is None or not walk.serves(at, needed):
            walk = Walk(since=at if alone else min(at, _oldest(lane)), began=now)
        if (limited := _limited(lane, task, client)) is not None:
            return limited, now
        page = self._heard(lane, task, step, client.page(step, task.delivery.have, walk.since, walk.cursor, LOOKUP))
        if isinstance(page, Failed):
            if page.fault is not Fault.LIMITED:
                self._walks.pop(which, None)  # a cursor may be what was refused
            return _paused(lane, task, client, page), now
        walk = replace(walk, found={**walk.found, **page.found}, cursor=page.cursor, whole=page.cursor is None)
        self._walks[which] = walk
        if alone and (mark in walk.found or (walk.whole and task.delivery.doubt and task.delivery.doubt["negatives"])):
            del self._walks[which]
        return _found(client, step, walk, mark), walk.began

    def _by_itself(self, lane: HeldLane, task: Task, client: Lister, step: Step, at: datetime) -> Found | Failed:
        """Look where no listing reads: what it says of other steps is nothing of this one."""
        if (limited := _limited(lane, task, client)) is not None:
            return limited
        found = lane.yard.client(task.settings).find(step, task.delivery.have, at, LOOKUP)
        if isinstance(found, Failed) and budget.budget_of(task.settings, step.method) == _drawn(task, client):
            found = _paused(lane, task, client, found)  # the token's limit, whatever is asked for
        return self._heard(lane, task, step, found)

    def _heard(self, lane: HeldLane, task: Task, step: Step, found: T) -> T:
        """Let lookups rest, longer and longer, while they fail; in a lane in trouble one is a probe like any other."""
        if not isinstance(found, Failed):
            self._trouble = None
        elif found.fault is Fault.RETRY:
            now = lane.yard.clock.now()
            asked = trouble.Asked(task.delivery.id, task.delivery.incident, step.method, task.at.timestamp())
            self._trouble = trouble.failed(self._trouble, asked, now.timestamp(), found.retry_after, found.error)
            if lane.trouble is not None:
                lane.failed(asked, now, found)
        return found


def _found(client: Lister, step: Step, walk: Walk, mark: str) -> Found | None:
    """Return what a listing says of a mark; None where it has to go on first."""
    if mark in walk.found:
        return Found(client.adopt(step, walk.found[mark]))
    return Found(None) if walk.whole else None


def _oldest(lane: HeldLane) -> datetime:
    """Return when the first of the lane's steps in doubt was sent: the listing is to answer for all of them."""
    with lane.yard.ledger.read() as connection:
        sent = [doubt["at"] for doubt in deliveries.doubts(connection, lane.name) if not doubt.get("buried")]
    clock = lane.yard.clock
    return sent_at(clock, min(sent, default=clock.now().timestamp()))


def _drawn(task: Task, client: Lister) -> Budget | None:
    return budget.budget_of(task.settings, client.LISTS)


def _limited(lane: HeldLane, task: Task, client: Lister) -> Failed | None:
    """Return until when nobody may list, where the destination said so."""
    drawn = _drawn(task, client)
    if drawn is None:
        return None
    now = lane.yard.clock.now()
    with lane.yard.ledger.read() as connection:
        until = budget.paused(connection, drawn, now)
    return Failed(Fault.LIMITED, "ratelimited", retry_after=(until - now).total_seconds()) if until else None


def _paused(lane: HeldLane, task: Task, client: Lister, failed: Failed) -> Failed:
    """Keep a limit for all lanes of the token."""
    drawn = _drawn(task, client)
    if failed.fault is Fault.LIMITED and drawn is not None:
        now = lane.yard.clock.now()
        until = now + timedelta(seconds=failed.retry_after or 1.0)
        lane.write([lambda connection: budget.pause(connection, drawn, until, now)])
    return failed
