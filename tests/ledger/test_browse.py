"""Looking for incidents: what is found is what was asked for, in order, with bounded work however many there are."""

from __future__ import annotations

import itertools
import random
import re
from contextlib import contextmanager
from datetime import timedelta

import many
import pytest
from harness import alert
from ledger_kit import NOON, place, placement
from ledger_kit import incident as put
from posts import Posts
from sqlalchemy import event, text, update

from bridge.ledger import acts, browse, deliveries, overview, queries, words
from bridge.ledger.browse import REACH, Reach, Wanted
from bridge.ledger.ledger import open_ledger
from bridge.ledger.tables import incident_teams, incidents, lanes

MANY = 24_000


SEVEN = Reach(page=7)


def pages(ledger, wanted, reach=SEVEN):
    """The ids of all pages, and how many pages gave up."""
    found, cursor, gave_up = [], None, 0
    while True:
        with ledger.read() as connection:
            page = browse.listing(connection, wanted, cursor, reach)
        found += [row.id for row in page.rows]
        gave_up += page.looked > 0
        cursor = page.next
        if cursor is None:
            return found, gave_up


def test_one_delivery_that_waits_by_its_own_fault_pauses_no_lane(ledger):
    for priority, due in (("P0", NOON + timedelta(minutes=5)), ("P3", NOON)):
        (delivery,) = place(ledger, put(ledger, priority), placement())
        ledger.write(lambda connection, one=delivery, at=due: deliveries.change(connection, one, due_at=at))
    ledger.write(lambda connection: connection.execute(lanes.insert().values(name="slack/lane")))
    with ledger.read() as connection:
        ((lane, _),), _ = overview.lane_list(connection, ("slack",), None)
    assert (lane.due_at, lane.backlog) == (NOON, 2)


@pytest.fixture
def some(ledger):
    """A few hundred incidents of all sorts, as plain values."""
    chance = random.Random(7)
    made = []
    for n in range(260):
        teams = chance.choice([("payments",), ("storage",), ("payments", "storage"), ("Ops",)])
        facts = {
            "state": chance.choice(("firing", "firing", "stale", "resolved", "closed")),
            "priority": chance.choice(("P0", "P1", "P2", "P3")),
            "source": chance.choice(("grafana", "alertmanager")),
            "teams": teams,
            "trouble": chance.choice(("delivered", "delivered", "retrying", "held", "dead")),
            "words": words.words([f"Disk {n % 9}0 full", chance.choice(("prod", "production", "staging"))]),
        }
        case = put(ledger, facts["priority"], facts["state"])
        (delivery,) = place(ledger, case, placement())

        def store(connection, case=case, facts=facts, delivery=delivery):
            values = {"source": facts["source"], "teams": list(facts["teams"])}
            connection.execute(update(incidents).where(incidents.c.id == case.id).values(values))
            rows = [{"team": team.lower(), "incident": case.id} for team in facts["teams"]]
            connection.execute(incident_teams.insert(), rows)
            words.store(connection, {case.id: facts["words"]})
            deliveries.change(connection, delivery, state=facts["trouble"])

        ledger.write(store)
        made.append({"id": case.id, **facts})
    return made


def expected(some, wanted):
    """The same by looking at every one."""
    states = {"open": {"firing", "stale"}, "any": {"firing", "stale", "resolved", "closed"}}
    kept = [
        one
        for one in some
        if one["state"] in states.get(wanted.state, {wanted.state})
        and wanted.team.lower() in {"", *(team.lower() for team in one["teams"])}
        and wanted.priority in {"", one["priority"]}
        and wanted.source in {"", one["source"]}
        and (not wanted.trouble or one["trouble"] in browse.TROUBLES[wanted.trouble])
        and all(any(word.startswith(asked) for word in one["words"]) for asked in words.asked(wanted.text))
    ]
    kept.sort(key=lambda one: one["id"], reverse=True)
    if wanted.open:
        kept.sort(key=lambda one: one["priority"])
    return kept


CHOICES = (
    ("open", "stale", "closed", "any"),
    ("", "storage"),
    ("", "P1"),
    ("", "alertmanager"),
    ("", "any", "dead"),
    ("", "prod", "disk 30", "env=prod", "nothing"),
)


@pytest.mark.parametrize(
    "reach",
    [SEVEN, Reach(page=7, few=5, strides=(10, 20, 40)), Reach(page=7, few=0, strides=(300,))],
    ids=["few fit", "it gives up", "it is walked"],
)
def test_every_filter_finds_what_fits_in_order(ledger, some, reach):
    gave_up = 0
    for choice in random.Random(11).sample(list(itertools.product(*CHOICES)), 80):
        wanted = Wanted(*choice)
        found, often = pages(ledger, wanted, reach)
        assert found == [one["id"] for one in expected(some, wanted)], wanted
        gave_up += often
    assert bool(gave_up) == (len(reach.strides) > 1 and reach is not SEVEN)


def test_grouped_by_team_each_incident_comes_once_with_those_of_its_teams(ledger, some):
    found, _ = pages(ledger, Wanted(by="team"))
    named = {one["id"]: one for one in some}
    rows = [(tuple(named[one]["teams"]), named[one]["priority"]) for one in found]
    assert sorted(found) == sorted(one["id"] for one in expected(some, Wanted()))
    groups = [group for group, _ in itertools.groupby(team for team, _ in rows)]
    assert len(groups) == len(set(groups)) == 4
    for _, group in itertools.groupby(rows, key=lambda row: row[0]):
        urgency = [priority for _, priority in group]
        assert urgency == sorted(urgency)


def test_a_cursor_of_nobody_s_is_the_beginning(ledger, some):
    assert some
    with ledger.read() as connection:
        first = browse.listing(connection, Wanted())
        for cursor in ("x", "P9-01", "P1-' OR 1=1", "P1-01NOWHERE", "\x00", "P1-" + "9" * 500):
            assert browse.listing(connection, Wanted(), cursor).rows == first.rows


def test_what_changes_between_two_pages_hides_nothing_else(ledger, some):
    before = expected(some, Wanted())
    with ledger.read() as connection:
        first = browse.listing(connection, Wanted(), None, SEVEN)
    last = first.rows[-1].id
    ledger.write(lambda connection: acts.close(connection, [last], "somebody", NOON))
    with ledger.read() as connection:
        second = browse.listing(connection, Wanted(), first.next, SEVEN)
    assert [row.id for row in second.rows] == [one["id"] for one in before[7:14]]


# The work, counted


@contextmanager
def statements(ledger):
    """What is asked of the database meanwhile."""
    said = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if statement.startswith("SELECT"):
            said.append((statement, parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    yield said
    event.remove(ledger.engine, "before_cursor_execute", note)


KINDS = ("slack", "pagerduty", "github")
LISTS = {
    "home": lambda connection: browse.listing(connection, Wanted()),
    "home, page 2": lambda connection: browse.listing(connection, Wanted(), f"P1-{many.name(1_000)}"),
    "by team": lambda connection: browse.listing(connection, Wanted(by="team")),
    "by team, page 2": lambda connection: browse.listing(connection, Wanted(by="team"), f"P1-{many.name(1_000)}"),
    "stale": lambda connection: browse.listing(connection, Wanted("stale")),
    "closed": lambda connection: browse.listing(connection, Wanted("closed")),
    "any": lambda connection: browse.listing(connection, Wanted("any"), f"P1-{many.name(1_000)}"),
    "team": lambda connection: browse.listing(connection, Wanted("any", team="team-07")),
    "priority": lambda connection: browse.listing(connection, Wanted(priority="P3")),
    "source of nothing": lambda connection: browse.listing(connection, Wanted("any", source="nobody")),
    "trouble": lambda connection: browse.listing(connection, Wanted("any", trouble="any")),
    "a common word": lambda connection: browse.listing(connection, Wanted(text="production")),
    "words that are never together": lambda connection: browse.listing(connection, Wanted("any", text="10 20 30")),
    "at a glance": overview.at_a_glance,
    "lanes": lambda connection: overview.lane_list(connection, KINDS, None),
    "sources": lambda connection: overview.last_receipts(connection, ["grafana", "alertmanager", "none"]),
    "dead letters": lambda connection: queries.delivery_list(connection, "dead", None),
    "quarantine": lambda connection: queries.receipt_list(connection, "quarantined", None),
}
MOST_STATEMENTS = 12
MOST_STEPS = 600
"""Thousands of instructions of SQLite's machine; reading and sorting every incident takes more."""
LOOKED = sum(REACH.strides)
TABLES = ("incidents", "incident_teams", "incident_words", "alerts", "deliveries", "receipts", "history")


@pytest.fixture(scope="module", params=["over", "open"])
def full(request, tmp_path_factory):
    """A ledger of very many incidents, most of them over or all open."""
    ledger = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('full') / 'bridge.db'}")
    ledger.patience = 600
    many.fill(ledger, MANY, many.over if request.param == "over" else lambda _: "firing")
    yield ledger
    ledger.close()


def test_with_very_many_incidents_no_list_looks_at_all(full):
    with full.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM incidents")).scalar() == MANY
    for name, asked in LISTS.items():
        thousands = itertools.count()
        with full.read() as connection, statements(full) as said:
            connection.connection.set_progress_handler(lambda thousands=thousands: next(thousands) < 0, 1_000)
            asked(connection)
            connection.connection.set_progress_handler(None, 0)
            plans = {
                row[3]
                for statement, parameters in list(said)
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            }
        assert len(said) <= MOST_STATEMENTS, name
        assert next(thousands) < MOST_STEPS, name
        whole = {plan for plan in plans if re.fullmatch(rf"SCAN ({'|'.join(TABLES)})", plan)}
        assert not whole, name


def test_on_postgresql_no_list_reads_very_many_rows(postgres_ledger):
    ledger = postgres_ledger
    ledger.patience = 600
    many.fill(ledger, MANY)
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    for name, asked in LISTS.items():
        with ledger.read() as connection, statements(ledger) as said:
            asked(connection)
            for statement, parameters in list(said):
                explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                for node in nodes(explained.scalar_one()[0]["Plan"]):
                    read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                    assert read * node["Actual Loops"] <= 2 * LOOKED, (name, node, statement)
            assert len(said) <= MOST_STATEMENTS, name


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_what_is_stored_is_found_whenever_it_joined(ledger, clock, tmp_path):
    posts = Posts(ledger, clock, tmp_path)
    posts.hear(alert("Disk full on db_7", pod="checkout-7f9c"))
    posts.hear(alert("Disk full on db_7", pod="billing-0Ä1"))
    for said, found in (
        ("db", 1), ("disk FULL", 1), ("checkout-7f", 1), ('pod=~"checkout"', 1), ("billing 0ä1", 1),
        ("7 disk", 1), ("7", 0), ("nothing", 0), ("checkout nothing", 0), ("%", 0), ("pod", 0),
    ):  # fmt: skip
        with posts.ledger.read() as connection:
            assert len(browse.listing(connection, Wanted(text=said)).rows) == found, said
