"""Shadow mode on a real ledger: one delivery an incident, what a switch changes, storms, and no fallback."""

from __future__ import annotations

from dataclasses import replace

import pytest
from posts import CONFIG, ENV, Posts
from sqlalchemy import select, update

from bridge.chores.storms import Storms
from bridge.config.load import load
from bridge.core.rules import SHADOW, STORM
from bridge.ledger import troubles
from bridge.ledger.tables import deliveries, incidents

PLACE = 'shadow: {channel: "#bridge-shadow"}\n'


class Place(Posts):
    """Posts under a configuration that may change in between."""

    def configure(self, more):
        path = self.path
        path.write_text(CONFIG + PLACE + more, encoding="utf-8")
        self.rules = load(str(path), ENV).rules

    def alert(self, number, **said):
        return {
            "status": "firing",
            "fingerprint": f"f{number}",
            "labels": {"alertname": "Disk", "host": str(number)},
            "annotations": {"Team": "storage", "Priority": "P2", **said},
            "startsAt": "2026-03-02T11:00:00Z",
        }

    def told(self):
        """Destination, address, and the places that would have been told."""
        with self.ledger.read() as connection:
            columns = [deliveries.c[name] for name in ("destination", "address", "would", "state")]
            rows = connection.execute(select(*columns).order_by(deliveries.c.id))
            return [(row.destination, row.address, (row.would or {}).get("places")) for row in rows]


@pytest.fixture
def place(ledger, clock, tmp_path):
    made = Place(ledger, clock, tmp_path, CONFIG + PLACE + "mode: shadow\n")
    made.path = tmp_path / "bridge.yml"
    return made


def test_an_incident_is_told_once_and_what_a_later_alert_adds_is_added(place):
    place.hear(place.alert(1), place.alert(2, Priority="P3"))
    first = (SHADOW, "#bridge-shadow", ["#storage", "GitHub acme/alerts"])
    assert place.told() == [first]
    at_rest = {"state": "delivered", "due_at": None}
    place.ledger.write(lambda connection: connection.execute(update(deliveries).values(**at_rest)))
    place.hear(place.alert(3, Priority="P0"))
    assert place.told() == [(SHADOW, "#bridge-shadow", [*first[2], "PagerDuty"])]
    (row,) = place.deliveries()
    assert row.state == "pending"


def test_two_teams_of_which_one_is_live(place):
    place.configure("mode: live\n")
    rules = place.rules
    teams = {**rules.teams, "network": replace(rules.teams["network"], mode="shadow")}
    place.rules = replace(rules, teams=teams)
    place.hear(place.alert(1, Team="storage, network", Priority="P3"))
    assert place.told() == [("slack", "#storage", None), (SHADOW, "#bridge-shadow", ["#network"])]


def test_live_while_it_is_open_adds_the_addresses_with_the_next_notification(place):
    place.hear(place.alert(1, Priority="P3"))
    place.configure("mode: live\n")
    place.hear(place.alert(1, Priority="P3"))
    assert place.told() == [(SHADOW, "#bridge-shadow", ["#storage"]), ("slack", "#storage", None)]


def test_shadow_while_it_is_open_withdraws_nothing(place):
    place.configure("mode: live\n")
    place.hear(place.alert(1, Priority="P3"))
    place.configure("mode: shadow\n")
    place.hear(place.alert(2, Priority="P0"))
    assert place.told() == [
        ("slack", "#storage", None),
        (SHADOW, "#bridge-shadow", ["#storage", "PagerDuty", "GitHub acme/alerts"]),
    ]


def test_what_it_can_not_tell_has_no_fallback(place):
    place.hear(place.alert(1))
    place.ledger.write(lambda connection: connection.execute(update(deliveries).values(state="dead")))
    with place.ledger.read() as connection:
        assert troubles.untold(connection) == []
        assert [one.address for one in troubles.dead(connection)] == ["#bridge-shadow"]


def test_a_storm_is_told_in_one_message_that_says_so_too(place):
    place.configure("mode: shadow\nstorm: {incidents: 3, within: 2m}\n")
    storms = Storms(place.ledger, place.clock, lambda: place.rules, "test")
    many = [place.alert(number) for number in range(6)]
    for number, one in enumerate(many):
        one["labels"]["alertname"] = f"Disk {number}"
    place.hear(*many)
    for _ in range(3):
        storms.look()
        place.absorb(STORM)
    with place.ledger.read() as connection:
        query = select(deliveries.c.destination, deliveries.c.would).join(incidents).where(incidents.c.source == STORM)
        ((destination, would),) = connection.execute(query).all()
    assert destination == SHADOW
    assert would["places"] == ["#storage", "GitHub acme/alerts"]
