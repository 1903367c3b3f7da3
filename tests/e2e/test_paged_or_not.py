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
