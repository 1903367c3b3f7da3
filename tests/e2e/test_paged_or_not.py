"""Why did it not page? Answered at one glance, alike by the API, the command line and the incident's page."""

from __future__ import annotations

import html
import re

import pytest
from harness import ENV, alert, config, eventually, group, pages

from bridge.sandbox import Fault

BAD, BUSY = "bad0" * 8, "b051" * 8
REFUSED = '{"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]}'
TEAMS = {
    "hidden": {"mode": "shadow", "destinations": {"slack": {"channel": "#hidden"}}},
    "quiet": {"destinations": {"slack": {"channel": "#quiet"}}, "send": {"P1": ["-pagerduty"]}},
    "wrong": {"destinations": {"pagerduty": {"routing_key": "${env:BAD}"}}},
    "busy": {"destinations": {"pagerduty": {"routing_key": "${env:BUSY}"}}},
    "paged": {"destinations": {"slack": {"channel": "#paged"}}},
}
ROUTES = [{"matchers": ['env = "staging"'], "send": ["slack"]}]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """One bridge with an incident for each cause."""
    from harness import Starter  # noqa: PLC0415 - a bridge for all of them

    from bridge.sandbox import Sandbox  # noqa: PLC0415 - as above

    with Sandbox() as sandbox, Starter(tmp_path_factory) as start:
        sandbox.faults.add(Fault("status", "pagerduty", contains=BAD, status=400, body=REFUSED))
        sandbox.faults.add(Fault("status", "pagerduty", contains=BUSY, status=500))
        settings = config(sandbox, teams=TEAMS, routes=ROUTES, shadow={"channel": "#bridge-shadow"})
        bridge = start(settings, env={"BAD": BAD, "BUSY": BUSY})
        for team in TEAMS:
            bridge.post(group(alert(f"{team} fails", Team=team, Priority="P1")))
        bridge.post(group(alert("staging fails", Team="paged", Priority="P1", env="staging")))
        bridge.post(group(alert("minor fails", Team="paged", Priority="P3")))
        bridge.post(group(alert("dropped fails", Team="paged", Priority="none")))
        eventually(lambda: pages(sandbox, "paged fails"), "a page")
        eventually(lambda: bridge.delivery("busy fails", "pagerduty")["state"] == "retrying", "a try that failed")
        bridge.settle(but=["pagerduty"])
        bridge.post(group(alert("paged fails", Team="paged", Priority="P1", pod="b")))
        eventually(lambda: len(bridge.incident("paged fails")["alerts"]) == 2, "a second alert")
        bridge.settle(but=["pagerduty"])
        yield bridge


CAUSES = [
    ("hidden fails", "no", "shadow mode; live, it would have gone to #hidden, PagerDuty, GitHub acme/alerts"),
    ("quiet fails", "no", "pagerduty: taken out by team quiet, send P1 (bridge.yml:"),
    ("wrong fails", "no", "Invalid routing key): check the routing key of key "),
    ("busy fails", "not yet", ": HTTP 500"),
    ("staging fails", "no", "pagerduty: not in the send of route bridge.yml:"),
    ("minor fails", "no", "pagerduty: not in send P3 (by default)"),
    ("dropped fails", "no", "annotation Priority = 'none' (the word none means drop): recorded, told nowhere"),
    (
        "paged fails",
        "yes",
        ": 1 alert joined since, and made no page: only one that joins a P0 or P1 later than page_again",
    ),
]


def text_of(page):
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize(("title", "answer", "why"), CAUSES, ids=[cause[0].split()[0] for cause in CAUSES])
def test_it_is_said_at_one_glance_whether_it_paged_and_why_not(told, title, answer, why):
    found = told.incident(title)
    (said,) = found["paging"]
    assert said["paged"] == answer
    assert (said["at"] is None) == (answer != "yes")
    assert why in f"{said['where']}: {said['why']}"
    (line,) = [one for one in told.command("incident", found["id"]).stdout.splitlines() if one.startswith("  paged ")]
    assert line.split()[1].startswith(answer.split()[0])
    assert why in line
    facts = text_of(told.request("GET", f"/incidents/{found['id']}").text).split("Team", 1)[0]
    assert f"Paged {answer}" in facts
    assert why in facts
    assert not any(secret in line + facts for secret in (BAD, BUSY, ENV["PAGERDUTY_KEY"]))


def test_lists_say_who_is_not_told_and_who_is_in_shadow_mode(told):
    rows = {line.split("  ")[-1]: line for line in told.command("incidents").stdout.splitlines()}
    assert "  shadow  " in rows["hidden fails"]
    assert "  pagerduty dead  " in rows["wrong fails"]
    assert "  pagerduty retrying  " in rows["busy fails"]
    listed = told.request("GET", "/").text
    assert listed.count('class="badge shadow"') == 1
    page = told.request("GET", f"/incidents/{told.incident('hidden fails')['id']}").text
    assert page.count('class="badge shadow"') == 1
    assert "badge shadow" not in told.request("GET", f"/incidents/{told.incident('quiet fails')['id']}").text


def test_a_team_without_incidents_is_pointed_to_what_could_not_be_read(told):
    assert told.command("incidents", "--team", "nobody").stdout == "There is no such incident.\n"
    receipt = told.request("POST", "/webhooks/grafana", content=b'{"alerts": [{"labels"').json()["receipt"]
    assert told.receipt(receipt)["state"] == "quarantined"
    assert "1 notification could not be read: `bridge quarantine`" in told.command("incidents", "--team", "x").stdout


RULE = "Checkout is slow"
DAY = "2026-01-02"


def said(bridge):
    """What is said of the one incident's page."""
    (one,) = bridge.incident(RULE)["paging"]
    return one


def post(bridge, status="firing", start="10:00", **more):
    one = alert(RULE, status=status, start=f"{DAY}T{start}:00Z", **{"Priority": "P1", **more})
    bridge.receipt(bridge.post(group(one)))


def paged_and_resolved(start, sandbox):
    """A bridge whose one incident was paged for and is over."""
    bridge = start(config(sandbox))
    post(bridge)
    eventually(lambda: pages(sandbox, RULE), "a page")
    post(bridge, "resolved")
    eventually(lambda: pages(sandbox, RULE)[0].status == "resolved", "its end")
    bridge.settle()
    return bridge, said(bridge)


REFUSING = [(400, "dead", "no: Invalid routing key"), (500, "retrying", "not yet: HTTP 500")]


@pytest.mark.parametrize(("status", "state", "answer"), REFUSING)
def test_a_page_that_is_over_does_not_speak_for_what_fires_again(start, sandbox, status, state, answer):
    bridge, before = paged_and_resolved(start, sandbox)
    assert (before["paged"], before["why"]) == ("yes", None)
    sandbox.faults.add(Fault("status", "pagerduty", status=status, body=REFUSED))
    post(bridge, start="11:00")
    eventually(lambda: bridge.delivery(RULE, "pagerduty")["state"] == state, state)
    now, (paged, why) = said(bridge), answer.split(": ")
    assert (now["paged"], now["at"]) == (paged, None)
    assert now["why"].startswith(f"its page of {before['at'][:19].replace('T', ' ')} UTC is over; since then: ")
    assert why in now["why"]


def test_a_page_for_who_joined_that_is_dead_is_said_with_its_mend(start, sandbox):
    bridge = start(config(sandbox, destinations={"pagerduty": {"page_again": "1ms"}}))
    post(bridge)
    eventually(lambda: pages(sandbox, RULE), "a page")
    bridge.settle()
    sandbox.faults.add(Fault("status", "pagerduty", status=400, body=REFUSED))
    post(bridge, start="11:00", pod="b")
    eventually(lambda: bridge.delivery(RULE, "pagerduty")["state"] == "dead", "a dead letter")
    now = said(bridge)
    assert now["paged"] == "yes"
    assert "Invalid routing key): check the routing key" in now["why"]
    assert "joined" not in now["why"]


def test_a_page_that_was_made_counts_though_the_answer_to_its_second_trigger_was_lost(start, sandbox):
    bridge = start(config(sandbox))
    post(bridge)
    eventually(lambda: pages(sandbox, RULE), "a page")
    bridge.settle()
    first = said(bridge)
    sandbox.faults.add(Fault("drop_answer", "pagerduty", count=1))
    sandbox.faults.add(Fault("status", "pagerduty", contains='"trigger"', status=500))
    post(bridge, start="11:00", pod="b", Priority="P0")
    eventually(lambda: bridge.delivery(RULE, "pagerduty")["state"] == "retrying", "a lost answer")
    now = said(bridge)
    assert (now["paged"], now["at"]) == ("yes", first["at"])
    assert "joined" not in now["why"]
    post(bridge, "resolved")
    post(bridge, "resolved", start="11:00", pod="b", Priority="P0")
    bridge.settle()
    assert said(bridge) == first


def test_a_page_that_may_have_been_made_and_was_ended_is_said_to_be_so(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("drop_answer", "pagerduty", count=1))
    sandbox.faults.add(Fault("status", "pagerduty", contains='"trigger"', status=500))
    post(bridge)
    eventually(lambda: bridge.delivery(RULE, "pagerduty")["state"] == "retrying", "a lost answer")
    assert said(bridge)["paged"] == "not yet"
    post(bridge, "resolved")
    bridge.settle()
    assert pages(sandbox, RULE)[0].status == "resolved"
    now = said(bridge)
    assert (now["paged"], now["at"]) == ("no", None)
    assert now["why"] == "the answer to its page was lost, so somebody may have been paged; it was ended"
