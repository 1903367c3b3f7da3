"""Whether an incident has paged, and if not why: the first thing that people ask, answered in a sentence a place."""

from __future__ import annotations

from datetime import datetime
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
LEFT_OPEN = (
    (places.c.kind == PAGER) & (places.c.state == "held") & (places.c.told > 0) & (places.c.told < places.c.want)
)
"""The condition that a delivery is a page that can't be told how things are now, so that nobody may have ended it."""


def paging(
    connection: Connection, deliveries: Sequence[Row[Any]], decision: Mapping[str, Any] | None
) -> list[PagingShape]:
    """Return the answer for each service that an incident is paged at; where there is none, why.

    Args:
        connection: A look at the ledger.
        deliveries: The incident's deliveries.
        decision: Where its alerts went, as decided last (`bridge.core.decision`); None where that is not kept.
    """
    found = [_answer(connection, one) for one in deliveries if one.kind == PAGER]
    found += [_no(why) for why in _shadowed(deliveries)]
    return found or [_no(why, where) for where, why in _reasons(decision)]


def _answer(connection: Connection, delivery: Row[Any]) -> PagingShape:
    pages = (delivery.have or {}).get("pages") or []
    where = f"{delivery.destination} {delivery.address}"
    made = [page for page in pages if not page.get("doubt")]
    if made:
        at = datetime.fromisoformat(max(str(page["at"]) for page in made))
        return {"paged": "yes", "where": where, "at": stamp(at), "why": _since(connection, delivery, at)}
    waits = delivery.state in {"pending", "retrying", "held"}
    said = delivery.reason or (delivery.last_error if waits else None)
    why = said or ("a page is due" if waits else "there was nothing to page for")
    return {"paged": "not yet" if waits else "no", "where": where, "at": None, "why": why}


def _since(connection: Connection, delivery: Row[Any], at: datetime) -> str | None:
    """Say of alerts that joined after the last page why they made none."""
    joined = (alerts.c.incident == delivery.incident) & (alerts.c.status == "firing") & (alerts.c.joined_at > at)
    number = connection.execute(select(func.count()).where(joined)).scalar_one()
    if not number or delivery.state in {"pending", "retrying"}:
        return str(delivery.last_error) if delivery.last_error else None
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
