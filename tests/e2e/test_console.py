"""The console: what is open is found, kept up to date and acted on: by keyboard, on a phone, without a script."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress

import pytest
from harness import Starter, alert, config, eventually, group
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from selenium_axe_python import Axe
from test_people import ADMIN, BEARER, Person
from test_playground import complaints, holds

from bridge.sandbox import Fault, Sandbox
from bridge.web.pages import SHOWN

HOSTILE = '<b id="broke-out"><script>document.title="owned"</script>\u202e&'
TEAMS = {
    "payments": {"destinations": {"slack": {"channel": "#payments"}}, "aliases": ["pay"]},
    "storage": {"timezone": "America/Los_Angeles", "send": {"P2": "+pagerduty"}},
}
REFUSED = '{"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "invalid"}]}'
DEAD = ("Checkout is slow", "Replication lags")
LISTS = ("/", "/lanes", "/dead-letters", "/quarantine", "/sources")


def api(bridge, path):
    return bridge.request("GET", f"/api/v1/{path}", headers=BEARER).json()


def opened(bridge, title):
    """The id of an incident of this title, once it is there."""

    def found():
        return next((one["id"] for one in api(bridge, "incidents")["items"] if one["title"] == title), None)

    return eventually(found, title)


@pytest.fixture
def empty(start, sandbox):
    return start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": ADMIN})


@pytest.fixture
def bridge(start, sandbox):
    """A bridge with something on every page, to be acted on."""
    return filled(start, sandbox)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One for all who only look."""
    with Sandbox() as sandbox, Starter(tmp_path_factory) as start:
        yield filled(start, sandbox)


def filled(start, sandbox):
    refused = {"method": "POST", "path": "*/issues", "status": 422, "body": REFUSED, "count": 1}
    sandbox.faults.add(*(Fault("status", "github", contains=title, **refused) for title in DEAD))
    settings = config(
        sandbox,
        timezone="Europe/Berlin",
        teams=TEAMS,
        sources={"grafana": {"auth": "none"}, "alertmanager": {"auth": {"bearer": {"token": "${env:GITHUB_TOKEN}"}}}},
        routes=[{"matchers": ['severity="noise"'], "send": ["slack"]}],
    )
    made = start(settings, env={"BRIDGE_ADMIN_TOKEN": ADMIN})
    for title, priority, team in (
        ("Checkout is slow", "P1", "payments"),
        ("Replication lags", "P1", "storage"),
        ("Certificate expires", "P2", "payments, storage"),
        (HOSTILE, "P3", HOSTILE),
    ):
        said = {"Description": f"{HOSTILE}\nLook at the dashboard.", "Runbook_url": "https://wiki.test/checkout"}
        made.post(group(alert(title, Priority=priority, Team=team, pod=f"pod-{len(title)}", odd=HOSTILE, **said)))
    assert made.request("POST", "/webhooks/grafana", content=b'{"no": "alerts"}').status_code == 202
    eventually(lambda: len(api(made, "deliveries?state=dead")["items"]) == 2, "two dead letters")
    # the bridge's own incidents: what was not told, what could not be read
    eventually(lambda: len(api(made, "incidents")["items"]) == 6, "six incidents")
    at_rest = {"delivered", "skipped", "dead"}
    eventually(lambda: {one["state"] for one in api(made, "deliveries")["items"]} <= at_rest, "all at rest")
    return made


@pytest.fixture
def seen(browser, shown):
    """The browser, signed in there, as wide as a desk's."""
    return sign_in(browser, shown)


@pytest.fixture
def used(browser, bridge):
    """The browser where there is something to be acted on."""
    return sign_in(browser, bridge)


def sign_in(browser, bridge):
    browser.get(f"{bridge.address}/login")
    browser.find_element(By.ID, "token").send_keys(ADMIN)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    holds(browser, "h1", "Open incidents")
    return browser


def person_at(bridge):
    person = Person(bridge)
    person.sign_in()
    return person


def titles(page):
    """The titles of the incidents that a page lists."""
    return re.findall(r'<a class="title"[^>]*>([^<]*)</a>', page)


def everywhere(bridge):
    """An address of every page."""
    incident, receipt = opened(bridge, "Checkout is slow"), api(bridge, "receipts?state=quarantined")["items"][0]["id"]
    more = (f"/incidents/{incident}", f"/receipts/{receipt}", "/incidents/none", "/configuration", "/playground")
    return (*LISTS, "/?by=team", "/?state=any&text=nothing", *more)


# Without a browser: what everybody is sent


def test_every_page_says_what_it_is_where_it_is_and_of_when(shown):
    person = person_at(shown)
    names = set()
    for path in everywhere(shown):
        page = person.get(path).text
        (title,) = re.findall(r"<title>(.+?) · Alert bridge</title>", page)
        crumb = re.search(r'<nav class="crumbs".*?<li aria-current="page">(.*?)</li></ol></nav>', page, re.DOTALL)
        assert crumb
        assert crumb[1] == title
        assert len(re.findall("<h1", page)) == 1
        assert '<html lang="en">' in page
        assert path == "/incidents/none" or re.search(
            r"As of <time datetime=\"[^\"]+Z\" title=\"[^\"]+ UTC\">", page
        ), path
        names.add(title)
    assert len(names) >= 10


def test_times_are_shown_in_the_configured_zone_with_utc_beside(shown):
    page = person_at(shown).get(f"/incidents/{opened(shown, 'Checkout is slow')}").text
    at = '<time datetime="2025-12-09T17:29:00Z" title="2025-12-09 17:29:00 UTC">Dec 9, 2025 6:29 PM CET</time>'
    assert at in page


def test_what_is_listed_is_in_the_address(shown):
    person = person_at(shown)
    assert "&lt;b id=&#34;broke-out&#34;&gt;" in titles(person.get("/").text)[-1]
    for query, found in (
        ("team=storage", {"Replication lags", "Certificate expires"}),
        ("team=PAYMENTS&priority=P1", {"Checkout is slow"}),
        ("source=bridge", {"Not told at github acme/alerts", "Unreadable alerts from grafana"}),
        ("trouble=dead", {"Checkout is slow", "Replication lags"}),
        ("text=certif", {"Certificate expires"}),
        ("text=pod%3D%22pod-16%22", {"Checkout is slow", "Replication lags"}),
        ("text=pod-16+check", {"Checkout is slow"}),
        ("state=stale", set()),
        ("state=closed", set()),
        ("priority=P9&state=nonsense&by=x&team=storage", {"Replication lags", "Certificate expires"}),
    ):
        page = person.get(f"/?{query}").text
        assert set(titles(page)) == found, query
        assert found or "No incident fits these filters." in page
    for text in ("7", "x", "%E6%97%A5", "n%3D%224%22", "%25"):
        page = person.get(f"/?state=any&text={text}").text
        assert titles(page) == []
        assert "write at least two letters or digits of a word." in page
    assert titles(person.get("/?text=7+certif").text) == ["Certificate expires"]
    went = person.get("/?text=disk+full&state=open&team=&priority=P1&source=&trouble=&by=priority")
    assert (went.status_code, went.headers["Location"]) == (303, "/?priority=P1&text=disk+full")
    by_team = person.get("/?by=team").text
    groups = re.findall(r'<h2 id="group-\d+">([^<]*)</h2>', by_team)
    assert {"payments", "storage", "payments, storage", "unrouted"} < set(groups)


def test_whoever_signs_in_comes_to_what_the_link_said(shown):
    person = Person(shown)
    assert person.get("/?team=storage&priority=P1").status_code == 401
    assert person.send("/login", token=ADMIN).headers["Location"] == "/?team=storage&priority=P1"


def test_empty_pages_say_what_to_do(empty):
    person = person_at(empty)
    home = person.get("/").text
    assert "No open incidents." in home
    assert "Send a test: <code>bridge send-test</code>" in home
    assert "Nothing was told anywhere yet." in person.get("/lanes").text
    assert "No dead letters." in person.get("/dead-letters").text
    assert "Nothing is in quarantine." in person.get("/quarantine").text
    assert "nothing yet: point a contact point to the address" in person.get("/sources").text


def test_an_incident_shows_the_whole_text_of_its_alerts_and_their_links(shown):
    page = person_at(shown).get(f"/incidents/{opened(shown, 'Checkout is slow')}").text
    assert "<dt>Description</dt><dd>&lt;b id=&#34;broke-out&#34;&gt;&lt;script&gt;" in page
    assert "\nLook at the dashboard.</dd>" in page
    assert '<a href="https://wiki.test/checkout" rel="noreferrer">Runbook</a>' in page
    assert "\u202e" not in page
    assert "1 firing." in page


def test_an_incident_of_very_many_alerts_says_once_what_all_say(empty):
    empty.post(group(*(alert("Nodes down", pod=f"pod-{n}", Description="The rack has no power.") for n in range(2000))))
    one = opened(empty, "Nodes down")
    eventually(lambda: len(api(empty, f"incidents/{one}")["alerts"]) == 2000, "all of them")
    page = person_at(empty).get(f"/incidents/{one}").text
    assert page.count("The rack has no power.") == 1
    assert page.count("<code>pod=pod-") == SHOWN
    assert f"2,000 firing. The {SHOWN} most urgent are shown" in page


def test_a_time_line_that_is_cut_says_so(empty):
    empty.post(group(alert("Nodes down", Priority="P3")))
    one = opened(empty, "Nodes down")
    assert "events are shown" not in person_at(empty).get(f"/incidents/{one}").text
    with closing(sqlite3.connect(empty.folder / "bridge.db", timeout=30)) as stranger, stranger:
        more = "INSERT INTO history (incident, at, what) VALUES (?, ?, ?)"
        stranger.executemany(more, [(one, 1_765_300_000_000_000 + n, "changed") for n in range(SHOWN)])
    assert f"The last {SHOWN} events are shown" in person_at(empty).get(f"/incidents/{one}").text


def test_lanes_say_what_holds_them_up(start, sandbox):
    sandbox.faults.add(Fault("status", "slack", path="/api/chat.*", status=429, headers={"Retry-After": "120"}))
    bridge = start(config(sandbox))
    bridge.post(group(alert("waits", Priority="P3")))

    def row():
        rows = re.findall(r"<tr>.*?</tr>", bridge.request("GET", "/lanes").text, re.DOTALL)
        said = re.compile(r'paused.*data-name="Last error"><span>(?!none)', re.DOTALL)
        return next((one for one in rows if "#alerts" in one and said.search(one)), None)

    # that the place is left alone is written first, and then what became of the step that it refused
    found = eventually(row, "a paused lane and why")
    assert re.search(r'paused</span> until <time datetime="[^"]+Z"', found)
    assert re.search(r'data-name="Backlog" class="number"><span>1 ', found)
    assert "no limit" in found
    assert bridge.process.stop() == 0


def test_a_lane_that_another_name_leads_to_shows_its_pace(start, sandbox):
    settings = config(sandbox, send={"P3": ["slack"]})
    bridge = start(settings)
    bridge.post(group(alert("told", Priority="P3")))
    eventually(lambda: {one["state"] for one in api(bridge, "deliveries")["items"]} == {"delivered"}, "told")
    slack = {"kind": "slack", **settings["destinations"].pop("slack"), "rate": "50/min"}
    settings |= {"destinations": {**settings["destinations"], "talk": slack}, "send": {"P3": ["talk"]}}
    assert bridge.process.stop() == 0
    bridge.configure(settings)
    bridge.restart()
    page = bridge.request("GET", "/lanes").text
    assert "<span>50/m</span>" in page
    assert "not configured now" not in page
    assert bridge.process.stop() == 0


def test_a_page_says_that_nobody_delivers(start, sandbox):
    bridge = start(config(sandbox), verb="web")
    assert "No deliverer is running" in bridge.request("GET", "/lanes").text


def test_the_configuration_is_shown_with_its_places_and_without_secrets(shown):
    page = person_at(shown).get("/configuration").text
    rows = dict(re.findall(r'data-name="Setting">([^<]*)</td><td data-name="Value"><code>([^<]*)</code>', page))
    assert rows["timezone"] == "Europe/Berlin"
    assert rows["token"] == "secret from ${env:GITHUB_TOKEN}"
    assert rows["slack: channel"] == "#payments"
    assert rows["send P2"] == "+pagerduty"
    assert rows["retention"] == "receipts: 30d, incidents: 400d, quarantine: 30d"
    assert rows["max_storage"] == "10 GiB"
    assert re.search(r"<code>Europe/Berlin</code></td><td[^>]*>bridge.yml:\d+</td>", page)
    assert re.search(r"<code>10m</code></td><td[^>]*>default</td>", page)
    assert "severity = &#34;noise&#34;" in page
    everything = "".join(person_at(shown).get(path).text for path in everywhere(shown))
    assert not [secret for secret in ("xoxb-sandbox", "ghp_sandbox", ADMIN, "0123456789abcdef") if secret in everything]


def test_all_at_once(bridge):
    person = person_at(bridge)
    person.get("/dead-letters")
    for path in ("/deliveries/dismiss", "/receipts/replay"):
        assert person.send(path, form_token="forged").status_code == 403
        assert person.send(path, {"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert Person(bridge).send(path).status_code == 401
    assert len(api(bridge, "deliveries?state=dead")["items"]) == 2
    assert person.send("/deliveries/replay").headers["Location"] == "/dead-letters"
    eventually(lambda: not api(bridge, "deliveries?state=dead")["items"], "no dead letter")
    eventually(
        lambda: all(
            one["state"] == "delivered" for one in api(bridge, "deliveries")["items"] if one["kind"] == "github"
        )
    )
    assert person.send("/receipts/dismiss").headers["Location"] == "/quarantine"
    assert api(bridge, "receipts?state=quarantined")["items"] == []


def test_a_list_is_sent_again_only_where_it_is_another_one(bridge):
    person = person_at(bridge)
    for path in LISTS:
        whole = person.get(path)
        (shown,) = re.findall(r'hx-headers=\'{"X-Shown": "(\w+)"}\'', whole.text)
        asked = {"HX-Request": "true"}
        same = person.get(path, headers={**asked, "X-Shown": shown})
        assert (same.status_code, same.text) == (204, "")
        other = person.get(path, headers={**asked, "X-Shown": "0"})
        assert other.text.startswith('<div id="live"')
        assert shown in other.text
        for answer in (same, other):
            assert re.fullmatch(r"\S+Z \w+ \d+, \d{4} \d+:\d\d [AP]M \w+", answer.headers["X-As-Of"])
    opened_before = shown
    bridge.post(group(alert("One more")))
    opened(bridge, "One more")
    assert person.get("/", headers={"HX-Request": "true", "X-Shown": opened_before}).status_code == 200


def test_a_long_list_is_paged(empty):
    empty.post(group(*(alert(f"Number {n}", Priority="P2") for n in range(60))))
    person = person_at(empty)
    eventually(lambda: len(titles(person.get("/").text)) == 50, "a full page")
    first = person.get("/").text
    (following,) = re.findall(r'id="next" href="([^"]+)"', first)
    eventually(lambda: len(titles(person.get(following).text)) == 10, "the rest")
    second = person.get(following).text
    assert len({*titles(first), *titles(second)}) == 60
    assert 'id="first" href="/"' in second


# In a browser


def test_in_a_browser_a_filter_is_kept_in_the_address(seen, shown):
    seen.find_element(By.ID, "text").send_keys("pod-16")
    seen.find_element(By.CSS_SELECTOR, ".filters summary").click()
    Select(seen.find_element(By.ID, "priority")).select_by_value("P1")
    seen.find_element(By.ID, "team").send_keys("storage")
    seen.find_element(By.CSS_SELECTOR, ".filters button").click()
    address = f"{shown.address}/?team=storage&priority=P1&text=pod-16"
    eventually(lambda: seen.current_url == address, address)
    seen.get(seen.current_url)
    assert [one.text for one in seen.find_elements(By.CSS_SELECTOR, ".title")] == ["Replication lags"]
    assert seen.find_element(By.ID, "text").get_attribute("value") == "pod-16"
    assert seen.find_element(By.ID, "team").get_attribute("value") == "storage"
    seen.find_element(By.ID, "all").click()
    eventually(lambda: seen.current_url == f"{shown.address}/")
    assert complaints(seen) == []


def test_in_a_browser_what_is_new_comes_by_itself_and_disturbs_nobody(used, bridge):
    used.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 400, "deviceScaleFactor": 1, "mobile": True}
    )
    used.execute_script("window.marked = true")
    link = f"i-{opened(bridge, 'Replication lags')}"
    used.execute_script("document.getElementById(arguments[0]).focus()", link)
    place = (
        "const one = document.activeElement;"
        "return [window.marked, one.id, Math.round(one.getBoundingClientRect().top), scrollY > 0];"
    )
    before = used.execute_script(place)
    assert before[1:] == [link, before[2], True]
    assert used.find_element(By.ID, "news").text == ""
    bridge.post(group(alert("Comes above", Priority="P0"), alert("Comes below", Priority="P3")))
    for title in ("Comes above", "Comes below"):
        holds(used, "#live", title)
        assert used.execute_script(place) == before
    said = eventually(lambda: used.execute_script("return document.getElementById('news').textContent"))
    assert said.startswith("8 open: 1 P0, ")
    assert complaints(used) == []


def test_in_a_browser_what_is_as_it_was_is_left_alone(seen):
    seen.execute_script("document.getElementById('live').mine = true")
    at = "return document.querySelector('#as-of time').dateTime"
    before = seen.execute_script(at)
    eventually(lambda: seen.execute_script(at) != before, "asked again")
    assert seen.execute_script("return document.getElementById('live').mine")
    assert seen.execute_script("return document.getElementById('news').textContent") == ""


def test_in_a_browser_nothing_is_asked_for_unseen_or_while_paused(seen):
    seen.execute_script(
        "window.asked = 0; document.body.addEventListener('htmx:beforeRequest', () => { asked += 1; });"
        "window.shown = (hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        "  const before = asked; document.dispatchEvent(new Event('visibilitychange')); return asked - before; }"
    )
    assert seen.execute_script("return shown(true)") == 0
    assert seen.execute_script("return shown(false)") == 1
    seen.find_element(By.ID, "pause").click()
    assert seen.find_element(By.ID, "live-state").text == "Paused"
    assert seen.execute_script("return shown(false)") == 0
    seen.find_element(By.ID, "pause").click()
    eventually(lambda: seen.find_element(By.ID, "live-state").text == "Live")


def test_in_a_browser_a_page_admits_that_it_is_not_live(used, bridge):
    eventually(lambda: used.find_element(By.ID, "live-state").text == "Live")
    bridge.process.kill()
    holds(used, "#live-state", "Not live: the bridge did not answer")
    assert "Checkout is slow" in used.find_element(By.ID, "live").text
    used.get_log("browser")


def test_in_a_browser_an_incident_is_found_and_closed_by_keyboard(used, bridge):
    incident = opened(bridge, "Checkout is slow")

    def go_to(wanted, most=60):
        for _ in range(most):
            used.switch_to.active_element.send_keys(Keys.TAB)
            here = used.switch_to.active_element
            if wanted in (here.get_attribute("id"), here.text):
                outline = used.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", wanted
                return here
        raise AssertionError(f"{wanted} was not reached")

    used.find_element(By.TAG_NAME, "body").click()
    used.get(used.current_url)
    go_to("Skip to content", 1).send_keys(Keys.ENTER)
    eventually(lambda: used.execute_script("return document.activeElement.id") == "main")
    go_to("text").send_keys("checkout", Keys.ENTER)
    eventually(lambda: used.current_url.endswith("/?text=checkout"))
    go_to(f"i-{incident}").send_keys(Keys.ENTER)
    holds(used, "h1", "Checkout is slow")
    go_to("close").send_keys(Keys.ENTER)
    holds(used, ".facts", "closed: closed by the admin token")
    assert api(bridge, f"incidents/{incident}")["state"] == "closed"
    assert complaints(used) == []


def test_in_a_browser_without_javascript_everything_is_there(seen, shown):
    seen.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    for path, words in (
        ("/", "Replication lags"),
        ("/lanes", "acme/alerts"),
        ("/dead-letters", "GitHub refused a request"),
        ("/quarantine", "the body has no list"),
        ("/sources", "/webhooks/alertmanager"),
        ("/configuration", "Europe/Berlin"),
        (f"/incidents/{opened(shown, 'Replication lags')}", "Told at"),
    ):
        seen.get(f"{shown.address}{path}")
        assert words in seen.find_element(By.TAG_NAME, "main").text, path
        assert not seen.find_elements(By.CSS_SELECTOR, "#pause:not([hidden])")
    seen.get(f"{shown.address}/")
    seen.find_element(By.ID, "text").send_keys("certificate", Keys.ENTER)
    eventually(lambda: seen.current_url.endswith("/?text=certificate"))
    assert [one.text for one in seen.find_elements(By.CSS_SELECTOR, ".title")] == ["Certificate expires"]


def test_in_a_browser_hostile_words_stay_words(seen, shown):
    hostile = next(one["id"] for one in api(shown, "incidents")["items"] if "broke-out" in one["title"])
    for path in ("/", "/?by=team", f"/incidents/{hostile}", f"/?team={HOSTILE}"):
        seen.get(f"{shown.address}{path}")
        assert "broke-out" in seen.find_element(By.TAG_NAME, "main").get_attribute("textContent") or "team=" in path
        assert seen.find_elements(By.CSS_SELECTOR, "#broke-out, main script, [onerror]") == []
        assert "\u202e" not in seen.page_source.partition("</form>")[2]
        assert "owned" not in seen.title.partition("·")[2]
    assert complaints(seen) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_axe_finds_nothing_and_nothing_is_too_wide(seen, shown, scheme, width):
    seen.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    seen.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    found = {}
    for path in (*everywhere(shown), "/login"):
        seen.get(f"{shown.address}{path}")
        with suppress(WebDriverException):
            seen.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        axe = Axe(seen)
        axe.inject()
        faults = axe.run()["violations"]
        found[path] = [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in faults]
        wide = seen.execute_script("return document.documentElement.scrollWidth")
        if wide > width:
            found[path].append(("too wide", wide))
    assert {path: faults for path, faults in found.items() if faults} == {}
