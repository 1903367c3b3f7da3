"""Loading and storing the Book: everything that a slice of alerts can touch, in a handful of statements."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select, tuple_, update

from bridge.core.alert import Priority, Status
from bridge.core.cases import Case, Standing
from bridge.core.episodes import Episode
from bridge.core.incident import State
from bridge.core.merge import Book
from bridge.ledger import words
from bridge.ledger.tables import OPEN_STATES, alerts, history, incident_teams, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.engine import Connection

    from bridge.core.cases import Arrival

JSON = dict[str, Any]
Line = tuple[str, int]
NONE: Mapping[Line, JSON] = MappingProxyType({})
_CASE_CHANGES = (
    "state", "state_reason", "priority", "resolved_at", "settled_at", "heard_at", "times", "version", "never_fired",
)  # fmt: skip
_ALERT_CHANGES = (
    "starts_at", "status", "ended", "ends_at", "received_at", "resolved_at", "reason", "priority", "digest",
)  # fmt: skip
_EPISODE = [alerts.c[name] for name in (
    "id", "incident", "fingerprint", "org", "status", "since", "received_at", "digest", "starts_at", "again", "ended",
    "ends_at", "resolved_at", "reason",
)]  # fmt: skip
_STANDING = [alerts.c[name] for name in (
    "id", "incident", "fingerprint", "status", "priority", "ended", "reason", "ends_at",
)]  # fmt: skip
# a table is looked up in a third of the time that an enum is called in; a group may have thousands of members
_STATUSES = {one.value: one for one in Status}
_PRIORITIES = {one.value: one for one in Priority}
_IS_OPEN = incidents.c.state.in_(OPEN_STATES)


def load(
    connection: Connection,
    source: str,
    arrivals: Sequence[Arrival],
    new_id: Callable[[], str],
    reopen_duration: timedelta,
) -> Book:
    """Return the Book for these arrivals: the episodes of their fingerprints and the incidents they can touch."""
    book = Book(source=source, new_id=new_id, reopen_duration=reopen_duration)
    for episode in _episodes(connection, source, arrivals):
        book.episodes.setdefault((episode.org, episode.fingerprint), []).append(episode)
    keys = {arrival.key for arrival in arrivals}
    newest = select(func.max(incidents.c.id)).where(incidents.c.key.in_(keys)).group_by(incidents.c.key)
    touched = {episode.incident for known in book.episodes.values() for episode in known}
    mine = or_(incidents.c.id.in_(newest), incidents.c.id.in_(touched), incidents.c.key.in_(keys) & _IS_OPEN)
    # locked on PostgreSQL: a person may close one of them meanwhile
    query = select(incidents).where(mine).order_by(incidents.c.id).with_for_update(key_share=True)
    for row in connection.execute(query):
        case = book.cases[row.id] = _case(row)
        if row.key in keys:
            # the open one, else the newest; ids of several machines, or after a clock was set back, may not tell
            last = book.cases.get(book.latest.get(row.key, ""))
            if last is None or case.open or not last.open:
                book.latest[row.key] = row.id
    _standings(connection, book)
    return book


def _episodes(connection: Connection, source: str, arrivals: Sequence[Arrival]) -> list[Episode]:
    """Of each fingerprint: the newest episode, and those that start when an arrival says; oldest first."""
    fingerprints = {arrival.alert.alert.fingerprint for arrival in arrivals}
    starts = {arrival.alert.alert.starts_at for arrival in arrivals if arrival.alert.alert.starts_at}
    mine = (alerts.c.source == source) & alerts.c.fingerprint.in_(fingerprints)
    newest = select(func.max(alerts.c.id)).where(mine).group_by(alerts.c.org, alerts.c.fingerprint)
    query = (
        select(*_EPISODE)
        .where(or_(alerts.c.id.in_(newest), mine & alerts.c.starts_at.in_(starts)))
        .order_by(alerts.c.id)
    )
    return [
        Episode(**{**row._mapping, "status": Status(row.status)})  # noqa: SLF001 - SQLAlchemy's public spelling
        for row in connection.execute(query)
    ]


def _case(row: Any) -> Case:  # noqa: ANN401 - a row of incidents
    return Case(
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
        heard_at=row.heard_at,
        facts=row.facts,
        state_reason=row.state_reason,
        resolved_at=row.resolved_at,
        settled_at=row.settled_at,
        previous=row.previous,
        times=row.times,
        version=row.version,
        never_fired=row.never_fired,
        test=row.test,
    )


def _standings(connection: Connection, book: Book) -> None:
    query = select(*_STANDING).where(alerts.c.incident.in_(book.cases))
    for row in connection.execute(query):
        standing = Standing(
            _STATUSES[row.status], _PRIORITIES[row.priority], row.fingerprint, row.ended, row.reason, row.ends_at
        )
        book.cases[row.incident].stand(row.id, standing)


def rule_teams(connection: Connection, source: str, rules: set[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Return, for (organisation, rule key), all teams of the rule's open incidents, else those of its last one."""
    if not rules:
        return {}
    mine = (incidents.c.source == source) & tuple_(incidents.c.org, incidents.c.rule_key).in_(list(rules))
    last = select(func.max(incidents.c.id)).where(mine).group_by(incidents.c.org, incidents.c.rule_key)
    query = select(incidents).where(mine & (_IS_OPEN | incidents.c.id.in_(last))).order_by(incidents.c.id)
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in connection.execute(query):
        kinds = found.setdefault((row.org, row.rule_key), {"open": [], "last": []})
        kinds["last"] = list(row.teams)
        if row.state in OPEN_STATES:
            kinds["open"] += [team for team in row.teams if team not in kinds["open"]]
    return {rule: kinds["open"] or kinds["last"] for rule, kinds in found.items()}


def store(connection: Connection, book: Book, at: datetime, details: Mapping[Line, JSON] = NONE) -> list[Case]:
    """Write what the merge changed; return the incidents whose version grew (the fresh ones too).

    `details` are kept beside lines of history, by incident and place in its `history`.
    """
    grown = [case for case in book.cases.values() if case.changed]
    fresh = [case for case in grown if case.fresh]
    for case in grown:
        case.version += 0 if case.fresh else 1
    # what ended goes first: another one of its key may have opened since
    known = sorted((case for case in book.cases.values() if not case.fresh), key=lambda case: case.open)
    if known:
        connection.execute(_UPDATE_CASE, [{"key_id": case.id, **_changing(case)} for case in known])
    if fresh:
        connection.execute(incidents.insert(), [_row(case) for case in fresh])
        teams = [{"team": team.lower(), "incident": case.id} for case in fresh for team in dict.fromkeys(case.teams)]
        connection.execute(
            incident_teams.insert(), list({(row["team"], row["incident"]): row for row in teams}.values())
        )
    _store_episodes(connection, book)
    words.store(connection, _words(book, fresh))
    lines = [
        {"incident": case.id, "at": at, "what": what, "why": why, "detail": details.get((case.id, number))}
        for case in book.cases.values()
        for number, (what, why) in enumerate(case.history)
    ]
    if lines:
        connection.execute(history.insert(), lines)
    return grown


def _store_episodes(connection: Connection, book: Book) -> None:
    added = [book.dirty[key] for key in book.dirty if key in book.added]
    if added:
        connection.execute(
            alerts.insert(),
            [
                {
                    **_standing(book, episode),
                    "id": episode.id,
                    "incident": episode.incident,
                    "source": book.source,
                    "org": episode.org,
                    "fingerprint": episode.fingerprint,
                    "again": episode.again,
                    "since": episode.since,
                    "joined_at": episode.received_at,
                    "detail": book.details[episode.id].detail,
                    "links": book.details[episode.id].links,
                }
                for episode in added
            ],
        )
    kept = [book.dirty[key] for key in book.dirty if key not in book.added]
    if kept:
        connection.execute(_UPDATE_ALERT, [{"key_id": episode.id, **_standing(book, episode)} for episode in kept])
    shown = [episode for episode in kept if episode.id in book.details]
    if shown:
        details = [{"key_id": episode.id, "detail": book.details[episode.id].detail} for episode in shown]
        connection.execute(_UPDATE_DETAIL, details)


def _words(book: Book, fresh: Sequence[Case]) -> dict[str, set[str]]:
    """Return, by incident, what the alerts that joined bring to find it by."""
    found = {case.id: set(words.words([case.title])) for case in fresh}
    for key in book.added:
        episode = book.dirty[key]
        labels = book.details[episode.id].detail.get("labels") or {}
        found.setdefault(episode.incident, set()).update(words.words(str(value) for value in labels.values()))
    return found


def _standing(book: Book, episode: Episode) -> dict[str, Any]:
    values = {name: getattr(episode, name) for name in _ALERT_CHANGES if name != "priority"}
    return {**values, "priority": book.cases[episode.incident].members[episode.id].priority}


def _row(case: Case) -> dict[str, Any]:
    return {
        **_changing(case),
        "id": case.id,
        "source": case.source,
        "org": case.org,
        "rule_key": case.rule_key,
        "key": case.key,
        "title": case.title,
        "teams": list(case.teams),
        "opened_at": case.opened_at,
        "previous": case.previous,
        "test": case.test,
        "facts": case.facts,
    }


def _changing(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in _CASE_CHANGES}


_UPDATE_CASE = (
    update(incidents)
    .where(incidents.c.id == bindparam("key_id"))
    .values({name: bindparam(name) for name in _CASE_CHANGES})
)
_UPDATE_ALERT = (
    update(alerts).where(alerts.c.id == bindparam("key_id")).values({name: bindparam(name) for name in _ALERT_CHANGES})
)
_UPDATE_DETAIL = update(alerts).where(alerts.c.id == bindparam("key_id")).values(detail=bindparam("detail"))
