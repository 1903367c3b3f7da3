"""Every now and then: who is to be told again of what still fires."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.destinations.slack.thread import reminds
from bridge.ledger import reminders

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.clock import Clock
    from bridge.core.rules import Rules
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.reminders import Told

EVERY = 10.0
"""Seconds between two looks."""


class Remind:
    """Looks for messages that are due to be said again."""

    def __init__(self, ledger: Ledger, clock: Clock, rules: Callable[[], Rules]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules = rules

    def look(self) -> bool:
        """Make them due; return whether there were any."""
        rules = self._rules()
        tables = [rules.remind, *(team.remind for team in rules.teams.values() if team.remind)]
        priorities = sorted({priority for table in tables for priority in table})
        if not priorities:
            return False
        now, after, found = self._clock.now(), "", False
        shortest = min(every for table in tables for every in table.values())
        while page := self._page(priorities, now - shortest, after):
            after = page[-1].id
            if due := [one.id for one in page if self._due(one, rules, now)]:
                self._ledger.write(partial(reminders.wake, ids=due, at=now))
                found = True
        return found

    def _page(self, priorities: list[Priority], before: datetime, after: str) -> list[Told]:
        with self._ledger.read() as connection:
            return reminders.told(connection, priorities, before, after)

    def _due(self, one: Told, rules: Rules, now: datetime) -> bool:
        every = rules.reminds(one.team, Priority(one.priority))
        return every is not None and reminds(State.FIRING, one.have, every.total_seconds(), now.timestamp())
