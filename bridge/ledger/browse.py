"""Incidents as people look for them: filtered, in order, a page at a time, with bounded work however many are stored.

A filter that few incidents fit is where reading begins; else the list is walked in its order until a page is full. A
walk that finds too little gives up (`Reach`) and says how to go on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, literal, or_, select, true

from bridge.ledger.queries import PAGE
from bridge.ledger.tables import OPEN, OPEN_STATES, TEAMS, deliveries, incident_teams, incident_words, incidents
from bridge.ledger.words import asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Select, Table
    from sqlalchemy.engine import Connection, Row

    Condition = ColumnElement[bool]
    Column = ColumnElement[Any]

TROUBLES = {"any": ("retrying", "held", "dead"), "retrying": ("retrying",), "held": ("held",), "dead": ("dead",)}
"""What can be wrong with an incident's deliveries, as states of theirs."""
LAST = "\U0010ffff"
"""After it no word begins."""
NEWEST = incidents.c.id.desc()
_CURSOR = re.compile(r"(P[0-3])-(\w{1,26})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for; "" is anything. `text` holds words, `trouble` is of TROUBLES, `by` priority or team."""

    state: str = "open"
    team: str = ""
    priority: str = ""
    source: str = ""
    trouble: str = ""
    text: str = ""
    by: str = "priority"

    @property
    def open(self) -> bool:
        """Whether only open incidents are wanted: they are ordered by urgency, others by age alone."""
        return self.state in {"open", *OPEN_STATES}

    @property
    def wordless(self) -> bool:
        """Whether there is a text without a word to look for: no incident fits that."""
        return bool(self.text) and not asked(self.text)

    @property
    def by_team(self) -> bool:
        """Whether they are grouped by team."""
        return self.open and self.by == "team"


@dataclass(frozen=True, slots=True)
class Reach:
    """How much is read for a page.

    Up to `few` incidents that fit a filter are put in order at once; a walk looks at so many as `strides` say, one
    statement each, before it gives up.
    """

    page: int = PAGE
    few: int = 500
    strides: tuple[int, ...] = (200, 800, 4_000)


REACH = Reach()


class Listing(NamedTuple):
    """A page of rows of `incidents`, and the cursor of the next one.

    `looked` is, where the walk gave up, how many incidents it looked at: there may be more that fit.
    """

    rows: list[Row[Any]]
    next: str | None
    looked: int = 0


class _Key(NamedTuple):
    """Where an incident stands in the list."""

    id: str
    priority: str
    group: str
    fits: bool = True


def listing(connection: Connection, wanted: Wanted, cursor: str | None = None, reach: Reach = REACH) -> Listing:
    """Return one page; a cursor that can't be one is the beginning."""
    if wanted.wordless:
        return Listing([], None)
    after = _after(connection, cursor)
    words = asked(wanted.text)
    few = _few(connection, wanted, words, reach.few)
    looked, last = 0, None
    if few is None:
        keys, looked, last = _walk(connection, wanted, words, after, reach)
    else:
        later = or_(*(part for part, _ in _parts(wanted, after)))
        mine = and_(incidents.c.id.in_(few), _state(wanted), _fits(wanted, words), later)
        keys = _keys(connection, _query().where(mine).order_by(*_order(wanted)).limit(reach.page + 1))
    if len(keys) > reach.page:
        looked, last = 0, keys[reach.page - 1]
    shown = [key.id for key in keys[: reach.page]]
    found = {row.id: row for row in connection.execute(select(incidents).where(incidents.c.id.in_(shown)))}
    following = f"{last.priority}-{last.id}" if last else None
    return Listing([found[one] for one in shown if one in found], following, looked)


def _after(connection: Connection, cursor: str | None) -> _Key | None:
    """Return where the last page ended: its last incident may have another priority by now, or be closed."""
    hit = _CURSOR.fullmatch(cursor or "")
    if hit is None:
        return None
    group = connection.execute(select(TEAMS).where(incidents.c.id == hit[2])).scalar()
    return _Key(hit[2], hit[1], group) if group is not None else None


def _few(connection: Connection, wanted: Wanted, words: Sequence[str], most: int) -> list[str] | None:
    """Return the incidents of the filter that the fewest fit, None where each has many.

    Each is read in the order of its index, so that PostgreSQL takes that rather than the first rows of a table.
    """
    some = []
    if wanted.team:
        team = incident_teams.c.team == wanted.team.lower()
        some.append(select(incident_teams.c.incident).where(team).order_by(incident_teams.c.incident))
    if wanted.trouble:
        state = deliveries.c.state.in_(TROUBLES[wanted.trouble])
        some.append(select(deliveries.c.incident).where(state).order_by(deliveries.c.state, deliveries.c.id))
    word = incident_words.c.word
    some += [select(incident_words.c.incident).where(_begins(one)).order_by(word) for one in words]
    found = [list(connection.execute(one.limit(most + 1)).scalars()) for one in some]
    return min((list(dict.fromkeys(ids)) for ids in found if len(ids) <= most), key=len, default=None)


def _begins(word: str) -> Condition:
    return and_(incident_words.c.word >= word, incident_words.c.word < word + LAST)


def _fits(wanted: Wanted, words: Sequence[str]) -> Condition:
    """Return the condition of all filters that `_state` leaves."""
    every: list[Condition] = [true()]
    if wanted.state in OPEN_STATES:
        every.append(incidents.c.state == wanted.state)
    if wanted.priority and not wanted.open:
        every.append(incidents.c.priority == wanted.priority)
    if wanted.source:
        every.append(incidents.c.source == wanted.source)
    if wanted.team:
        team = incident_teams.c.team == wanted.team.lower()
        every.append(_has(incident_teams, team))
    if wanted.trouble:
        state = deliveries.c.state.in_(TROUBLES[wanted.trouble])
        every.append(_has(deliveries, state))
    every += [_has(incident_words, _begins(word)) for word in words]
    return and_(*every)


def _has(table: Table, condition: Condition) -> Condition:
    """Return the condition that an incident has such a row.

    Asked of each incident that is looked at: for an EXISTS, PostgreSQL may read all such rows first.
    """
    mine = select(literal(1)).select_from(table).where(table.c.incident == incidents.c.id, condition).limit(1)
    return mine.correlate(incidents).scalar_subquery().is_not(None)


def _state(wanted: Wanted) -> Condition:
    """Return the condition of the state, of open ones of the priority too: what an index begins with."""
    if not wanted.open:
        return true() if wanted.state == "any" else incidents.c.state == wanted.state
    return and_(OPEN, incidents.c.priority == wanted.priority if wanted.priority else true())


def _walk(
    connection: Connection, wanted: Wanted, words: Sequence[str], after: _Key | None, reach: Reach
) -> tuple[list[_Key], int, _Key | None]:
    """Return what fits, up to one more than a page, and where it gave up: after how many incidents, at which."""
    kept: list[_Key] = []
    looked, last = 0, after
    for stride in reach.strides:
        seen: list[_Key] = []
        for part, order in _parts(wanted, last):
            query = _query(_fits(wanted, words)).where(_state(wanted), part).order_by(*order)
            seen += _keys(connection, query.limit(stride - len(seen)))
            if len(seen) >= stride:
                break
        kept += [key for key in seen if key.fits]
        looked += len(seen)
        if len(kept) > reach.page or len(seen) < stride:
            return kept[: reach.page + 1], 0, None
        last = seen[-1]
    return kept, looked, last


def _query(fits: Condition | None = None) -> Select[Any]:
    label = (true() if fits is None else fits).label("fits")
    return select(incidents.c.id, incidents.c.priority, TEAMS.label("group"), label)


def _keys(connection: Connection, query: Select[Any]) -> list[_Key]:
    return [_Key(row.id, row.priority, row.group, bool(row.fits)) for row in connection.execute(query)]


def _order(wanted: Wanted) -> list[Column]:
    return [*([TEAMS] if wanted.by_team else []), *([incidents.c.priority] if wanted.open else []), NEWEST]


def _parts(wanted: Wanted, after: _Key | None) -> Iterator[tuple[Condition, list[Column]]]:
    """Yield, in the list's order, what comes after a place in it: ranges of an index, each with its own order.

    One range with an OR is none to SQLite, and what is the same in all of a range is not to be sorted by.
    """
    order = _order(wanted)
    if after is None:
        yield true(), order
        return
    held = [*([after.group] if wanted.by_team else []), *([after.priority] if wanted.open else [])]
    fixed = list(zip(order, held, strict=False))
    yield and_(*(column == value for column, value in fixed), incidents.c.id < after.id), [NEWEST]
    while fixed:
        column, value = fixed.pop()
        yield and_(*(one == other for one, other in fixed), column > value), order[len(fixed) :]
