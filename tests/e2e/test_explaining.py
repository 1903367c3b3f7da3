"""Why did it go there, why did nobody get paged: asked of the API, of the pages and of the command line."""

import json
import re
from urllib.parse import quote

import pytest
from harness import GITHUB_TOKEN, ROUTING_KEY, SLACK_TOKEN, alert, config, eventually, group
from test_people import ADMIN, BEARER, Person

from bridge.sandbox import Fault

SECRETS = (SLACK_TOKEN, GITHUB_TOKEN, ROUTING_KEY)
POOS = quote("\N{PILE OF POO}" * 60)
HOSTILE = '<script>document.title="owned"</script>'
TEAMS = {
    "payments": {"aliases": ["pay"], "send": {"P1": ["-pagerduty"]}},
    "search": {},
}


@pytest.fixture
def bridge(start, sandbox):
    routes = [{"matchers": ['grafana_folder = "staging"'], "set": {"priority": "P3"}}]
    return start(config(sandbox, teams=TEAMS, routes=routes))


def explain(bridge, body, query="", **more):
    return bridge.request("POST", f"/api/v1/explain{query}", content=json.dumps(body), **more)


def test_the_api_explains_and_neither_sends_nor_stores(bridge, sandbox):
    answer = explain(bridge, group(alert("No page", Team="pay", Priority="sev2")), "?source=grafana")
    assert answer.status_code == 200
    (told,) = answer.json()["alerts"]
    decision = told["decision"]
    assert decision["team_from"] == "annotation Team = 'pay' (pay is an alias of payments)"
    assert decision["priority_from"] == "annotation Priority = 'sev2' (the word sev2 means P1)"
    assert [(one["matched"], one["matcher"], one["value"]) for one in decision["tried"]] == [
        (False, 'grafana_folder = "staging"', "e2e")
    ]
    (missed,) = decision["missed"]
    assert (missed["destination"], missed["team"]) == ("pagerduty", "payments")
    assert re.fullmatch(r"taken out by team payments, send P1 \(.*bridge\.yml:\d+\)", missed["why"])
    slack = next(aim for aim in told["targets"] if aim["destination"] == "slack")
    assert slack["settings"]["token"]["value"] == "${env:SLACK_BOT_TOKEN}"
    assert re.search(r"bridge\.yml:\d+$", slack["settings"]["channel"]["inherited"]["where"])
    assert slack["settings"]["timeout"]["inherited"] == {"by": "kind slack", "where": "by default"}
    says = {one["destination"]: one["says"] for one in answer.json()["incidents"][0]["deliveries"]}
    assert says["github"] == "[P1] No page"
    assert not [secret for secret in SECRETS if secret in answer.text]
    assert bridge.all("receipts") == []
    assert bridge.all("incidents") == []
    assert sandbox.seen() == []


def test_the_api_and_the_command_say_the_same(bridge):
    body = group(alert("Same", Team="pay", Priority="P1"))
    (bridge.folder / "body.json").write_text(json.dumps(body))
    said = bridge.command("explain", "body.json", "--json")
    assert said.returncode == 0, said.stderr
    by_command, by_api = json.loads(said.stdout), explain(bridge, body).json()
    for one in by_api["incidents"][0]["deliveries"]:
        one["missing"] = []
    assert by_command["alerts"] == by_api["alerts"]
    assert by_command["incidents"] == by_api["incidents"]


def test_what_the_api_refuses(bridge):
    wrong = explain(bridge, {}, "?source=grafan")
    assert (wrong.status_code, wrong.json()) == (404, {"error": "there is no source 'grafan': did you mean grafana?"})
    odd = explain(bridge, {"hello": "world"}).json()
    assert odd["quarantine"].startswith("source grafana: the body has no list `alerts`")
    assert (odd["alerts"], odd["incidents"]) == ([], [])
    large = explain(bridge, {"x": "y" * 1_100_000})
    assert (large.status_code, "1 MiB" in large.json()["error"]) == (413, True)
    assert explain(bridge, {}, headers={"Origin": "https://evil.test"}).status_code == 403
    assert bridge.request("GET", "/api/v1/explain").status_code == 405


def test_an_error_of_the_api_is_short_as_it_is_sent(start, sandbox):
    sources = {f"grafana-of-department-{number}": {"auth": "none"} for number in range(60)}
    bridge = start(config(sandbox, sources=sources))
    long = explain(bridge, {}, f"?source={POOS}")
    assert (long.status_code, len(long.content) <= 1024) == (404, True)
    assert long.json()["error"].startswith("there is no source ")


def test_very_many_alerts_are_explained_in_part(bridge):
    many = [alert(f"Alert {number}", Priority="P1") for number in range(300)]
    found = explain(bridge, group(*many)).json()
    assert (len(found["alerts"]), found["more_alerts"]) == (100, 200)
    assert (len(found["incidents"]), found["more_incidents"]) == (20, 280)


def test_only_who_may_use_the_api_is_answered(start, sandbox):
    guarded = start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": ADMIN})
    body = group(alert("Guarded"))
    assert explain(guarded, body).status_code == 401
    assert explain(guarded, body, headers=BEARER).status_code == 200
    assert Person(guarded).get("/explain").status_code == 401
    person = Person(guarded)
    person.sign_in()
    assert person.get("/explain").status_code == 200
    person.fields = {}
    assert person.send("/explain", payload="{}").status_code == 403


def text_of(page):
    """The page's words, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).replace("&#39;", "'").replace("&#34;", '"')


def test_the_page_explains_a_payload_without_a_script(bridge):
    person = Person(bridge)
    asked = person.get("/explain")
    assert asked.status_code == 200
    assert "<script" not in asked.text
    body = json.dumps(group(alert("No page", Team="pay", Priority="P1", summary=HOSTILE)))
    page = person.send("/explain", payload=body, source="grafana")
    assert page.status_code == 200
    assert "<script" not in page.text
    said = text_of(page.text)
    assert "payments, from annotation Team = 'pay' (pay is an alias of payments)" in said
    assert re.search(r"pagerduty payments taken out by team payments, send P1 \(\S*bridge\.yml:\d+\)", said)
    assert re.search(r"channel #alerts destination slack \(\S*bridge\.yml:\d+\)", said)
    assert "posts “P1 firing: No page" in said
    assert not [secret for secret in SECRETS if secret in page.text]
    assert "This would go to quarantine" in text_of(person.send("/explain", payload="{}", source="grafana").text)
    assert "There is no source 'nowhere'" in text_of(person.send("/explain", payload=body, source="nowhere").text)
    assert "There is no source 'Nowhere': " in text_of(person.get("/explain?source=Nowhere").text)


def test_a_stored_receipt_is_explained_again(bridge):
    receipt = bridge.post(group(alert("Stored", Priority="P2")))
    bridge.settle()
    person = Person(bridge)
    assert f'href="/explain?receipt={receipt}"' in person.get(f"/receipts/{receipt}").text
    said = text_of(person.get(f"/explain?receipt={receipt}").text)
    assert "Alert 1: Stored, firing" in said
    assert re.search(r"pagerduty unrouted not in send P2 \(by default\)", said)
    assert person.get("/explain?receipt=none").status_code == 404


def test_why_a_p1_of_a_team_did_not_page_is_on_its_page_and_in_its_verb(bridge):
    bridge.post(group(alert("Not paged", Team="payments", Priority="P1")))
    bridge.settle()
    incident = bridge.incident("Not paged")
    why = r"taken out by team payments, send P1 \(\S*bridge\.yml:\d+\)"
    page = text_of(bridge.request("GET", f"/incidents/{incident['id']}").text)
    assert re.search(rf"pagerduty payments {why}", page)
    said = bridge.command("incident", incident["id"]).stdout
    assert re.search(rf"does not go to\n    pagerduty  {why}\n", said)


def test_the_time_line_goes_from_the_receipt_over_a_retry_to_the_message(bridge, sandbox):
    limited = Fault("status", "slack", path="/api/chat.postMessage", count=1, status=429, headers={"Retry-After": "1"})
    sandbox.faults.add(limited)
    receipt = bridge.post(group(alert("Limited", Priority="P3")))
    bridge.settle()
    incident = bridge.incident("Limited")
    lines = incident["timeline"]
    assert [line["what"] for line in lines] == ["received", "opened", "addressed", "retrying", "open"]
    received, opened, addressed, retrying, posted = lines
    assert (received["receipt"], received["why"]) == (receipt, f"receipt {receipt}")
    assert opened["decision"]["priority_from"] == "annotation Priority = 'P3'"
    assert addressed["delivery"] == retrying["delivery"] == posted["delivery"] == incident["deliveries"][0]["id"]
    assert (retrying["status"], retrying["retry_after"], retrying["method"]) == (429, 1.0, "chat.postMessage")
    assert retrying["until"] > retrying["at"]
    assert (posted["status"], posted["address"]) == (200, "#alerts")
    assert re.fullmatch(r"slack-\d+", retrying["request"])
    assert re.fullmatch(r"slack-\d+", posted["request"])
    assert retrying["request"] != posted["request"]
    assert retrying["ms"] >= 0
    assert posted["ms"] >= 0
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)

    page = bridge.request("GET", f"/incidents/{incident['id']}").text
    assert f'href="{incident["deliveries"][0]["remote"]["url"]}"' in page
    assert f'href="/receipts/{receipt}"' in page
    said = text_of(page)
    assert re.search(r"retrying Slack #alerts \S.* HTTP 429, \d+ ms, Retry-After 1.0 s, again ", said)
    assert posted["request"] in said
    verb = bridge.command("incident", incident["id"]).stdout
    assert re.search(r"retrying .*\(HTTP 429, \d+ ms, request slack-\d+, Retry-After 1 s, again at .*\)", verb)
    assert re.search(r"open +at #alerts \(HTTP 200, \d+ ms, request slack-\d+\)", verb)


def test_tries_that_fail_alike_count_as_one_line(bridge, sandbox):
    sandbox.faults.add(Fault("status", "github", path="/repos/acme/alerts/issues", count=3, status=503))
    bridge.post(group(alert("Again and again", Priority="P2")))
    bridge.settle()
    lines = [one for one in bridge.incident("Again and again")["timeline"] if one.get("destination") == "github"]
    tries = [one for one in lines if one["what"] == "retrying"]
    assert len(tries) == 1
    assert tries[0]["times"] == 3
    assert tries[0]["last"]["at"] > tries[0]["at"]


def test_a_page_is_named_by_its_dedup_key(bridge):
    bridge.post(group(alert("Paged", Team="search", Priority="P0")))
    bridge.settle()
    incident = bridge.incident("Paged")
    (paged,) = [one for one in incident["deliveries"] if one["kind"] == "pagerduty"]
    assert paged["remote"]["dedup_key"] == f"bridge/{incident['id']}/1"
    opened = eventually(lambda: [line for line in incident["timeline"] if line.get("kind") == "pagerduty"])
    assert opened[-1]["status"] == 202
    assert paged["remote"]["dedup_key"] in bridge.request("GET", f"/incidents/{incident['id']}").text
