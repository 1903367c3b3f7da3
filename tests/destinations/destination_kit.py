"""What tests of destinations share: incidents, wants, and a lane of a few lines that moves have towards want."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from bridge.core.alert import Priority, Status, Value
from bridge.core.incident import Incident, Member, State
from bridge.destinations import KINDS
from bridge.destinations.base import Done, Failed, Fault, Nothing, Settings, Want
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

NOW = datetime(2025, 12, 9, 17, 30, tzinfo=UTC)
WORDS = Words((template_folder(),))
DELIVERY = "01KDELIVERY0000000000000001"
KEYS = ("a" * 32, "b" * 32)
OVER = {State.RESOLVED, State.CLOSED}
VALUES = {
    "slack": {"token": "xoxb-sandbox", "channel": "#alerts"},
    "pagerduty": {"routing_key": KEYS[:1]},
    "github": {"token": "ghp_sandbox", "repo": "acme/alerts", "visibility": "auto"},
}


def digest(secret):
    return hashlib.sha256(b"key" + secret.encode()).hexdigest()


def member(key="m1", **changes):
    given = {
        "id": key,
        "fingerprint": f"fp-{key}",
        "status": Status.FIRING,
        "labels": {"alertname": "Inductor Jobs Broken", "instance": key},
        "annotations": {"description": "Inductor jobs fail."},
        "since": NOW - timedelta(minutes=1),
        "priority": Priority.P2,
        "received_at": NOW - timedelta(minutes=1),
        "values": (Value("Jobs", 3.0),),
    }
    return Member(**(given | changes))


def incident(**changes):
    given = {
        "id": "01KINCIDENT000000000000001",
        "source": "grafana",
        "org": "1",
        "rule_key": "inductor",
        "key": "k",
        "title": "Inductor Jobs Broken",
        "teams": ("broken-inductor",),
        "priority": Priority.P1,
        "state": State.FIRING,
        "opened_at": NOW,
        "members": (member(),),
    }
    given |= changes
    if given["state"] in OVER and "resolved_at" not in changes:
        given["resolved_at"] = NOW + timedelta(hours=1)
    if given["state"] is State.RESOLVED and "members" not in changes:
        given["members"] = (member(status=Status.RESOLVED, resolved_at=given["resolved_at"]),)
    return Incident(**given)


def settings(kind, **values):
    merged = VALUES[kind] | values
    if kind == "pagerduty":
        keys = merged["routing_key"]
        merged.setdefault("digests", tuple(digest(key) for key in ([keys] if isinstance(keys, str) else keys)))
    return Settings(kind, kind, merged)


def want(  # noqa: PLR0913 - a want has these sides
    kind, its=None, *, place=None, now=NOW, never_fired=False, would=None, words=WORDS, **values
):
    made = settings(kind, **values)
    return Want(
        DELIVERY,
        its or incident(),
        made,
        KINDS[kind].address(made, digest),
        words,
        now,
        place={} if place is None else place,
        never_fired=never_fired,
        would=would,
    )


def merged(have, step, outcome):
    """What a lane keeps after an outcome."""
    if isinstance(outcome, Done):
        return {**have, **outcome.remote, **step.told}
    if outcome.fault in {Fault.DEGRADE, Fault.REPLACE}:
        flag = "plain" if outcome.fault is Fault.DEGRADE else "replaced"
        assert not have.get(flag), f"{outcome.error} again"
        return {**have, flag: True, **outcome.note}
    return have


class Lane:
    """One delivery, driven to rest: over a client, or, without one, over answers made up for its steps."""

    def __init__(self, kind, client=None, **values):
        self.kind = kind
        self.client = client
        self.values = values
        self.have = {}
        self.place = {}
        self.steps = []
        self.failures = []

    def tell(self, its=None, *, now=NOW, never_fired=False, most=12):
        """Takes steps until nothing is due; returns that Nothing and leaves the steps taken in `taken`."""
        self.taken = []
        for _ in range(most):
            wanted = want(self.kind, its, place=self.place, now=now, never_fired=never_fired, **self.values)
            step = KINDS[self.kind].next_step(wanted, self.have)
            if isinstance(step, Nothing):
                return step
            self.taken.append(step)
            self.steps.append(step)
            outcome = self.client.send(step, self.have, 5.0, lambda: None) if self.client else made_up(self, step)
            if step.learns:
                assert isinstance(outcome, Done), outcome
                self.place = {**self.place, **outcome.remote}
                continue
            if isinstance(outcome, Failed):
                self.failures.append(outcome)
                assert outcome.fault in {Fault.DEGRADE, Fault.REPLACE}, outcome
            self.have = merged(self.have, step, outcome)
        raise AssertionError(f"still not at rest: {[step.method for step in self.taken]}")

    def crash(self):
        """Nobody knows whether the last step acted."""
        self.have |= json.loads(json.dumps(self.steps[-1].unsure))

    @property
    def methods(self):
        return [step.method for step in self.taken]


def made_up(lane, step):
    """What a destination that is well would answer."""
    if step.learns:
        return Done({"channel_id": "C0000001", "member": True, "usergroups": {}, "private": False})
    count = len(lane.steps)
    match step.method:
        case "chat.postMessage" if step.intent == "open":
            return Done({"ts": f"17653.{count:06}", "channel": "C0000001"})
        case "POST issues":
            return Done({"number": count, "url": "https://github.com/x", "state": "open", "closed_by": None})
        case "PATCH issue":
            state = step.request.get("state")
            return Done({"state": state, "closed_by": "bridge" if state == "closed" else None} if state else {})
    return Done({})
