"""The machine's time may be set back by an hour; what the bridge goes by never goes back, and nothing is stuck."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from counted import in_process
from fake_clock import NOON, FakeClock
from harness import ENV, alert, eventually, group
from sqlalchemy import select
from ulid import ULID

from bridge import ids
from bridge.app import application, serve
from bridge.clock import SystemClock
from bridge.compose import compose
from bridge.config.environ import from_environ
from bridge.delivery import budget, trouble
from bridge.delivery.turns import paced, sent_at
from bridge.destinations.base import Settings
from bridge.ledger import receipts
from bridge.ledger.deliveries import Delivery
from bridge.ledger.tables import alerts, incidents

HOUR = timedelta(hours=1)


class Machine:
    def __init__(self):
        self.wall, self.mono = 1_000_000.0, 50.0

    def passes(self, seconds):
        self.wall += seconds
        self.mono += seconds


def test_time_goes_on_from_where_it_was_until_the_wall_clock_has_caught_up():
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.mono)
    begun = clock.now()
    machine.wall -= 3600
    machine.passes(10)
    assert clock.now() - begun == timedelta(seconds=10)
    assert clock.ahead() == pytest.approx(3600)
    machine.passes(600)
    machine.wall += 3600
    assert clock.now() - begun == timedelta(seconds=610)
    assert clock.ahead() == 0


@pytest.fixture
def stamped(tmp_path):
    """A bridge whose source signs with a stamp."""
    auth = {"hmac": {"secret": "${env:HMAC}", "timestamp_header": "X-Stamp", "tolerance": "5m"}}
    slack = {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts"}
    said = {"sources": {"grafana": {"auth": auth}}, "destinations": {"slack": slack}}
    (tmp_path / "bridge.yml").write_text(json.dumps(said), "utf-8")
    config, database = str(tmp_path / "bridge.yml"), f"sqlite:///{tmp_path / 'bridge.db'}"
    env = {**ENV, "BRIDGE_CONFIG": config, "BRIDGE_DATABASE_URL": database, "HMAC": "secret"}
    bridge = compose(from_environ(env), env)
    yield bridge
    bridge.close()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system counts no time in which it sleeps")
def test_time_passes_while_the_machine_sleeps(monkeypatch):
    slept = 3600.0
    really = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda of: really(of) + (slept if of == time.CLOCK_BOOTTIME else 0))
    clock = SystemClock()
    ends = clock.monotonic() + 12
    assert clock.monotonic() < ends
    slept += 60
    assert clock.monotonic() > ends


def signed(web, at):
    """Post what is signed and stamped so."""
    body = json.dumps(group(alert(f"Stamped {at}"))).encode()
    signature = hmac.new(b"secret", f"{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Stamp": str(at), "X-Grafana-Alerting-Signature": signature}
    return web.post("/webhooks/grafana", data=body, headers=headers)


def test_what_one_with_the_right_time_stored_is_known_to_one_that_is_ahead(stamped):
    machine = Machine()
    stamped.clock = SystemClock(lambda: machine.wall, lambda: machine.mono)
    web = serve(application(), stamped).test_client()
    first = signed(web, at := int(machine.wall))
    machine.wall += 3600
    stamped.clock.now()
    machine.wall -= 3600
    assert stamped.clock.ahead() == pytest.approx(3600)
    again = signed(web, at)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json == first.json


def test_a_sender_whose_time_is_right_is_let_in_whatever_our_clock_had_been(stamped):
    machine = Machine()
    stamped.clock = SystemClock(lambda: machine.wall, lambda: machine.mono)
    web = serve(application(), stamped).test_client()

    def post(at):
        return signed(web, at).status_code

    right = int(machine.wall)
    machine.wall += 3600
    assert post(right) == 401  # nobody can tell which of the two is wrong
    machine.wall -= 3600
    assert stamped.clock.ahead() == pytest.approx(3600)
    assert [post(right), post(right - 299), post(right + 299)] == [202, 202, 202]
    assert [post(right - 301), post(right + 301), post(right + 3600)] == [401, 401, 401]


def test_a_pace_of_before_holds_nobody_back():
    assert paced(NOON + timedelta(seconds=30), NOON) == NOON + timedelta(seconds=30)
    assert paced(NOON + HOUR, NOON) is None


def test_a_trouble_of_before_is_forgotten():
    asked = trouble.Asked("d", "i", "chat.postMessage", NOON.timestamp())
    stored = trouble.failed(None, asked, NOON.timestamp(), 20, "HTTP 503").as_json()
    assert trouble.restored(stored, NOON.timestamp()).until == NOON.timestamp() + 20
    assert trouble.restored(stored, (NOON - HOUR).timestamp()) is None


def test_a_lookup_reaches_back_far_enough_by_either_clock():
    clock = FakeClock()
    at = (NOON + HOUR).timestamp()
    assert sent_at(clock, at) == NOON
    machine = Machine()
    ours = SystemClock(lambda: machine.wall, lambda: machine.mono)
    ours.now()
    machine.wall -= 3600
    assert abs(sent_at(ours, ours.now().timestamp()).timestamp() - machine.wall) < 0.001


def hour_ahead():
    return str(ULID.from_datetime(SystemClock().now() + HOUR))


def test_ids_follow_what_a_clock_ahead_has_made_in_each_process_by_others(monkeypatch):
    known, made = hour_ahead(), []
    for _ in range(2):
        monkeypatch.setattr(ids, "_last", 0)
        assert ids.new_id() < known
        ids.follow([known, "0" * 26])
        made += [ids.new_id() for _ in range(100)]
    assert min(made) > known
    assert len(set(made)) == 200
    ids.follow([ids.new_id(), known])
    assert ids.new_id() > max(made[100:])


def test_what_comes_after_a_clock_was_set_back_is_the_newest_of_its_alert(ledger_url, tmp_path, monkeypatch):
    def one(status):
        return group(alert("Without a start", status=status, start="0001-01-01T00:00:00Z"))

    with in_process(ledger_url, tmp_path, "slack", rate="off") as counted:

        def absorbed():
            counted.delivering.round()
            with counted.bridge.ledger.read() as connection:
                return not receipts.count(connection, "new")

        monkeypatch.setattr(ids, "_last", int(ULID.from_str(hour_ahead())))
        counted.store(one("firing"))
        counted.store(one("resolved"))
        counted.absorb()
        monkeypatch.setattr(ids, "_last", 0)  # a start anew, by the clock that is right now
        for status in ("firing", "resolved"):
            counted.store(one(status))
            eventually(absorbed)
        with counted.bridge.ledger.read() as connection:
            said = connection.execute(select(alerts.c.id, alerts.c.status).order_by(alerts.c.received_at)).all()
            assert set(connection.execute(select(incidents.c.state)).scalars()) == {"resolved"}
    assert said == sorted(said)
    assert [row.status for row in said] == ["resolved", "resolved"]


def delivery(name="01KD"):
    return Delivery(name, "01KI", "github", "github", "a/b", "github/a/b", "t", "pending", 2, 1, 0, {}, None, NOON,
                    NOON, 0, None, None, None)  # fmt: skip


def take(ledger, now, who="01KD", settings=None):
    drawn = budget.budget_of(Settings("github", "github", settings or {"account": "x"}), "POST issues")
    return ledger.write(lambda connection: budget.take(connection, drawn, delivery(who), now)).until


def test_what_was_spent_in_the_future_counts_for_nothing(ledger):
    assert take(ledger, NOON + HOUR) is None
    assert take(ledger, NOON) is None
    assert take(ledger, NOON + timedelta(seconds=0.5)) == NOON + timedelta(seconds=1)


def test_a_pause_of_before_is_over(ledger):
    drawn = budget.Budget("budget/slack/x/chat.update")
    ledger.write(lambda connection: budget.pause(connection, drawn, NOON + 24 * HOUR, NOON))
    with ledger.read() as connection:
        assert budget.paused(connection, drawn, NOON) is None
    ledger.write(lambda connection: budget.pause(connection, drawn, NOON + timedelta(seconds=60), NOON))
    ledger.write(lambda connection: budget.pause(connection, drawn, NOON + timedelta(seconds=20), NOON))
    with ledger.read() as connection:
        assert budget.paused(connection, drawn, NOON) == NOON + timedelta(seconds=60)


def test_a_tokens_requests_go_one_at_a_time_but_none_waits_long_for_one_that_hangs(ledger):
    def later(seconds):
        return NOON + timedelta(seconds=seconds)

    assert take(ledger, NOON, "01KA") is None
    assert take(ledger, later(1.1), "01KB") == later(1.2)
    drawn = budget.budget_of(Settings("github", "github", {"account": "x"}), "POST issues")
    ledger.write(lambda connection: budget.answered(connection, drawn, "01KA"))
    assert take(ledger, later(1.2), "01KB") is None
    assert take(ledger, later(3.1), "01KC") == later(3.2)
    assert take(ledger, later(3.3), "01KC") is None
