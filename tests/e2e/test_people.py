"""Who may look and act: with the admin token, by a proxy's word, on this machine; what other sites' pages can't do."""

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urlencode

import asked
import pytest
from harness import Process, alert, config, eventually, group, write_config
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

ADMIN = "admin-secret-of-the-console"
BEARER = {"Authorization": f"Bearer {ADMIN}"}
USER = "X-Forwarded-User"


class Forms(HTMLParser):
    """The hidden fields of a page's forms."""

    def __init__(self, page):
        super().__init__()
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden":
            self.fields[found["name"]] = found["value"]


class Person:
    """A browser without a screen: it keeps its cookie, as browsers do on localhost, and fills in forms."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.cookie = ""
        self.fields = {}

    def _ask(self, method, path, **more):
        headers = {**more.pop("headers", {}), **({"Cookie": self.cookie} if self.cookie else {})}
        answer = self.bridge.request(method, path, headers=headers, **more)
        if "Set-Cookie" in answer.headers:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            self.fields = Forms(answer.text).fields or self.fields
        return answer

    def get(self, path, **more):
        return self._ask("GET", path, **more)

    def send(self, path, headers=None, **fields):
        return self._ask("POST", path, data={**self.fields, **fields}, headers=headers or {})

    def sign_in(self, token=ADMIN):
        self.get("/login")
        return self.send("/login", token=token)


@pytest.fixture
def guarded(start, sandbox):
    return start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": ADMIN})


def opened(bridge, title, headers=BEARER):
    """The id of an incident that was just posted."""
    bridge.post(group(alert(title, Priority="P3")))

    def found():
        listed = bridge.request("GET", "/api/v1/incidents", headers=headers).json()["items"]
        return next((one["id"] for one in listed if one["title"] == title), None)

    return eventually(found)


def test_the_api_wants_the_admin_token_where_one_is_set(guarded):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {ADMIN}"}):
        answer = guarded.request("GET", "/api/v1/incidents", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "BRIDGE_ADMIN_TOKEN" in answer.json()["error"]
    assert guarded.request("GET", "/api/v1/incidents", headers=BEARER).status_code == 200
    assert guarded.request("POST", "/webhooks/grafana", json=group(alert("still flows"))).status_code == 202


def test_people_sign_in_and_act_under_that_name(guarded):
    incident = opened(guarded, "closed on its page")
    person = Person(guarded)
    refused = person.get(f"/incidents/{incident}")
    assert refused.status_code == 401
    assert 'action="/login"' in refused.text
    assert person.fields["next"] == f"/incidents/{incident}"
    assert person.send("/login", token="wrong").status_code == 401
    went = person.send("/login", token=ADMIN, next=f"/incidents/{incident}")
    assert (went.status_code, went.headers["Location"]) == (303, f"/incidents/{incident}")
    page = person.get(f"/incidents/{incident}")
    assert page.status_code == 200
    assert "closed on its page" in page.text
    assert person.send(f"/incidents/{incident}/close").status_code == 303
    whole = guarded.request("GET", f"/api/v1/incidents/{incident}", headers=BEARER).json()
    assert (whole["state"], whole["state_reason"]) == ("closed", "closed by the admin token")
    assert person.send("/logout").status_code == 303
    assert person.get("/").status_code == 401


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(guarded):
    person = Person(guarded)
    said = person.sign_in().headers["Set-Cookie"]
    assert said.startswith("__Host-bridge=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in said.split(";")}
    assert "Domain" not in said
    assert ADMIN not in said


@pytest.mark.parametrize(
    "after", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "\t//e.test", "//["]
)
def test_a_login_leads_to_a_page_of_ours(guarded, after):
    person = Person(guarded)
    person.get("/login")
    assert re.fullmatch(r"/[^/\\]*", person.send("/login", token=ADMIN, next=after).headers["Location"])


def test_another_token_ends_all_sessions(guarded):
    person = Person(guarded)
    person.sign_in()
    assert person.get("/").status_code == 200
    assert guarded.process.stop() == 0
    guarded.env["BRIDGE_ADMIN_TOKEN"] = "another one"
    guarded.restart()
    assert person.get("/").status_code == 401


def test_a_form_that_another_page_wrote_does_nothing(guarded):
    incident = opened(guarded, "stays open")
    person = Person(guarded)
    person.sign_in()
    person.get("/")
    close = f"/incidents/{incident}/close"
    assert person.send(close, form_token="").status_code == 403
    assert person.send(close, form_token="forged").status_code == 403
    assert person.send(close, {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert person.send(close, {"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert person.send(close, {"Origin": "https://evil.test"}).status_code == 403
    assert person.send(f"/api/v1{close}", {"Origin": "https://evil.test"}).status_code == 403
    assert Person(guarded).send("/login", token=ADMIN).status_code == 403
    whole = guarded.request("GET", f"/api/v1/incidents/{incident}", headers=BEARER).json()
    assert whole["state"] == "firing"
    assert person.send(close, {"Origin": guarded.address}).status_code == 303


def test_of_a_form_no_more_is_read_than_one_of_ours_can_hold(guarded):
    person = Person(guarded)
    person.get("/login")
    assert person.send("/login", token="x" * 100_000).status_code == 413
    assert guarded.request("POST", "/login", files={"token": b"x" * 100_000}).status_code == 413
    late = urlencode({**person.fields, "pad": "x" * 100_000, "token": ADMIN}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": person.cookie}
    assert guarded.request("POST", "/login", content=iter([late]), headers=kind).status_code == 401
    assert person.sign_in().status_code == 303
    assert person.send("/incidents/none/close", pad="x" * 100_000).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/lanes",
        "/quarantine",
        "/dead-letters",
        "/sources",
        "/configuration",
        "/api/v1/incidents",
        "/healthz",
        "/none",
    ],
)
def test_answers_run_no_script_but_ours_and_are_kept_by_nobody(guarded, path):
    answer = guarded.request("GET", path, headers=BEARER)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?! src=\"/static/)|\son\w+=|style=", answer.text)


def test_a_page_from_elsewhere_can_not_act_through_a_browser_here(start, sandbox):
    bridge = start(config(sandbox))
    for headers in ({"Host": "evil.test"}, {"X-Forwarded-For": "10.0.0.1"}, {"Host": "[::1"}):
        answer = bridge.request("GET", "/api/v1/incidents", headers=headers)
        assert answer.status_code in {400, 403}
    for origin in ("http://evil.test", "http://localhost:9999", "null"):
        answer = bridge.request("POST", "/api/v1/incidents/x/close", headers={"Origin": origin})
        assert answer.status_code == 403
    for origin in ("http://evil.test", "null", "http://[::1"):
        answer = bridge.request("POST", "/webhooks/grafana", json=group(alert("forged")), headers={"Origin": origin})
        assert answer.status_code == 401
    assert bridge.all("receipts") == []


def test_a_proxys_word_counts_where_it_is_trusted(start, sandbox):
    bridge = start(config(sandbox, auth_proxy={"header": USER, "trusted": ["127.0.0.0/8"]}))
    anna = {USER: "Zoë <b>".encode()}
    incident = opened(bridge, "closed by a name", anna)
    nobody = bridge.request("GET", "/api/v1/incidents")
    assert nobody.status_code == 401
    assert USER in nobody.json()["error"]
    assert "Zoë &lt;b&gt;" in bridge.request("GET", "/", headers=anna).text
    closed = bridge.request("POST", f"/api/v1/incidents/{incident}/close", headers=anna).json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "closed by Zoë <b>")
    # what was under way to a place may be told of after it
    assert "by Zoë <b>" in [entry["why"] for entry in closed["timeline"]]
    forged = bridge.request(
        "POST", f"/api/v1/incidents/{incident}/close", headers={**anna, "Origin": "https://evil.test"}
    )
    assert forged.status_code == 403


def test_a_proxys_word_is_nothing_from_elsewhere(start, sandbox):
    bridge = start(config(sandbox, auth_proxy={"header": USER, "trusted": ["10.0.0.0/8"]}))
    assert bridge.request("GET", "/api/v1/incidents", headers={USER: "anna"}).status_code == 403
    assert bridge.request("GET", "/", headers={USER: "anna", "X-Forwarded-For": "10.0.0.1"}).status_code == 403


def test_where_nobody_has_to_sign_in_the_login_leads_on(start, sandbox):
    bridge = start(config(sandbox))
    person = Person(bridge)
    went = person.get("/login")
    assert (went.status_code, went.headers["Location"]) == (303, "/")
    assert person.get("/").status_code == 200


def test_off_loopback_nobody_is_let_in_without_a_token_and_alerts_flow(tmp_path, sandbox):
    write_config(tmp_path, config(sandbox))
    process = Process("run", tmp_path, {"BRIDGE_WEBHOOK_TOKEN": "for senders"}, bind="0.0.0.0:0")
    address = process.address.replace("0.0.0.0", "127.0.0.1")
    try:
        for path in ("/api/v1/incidents", "/"):
            answer = asked.get(f"{address}{path}", timeout=30)
            assert answer.status_code == 403
            assert "BRIDGE_ADMIN_TOKEN" in answer.text
        for method in ("GET", "POST"):
            login = asked.request(method, f"{address}/login", timeout=30)
            assert (login.status_code, "<form" in login.text) == (403, False)
            assert "want BRIDGE_ADMIN_TOKEN: set it" in login.text
        sent = {"json": group(alert("flows")), "headers": {"Authorization": "Bearer for senders"}, "timeout": 30}
        assert asked.post(f"{address}/webhooks/grafana", **sent).status_code == 202
        assert asked.post(f"{address}/webhooks/grafana", **{**sent, "headers": {}}).status_code == 401
    finally:
        process.kill()


def shows(browser, heading):
    """Wait until a page with this heading is there, whatever was there before."""

    def there():
        with suppress(WebDriverException):
            return browser.find_element(By.TAG_NAME, "h1").text == heading
        return False

    eventually(there, heading)


def test_in_a_browser_the_quarantine_is_read_replayed_and_dismissed(browser, start, sandbox):
    bridge = start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": ADMIN})
    for body in (b"<script>no JSON</script>", b'{"no": "alerts"}'):
        assert bridge.request("POST", "/webhooks/grafana", content=body).status_code == 202

    def quarantined():
        page = bridge.request("GET", "/api/v1/receipts?state=quarantined", headers=BEARER).json()["items"]
        return page if len([one for one in page if one["source"] == "grafana"]) == 2 else None

    def acts(receipt):
        found = bridge.request("GET", f"/api/v1/receipts/{receipt}", headers=BEARER).json()
        return [(one["what"], one["who"]) for one in found["acts"]]

    newest, oldest = (one["id"] for one in eventually(quarantined) if one["source"] == "grafana")
    browser.get(f"{bridge.address}/quarantine")
    browser.find_element(By.ID, "token").send_keys(ADMIN)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    shows(browser, "Quarantine")
    browser.get(f"{bridge.address}/receipts/{oldest}")
    assert browser.find_element(By.TAG_NAME, "pre").text == "<script>no JSON</script>"
    browser.find_element(By.CSS_SELECTOR, f'form[action="/receipts/{oldest}/dismiss"] button').click()
    shows(browser, "Quarantine")
    browser.find_element(By.CSS_SELECTOR, f'form[action="/receipts/{newest}/replay"] button').click()
    eventually(lambda: acts(newest))

    assert acts(oldest) == [("dismissed", "the admin token")]
    assert acts(newest) == [("replayed", "the admin token")]
    browser.find_element(By.CSS_SELECTOR, "nav form button").click()
    shows(browser, "Sign in")


def test_the_page_of_an_incident_shows_all_that_was_told(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("told everywhere", Priority="P0", Team="\u202egnorts")))
    bridge.settle()
    (incident,) = [one["id"] for one in bridge.incidents() if one["title"] == "told everywhere"]
    page = bridge.request("GET", f"/incidents/{incident}")
    assert page.status_code == 200
    for kind in ("slack", "pagerduty", "github"):
        assert f"{kind} " in page.text
