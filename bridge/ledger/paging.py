"""Whether an incident has paged, and if not why: the first thing that people ask, answered in a sentence a place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.ledger.columns import stamp
from bridge.ledger.tables import alerts
from bridge.ledger.tables import deliveries as places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

    from bridge.ledger.shapes import PagingShape

JSON = dict[str, Any]
PAGER = "pagerduty"
"""The kind of destination that pages."""
WAITS = frozenset({"pending", "retrying", "held"})
"""The states of a delivery that is still to be told something."""
LOST = "the answer to its page was lost, so somebody may have been paged"
LEFT_OPEN = (
    (places.c.kind == PAGER) & (places.c.state == "held") & (places.c.told > 0) & (places.c.told < places.c.want)
)
"""The condition that a delivery is a page that can't be told how things are now, so that nobody may have ended it."""


def paging(
    connection: Connection, deliveries: Sequence[Row[Any]], decision: Mapping[str, Any] | None, *, over: bool
) -> list[PagingShape]:
    """Return the answer for each service that an incident is paged at; where there is none, why.

    Args:
        connection: A look at the ledger.
        deliveries: The incident's deliveries.
        decision: Where its alerts went, as decided last (`bridge.core.decision`); None where that is not kept.
        over: Whether the incident is; while it goes on, only pages that are open speak for it.
    """
    found = [_answer(connection, one, over=over) for one in deliveries if one.kind == PAGER]
    found += [_no(why) for why in _shadowed(deliveries)]
    return found or [_no(why, where) for where, why in _reasons(decision)]


def _answer(connection: Connection, delivery: Row[Any], *, over: bool) -> PagingShape:
    pages = (delivery.have or {}).get("pages") or []
    where = f"{delivery.destination} {delivery.address}"
    made = [page for page in pages if page.get("made") or not page.get("doubt")]
    speak = [page for page in made if over or (page.get("open") and not page.get("ending"))]
    if speak:
        at = _last(speak)
        return {"paged": "yes", "where": where, "at": stamp(at), "why": _since(connection, delivery, at)}
    waits = delivery.state in WAITS
    why = _trouble(delivery) or ("a page is due" if waits else "there was nothing to page for")
    if made:
        why = f"its page of {_last(made):%Y-%m-%d %H:%M:%S} UTC is over; since then: {why}"
    elif pages and over:
        return _no(f"{LOST}; {_ended(delivery, pages)}", where)
    elif pages and not waits:
        why = f"{LOST}; since then: {why}"
    return {"paged": "not yet" if waits else "no", "where": where, "at": None, "why": why}


def _last(pages: Sequence[Mapping[str, Any]]) -> datetime:
    return datetime.fromisoformat(max(str(page["at"]) for page in pages)).astimezone(UTC)


def _trouble(delivery: Row[Any]) -> str | None:
    """Return why a delivery is not told how things are now, where something is in the way."""
    said = delivery.reason or (delivery.last_error if delivery.state in WAITS else None)
    return str(said) if said else None


def _ended(delivery: Row[Any], pages: Sequence[Mapping[str, Any]]) -> str:
    if not any(page.get("open") for page in pages):
        return "it was ended"
    return f"it is yet to be ended: {_trouble(delivery) or 'its end is due'}"


def _since(connection: Connection, delivery: Row[Any], at: datetime) -> str | None:
    """Say what the last page did not bring: what is in the way, or why alerts that joined after it made none."""
    if delivery.state != "delivered":
        return _trouble(delivery)
    joined = (alerts.c.incident == delivery.incident) & (alerts.c.status == "firing") & (alerts.c.joined_at > at)
    number = connection.execute(select(func.count()).where(joined)).scalar_one()
    if not number:
        return None
    beginning = "1 alert joined since, and made" if number == 1 else f"{number:,} alerts joined since, and made"
    return f"{beginning} no page: only one that joins a P0 or P1 later than page_again after the last page does"


def _shadowed(deliveries: Sequence[Row[Any]]) -> Iterator[str]:
    for one in deliveries:
        if one.would:
            yield f"shadow mode; live, it would have gone to {', '.join(one.would.get('places') or ['nobody'])}"


def _reasons(decision: Mapping[str, Any] | None) -> list[tuple[str | None, str]]:
    """Say why an incident is at no service that pages: what took each of those that there are out."""
    if decision is None:
        return [(None, "it is sent to none that pages")]
    if decision["drop"]:
        return [(None, f"{decision['priority_from']}: recorded, told nowhere")]
    missed = [one for one in decision["missed"] if one.get("kind", one["destination"]) == PAGER]
    return [(one["destination"], one["why"]) for one in missed] or [
        (None, "no destination of kind pagerduty is declared")
    ]


def _no(why: str, where: str | None = None) -> PagingShape:
    return {"paged": "no", "where": where, "at": None, "why": why}
