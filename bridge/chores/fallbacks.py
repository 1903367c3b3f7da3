"""Fallbacks: who could not be told of an incident at one of its addresses is told elsewhere, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.delivery.yard import HeldError
from bridge.destinations.base import Settings
from bridge.destinations.pagerduty.step import may_join, newcomers, pages_of
from bridge.ledger import incidents, troubles
from bridge.ledger.holding import Held
from bridge.ledger.placing import Placement, instead_of
from bridge.ledger.told import told_at

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from bridge.config.loaded import Loaded
    from bridge.effective import Effective


class Fallbacks:
    """What is to be told elsewhere, worked out from what is stored."""

    def __init__(self, loaded: Loaded, effective: Effective) -> None:
        self._loaded = loaded
        self._effective = effective

    def wanted(self, connection: Connection, now: datetime) -> list[tuple[Row[Any], list[Placement]]]:
        """Return incidents that were not told in time, or are dead at an address, with where they are told instead."""
        rows = self._loaded.settings.fallback
        if not rows:
            return []
        found = []
        for row in troubles.untold(connection):
            rule = rows.get(Priority(row.priority)) or rows.get("default")
            late = rule and rule.after is not None and now - row.since >= rule.after
            if rule and (row.state == "dead" or late) and (row.sure or self._may_page(row, now)):
                found.append((row, self._placements(row, rule.send)))
        told = told_at(connection, [row.incident for row, _ in found])
        found = [(row, places) for row, places in found if any(told[row.incident].lacks(one) for one in places)]
        paging = self._paging(connection, [row for row, _ in found if not row.sure], now)
        due = [(row, places) for row, places in found if row.sure or row.id in paging]
        missing = [(row, [one for one in places if told[row.incident].takes(one)]) for row, places in due]
        # in the order of their ids, as all who lock several
        return sorted(((row, places) for row, places in missing if places), key=lambda one: str(one[0].incident))

    def _may_page(self, row: Row[Any], now: datetime) -> bool:
        """Return whether a page for who joined may be due at a service that was told of the others."""
        return may_join(row.source, Priority(row.priority), self._settings(row), pages_of(row.have), now)

    def _paging(self, connection: Connection, rows: list[Row[Any]], now: datetime) -> set[str]:
        """Return by which of these deliveries a page is due for who joined: their alerts say so."""
        known = incidents.load_all(connection, list({row.incident for row in rows})) if rows else {}
        return {
            row.id
            for row in rows
            if row.incident in known and newcomers(known[row.incident], self._settings(row), pages_of(row.have), now)
        }

    def _settings(self, row: Row[Any]) -> Settings:
        """Return the settings by which a delivery is told now; by none, as where its name is gone, the default ones."""
        held = Held(*(getattr(row, name) for name in Held.__slots__))
        try:
            target = self._effective.target(held, Priority(row.priority), row.source)
        except HeldError:
            return Settings(row.destination, row.kind, {})
        return Settings(target.destination, target.kind, target.settings)

    def _placements(self, row: Row[Any], names: tuple[str, ...]) -> list[Placement]:
        rules = self._loaded.rules
        why = row.reason or row.last_error or "no answer yet"
        because = instead_of(row.kind, row.address, why)
        found = []
        for name in names:
            target = target_at(rules, name, row.team, Priority(row.priority), row.source)
            if isinstance(target, str):
                continue
            try:
                address = self._effective.address(target)
            except HeldError:
                continue  # its secret is missing as well: nothing better to tell it by
            found.append(Placement(name, target.kind, address.text, address.lane, row.team, "fallback", because))
        return found
