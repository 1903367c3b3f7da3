"""Loading the Book: everything that a slice of alerts can touch, in a handful of statements."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, func, literal_column, or_, select, type_coerce, union_all

from bridge.core.alert import Priority, Status
from bridge.core.cases import Case, Standing
from bridge.core.episodes import Episode, told_end
from bridge.core.incident import State
from bridge.core.merge import Book
from bridge.ledger.statements import Statement
from bridge.ledger.tables import FIRING, OPEN, OPEN_STATES, alerts, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from sqlalchemy.engine import Connection

    from bridge.core.arrive import Arrival

_EPISODE = [alerts.c[one.name] for one in fields(Episode)]
_STANDING = [alerts.c[name] for name in (
    "id", "incident", "fingerprint", "status", "priority", "ended", "reason", "ends_at", "resolved_at",
)]  # fmt: skip
# a table is looked up in a third of the time that an enum is called in; a group may have thousands of members
_STATUSES = {one.value: one for one in Status}
_PRIORITIES = {one.value: one for one in Priority}
# built once: to build a statement takes four times as long as to run it
_OF_KEYS = incidents.c.key.in_(bindparam("keys", expanding=True))
# ids first, each kind by its index, then their rows: of alternatives that are joined by OR, one of which is a query,
# PostgreSQL makes a look at each row that there is
_CASES = Statement(
    select(incidents)
    .where(
        incidents.c.id.in_(
            union_all(
                select(func.max(incidents.c.id)).where(_OF_KEYS).group_by(incidents.c.key),
                select(incidents.c.id).where(incidents.c.id.in_(bindparam("touched", expanding=True))),
                select(incidents.c.id).where(_OF_KEYS, OPEN),
            )
        )
    )
    .order_by(incidents.c.id)
    # locked on PostgreSQL: a person may close one of them meanwhile
    .with_for_update(key_share=True)
)
_SAID = and_(
    alerts.c.source == bindparam("origin"),
    alerts.c.org.in_(bindparam("orgs", expanding=True)),  # without it no index finds the fingerprints
    alerts.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
)
_EPISODES = Statement(
    select(*_EPISODE)
    .where(
        alerts.c.id.in_(
            union_all(
                select(func.max(alerts.c.id)).where(_SAID).group_by(alerts.c.org, alerts.c.fingerprint),
                select(alerts.c.id).where(_SAID, alerts.c.starts_at.in_(bindparam("starts", expanding=True))),
            )
        )
    )
    .order_by(alerts.c.id)
)
_MINE = alerts.c.incident.in_(bindparam("cases", expanding=True))
FEW = 500
"""Members of all incidents together up to which they are read whole; of more those that fire, and those heard of."""
_STANDINGS = Statement(
    select(*_STANDING).where(
        alerts.c.id.in_(
            union_all(
                select(alerts.c.id).where(_MINE, FIRING),
                select(alerts.c.id).where(alerts.c.id.in_(bindparam("heard", expanding=True))),
                select(select(alerts.c.id).where(_MINE).limit(bindparam("few")).subquery().c.id),
            )
        )
    )
)
_ALL_STANDINGS = Statement(select(*_STANDING).where(_MINE))
# in JSON these quotes stand unescaped only around a name; not bound, for PostgreSQL to see what is grouped by
_UNSAID = type_coerce(incidents.c.facts, Text).contains(literal_column("'\"team_said\":false'")).label("unsaid")


def load(  # noqa: PLR0913, PLR0917 - what is known has these sides
    connection: Connection,
    source: str,
    arrivals: Sequence[Arrival],
    new_id: Callable[[], str],
    reopen_duration: timedelta,
    before: Mapping[str, Case] = MappingProxyType({}),
    stale_after: timedelta | None = None,
) -> Book:
    """Return the Book for these arrivals: the episodes of their fingerprints and the incidents they can touch.

    `before` are incidents as our last commit left them. Nobody else changes their members while a source is ours, so
    these are not read again: a large notification's may be thousands, and it comes in many commits.
    """
    book = Book(source=source, new_id=new_id, reopen_duration=reopen_duration, stale_after=stale_after)
    for episode in _episodes(connection, source, arrivals):
        book.episodes.setdefault((episode.org, episode.fingerprint), []).append(episode)
    known_by = {arrival.former_key: arrival.key for arrival in arrivals if arrival.former_key}
    keys = {arrival.key for arrival in arrivals}
    touched = {episode.incident for known in book.episodes.values() for episode in known}
    for row in _CASES.rows(connection, {"keys": [*keys | known_by.keys()], "touched": list(touched)}):
        case = book.cases[row.id] = _case(row)
        for key in {row.key, known_by.get(row.key, row.key)} & keys:
            # the open one, else the newest; ids of several machines, or after a clock was set back, may not tell
            last = book.cases.get(book.latest.get(key, ""))
            if last is None or case.open or not last.open:
                book.latest[key] = row.id
    _standings(connection, book, before)
    return book


def _episodes(connection: Connection, source: str, arrivals: Sequence[Arrival]) -> list[Episode]:
    """Of each fingerprint: the newest episode, and those that start when an arrival says; oldest first."""
    said = [arrival.alert.alert for arrival in arrivals]
    values = {
        "origin": source,
        "orgs": list({alert.org for alert in said}),
        "fingerprints": list({alert.fingerprint for alert in said}),
        "starts": list({alert.starts_at for alert in said if alert.starts_at}),
    }
    return [
        Episode(key, incident, fingerprint, org, _STATUSES[status], *others)
        for key, incident, fingerprint, org, status, *others in _EPISODES.rows(connection, values)
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


def _standings(connection: Connection, book: Book, before: Mapping[str, Case]) -> None:
    rest = partial(_rest, connection, book)
    for known in before.values():
        if (case := book.cases.get(known.id)) is not None:
            case.members, case.firing = dict(known.members), known.firing.copy()
            case.rest = rest if known.rest is not None else None
    unread = [incident for incident in book.cases if incident not in before]
    episodes = (episode for known in book.episodes.values() for episode in known)
    heard = [one.id for one in episodes if one.id not in book.cases[one.incident].members]
    if not unread and not heard:
        return
    rows = _STANDINGS.rows(connection, {"cases": unread, "heard": heard, "few": FEW})
    for row in rows:
        book.cases[row.incident].stand(row.id, _standing(row))
    if len(rows) >= FEW:
        for incident in unread:
            book.cases[incident].rest = rest


def _rest(connection: Connection, book: Book) -> None:
    """Read the members that are over of all incidents which lack them: one of these ends, and tells how all did."""
    lacking = {case.id: case for case in book.cases.values() if case.rest is not None}
    for row in _ALL_STANDINGS.rows(connection, {"cases": list(lacking)}):
        lacking[row.incident].members.setdefault(row.id, _standing(row))
    for case in lacking.values():
        case.rest = None


def _standing(row: Any) -> Standing:  # noqa: ANN401 - a row of alerts
    ends = told_end(row.ends_at, row.resolved_at)
    return Standing(_STATUSES[row.status], _PRIORITIES[row.priority], row.fingerprint, row.ended, row.reason, ends)


def rule_teams(
    connection: Connection,
    source: str,
    rules: set[tuple[str, str]],
    fired: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({}),
) -> dict[tuple[str, str], list[str]]:
    """Return, for (organisation, rule key), all teams of the rule's open incidents, else those of its last one.

    `fired` are teams of what is about to be stored, which is open. An incident that no team was said for is at the
    default team only because nobody knew the rule's: it says none.
    """
    if not rules:
        return {}
    # each side by itself, which may find more than was asked for: by pairs SQLite reads all incidents of the source
    orgs, keys = ({one[side] for one in rules} for side in (0, 1))
    mine = and_(incidents.c.source == source, incidents.c.org.in_(orgs), incidents.c.rule_key.in_(keys))
    last = select(func.max(incidents.c.id)).where(mine).group_by(incidents.c.org, incidents.c.rule_key)
    # of a rule thousands may be open, of few teams
    columns = [*(incidents.c[name] for name in ("org", "rule_key", "teams", "state")), _UNSAID]
    query = select(*columns).where(mine, or_(OPEN, incidents.c.id.in_(last))).group_by(*columns)
    opened = {rule: [*teams] for rule, teams in fired.items()}
    latest: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(query.order_by(func.max(incidents.c.id))):
        rule = (row.org, row.rule_key)
        latest[rule] = teams = [] if row.unsaid else list(row.teams)
        if row.state in OPEN_STATES:
            known = opened.setdefault(rule, [])
            known += [team for team in teams if team not in known]
    return {rule: teams for rule, teams in {**latest, **opened}.items() if teams}


_NEWEST = select(*(select(func.max(one.c.id)).scalar_subquery() for one in (alerts, incidents)))


def newest(connection: Connection) -> list[str]:
    """Return the greatest ids of alerts and of incidents, where there are any: what is newer must come after them."""
    return [one for one in connection.execute(_NEWEST).one() if one is not None]
