"""Who was not told in time is told elsewhere: what the watch places, beside all else that happens to an incident."""

from __future__ import annotations

import pytest
from posts import CONFIG, ENV, Posts, alert
from sqlalchemy import event, true, update
from sqlalchemy.engine import Engine

from bridge.chores.storms import Storms
from bridge.chores.watch import Watch
from bridge.config.load import load
from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.core.rules import STORM
from bridge.destinations.base import Address, Settings, Want
from bridge.destinations.pagerduty import step as pagerduty
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import placing
from bridge.ledger.incidents import load as load_incident
from bridge.ledger.placing import Placement
from bridge.ledger.tables import deliveries
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

FALLBACK = "send: {P0: [slack], P1: [slack]}\nfallback: {default: {after: 2m, send: [pagerduty]}}\n"


class Watched(Posts):
    """Posts, and the chore that looks who was not told."""

    def __init__(self, ledger, clock, folder, more="", config=CONFIG + FALLBACK):
        super().__init__(ledger, clock, folder, config + more)
        self.loaded = load(str(folder / "bridge.yml"), ENV)
        self.effective = Effective(lambda: self.rules, ENV, b"key")

    def watch(self, ledger=None):
        return Watch(ledger or self.ledger, self.clock, self.loaded, self.effective, "test")

    def pages(self):
        return [row for row in self.deliveries() if row.kind == "pagerduty"]


@pytest.fixture
def place(ledger, clock, tmp_path):
    return Watched(ledger, clock, tmp_path)


def test_what_keeps_changing_while_it_is_held_comes_to_its_fallback(place):
    place.hear(alert(Priority="P0"))
    place.ledger.write(lambda one: one.execute(update(deliveries).values(state="held", due_at=None)).rowcount)
    for number in range(3):
        assert not place.pages()
        place.hear(alert(Priority="P0", fingerprint=f"f{number}"), seconds=40)
        place.watch().look()
    assert len(place.pages()) == 1


def test_who_was_told_before_its_secret_was_missing_comes_to_no_fallback(place, monkeypatch):
    place.hear(alert(Priority="P1"))
    place.ledger.write(
        lambda one: one.execute(update(deliveries).values(state="delivered", told=1, due_at=None)).rowcount
    )
    monkeypatch.delitem(ENV, "SLACK")
    for _ in range(3):
        place.hear(alert(Priority="P1"), seconds=90)
        place.watch().look()
    assert not place.pages()


@pytest.mark.parametrize("change", [{"state": "resolved"}, {"priority": "P0"}], ids=["is over", "is worse"])
def test_a_fallback_knows_of_what_happens_in_the_moment_in_which_it_is_placed(postgres_ledger, clock, tmp_path, change):
    place = Watched(postgres_ledger, clock, tmp_path)
    place.hear(alert(Priority="P1"))
    clock.advance(minutes=3)
    place.meanwhile(place.watch().look, "Disk full", **change)
    told = [(row.want, row.urgency, row.state) for row in place.pages()]
    assert told == ([(2, 0, "pending")] if "priority" in change else [])


def test_a_fallback_is_not_placed_where_its_incident_is_placed_in_that_moment(postgres_ledger, clock, tmp_path):
    place = Watched(postgres_ledger, clock, tmp_path)
    place.hear(alert(Priority="P1"))
    clock.advance(minutes=3)
    (incident,) = place.stored()
    found = place.effective.address(target_at(place.rules, "pagerduty", "storage", Priority.P1, "grafana"))
    page = Placement("pagerduty", "pagerduty", found.text, found.lane, "storage", "send P0")

    def placed(connection):
        placing.place_one(connection, incident.id, [page], new_id, clock.now())

    place.meanwhile(place.watch().look, "Disk full", placed, priority="P1")
    assert [row.because for row in place.pages()] == [None]


def test_very_many_pages_by_a_fallback_are_one_page_for_the_rest(ledger, clock, tmp_path):
    routes = "routes: [{matchers: ['to = pagerduty'], send: [pagerduty]}]\n"
    place = Watched(ledger, clock, tmp_path, f"page_storm: {{pages: 3, within: 5m}}\n{routes}")

    def storm(numbers, **labels):
        named = ((alert(Priority="P1", fingerprint=f"f{n}"), f"Disk {n}") for n in numbers)
        place.hear(*({**one, "labels": {"alertname": name, **labels}} for one, name in named))
        clock.advance(minutes=3 if not labels else 0)
        for _ in range(2):
            place.watch().look()
            Storms(ledger, clock, lambda: place.rules, "test").look()
            place.absorb(STORM)

    storm(range(9))
    told = [(row.state, (row.reason or "")[:9]) for row in place.pages()]
    assert sorted(told) == [*[("pending", "")] * 4, *[("skipped", "in digest")] * 6]
    why = "Told here because slack #storage could not be told: no answer yet"
    assert {row.because for row in place.pages()} == {why}
    storm([9], to="pagerduty")
    said = [row.because for row in place.pages() if row.state == "pending"]
    assert sorted(said, key=str) == [None, *[why] * 3], (
        "what was routed there has no other voice, and may need a fallback"
    )


@pytest.mark.parametrize("over", [False, True], ids=["and fires", "and is over"])
def test_what_joins_a_storm_that_can_not_be_told_comes_to_its_fallback(ledger, clock, tmp_path, over):
    place = Watched(ledger, clock, tmp_path, "storm: {incidents: 5, within: 2m}\n")
    storms = Storms(ledger, clock, lambda: place.rules, "test")

    def storm(numbers, status="firing"):
        named = ((alert(status, Priority="P1", fingerprint=f"f{n}"), f"Disk {n}") for n in numbers)
        place.hear(*({**one, "labels": {"alertname": name}} for one, name in named))
        for _ in range(2):
            storms.look()
            place.absorb(STORM)

    def change(values):
        mine = update(deliveries).where(deliveries.c.state.in_(("pending", "delivered")), values.pop("where", true()))
        place.ledger.write(lambda one: one.execute(mine.values(values)).rowcount)

    storm(range(9))
    change({"state": "delivered", "told": deliveries.c.want, "due_at": None})
    storm(range(9, 13))
    change({"where": deliveries.c.due_at.is_not(None), "state": "retrying", "last_error": "HTTP 503"})
    if over:
        storm(range(9, 13), "resolved")
    clock.advance(minutes=3)
    place.watch().look()
    assert ["HTTP 503" in row.because for row in place.pages()] == ([] if over else [True])


PAGED = "send: {P0: [pagerduty], P2: [pagerduty]}\nfallback: {default: {after: 2m, send: [slack]}}\n"


class Paged(Watched):
    """What is paged, and told on Slack where it can't be."""

    def __init__(self, ledger, clock, folder, again=""):
        super().__init__(ledger, clock, folder, PAGED, CONFIG.replace('{env:PD}"', f'{{env:PD}}"{again}'))

    def page(self):
        """As if PagerDuty had taken the page that is due."""
        (row,) = self.pages()
        with self.ledger.read() as connection:
            incident = load_incident(connection, row.incident)
        settings, address = Settings("pagerduty", "pagerduty", {}), Address("pagerduty", row.address, row.lane)
        want = Want(row.id, incident, settings, address, Words((template_folder(),)), self.clock.now())
        have = pagerduty.next_step(want, row.have).told
        self.change(state="delivered", told=1, due_at=None, have=have)

    def change(self, **values):
        mine = update(deliveries).where(deliveries.c.kind == "pagerduty").values(**values)
        self.ledger.write(lambda one: one.execute(mine).rowcount)

    def elsewhere(self):
        return [row.because for row in self.deliveries() if row.kind == "slack"]


@pytest.mark.parametrize(
    ("again", "priority", "after", "told"),
    [
        ("", "P0", 6, 1),
        ("", "P0", 4, 0),
        (", page_again: 20m", "P0", 19, 0),
        (", page_again: 20m", "P0", 21, 1),
        ("", "P2", 6, 0),
    ],
)
def test_a_page_for_who_joins_that_can_not_be_sent_comes_to_its_fallback(  # noqa: PLR0913, PLR0917 - its row
    ledger, clock, tmp_path, again, priority, after, told
):
    place = Paged(ledger, clock, tmp_path, again)
    place.hear(alert(Priority=priority))
    place.page()
    place.hear(alert(Priority=priority, fingerprint="f2"), seconds=60 * after)
    place.change(state="retrying", last_error="HTTP 503")
    for minutes in (1, 2, 3):
        clock.advance(minutes=1)
        place.watch().look()
        assert len(place.elsewhere()) == (told if minutes > 1 else 0)
    assert all("HTTP 503" in because for because in place.elsewhere())


@pytest.mark.parametrize("name", ["pager", None], ids=["renamed", "removed"])
def test_who_joins_where_a_name_has_gone_comes_to_its_fallback(ledger, clock, tmp_path, name):
    place = Paged(ledger, clock, tmp_path)
    place.hear(alert(Priority="P0"))
    place.page()
    place.hear(alert(Priority="P0", fingerprint="f2"), seconds=360)
    place.change(state="retrying" if name else "held", last_error="HTTP 503")
    now = f'  {name}: {{kind: pagerduty, routing_key: "${{env:PD}}"}}\n' if name else ""
    config = CONFIG.replace('  pagerduty: {routing_key: "${env:PD}"}\n', now)
    place = Watched(ledger, clock, tmp_path, config=config + PAGED.replace("[pagerduty]", f"[{name or 'slack'}]"))
    for minutes in (1, 2, 3):
        clock.advance(minutes=1)
        place.watch().look()
        assert sum(row.kind == "slack" for row in place.deliveries()) == (minutes > 1)


def test_in_a_long_outage_only_the_alerts_of_what_may_page_anew_are_read(sqlite_ledger, clock, tmp_path):
    place, read = Paged(sqlite_ledger, clock, tmp_path), []

    def looks():
        """Look, and say whether alerts of incidents were read."""
        read.clear()
        place.watch().look()
        return any("detail" in one and "FROM alerts" in one and "incident IN" in one for one in read)

    place.hear(alert(Priority="P0"))
    place.page()
    place.hear(alert(Priority="P0", fingerprint="f2"), seconds=60)
    place.change(state="retrying", last_error="HTTP 503")
    event.listen(Engine, "before_cursor_execute", note := lambda *said: read.append(said[2]))
    try:
        clock.advance(minutes=3)
        assert (looks(), place.elsewhere()) == (False, []), "no page is due to who joined so soon"
        clock.advance(minutes=2)
        place.hear(alert(Priority="P0", fingerprint="f3"))
        clock.advance(minutes=3)
        assert looks()
        assert len(place.elsewhere()) == 1
        assert not looks(), "it is told there now"
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_who_joined_and_is_over_comes_to_no_fallback(ledger, clock, tmp_path):
    place = Paged(ledger, clock, tmp_path)
    place.hear(alert(Priority="P0"))
    place.page()
    place.hear(alert(Priority="P0", fingerprint="f2"), seconds=360)
    place.change(state="retrying", last_error="HTTP 503")
    place.hear(alert("resolved", Priority="P0", fingerprint="f2"))
    clock.advance(minutes=3)
    place.watch().look()
    assert place.elsewhere() == []
