"""`bridge send-test`: one marked incident through the whole path, watched until every destination has shown it.

Beside a running bridge the test is only stored, and that one delivers; where nobody delivers, or nobody any more, this
process does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.attended import attended, interruptible
from bridge.chores import tests
from bridge.compose import compose
from bridge.config.load import load
from bridge.config.words import did_you_mean
from bridge.core.normalize import normalize
from bridge.core.payload import parse
from bridge.core.route import route
from bridge.core.rules import TEST
from bridge.core.teams import canonical_team
from bridge.destinations.base import instead_of_replay
from bridge.destinations.pagerduty.step import QUIET
from bridge.ids import new_id
from bridge.ledger import acts, deliveries, queries, receipts
from bridge.ledger.receipts import Receipt
from bridge.ledger.write import LONG_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.compose import Bridge
    from bridge.config.environ import Environ
    from bridge.core.alert import Priority
    from bridge.core.routed import Routed
    from bridge.core.rules import Rules
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.shapes import DeliveryShape, WholeIncident

JSON = dict[str, Any]
_ENDED = frozenset({"delivered", "skipped"})
_REFUSED = frozenset({"dead", "held"})


class NotSentError(Exception):
    """No test is sent; the sentence says why, and what would be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be tested: a team (None: an alert that names none), a priority (as `team`), and whether it pages.

    `patience` is how many seconds the destinations have to show the test, and then again to show its end.
    """

    team: str | None = None
    priority: Priority | None = None
    page: bool = False
    patience: float = 60.0


def send(environ: Environ, env: Mapping[str, str], wanted: Wanted, say: Callable[[str], None]) -> JSON:
    """Send a test and end it; `say` hears how far it is.

    Returns:
        `{ok, incident, priority, teams, by, destinations, not_told}`; `by` is who delivered ("the running bridge",
        "this command"); `destinations` are `{destination, kind, address, outcome, url, why}` with the outcome shown,
        not_paged or failed; `not_told` are `{destination, why}`.

    Raises:
        NotSentError: it would reach nobody, or not what was asked for.
        ConfigError, NotDurableError, OutdatedError: as `compose` does.
    """
    loaded = load(environ.config, env)
    name = new_id()
    body = tests.fires(name, wanted.team, wanted.priority, page=wanted.page)
    routed = _routed(body, loaded.rules.of(TEST), wanted)
    bridge = compose(environ, env, loaded=loaded)
    bridge.ledger.patience = LONG_PATIENCE
    try:
        with attended(bridge) as attendance:
            found = _Test(bridge, name, wanted.patience, attendance.pass_time, say).run(body)
    finally:
        bridge.close()
    destinations = [_outcome(one, found, wanted.patience) for one in found["deliveries"]]
    return {
        "ok": bool(destinations) and all(one["outcome"] != "failed" for one in destinations),
        "incident": found["incident"],
        "priority": routed.priority,
        "teams": list(routed.teams),
        "by": attendance.by,
        "destinations": destinations,
        "not_told": _not_told(routed),
    }


def _routed(body: bytes, rules: Rules, wanted: Wanted) -> Routed:
    """Return where the test will go."""
    if wanted.team is not None and canonical_team(wanted.team, rules.teams) not in rules.teams:
        known = did_you_mean(wanted.team, rules.teams) if rules.teams else "no team is configured"
        raise NotSentError(f"team {wanted.team} is not configured: {known}")
    group = parse(body)
    routed = route(normalize(group.alerts[0], group, rules.normalize, rules.teams), TEST, rules)
    who = f"{routed.priority} of team {', '.join(routed.teams)}"
    if not routed.targets:
        raise NotSentError(f"{who} goes to no destination: choose another team or priority, or mend `send`")
    if wanted.page and "pagerduty" not in {target.kind for target in routed.targets}:
        raise NotSentError(f"{who} goes to no pager: choose a --priority that does, or leave --page out")
    return routed


def _not_told(routed: Routed) -> list[JSON]:
    told = {target.destination for target in routed.targets}
    missed = {one.destination: one.why for one in routed.missed if one.destination not in told}
    return [{"destination": name, "why": why} for name, why in missed.items()]


class _Test:
    """One test on its way. `name` is its receipt's id too."""

    def __init__(
        self,
        bridge: Bridge,
        name: str,
        patience: float,
        pass_time: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._bridge = bridge
        self._name = name
        self._patience = patience
        self._pass_time = pass_time
        self._say = say

    def run(self, body: bytes) -> JSON:
        """Return `{incident, deliveries, ended, dismissed}`: the deliveries as they were before it ended.

        `ended` holds them, by id, as they were afterwards; `dismissed` names those that rest, for nothing stood there.
        """
        shown: WholeIncident | None = None
        with interruptible() as interrupted:
            try:
                self._store(self._name, body)
                shown = self._at_rest(stop=interrupted)
            finally:
                # whatever happened meanwhile: nothing is left open
                over = new_id()
                self._store(over, tests.over([self._name], self._bridge.clock.now()))
                ended = self._at_rest(over)
                dismissed = self._dismiss(ended)
            if interrupted():
                raise KeyboardInterrupt
        now = {one["id"]: one for one in ended["deliveries"]} if ended else {}
        incident, before = (shown["id"], shown["deliveries"]) if shown else (None, [])
        return {"incident": incident, "deliveries": before, "ended": now, "dismissed": dismissed}

    def _store(self, name: str, body: bytes) -> None:
        receipt = Receipt(name, TEST, self._bridge.clock.now(), {}, body)
        self._bridge.ledger.write(lambda connection: receipts.insert(connection, receipt))
        self._bridge.hint()

    def _at_rest(self, over: str | None = None, stop: Callable[[], bool] = lambda: False) -> WholeIncident | None:
        """Return the test's incident once all its deliveries are at rest, or as it is when patience ends, or on `stop`.

        Where `over` is the receipt that ends it, that one is to be absorbed first.
        """
        clock = self._bridge.clock
        until = clock.monotonic() + self._patience
        while True:
            found = self._incident(over)
            waiting = [one for one in found["deliveries"] if one["state"] not in _ENDED | _REFUSED] if found else []
            if (found and not waiting) or clock.monotonic() >= until or stop():
                self._say("")
                return found
            places = ", ".join(f"{one['kind']} {one['address']}" for one in waiting)
            self._say(f"{'ending it' if over else 'waiting for it'}: {places or 'it is being taken in'}")
            self._pass_time()

    def _incident(self, over: str | None) -> WholeIncident | None:
        with self._bridge.ledger.read() as connection:
            stored = [queries.receipt(connection, one) for one in (self._name, over) if one]
            taken_in = [one for one in stored if one and one["state"] != "new"]
            if len(taken_in) < len(stored) or not taken_in[0]["incidents"]:
                return None
            return queries.incident(connection, taken_in[0]["incidents"][0])

    def _dismiss(self, ended: WholeIncident | None) -> set[str]:
        """Let the test's dead letters rest where nothing of it stands, and return them: there is nothing to replay.

        What stands there open stays a dead letter: who replays it ends it there.
        """
        dead = [one["id"] for one in ended["deliveries"] if one["state"] == "dead"] if ended else []
        with self._bridge.ledger.read() as connection:
            nothing = [one for one in dead if not _stands(deliveries.load(connection, one))]
        if nothing:
            now = self._bridge.clock.now()
            self._bridge.ledger.write(lambda connection: acts.dismiss(connection, nothing, "bridge send-test", now))
        return set(nothing)


def _stands(delivery: Delivery | None) -> bool:
    """Whether something may stand at a delivery's place: it was told there, or nobody knows what became of a step."""
    return delivery is not None and bool(delivery.told or delivery.doubt or delivery.have.get("pages"))


def _outcome(delivery: DeliveryShape, found: JSON, patience: float) -> JSON:
    """Return what became of the test at one destination, with the mend where it wasn't shown, or its end wasn't."""
    state, reason = delivery["state"], delivery["reason"] or ""
    last: DeliveryShape = found["ended"].get(delivery["id"], delivery)
    shown = {name: delivery[name] for name in ("destination", "kind", "address")}
    url = last["remote"].get("url")
    if state == "delivered":
        why = _not_ended(last, patience) if last["state"] not in _ENDED or last is delivery else ""
        return {**shown, "outcome": "failed" if why else "shown", "url": url, "why": why}
    if state == "skipped" and reason == QUIET:
        return {**shown, "outcome": "not_paged", "url": None, "why": "it pages only with --page"}
    if state in {"pending", "retrying"}:
        reason = f"not told within {patience:.0f} s: {delivery['last_error'] or 'nobody tried; is the bridge stuck?'}"
        if last["state"] in _REFUSED:
            reason = last["reason"] or reason
    # what stays a dead letter is replayed
    if delivery["id"] in found["dismissed"]:
        reason = instead_of_replay(reason, ", then send the test again.")
    return {**shown, "outcome": "failed", "url": url, "why": reason or delivery["last_error"] or state}


def _not_ended(last: DeliveryShape, patience: float) -> str:
    """Say why a test that was shown may still stand open."""
    if last["state"] not in _REFUSED:
        return f"shown, but its end was not told within {patience:.0f} s"
    return f"shown, but its end was not told: {last['reason'] or last['last_error'] or last['state']}"
