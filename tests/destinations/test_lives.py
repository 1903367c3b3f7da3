"""What each kind is sent over an incident's whole life: every request, taken by its double, in one file a kind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from destination_kit import NOW, Lane, incident, member, settings
from fake_clock import FakeClock
from goldens import MESSAGES, as_json, compare
from posts import Posts, alert

from bridge.chores.stale import Stale
from bridge.core.alert import Priority, Status
from bridge.core.incident import State
from bridge.destinations import KINDS
from bridge.ledger import incidents
from bridge.sandbox import Sandbox, schemas

ONCALL = "inductor-oncall"
SAID = {
    "timezone": "America/Los_Angeles",
    "external_url": "https://alerts.acme.com",
    "mention": {"P0": f"@{ONCALL}"},
    "remind": 3600.0,
    "reply_broadcast": ["state"],
}


def later(minutes):
    return NOW + timedelta(minutes=minutes)


def fires(*keys, **changes):
    members = tuple(member(key, received_at=later(minute), priority=Priority.P0) for key, minute in keys)
    return incident(priority=Priority.P0, members=members, **changes)


def over(reason=None, at=100):
    end = {"status": Status.RESOLVED, "resolved_at": later(at), "ends_at": later(at), "reason": reason}
    ended = tuple(member(key, **end) for key in ("gpu-1", "gpu-2"))
    resolved = {"state": State.RESOLVED, "resolved_at": later(at), "state_reason": reason}
    return incident(priority=Priority.P0, members=ended, **resolved)


ONE, TWO = (("gpu-1", 0),), (("gpu-1", 0), ("gpu-2", 9))
LIFE = {
    "a P1 opens": (0, incident(members=(member("gpu-1", received_at=later(0)),))),
    "it becomes a P0": (3, fires(*ONE)),
    "another joins": (9, fires(*TWO)),
    "an hour has passed": (70, fires(*TWO)),
    "nobody speaks of it": (80, fires(*TWO, state=State.STALE)),
    "it is heard of again": (90, fires(*TWO)),
    "it ends": (100, over()),
    "it fires again": (105, fires(("gpu-1", 105), times=2)),
    "its rule is paused": (120, over("Paused", 120)),
}
P0 = {"a P0 opens": (0, fires(*ONE)), "another joins": (9, fires(*TWO)), "it ends": (100, over())}


def lived(kind, life):
    """Every request by what happened before it; each was taken."""
    now = NOW
    with Sandbox(clock=lambda: now.timestamp(), channels=["alerts"]) as sandbox:  # noqa: PLW0108 - `now` moves on
        sandbox.slack.workspace.usergroups[ONCALL] = "Inductor on call"
        url = getattr(sandbox, f"{kind}_url")
        client = KINDS[kind].connect(settings(kind, api_url=url))
        lane = Lane(kind, client, api_url=url, **SAID)
        requests = {}
        for name, (minutes, its) in life.items():
            now = later(minutes)
            lane.tell(its, now=now)
            requests[name] = [{"method": step.method, "request": step.request} for step in lane.taken]
        client.close()
    assert lane.failures == []
    return requests


@pytest.mark.parametrize("kind", KINDS)
def test_a_life(kind):
    compare(MESSAGES / kind / "life.json", as_json(lived(kind, LIFE)))


def test_a_p0_calls_people_once():
    requests = lived("slack", P0)
    compare(MESSAGES / "slack" / "p0-life.json", as_json(requests))
    posts = [one["request"] for told in requests.values() for one in told if one["method"] == "chat.postMessage"]
    assert [("<!subteam^" in str(post), "thread_ts" in post) for post in posts] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_what_was_taken_holds_to_the_schemas():
    for told in lived("pagerduty", LIFE).values():
        for one in told:
            schemas.validator(schemas.PAGERDUTY).validate({**one["request"], "routing_key": "0" * 32})
    for told in lived("slack", LIFE).values():
        for one in told:
            schemas.validator(schemas.BLOCK_KIT).validate(one["request"].get("blocks", []))


def test_what_fires_anew_after_silence_pages_under_its_own_key_and_is_worded_so(ledger, tmp_path):
    posts = Posts(ledger, FakeClock(), tmp_path)
    pages, thread = Lane("pagerduty"), Lane("slack")

    def tell():
        with ledger.read() as connection:
            its = incidents.load(connection, posts.stored()[0].id)
        for lane in (pages, thread):
            lane.tell(its, now=posts.clock.now())

    posts.hear(alert(Priority="P0"))
    tell()
    posts.clock.advance(86_400)
    assert Stale(ledger, posts.clock, lambda: posts.rules).look()
    tell()
    anew = {"start": "2026-03-03T11:00:00Z", "Priority": "P0"}
    posts.hear(alert(**anew))
    tell()
    opened = [step.request["dedup_key"] for step in pages.steps]
    assert len(opened) == len(set(opened)) == 2
    assert thread.taken[-1].request["text"] == "Fires anew, after it was no longer heard of."
    posts.hear(alert("resolved", end="2026-03-03T11:30:00Z", **anew))
    tell()
    assert {step.request["dedup_key"] for step in pages.taken} == set(opened)
    assert posts.stored()[0].state == "resolved"
