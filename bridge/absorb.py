"""What intake wakes: stored bodies become alerts, alerts incidents, incidents deliveries at addresses.

Reading happens outside the transaction; a commit takes many small receipts, or one slice of a large one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bridge.backlog import Backlog
from bridge.chores.storms import set_aside
from bridge.core.alert import UnreadableError
from bridge.core.arrive import in_order
from bridge.core.arriving import arriving
from bridge.core.normalize import Normalizer
from bridge.core.payload import parse
from bridge.core.rules import STORM
from bridge.delivery.turns import Rest
from bridge.delivery.yard import HeldError
from bridge.heard import Heard, tells
from bridge.ledger import book, deliveries, due, lanes, placing, receipts, stored
from bridge.ledger.placing import Placement
from bridge.ledger.unavailable import RefusedError, UnavailableError
from bridge.parts import SHORT, SLICE, USUAL, Large, Part, growing, refused, tell, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.core.alert import Group
    from bridge.core.arrive import Arrival
    from bridge.core.cases import Case
    from bridge.core.merge import Book
    from bridge.core.routed import Routed, Target
    from bridge.core.rules import Rules
    from bridge.effective import Effective
    from bridge.ledger.lanes import Held
    from bridge.ledger.ledger import Ledger
    from bridge.ledger.receipts import Receipt
    from bridge.mapping import Reader
    from bridge.parts import Batch


class Intake:
    """The lane of one source's receipts."""

    width = 1

    def __init__(  # noqa: PLR0913 - its ports
        self,
        held: Held,
        lease_ends: float,
        *,
        ledger: Ledger,
        clock: Clock,
        rules: Callable[[], Rules],
        effective: Effective,
        new_id: Callable[[], str],
        wake: Callable[[Iterable[str]], None],
        read: Reader = parse,
        report: Callable[..., None] = lambda *_: None,
    ) -> None:
        self.name = held.name
        self.fence = held.fence
        self.lease_ends = lease_ends
        self.source = held.name.split("/", 1)[1]
        self._ledger = ledger
        self._clock = clock
        self._rules = rules
        self._effective = effective
        self._new_id = new_id
        self._wake = wake
        self._read = read
        self._report = report
        self._large = Large()
        self._backlog = Backlog(ledger, clock, wake)
        self._grown: Mapping[str, Case] = {}

    def turn(self) -> Rest | None:
        """Absorb what waits, up to one commit's worth; None means: there is more, or may be."""
        batch = SHORT if self._ledger.writer.pressed else USUAL
        with self._ledger.read() as connection:
            waiting, all_ = receipts.waiting(connection, self.source, batch.receipts, self._large.id)
        if not waiting:
            self._backlog.end()
            return Rest()
        rules = self._rules().of(self.source)
        parts, unread = self._parts(waiting, rules, batch)
        # who stores more says so: to look for it once more would hold up who tells this
        whole = all_ and len(parts) + len(unread) == len(waiting) and all(part.done for part in parts)
        more = self._backlog.look(waiting, whole=whole)
        before, self._grown = self._grown, {}
        try:
            touched = self._ledger.write(lambda connection: self._commit(connection, parts, unread, rules, before))
            self._large.committed(parts)
        except Exception as error:
            if not _is_poison(error):
                raise
            self._wake(self._one_by_one(parts, unread, rules))
            return None
        self._grown = growing(parts)
        self._wake(touched)
        tell(self._report, self.source, parts, unread, self._clock.now())
        if not more:
            self._backlog.end()
        return Rest() if whole else None

    def _one_by_one(self, parts: list[Part], unread: list[dict[str, Any]], rules: Rules) -> set[str]:
        """Absorb each receipt alone, so that the one that can't be takes no other along: it goes to quarantine."""
        touched: set[str] = set()
        for part in parts:
            try:
                touched |= self._ledger.write(partial(self._commit, parts=[part], unread=[], rules=rules))
                self._large.committed([part])
                tell(self._report, self.source, [part], [], self._clock.now())
            except Exception as error:
                if not _is_poison(error):
                    raise
                unread = [*unread, refused(part, error)]
        touched |= self._ledger.write(partial(self._commit, parts=[], unread=unread, rules=rules))
        tell(self._report, self.source, [], unread, self._clock.now())
        return touched

    def _parts(self, waiting: list[Receipt], rules: Rules, batch: Batch) -> tuple[list[Part], list[dict[str, Any]]]:
        """Read the bodies: parts of one commit, and rows of what can't be read."""
        parts: list[Part] = []
        unread: list[dict[str, Any]] = []
        room = SLICE
        normalizer = Normalizer(rules.normalize, rules.teams)
        read = self._large.read()
        for one in waiting:
            if SLICE - room >= batch.enough:
                break
            try:
                group = read.get(one.id) or self._parse(one)
                receipt = self._large.begun(one)
                most = min(room, batch.slice) if len(group.alerts) > SLICE else room
                said = group.alerts[receipt.progress : receipt.progress + most]
                alerts = [normalizer.normalize(alert, group) for alert in said]
            except Exception as error:  # noqa: BLE001 - whatever a body does: the others go on
                unread.append(unreadable(one, error))
                continue
            room -= len(alerts)
            parts.append(Part(receipt, group, alerts, receipt.progress + len(alerts) >= len(group.alerts)))
        return parts, unread

    def _parse(self, receipt: Receipt) -> Group:
        if receipt.damaged:
            raise UnreadableError(receipt.damaged)
        group = self._read(receipt.body, self.source)
        ordered = in_order(group.alerts)
        if another := ordered is not group.alerts:
            group = replace(group, alerts=ordered)
        if len(group.alerts) > SLICE:
            self._large.keep(receipt, group, reordered=another)
        return group

    def _commit(
        self,
        connection: Connection,
        parts: list[Part],
        unread: list[dict[str, Any]],
        rules: Rules,
        before: Mapping[str, Case] = MappingProxyType({}),
    ) -> set[str]:
        lanes.fenced(connection, self.name, self.fence)
        now = self._clock.now()
        arrivals = self._arrivals(connection, parts, rules)
        heard_of = [arrival for _, arrival, _ in arrivals]
        hold, after = rules.reopen_duration, rules.stale_after
        known = book.load(connection, self.source, heard_of, self._new_id, hold, before, stale_after=after)
        known.now, history = now, Heard()
        wanted, heard = self._merge(known, arrivals, history)
        grown = stored.store(connection, known, now, history.details)
        deliveries.wake(connection, grown, now, heard, growing(parts))
        fold = partial(set_aside, source=self.source, rules=rules)
        placed = placing.place(connection, known.cases, wanted, self._new_id, now, fold, heard)
        self._backlog.put_off(connection, parts, now)
        receipts.settle(connection, [*(part.row() for part in parts), *unread])
        older = {one for one in (*wanted, *(case.id for case in grown)) if not known.cases[one].fresh}
        return placed | due.lanes_of(connection, older)

    def _merge(
        self, known: Book, arrivals: list[tuple[Part, Arrival, Routed]], history: Heard
    ) -> tuple[dict[str, list[Placement]], dict[str, datetime]]:
        """Merge alerts into their incidents; return where these are to be told, and since when it is known."""
        wanted: dict[str, list[Placement]] = {}
        heard: dict[str, datetime] = {}
        ways: dict[int, list[Placement]] = {}
        over: list[tuple[Case, list[Placement]]] = []
        for part, _, _ in arrivals:
            part.incidents.clear()  # a transaction may run twice; the first run's new incidents are not there
        for part, arrival, routed in arrivals:
            case = known.absorb(arrival, part.receipt.received_at, waited=part.waited)
            history.take(case, part.receipt, arrival, routed)
            part.incidents[case.id] = case
            if id(routed) not in ways:
                # where a storm is told, those say who keep it (`bridge.chores.storms`)
                targets = () if self.source == STORM else routed.targets
                ways[id(routed)] = [self._placement(target) for target in targets]
            if case.changed and part.heard_at:
                heard.setdefault(case.id, part.heard_at)
            if tells(case, arrival):
                wanted.setdefault(case.id, []).extend(ways[id(routed)])
            elif case.fresh:
                over.append((case, ways[id(routed)]))
        for case, placements in over:
            # of what was over before it fired here, and still is, people are told where its resolve says
            if case.never_fired:
                wanted.setdefault(case.id, []).extend(placements)
        return wanted, heard

    def _placement(self, target: Target) -> Placement:
        name, kind, named = target.destination, target.kind, ""
        try:
            found = self._effective.address(target)
            address, lane = found.text, found.lane
        except HeldError:
            # the secret may be there again when the step is due; until then the delivery is held and says why. Each
            # team may lead to a place of its own, but for shadow mode, which tells an incident of all teams at once
            who = name if target.would else f"{name}, {target.team}"
            address, lane, named = f"({who})", f"{kind}{lanes.HELD_LANE}{name}", self._effective.named(target)
        one = self._effective.one_secret(name, target.team)
        sides = (name, kind, address, lane, target.team, target.why)
        return Placement(*sides, would=target.would, one_secret=one, named=named)

    def _arrivals(self, connection: Connection, parts: list[Part], rules: Rules) -> list[tuple[Part, Arrival, Routed]]:
        told = [(part, part.group, part.receipt.received_at, alert) for part in parts for alert in part.alerts]
        return arriving(told, self.source, rules, partial(book.rule_teams, connection, self.source))


def _is_poison(error: Exception) -> bool:
    """Whether what is being absorbed is the trouble, not the database or the lease."""
    return isinstance(error, RefusedError) or not isinstance(error, UnavailableError | lanes.LostLeaseError)
