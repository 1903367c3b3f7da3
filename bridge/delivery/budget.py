"""What a token may do in all, beside each lane's own pace: shared by lanes and by processes, so kept in the ledger.

GitHub counts content-creating requests a token, 80 a minute and 500 an hour (docs.github.com, rate limits for the REST
API), and wants them one at a time (best practices for using the REST API); of an hour's a fifth is kept for P0 and P1.
Lanes ask by themselves, so the most urgent that found no room is kept in the row: the less urgent let it go first.
Slack's limits on edits and lookups are a workspace's and a method's: nothing is counted there, but a 429 pauses the
method for all channels. Once a pause ends, one request at a time asks whether the limit is over; until one was answered
otherwise, each pause is longer than the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, select, update

from bridge.delivery import trouble
from bridge.destinations.answer import LONGEST
from bridge.ledger.engine import inserting
from bridge.ledger.statements import Statement
from bridge.ledger.tables import lanes

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bridge.destinations.base import Settings
    from bridge.ledger.deliveries import Delivery

HOUR = 3600.0
KEPT = 0.2
"""The share of an hour's budget that only P0 and P1 may use."""
URGENT = 1
ALONE = 2.0
"""Seconds for which a request that is not answered keeps those of other lanes back: one that hangs is no reason."""
LOOK_AGAIN = 0.1
"""Seconds until it is asked again whether that request is answered."""
GRACE = 0.5
"""Seconds after its time for which the most urgent asker is waited for; one that is gone keeps nobody back longer."""
NEAR = 2.0
"""Seconds before its time from which it keeps others back: one that waits for its hour leaves them what they have."""
TENTH = 10
"""Every so many requests only a P0 keeps others back, so that P3 is told in the end."""
PROBED = 1.0
"""Seconds until who waits for the request that asks whether a limit is over looks again."""
AHEAD = timedelta(seconds=LONGEST, minutes=1)
"""A pause that is further off was written before the clock was set back."""
COUNTED = frozenset({"github"})
"""The kinds whose requests are counted a token: their rates hold for all its lanes, and longer ones only there."""
CONTENT = ((80, 60.0),)
"""GitHub's own limit a minute, beside the configured rates (count, seconds)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget's row in the ledger, and its rates as (count, seconds)."""

    name: str
    rates: tuple[tuple[float, float], ...] = ()


def budget_of(settings: Settings, method: str) -> Budget | None:
    """Return the budget that a request with these settings draws on, None where only its lane limits it."""
    account = settings.text("account")
    if settings.kind == "slack":
        return Budget(f"budget/slack/{account}/{method}")
    if settings.kind not in COUNTED:
        return None
    rates = settings.values.get("rate")
    if rates == ():
        return Budget(f"budget/{settings.kind}/{account}")
    configured = [(rate.count, rate.seconds) for rate in rates] if isinstance(rates, tuple) else [(1, 1.0), (500, HOUR)]
    return Budget(f"budget/{settings.kind}/{account}", (*configured, *CONTENT))


class Taken(NamedTuple):
    """What came of drawing on a budget: until when to wait, None where one request was there to be taken.

    `probes`: that one asks, for all, whether a limit is over.
    """

    until: datetime | None = None
    probes: bool = False


def take(connection: Connection, budget: Budget, delivery: Delivery, now: datetime, *, counts: bool = True) -> Taken:
    """Take one request out of a budget; one that makes nothing (not `counts`) only waits for what was asked for."""
    key = {"key_id": budget.name}
    row = _DRAWN.first(connection, key)
    if row is None:
        insert = inserting(connection.dialect.name, lanes)
        connection.execute(insert.values(name=budget.name).on_conflict_do_nothing())
        (row,) = _DRAWN.rows(connection, key)
    if (until := _paused(row.ready_at, now)) is not None:
        return Taken(until)
    place = dict(row.place or {})
    if not budget.rates or not counts:
        return _probe(connection, key, delivery, now, place) if "limited" in place else Taken()
    return Taken(_counted(connection, budget, delivery, now, place))


def _counted(
    connection: Connection, budget: Budget, delivery: Delivery, now: datetime, place: dict[str, Any]
) -> datetime | None:
    """Take one that makes something: return None where there was room for it, else until when to wait."""
    key, moment = {"key_id": budget.name}, now.timestamp()
    longest = max(seconds for _, seconds in budget.rates)
    # a time ahead of ours was written before the clock was set back
    spent = [at for at in place.get("spent", ()) if 0 <= moment - at < longest]
    first = place.get("first") or {}
    if first and not -longest <= moment - first["until"] < GRACE:
        first = {}
    wait = max(_wait(spent, moment, count, seconds, delivery.urgency) for count, seconds in budget.rates)
    if _busy(place, delivery, moment):
        wait = LOOK_AGAIN
    elif wait <= 0 and _keeps_back(first, delivery, moment, place.get("turn", 0)):
        return now + timedelta(seconds=LOOK_AGAIN)
    if wait > 0:
        mine = {"by": delivery.id, "urgency": delivery.urgency, "until": moment + wait}
        if not first or first["by"] == delivery.id or _rank(mine) < _rank(first):
            _SPENT.run(connection, {**key, "place": {**place, "first": mine}})
        return now + timedelta(seconds=wait)
    at = int(moment * 1000) / 1000
    place |= {"spent": [*spent, at], "busy": {"by": delivery.id, "at": at}, "turn": (place.get("turn", 0) + 1) % TENTH}
    place["first"] = first if first.get("by") != delivery.id else {}
    _SPENT.run(connection, {**key, "place": place})
    return None


def _probe(
    connection: Connection, key: dict[str, str], delivery: Delivery, now: datetime, place: dict[str, Any]
) -> Taken:
    """Let one request at a time ask whether a limit is over; the others look again soon."""
    if _busy(place, delivery, now.timestamp()):
        return Taken(now + timedelta(seconds=PROBED))
    _SPENT.run(connection, {**key, "place": {**place, "busy": {"by": delivery.id, "at": now.timestamp()}}})
    return Taken(probes=True)


def _busy(place: dict[str, Any], delivery: Delivery, moment: float) -> bool:
    """Whether another one's request is not answered yet."""
    busy = place.get("busy") or {}
    return bool(busy) and busy["by"] != delivery.id and 0 <= moment - busy["at"] < ALONE


def _keeps_back(first: dict[str, Any], delivery: Delivery, moment: float, turn: int) -> bool:
    """Whether what has room leaves it to the most urgent that found none before."""
    if not first or first["by"] == delivery.id or first["urgency"] >= delivery.urgency:
        return False
    return first["until"] - moment < NEAR and (first["urgency"] == 0 or turn > 0)


def _rank(asker: dict[str, Any]) -> tuple[int, float]:
    return asker["urgency"], asker["until"]


_DRAWN = Statement(select(lanes.c.ready_at, lanes.c.place).where(lanes.c.name == bindparam("key_id")).with_for_update())
_SPENT = Statement(update(lanes).where(lanes.c.name == bindparam("key_id")).values(place=bindparam("place")))


def answered(connection: Connection, budget: Budget, delivery: str, *, over: bool = False) -> None:
    """Let the next request go: the one that this delivery made is answered; `over`: so that no limit is left."""
    row = _DRAWN.first(connection, {"key_id": budget.name})
    place = (row.place if row is not None else None) or {}
    gone = {"busy"} if (place.get("busy") or {}).get("by") == delivery else set()
    gone |= {"limited"} if over else set()
    rest = {name: value for name, value in place.items() if name not in gone}
    if rest != place:
        _SPENT.run(connection, {"key_id": budget.name, "place": rest})


def _wait(spent: list[float], moment: float, count: float, seconds: float, urgency: int) -> float:
    """Return how many seconds until one more request fits into a sliding window."""
    room = int(count * (1 - KEPT)) if seconds >= HOUR and urgency > URGENT else int(count)
    inside = [at for at in spent if moment - at < seconds]
    if count < 1:
        return max((at + seconds / count - moment for at in spent), default=0.0)
    if len(inside) < max(room, 1):
        return 0.0
    return inside[-max(room, 1)] + seconds - moment


def paused(connection: Connection, budget: Budget, now: datetime) -> datetime | None:
    """Return until when a budget is paused, None where it is not."""
    return _paused(connection.execute(select(lanes.c.ready_at).where(lanes.c.name == budget.name)).scalar(), now)


def pause(connection: Connection, budget: Budget, until: datetime, now: datetime) -> None:
    """Let nobody draw on a budget before a time: its destination said so."""
    until = max(until, paused(connection, budget, now) or until)
    insert = inserting(connection.dialect.name, lanes)
    row = insert.values(name=budget.name, ready_at=until)
    connection.execute(row.on_conflict_do_update(index_elements=[lanes.c.name], set_={"ready_at": until}))


def limit(connection: Connection, budget: Budget, wait: float, now: datetime) -> datetime:
    """Pause a budget whose request was refused by a limit, the longer the longer that lasts; return until when."""
    row = _DRAWN.first(connection, {"key_id": budget.name})
    ended, place = (row.ready_at, row.place or {}) if row is not None else (None, {})
    moment = now.timestamp()
    lasts = ended is not None and (now - ended).total_seconds() < trouble.FORGOTTEN
    since = min(place.get("limited", moment), moment) if lasts else moment
    until = now + timedelta(seconds=max(wait, trouble.gap(moment - since)))
    pause(connection, budget, until, now)
    _SPENT.run(connection, {"key_id": budget.name, "place": {**place, "limited": since}})
    return until


def _paused(until: datetime | None, now: datetime) -> datetime | None:
    """Return until when a pause lasts; one that is further off than any can be is none."""
    return until if until is not None and now < until < now + AHEAD else None
