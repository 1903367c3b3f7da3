"""The playground: what one types is what is drawn, in a real browser and without JavaScript, and hurts nobody."""

import json
import os
import re
from contextlib import suppress
from html.parser import HTMLParser

import pytest
from harness import alert, config, eventually, group
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from test_people import ADMIN, BEARER, Person

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-planted-7f3a9c",
    "GITHUB_TOKEN": "ghp_planted7f3a9c",
    "PAGERDUTY_KEY": "planted7" * 4,
}
EXTENDING = '{% extends "slack/message.j2" %}\n'
HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'"><b id="broke-out">'
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
BUSY = "{% for a in range(10000) %}{% set b = range(100000) | sort %}{% endfor %}"
HUNGRY = '{% set s = "' + "ab " * 16_000 + '" %}' + "".join(f"{{% set a{n} = s.split() %}}" for n in range(500))


@pytest.fixture
def open_bridge(start, sandbox):
    return start(config(sandbox), env=SECRETS)


class Page(HTMLParser):
    """What a page holds: its labels, its fields, and its text by the id of what it stands in."""

    def __init__(self, answer):
        super().__init__()
        self.labels, self.fields, self.headings = set(), {}, []
        self.feed(answer.text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "label":
            self.labels.add(found["for"])
        if tag in {"input", "select", "textarea"} and found.get("type") != "hidden":
            self.fields[found["id"]] = found["name"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


def asked(person, **fields):
    """The whole page, as a form without JavaScript gets it."""
    said = {"source": "grafana", "payload": "{}", "slack": "", "pagerduty": "", "github": "", "look": "", **fields}
    answer = person.send("/playground/render", **said)
    assert answer.status_code == 200, answer.text
    return answer.text


def person_at(bridge):
    person = Person(bridge)
    assert person.get("/playground").status_code == 200
    return person


def body(**said):
    return json.dumps(group(alert("Disk full", **said)))


def part(page, kind):
    """What stands in one kind's part of the messages."""
    return page.partition(f'id="{kind}-messages"')[2].partition('<section class="kind"')[0]


def test_without_javascript_the_form_does_the_same(open_bridge):
    person = person_at(open_bridge)
    first = person.get("/playground").text
    assert "Inductor Jobs Broken" in part(first, "slack")
    loaded = asked(person, load="sample", sample="inductor-jobs-broken-resolved")
    assert "resolved: Inductor Jobs Broken" in part(loaded, "slack")
    assert "nobody hears of a resolve alone" in part(loaded, "slack")
    assert "over before it could be told" in part(loaded, "github")
    begun = asked(person, payload=body(), load="slack", slack_start="extend slack/message.j2")
    assert "{% extends &#34;slack/message.j2&#34; %}" in begun.replace("&quot;", "&#34;")

    typed = EXTENDING + "{% block more %}*mine* & {{ title }}{% endblock %}"
    page = asked(person, payload=body(), slack=typed)
    assert "<strong>mine</strong> &amp; Disk full" in part(page, "slack")
    assert "*mine* &amp; {{ title }}" in page
    for kind in ("slack", "pagerduty", "github"):
        assert "Disk full" in part(page, kind)
    assert open_bridge.all("receipts") == []
    assert open_bridge.incidents() == []


def test_mistakes_are_named_where_they_are(open_bridge):
    person = person_at(open_bridge)
    page = asked(person, payload=body(), github="{% block title %}\n\n{{ nonsense }}{% endblock %}")
    (fault,) = re.findall(r'id="github-problem"[^>]*>([^<]+)<', page)
    assert fault.startswith("template github as typed line 3, block title: &#39;nonsense&#39; is undefined")
    assert "(plain: template failed)" in part(page, "github")
    page = asked(person, payload='{"no": "alerts"}', slack="{% block x %}")
    assert "This would go to quarantine: source grafana: the body has no list `alerts`" in page
    assert re.search(r'id="slack-problem"[^>]*>template slack as typed line 1: Unexpected end of template', page)
    page = asked(person, payload=body(), slack="{% block x %}{% endblock %}{% include '../../bridge.yml' %}")
    assert "xoxb" not in page


def test_a_stored_receipt_is_tried(open_bridge):
    receipt = open_bridge.post(group(alert("stored before")))
    person = Person(open_bridge)
    assert f"/playground?receipt={receipt}" in person.get(f"/receipts/{receipt}").text
    assert "stored before" in part(person.get(f"/playground?receipt={receipt}").text, "slack")
    assert "stored before" in part(asked(person, load="receipt", receipt=receipt), "slack")
    assert "There is no such receipt." in asked(person, load="receipt", receipt="nowhere", payload=body())


def test_githubs_look_and_what_nothing_sends(start, sandbox):
    slack = config(sandbox)["destinations"]["slack"]
    bridge = start({"destinations": {"slack": slack}}, env=SECRETS)
    person = person_at(bridge)
    public = asked(person, payload=body(quiet="label-value"), look="public")
    private = asked(person, payload=body(quiet="label-value"), look="private")
    assert "label-value" not in part(public, "github")
    assert "label-value" in part(private, "github")
    assert "nothing sends it there" in part(public, "github")
    assert "nothing sends it there" not in part(public, "slack")


def test_limits_are_said_and_a_template_can_not_keep_the_bridge_busy(open_bridge):
    person = person_at(open_bridge)
    assert "more than 1 MiB" in asked(person, payload="x" * 1_048_577)
    assert "more than 100 kB" in asked(person, payload=body(), github="x" * 100_001)
    endless = EXTENDING + "{% block what %}" + BUSY + "{% endblock %}"
    assert "block what: does more than 20,000 steps" in asked(person, payload=body(), slack=endless)
    hungry = EXTENDING + "{% block what %}" + HUNGRY + "{% endblock %}"
    page = asked(person, payload=body(), slack=hungry)
    assert "block what: does more than 20,000 steps" in page
    nested = EXTENDING + "{% block what %}" + "{% for a in [1] %}" * 25 + "{% endfor %}" * 25 + "{% endblock %}"
    assert "too many statically nested blocks" in asked(person, payload=body(), slack=nested)
    assert "Disk full" in part(asked(person, payload=body()), "slack")
    assert person.send("/playground/render", payload="x" * 4_000_000).status_code == 413
    live = person.send("/playground/render", {"HX-Request": "true"}, payload="x" * 4_000_000)
    assert "more than a payload of 1 MiB" in live.text
    many = json.dumps(group(*(alert(f"one of many {n}") for n in range(5))))
    assert "2 more incidents of this payload are not drawn" in asked(person, payload=many)


def test_its_process_ends_with_the_bridge(open_bridge):
    person = person_at(open_bridge)
    assert "Disk full" in part(asked(person, payload=body()), "slack")
    assert open_bridge.process.stop() == 0

    def gone():
        with suppress(ProcessLookupError):
            os.killpg(open_bridge.process.popen.pid, 0)
            return False
        return True

    eventually(gone, "the last process of its group is gone")


def test_no_secret_is_shown(open_bridge):
    person = person_at(open_bridge)
    everything = "".join(
        asked(person, payload=body(Priority="P0"), look=look, slack=text)
        for look in ("", "private")
        for text in ("", "{{ self }}", "{{ link.__globals__ }}", "{% include '/proc/self/environ' %}")
    )
    assert not [secret for secret in (*SECRETS.values(), *open_bridge.env.values()) if secret in everything]


def test_only_who_may_see_the_console_is_let_in(start, sandbox):
    bridge = start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": ADMIN})
    stranger = Person(bridge)
    assert stranger.get("/playground").status_code == 401
    assert stranger.send("/playground/render", payload=body()).status_code == 401
    live = bridge.request("POST", "/playground/render", data={"payload": body()}, headers={"HX-Request": "true"})
    assert "Disk full" not in live.text
    assert 'role="alert"' in live.text
    person = Person(bridge)
    person.sign_in()
    assert person.get("/playground").status_code == 200
    assert "Disk full" in asked(person, payload=body())
    for forged in ({"form_token": ""}, {"form_token": "forged"}):
        assert person.send("/playground/render", **{"payload": body(), **forged}).status_code == 403
    assert person.send("/playground/render", {"Sec-Fetch-Site": "cross-site"}, payload=body()).status_code == 403
    assert bridge.request("GET", "/playground", headers=BEARER).status_code == 200


def test_the_page_is_one_for_everybody(open_bridge):
    answer = open_bridge.request("GET", "/playground")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?! src)|\son\w+=|style=|hx-on|https?://[^\"]*\.js", answer.text)
    page = Page(answer)
    assert set(page.fields) == page.labels
    assert page.headings[:2] == [1, 2]
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    for address in re.findall(r'"(/static/[^"]+)"', answer.text):
        file = open_bridge.request("GET", address)
        assert file.status_code == 200
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        other = re.sub(r"/static/\w+/", "/static/0123456789abcdef/", address)
        assert open_bridge.request("GET", other).status_code == 404
    assert open_bridge.request("GET", "/static/x/LICENSES.md").status_code == 404


# In a browser


def holds(browser, selector, words):
    """Wait until what a selector finds shows these words, and give its element."""

    def there():
        with suppress(WebDriverException):
            found = browser.find_element(By.CSS_SELECTOR, selector)
            return found if words in found.text else None
        return None

    return eventually(there, f"{words} in {selector}")


def write(browser, name, text):
    """Replace what a field holds, as a person who pastes it."""
    browser.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', {bubbles: true}));",
        name,
        text,
    )


def complaints(browser):
    return [one["message"] for one in browser.get_log("browser") if one["level"] in {"SEVERE", "WARNING"}]


@pytest.fixture
def page(browser, start, sandbox):
    """The page in a browser that has signed in, marked, so that a reload shows."""
    bridge = start(config(sandbox), env={**SECRETS, "BRIDGE_ADMIN_TOKEN": ADMIN})
    browser.get_log("browser")
    browser.get(f"{bridge.address}/login")
    browser.find_element(By.ID, "token").send_keys(ADMIN)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    holds(browser, "h1", "Open incidents")
    browser.get(f"{bridge.address}/playground")
    holds(browser, "h1", "Playground")
    browser.execute_script("window.marked = true")
    return browser


def test_in_a_browser_the_messages_change_while_one_types(page):
    Select(page.find_element(By.ID, "sample")).select_by_value("inductor-jobs-broken-resolved")
    page.find_element(By.CSS_SELECTOR, 'button[value="sample"]').click()
    holds(page, "#slack-messages", "P2 resolved: Inductor Jobs Broken")
    Select(page.find_element(By.ID, "sample")).select_by_value("inductor-jobs-broken")
    page.find_element(By.CSS_SELECTOR, 'button[value="sample"]').click()
    holds(page, "#slack-messages", "P2 firing: Inductor Jobs Broken")
    Select(page.find_element(By.ID, "slack_start")).select_by_value("extend slack/message.j2")
    page.find_element(By.CSS_SELECTOR, 'button[value="slack"]').click()
    begun = "return document.getElementById('slack').value"
    eventually(lambda: page.execute_script(begun).startswith(EXTENDING))

    page.find_element(By.ID, "slack").send_keys("\n{% block more %}typed by hand{% endblock %}")
    holds(page, "#slack-messages", "typed by hand")
    page.find_element(By.ID, "slack").send_keys("\n{% block notes %}{{ nonsense }}{% endblock %}")
    fault = holds(page, "#slack-problem", "'nonsense' is undefined")
    assert re.search(r"template slack as typed line \d+, block notes: ", fault.text)
    write(page, "payload", '{"no": "alerts"}')
    holds(page, "#payload-problem", "This would go to quarantine: source grafana: the body has no list `alerts`")
    write(page, "payload", body())
    holds(page, "#github-messages", "Disk full")
    assert page.find_element(By.ID, "payload-problem").text == ""
    Select(page.find_element(By.ID, "look")).select_by_value("private")
    holds(page, "#github-messages", "Labels, values, source")
    assert page.execute_script("return window.marked")
    assert complaints(page) == []


def test_in_a_browser_hostile_text_stays_text(page):
    write(page, "slack", EXTENDING + "{% block more %}" + HOSTILE + "{% endblock %}")
    write(page, "github", '{% extends "github/message.j2" %}{% block what %}' + HOSTILE + "{% endblock %}")
    write(page, "pagerduty", '{% extends "pagerduty/message.j2" %}{% block what %}' + HOSTILE + "{% endblock %}")
    write(page, "payload", body(summary=HOSTILE, Team=HOSTILE, hx="</textarea>" + HOSTILE))
    for kind in ("slack", "pagerduty", "github"):
        holds(page, f"#{kind}-messages", "broke-out")
    page.find_element(By.XPATH, "//button[text()='Show the messages']").click()
    holds(page, "#slack-messages", "broke-out")
    page.execute_script("document.getElementById('try').submit()")  # the whole page, as without JavaScript
    eventually(lambda: page.execute_script("return document.readyState == 'complete' && !window.marked"))
    holds(page, "#slack-messages", "broke-out")
    assert page.find_elements(By.CSS_SELECTOR, "#broke-out, main script, main img, main [onerror]") == []
    assert page.title == "Playground · Alert bridge"
    assert complaints(page) == []


def test_in_a_browser_the_keyboard_reaches_everything(page):
    wanted = {"sample", "receipt", "source", "payload", "slack_start", "slack", "look"}
    reached = set()
    page.find_element(By.CSS_SELECTOR, "nav a").send_keys("")
    for _ in range(60):
        page.switch_to.active_element.send_keys("\ue004")
        reached.add(page.switch_to.active_element.get_attribute("id"))
    assert wanted <= reached
