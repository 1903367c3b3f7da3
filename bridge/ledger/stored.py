"""Storing the Book: what a slice of alerts changed, in a handful of statements."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update

from bridge.ledger import timeline, words
from bridge.ledger.statements import Statement
from bridge.ledger.tables import alerts, incident_teams, incidents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bridge.core.cases import Case
    from bridge.core.episodes import Episode
    from bridge.core.merge import Book

JSON = dict[str, Any]
Line = tuple[str, int]
NONE: Mapping[Line, JSON] = MappingProxyType({})
_CASE_CHANGES = (
    "state", "state_reason", "priority", "opened_at", "resolved_at", "settled_at", "heard_at", "times", "version",
    "never_fired", "facts",
)  # fmt: skip
_ALERT_CHANGES = (
    "starts_at", "status", "ended", "ends_at", "received_at", "resolved_at", "reason", "priority", "digest",
)  # fmt: skip
_UPDATE_CASE = Statement(
    update(incidents)
    .where(incidents.c.id == bindparam("key_id"))
    .values({name: bindparam(name) for name in _CASE_CHANGES})
)
_UPDATE_ALERT = Statement(
    update(alerts).where(alerts.c.id == bindparam("key_id")).values({name: bindparam(name) for name in _ALERT_CHANGES})
)
_UPDATE_DETAIL = Statement(update(alerts).where(alerts.c.id == bindparam("key_id")).values(detail=bindparam("detail")))
_INCIDENTS, _TEAMS, _ALERTS = (Statement(one.insert()) for one in (incidents, incident_teams, alerts))


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
        _UPDATE_CASE.run(connection, [{"key_id": case.id, **_changing(case)} for case in known])
    if fresh:
        _INCIDENTS.run(connection, [_row(case) for case in fresh])
        teams = [{"team": team.lower(), "incident": case.id} for case in fresh for team in dict.fromkeys(case.teams)]
        _TEAMS.run(connection, list({(row["team"], row["incident"]): row for row in teams}.values()))
    _store_episodes(connection, book)
    words.store(connection, _words(book, fresh))
    lines = [
        {"incident": case.id, "at": at, "what": what, "why": why, "detail": details.get((case.id, number))}
        for case in book.cases.values()
        for number, (what, why) in enumerate(case.history)
    ]
    if lines:
        timeline.ADD.run(connection, lines)
    return grown


def _store_episodes(connection: Connection, book: Book) -> None:
    added = [book.dirty[key] for key in book.dirty if key in book.added]
    if added:
        _ALERTS.run(
            connection,
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
        _UPDATE_ALERT.run(connection, [{"key_id": episode.id, **_standing(book, episode)} for episode in kept])
    shown = [episode for episode in kept if episode.id in book.details]
    if shown:
        details = [{"key_id": episode.id, "detail": book.details[episode.id].detail} for episode in shown]
        _UPDATE_DETAIL.run(connection, details)


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
        "previous": case.previous,
        "test": case.test,
    }


def _changing(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in _CASE_CHANGES}
