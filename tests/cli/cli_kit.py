"""What tests of verbs share: a configuration, a ledger with a past, the real command, goldens."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from bridge.absorb import Intake
from bridge.config.load import load
from bridge.effective import Effective
from bridge.ledger import acts, deliveries, lanes, queries, receipts
from bridge.ledger.ledger import open_ledger

PAYLOADS = Path(__file__).parent.parent / "payloads"
GOLDENS = Path(__file__).parent / "goldens"
CONFIGURATION = """\
timezone: America/Los_Angeles
external_url: https://alerts.acme.com
destinations:
  slack:
    token: "${env:SLACK_BOT_TOKEN}"
    channel: "#{team}-alerts"
    fallback_channel: "#alerts"
    mention: {P0: "@{team}-oncall"}
  pagerduty: {routing_key: "${file:keys/pagerduty}", page_again: 10m}
  github: {token: "${env:GITHUB_TOKEN}", repo: "acme/alerts", rate: 500/h}
  leads: {kind: slack, token: "${env:SLACK_BOT_TOKEN}", channel: "#broken-inductor-alerts"}
send:
  P0: [slack, pagerduty, github, leads]
  P1: [slack, pagerduty]
  P2: [slack, github, leads]
  P3: [slack]
teams:
  broken-inductor:
    aliases: [inductor]
    destinations:
      github: {repo: "pytorch/pytorch", labels: ["oncall: pt2"], assignees: [octocat]}
routes:
  - matchers: ['grafana_folder = "staging"']
    set: {priority: P3}
  - matchers: ['severity = "critical"', 'grafana_folder = "CI"']
    send: [+leads]
  - matchers: ['alertname = "nightly"']
    set: {priority: P1, team: [broken-inductor]}
"""
UPDATE = bool(os.environ.get("BRIDGE_UPDATE_GOLDENS"))
QUIET = ("BRIDGE_", "SLACK_", "GITHUB_", "PAGERDUTY_", "PORT", "COLUMNS")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def compare(name, made):
    """Compare with a golden file; BRIDGE_UPDATE_GOLDENS=1 writes it anew."""
    path = GOLDENS / name
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made


def steady(text):
    """Return output with what differs in each run taken out: the present time."""
    today = datetime.now(UTC)
    days = "|".join(f"{today - timedelta(days=back):%Y-%m-%d}" for back in (0, 1))
    return re.sub(rf"(?:{days}) \d\d:\d\d:\d\d UTC", "<now>", text)


def payload(name):
    return str(PAYLOADS / f"{name}.json")


def command(*words, stdin=None):
    """Run the installed command as a person does."""
    bridge = Path(sys.executable).parent / "bridge"
    return subprocess.run([bridge, *words], capture_output=True, input=stdin, timeout=60, check=False)


class FixedClock:
    """A clock that a test moves."""

    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def ahead(self):
        return 0.0

    def monotonic(self):
        return 0.0


class Past:
    """A real ledger, filled through the real intake, with ids and times that are the same in each run."""

    def __init__(self):
        self.ledger = open_ledger("sqlite:///bridge.db")
        self.clock = FixedClock()
        self._numbers = count(1)
        env = {"SLACK_BOT_TOKEN": "xoxb-1", "GITHUB_TOKEN": "ghp_1"}
        self._rules = load("bridge.yml", env).rules
        self._effective = Effective(lambda: self._rules, env, b"key")

    def new_id(self):
        return f"01KJM{next(self._numbers):021}"

    def absorb(self, body, source="grafana"):
        """Store a body and absorb it."""
        receipt = receipts.Receipt(self.new_id(), source, self.clock.now(), {}, body)
        self.ledger.write(lambda connection: receipts.insert(connection, receipt))
        self.clock.at += timedelta(minutes=1)
        now = self.ledger.database_now(self.clock.now())
        held = self.ledger.write(lambda connection: lanes.acquire(connection, f"intake/{source}", "test", now))
        intake = Intake(
            held,
            1.0,
            ledger=self.ledger,
            clock=self.clock,
            rules=lambda: self._rules,
            effective=self._effective,
            new_id=self.new_id,
            wake=lambda _names: None,
        )
        while intake.turn() is None:
            pass
        return receipt.id

    def bury(self, incident, why):
        """Make all deliveries of an incident dead letters; returns their ids."""
        ids = [one["id"] for one in self.incident(incident)["deliveries"]]

        def write(connection):
            for one in ids:
                deliveries.change(connection, one, state="dead", due_at=None, reason=why, last_error="not_in_channel")

        self.ledger.write(write)
        return ids

    def close(self, incident):
        at = self.clock.now()
        self.ledger.write(lambda connection: acts.close(connection, [incident], "the API", at))

    def incident(self, incident):
        with self.ledger.read() as connection:
            return queries.incident(connection, incident)

    def incidents(self):
        with self.ledger.read() as connection:
            found = queries.incident_list(connection, state=None, team=None, priority=None, cursor=None)
        return [one["id"] for one in found["items"]]

    def states(self):
        """Return the deliveries' states by id, with their reasons."""
        with self.ledger.read() as connection:
            found = queries.delivery_list(connection, None, None)
        return {one["id"]: (one["state"], one["reason"]) for one in found["items"]}
