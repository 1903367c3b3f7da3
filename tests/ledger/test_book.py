"""The book as it is stored: what was merged comes back as it was, whatever the slices."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_kit import NOON, incident, until, waiting_for_locks
from sqlalchemy import event, func, select

from bridge.core.alert import Alert, Group, NormalAlert, Origin, Priority, Status
from bridge.core.arrive import arrive
from bridge.core.merge import Book
from bridge.core.routed import Routed
from bridge.ids import new_id
from bridge.ledger import acts, book, stored
from bridge.ledger import incidents as reading
from bridge.ledger.tables import alerts, history, incident_teams, incidents

TEN = timedelta(minutes=10)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def said(  # noqa: PLR0913 - an alert has these sides
    fingerprint="f1",
    status="firing",
    start=0.0,
    end=None,
    *,
    teams=("storage",),
    priority="P2",
    summary="",
    reason=None,
):
    annotations = {"summary": summary, **({"grafana_state_reason": reason} if reason else {})}
    told = Alert(
        Status(status),
        fingerprint,
        {"alertname": "Disk full", "instance": fingerprint},
        annotations,
        at(start) if start is not None else None,
        at(end) if end is not None else None,
        rule_uid="rule-1",
        org="1",
    )
    origin = Origin("label")
    normal = NormalAlert(
        told, tuple(teams), origin, team_said=True, priority=Priority(priority), priority_origin=origin
    )
    routed = Routed(tuple(teams), Priority(priority), (), (), ("alertname",))
    return arrive(normal, routed, Group((), "grafana", receiver="web", truncated=3), "grafana", NOON)


def slice_of(connection, arrivals, minutes):
    known = book.load(connection, "grafana", arrivals, new_id, TEN)
    for one in arrivals:
        known.absorb(one, at(minutes))
    return known, stored.store(connection, known, at(minutes))


def absorb(ledger, minutes, *arrivals):
    """Absorb one slice; return the cases that grew."""
    return ledger.write(lambda connection: slice_of(connection, arrivals, minutes))[1]


def load(ledger, *arrivals):
    with ledger.engine.begin() as connection:
        return book.load(connection, "grafana", arrivals, new_id, TEN)


def facts(case):
    """Return all of a case that is stored."""
    kept = {name: getattr(case, name) for name in type(case).__slots__ if name not in {"fresh", "changed", "history"}}
    return {**kept, "facts": json.loads(json.dumps(case.facts)), "firing": {*case.firing.elements()}}


def test_an_incident_and_its_episodes_come_back_as_they_were(ledger):
    arrivals = [said("a"), said("b", priority="P0"), said("c", teams=("storage", "Network"))]
    arrivals += [said("a", "resolved", 0, 4, reason="Paused")]
    known, _grown = ledger.write(lambda connection: slice_of(connection, arrivals, 5))
    found = load(ledger, *arrivals)
    assert {one: facts(case) for one, case in found.cases.items()} == {
        one: facts(case) for one, case in known.cases.items()
    }
    assert found.episodes == known.episodes
    assert found.latest == known.latest


def test_members_as_the_last_commit_left_them_stand_for_those_that_are_stored(ledger):
    known, (case,) = ledger.write(lambda connection: slice_of(connection, [said("a"), said("b", priority="P1")], 5))
    assert ledger.write(lambda connection: acts.close(connection, [case.id], "alice", NOON))
    with ledger.engine.begin() as connection:
        told = book.load(connection, "grafana", [said("a")], new_id, TEN, known.cases)
    asked = load(ledger, said("a"))
    assert facts(told.cases[case.id]) == facts(asked.cases[case.id])
    # a transaction may run twice: what it makes of them is not there for the second time
    before = facts(case)
    told.absorb(said("c", priority="P0"), at(6))
    told.absorb(said("a", "resolved", 0, 6), at(6))
    assert facts(case) == before


def test_of_very_many_members_those_that_are_over_are_read_when_the_incident_ends(ledger, monkeypatch):
    monkeypatch.setattr(book, "FEW", 10)
    over = [said(f"f{number:04}", "resolved", 0, 1.5 + number / 1000, reason="Paused") for number in range(30)]
    (case,) = absorb(ledger, 1, said("a"), *(said(f"f{number:04}") for number in range(30)))
    absorb(ledger, 3, *over)
    absorb(ledger, 4, said("b", priority="P0"))
    known = load(ledger, said("a"), said("f0007"))
    members = known.cases[case.id].members.values()
    assert {"a", "b", "f0007"} <= {one.fingerprint for one in members}
    assert len(members) <= book.FEW + 3
    absorb(ledger, 5, said("a", "resolved", 0, 1.1), said("b", "resolved", 0, 1.2, priority="P0"))
    with ledger.read() as connection:
        (row,) = connection.execute(select(incidents)).all()
    assert (row.state, row.state_reason, row.resolved_at) == ("resolved", "Paused", at(1.529))


def test_only_what_the_slice_touches_is_loaded(ledger):
    absorb(ledger, 1, *(said(f"f{number}", teams=(f"team{number}",)) for number in range(5)))
    found = load(ledger, said("f1", teams=("team1",)), said("new", teams=("team2",)))
    assert sorted(case.teams for case in found.cases.values()) == [("team1",), ("team2",)]
    assert list(found.episodes) == [("1", "f1")]


def test_a_version_grows_with_what_is_worth_telling_only(ledger):
    assert [case.version for case in absorb(ledger, 1, said())] == [1]
    assert absorb(ledger, 2, said()) == []
    assert [case.version for case in absorb(ledger, 3, said(summary="worse"), said("b"))] == [2]
    with ledger.read() as connection:
        (row,) = connection.execute(select(incidents)).all()
    assert (row.version, row.heard_at) == (2, at(3))


def test_the_shown_details_are_those_of_the_last_firing_and_its_links_of_the_first(ledger):
    first = said(summary="first")
    first.links["alert"] = "https://grafana.example/first"
    second = said(summary="second")
    second.links["alert"] = "https://grafana.example/second"
    (case,) = absorb(ledger, 1, first)
    absorb(ledger, 2, second)
    absorb(ledger, 5, said("f1", "resolved", 0, 4, summary="after"))
    with ledger.read() as connection:
        (member,) = reading.load(connection, case.id).members
    assert (member.annotations["summary"], member.links.alert) == ("second", "https://grafana.example/first")
    assert (member.status, member.ends_at, member.resolved_at) == (Status.RESOLVED, at(4), at(5))


def test_every_change_leaves_a_line_in_its_history(ledger):
    (case,) = absorb(ledger, 1, said())
    absorb(ledger, 2, said("b", priority="P0"))
    absorb(ledger, 5, said("f1", "resolved", 0, 4), said("b", "resolved", 0, 4))
    with ledger.read() as connection:
        lines = connection.execute(select(history.c.what).where(history.c.incident == case.id).order_by(history.c.id))
        assert lines.scalars().all() == ["opened", "member joined", "priority", "resolved", "resolved", "resolved"]


def test_teams_can_be_searched_in_any_case_and_once_each(ledger):
    absorb(ledger, 1, said(teams=("Storage", "NETWORK", "network")))
    with ledger.read() as connection:
        found = connection.execute(select(incident_teams.c.team).order_by(incident_teams.c.team)).scalars().all()
    assert found == ["network", "storage"]


def teams_of_rule(ledger, *rules):
    with ledger.read() as connection:
        return book.rule_teams(connection, "grafana", set(rules))


def test_a_rules_teams_are_those_of_its_open_incidents_else_of_its_last(ledger):
    rule = ("1", "uid:rule-1")
    assert teams_of_rule(ledger) == teams_of_rule(ledger, rule) == {}
    absorb(ledger, 1, said("a", teams=("old",)), said("b"), said("c", teams=("network", "storage")))
    absorb(ledger, 5, said("a", "resolved", 0, 4, teams=("old",)))
    assert teams_of_rule(ledger, rule) == {rule: ["storage", "network"]}
    absorb(ledger, 6, said("b", "resolved", 0, 5), said("c", "resolved", 0, 5, teams=("network", "storage")))
    assert teams_of_rule(ledger, rule, ("2", "uid:rule-1")) == {rule: ["network", "storage"]}


def test_ten_thousand_alerts_of_a_group_in_slices_are_one_incident(ledger):
    asked = []
    event.listen(ledger.engine, "after_cursor_execute", lambda *facts: asked.append(facts[2]))
    many = [said(f"f{number:05}") for number in range(10_000)]
    counted = []
    for start in range(0, len(many), 200):
        absorb(ledger, 1, *many[start : start + 200])
        counted.append(len(asked))
        asked.clear()
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(alerts)).scalar_one() == 10_000
        (row,) = connection.execute(select(incidents)).all()
    assert row.version == 50
    # the last slice asks no more than the second: other writers wait for none of them
    assert counted[-1] <= counted[1] < 20


def test_the_open_incident_of_a_key_is_found_whatever_its_id(ledger):
    # ids of another machine, or after a clock was set back, may be smaller than those before
    key = said().key
    incident(ledger, state="firing", key=key)
    newest = incident(ledger, state="resolved", key=key, settled_at=NOON, resolved_at=NOON)
    assert newest.id == max(load(ledger, said()).cases)
    (grown,) = absorb(ledger, 1, said())
    assert (grown.id < newest.id, grown.fresh) == (True, False)


def test_two_open_incidents_of_a_key_are_refused_by_the_database(ledger):
    incident(ledger, key="k")
    with pytest.raises(Exception, match="refused"):
        incident(ledger, key="k")
    incident(ledger, key="k", state="resolved")


def test_a_person_who_closes_during_a_merge_is_not_overruled(postgres_ledger):
    (case,) = absorb(postgres_ledger, 1, said())
    with ThreadPoolExecutor(1) as pool, postgres_ledger.engine.begin() as connection:
        known = book.load(connection, "grafana", [said("b")], new_id, TEN)
        known.absorb(said("b"), at(2))
        closing = pool.submit(postgres_ledger.write, lambda other: acts.close(other, [case.id], "alice", at(2)))
        until(lambda: waiting_for_locks(postgres_ledger) == 1)
        stored.store(connection, known, at(2))
        connection.commit()
        assert closing.result()
    with postgres_ledger.read() as connection:
        row = connection.execute(select(incidents)).one()
    assert (row.state, row.version) == ("closed", 3)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["firing", "resolved"]),
        st.sampled_from([0.0, 0.05, 20.0, 21.0, 40.0]),
        st.sampled_from([("storage",), ("network",)]),
        st.sampled_from(["P0", "P2"]),
        st.sampled_from([0.5, 4.0, 12.0]),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.integers(1, 5), st.sampled_from([1, book.FEW]), st.booleans())
def test_merging_in_slices_through_the_database_ends_as_in_memory(  # noqa: PLR0913, PLR0917 - what is drawn
    sqlite_ledger, monkeypatch, steps, size, few, carried
):
    monkeypatch.setattr(book, "FEW", few)  # of more members those that are over are read once they are needed
    ids = (f"{number:026}" for number in range(10_000))
    memory = Book("grafana", lambda: next(ids), TEN)
    minutes, heard = 41.0, []
    for name, status, start, teams, priority, wait in steps:
        minutes += wait
        end = minutes if status == "resolved" else None
        heard.append((said(name, status, start, end, teams=teams, priority=priority), minutes))
    for one, minute in heard:
        memory.absorb(replace(one, links=dict(one.links)), at(minute))

    def work(connection):
        for table in (history, incident_teams, alerts, incidents):
            connection.execute(table.delete())
        before = {}
        for start in range(0, len(heard), size):
            part = heard[start : start + size]
            known = book.load(connection, "grafana", [one for one, _ in part], new_id, TEN, before)
            for one, minute in part:
                known.absorb(one, at(minute))
            stored.store(connection, known, at(part[-1][1]))
            before = known.cases if carried else {}

    sqlite_ledger.write(work)
    with sqlite_ledger.read() as connection:
        kept = connection.execute(select(incidents).order_by(incidents.c.id)).all()
        members = connection.execute(select(alerts).order_by(alerts.c.id)).all()
    wanted = [case for _, case in sorted(memory.cases.items())]
    assert [_shown(row) for row in kept] == [_shown(case) for case in wanted]
    episodes = sorted((one for known in memory.episodes.values() for one in known), key=lambda one: one.id)
    assert [_standing(row) for row in members] == [_standing(one) for one in episodes]


def _shown(one):
    return (
        one.key,
        one.state,
        one.state_reason,
        one.priority,
        one.times,
        one.never_fired,
        one.resolved_at,
        one.heard_at,
    )


def _standing(one):
    return (one.fingerprint, one.starts_at, one.status, one.ended, one.ends_at, one.resolved_at, one.reason, one.again)
