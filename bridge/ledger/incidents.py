"""Reading an incident whole, as the values that rendering and the API work on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, bindparam, func, select

from bridge.core.alert import Priority
from bridge.core.incident import LEFT_OUT, MOST_COUNTED, Happening, Incident, Previous, State
from bridge.ledger.members import Members, members_of
from bridge.ledger.statements import Statement
from bridge.ledger.tables import deliveries, history, incidents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

RECENT = timedelta(days=30)
"""Recurrences are counted as far back."""
TOLD = ("opened", "priority", "fires again", "stale", "open")
"""Lines of a history that its time line tells; what its members did, they say themselves."""
MOST_LINES = 100
"""Of more of them the first and the last are loaded, half of it each."""
# built once: to build a statement takes four times as long as to run it
_KEYS: BindParameter[list[str]] = bindparam("keys", expanding=True)
_INCIDENTS = Statement(select(incidents).where(incidents.c.id.in_(_KEYS)))
_REMOTES = Statement(
    select(*(deliveries.c[name] for name in ("incident", "kind", "address", "state", "have")))
    .where(deliveries.c.incident.in_(_KEYS))
    .order_by(deliveries.c.id)
)
_LINES = (
    select(history.c.incident, history.c.at, history.c.what, history.c.why, deliveries.c.kind, deliveries.c.address)
    .join(deliveries, deliveries.c.id == history.c.delivery, isouter=True)
    .where(history.c.incident.in_(_KEYS), history.c.what.in_(TOLD))
)
_HAPPENED = Statement(_LINES.order_by(history.c.id).limit(MOST_LINES + 1))
_HAPPENED_LAST = Statement(_LINES.order_by(history.c.id.desc()).limit(MOST_LINES // 2))
Remote = Mapping[str, object]
Placed = tuple[str, str, Remote, bool]
"""The kind and address of a place where people can look at an incident; how to get there, its name; is it told on?"""
UNTOLD = ("dead", "held", "skipped")


def load(connection: Connection, incident_id: str) -> Incident | None:
    """Return an incident with its members and the remotes of its deliveries, or None."""
    return load_all(connection, [incident_id]).get(incident_id)


def load_all(connection: Connection, ids: Sequence[str]) -> dict[str, Incident]:
    """Return incidents by their ids, each as `load` does, by as many statements as one of them takes."""
    keys = {"keys": list(ids)}
    rows = _INCIDENTS.rows(connection, keys)
    members, happened = members_of(connection, ids), _happened(connection, ids)
    remotes = _remotes(connection, ids)
    return {
        row.id: _incident(row, members[row.id], _previous(connection, row), remotes[row.id], happened[row.id])
        for row in rows
    }


def _incident(
    row: Any,  # noqa: ANN401 - a row of incidents
    members: Members,
    previous: Previous | None,
    remotes: Sequence[Placed],
    happened: list[Happening],
) -> Incident:
    return Incident(
        id=row.id,
        source=row.source,
        org=row.org,
        rule_key=row.rule_key,
        key=row.key,
        title=row.title,
        teams=tuple(row.teams),
        priority=Priority(row.priority),
        state=State(row.state),
        opened_at=row.opened_at,
        version=row.version,
        state_reason=row.state_reason,
        resolved_at=row.resolved_at,
        times=row.times,
        previous=previous,
        team_said=row.facts.get("team_said", True),
        default_known=row.facts.get("default_known", False),
        unknown_teams=tuple(row.facts.get("unknown_teams", ())),
        truncated=row.facts.get("truncated", 0),
        external_url=row.facts.get("external_url", ""),
        receiver=row.facts.get("receiver", ""),
        test=row.test,
        never_fired=row.never_fired,
        remotes=_by_kind(remotes),
        places={str(remote["url"]): address for _, address, remote, goes_on in remotes if goes_on},
        happened=tuple(happened),
        **members._asdict(),
    )


def _previous(connection: Connection, recurrence: Any) -> Previous | None:  # noqa: ANN401 - a row of incidents
    if not recurrence.previous:
        return None
    row = _INCIDENTS.first(connection, {"keys": [recurrence.previous]})
    if row is None:
        return None
    return Previous(
        id=row.id,
        resolved_at=row.resolved_at,
        seconds=(row.resolved_at - row.opened_at).total_seconds() if row.resolved_at else None,
        times=_times(connection, recurrence),
        state=State(row.state),
        state_reason=row.state_reason,
        remotes=_by_place(_remotes(connection, [row.id])[row.id]),
    )


def _times(connection: Connection, recurrence: Any) -> int:  # noqa: ANN401 - a row of incidents
    """Count the incidents of the same key that fired in the time before this one opened, and this one."""
    earlier = (
        select(incidents.c.opened_at, incidents.c.never_fired)
        .where(incidents.c.key == recurrence.key, incidents.c.id < recurrence.id)
        .order_by(incidents.c.id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    recent = earlier.c.opened_at >= recurrence.opened_at - RECENT
    query = select(func.count()).select_from(earlier).where(recent, ~earlier.c.never_fired)
    return 1 + connection.execute(query).scalar_one()


def _remotes(connection: Connection, ids: Sequence[str]) -> dict[str, list[Placed]]:
    """Return, by incident, where people can look at it, oldest first."""
    found: dict[str, list[Placed]] = {one: [] for one in ids}
    for row in _REMOTES.rows(connection, {"keys": list(ids)}):
        if url := row.have.get("url"):
            number = f"#{row.have['number']}" if row.have.get("number") else ""
            remote = {"url": url, "text": f"{row.address}{number}"}
            found[row.incident].append((row.kind, row.address, remote, row.state not in UNTOLD))
    return found


def _by_kind(remotes: Sequence[Placed]) -> dict[str, Remote]:
    """Return the first remote of each kind."""
    return {kind: remote for kind, _, remote, _ in reversed(remotes)}


def _by_place(remotes: Sequence[Placed]) -> dict[str, Remote]:
    """Return the first remote of each kind, and each by its address as well."""
    return _by_kind(remotes) | {address: remote for _, address, remote, _ in remotes}


def _happened(connection: Connection, ids: Sequence[str]) -> dict[str, list[Happening]]:
    found: dict[str, list[Happening]] = {one: [] for one in ids}
    rows = _HAPPENED.rows(connection, {"keys": list(ids)})
    if len(rows) > MOST_LINES and len(ids) > 1:  # of all together
        return {one: _happened(connection, [one])[one] for one in ids}
    for row in rows:
        found[row.incident].append(_happening(row))
    if len(rows) > MOST_LINES:
        last = _HAPPENED_LAST.rows(connection, {"keys": list(ids)})[::-1]
        found[ids[0]][MOST_LINES // 2 :] = [Happening(last[0].at, LEFT_OUT), *map(_happening, last)]
    return found


def _happening(row: Any) -> Happening:  # noqa: ANN401 - a row of history
    return Happening(row.at, row.what, row.why or "", row.kind or "", row.address or "")
