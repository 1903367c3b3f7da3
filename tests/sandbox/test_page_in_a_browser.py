"""The sandbox's page in a real browser: what a person sees, live, without anything from elsewhere."""

from __future__ import annotations

import asked
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bridge.sandbox import Sandbox

PATIENCE = 20


def post(sandbox, text):
    answer = asked.post(
        f"{sandbox.slack_url}chat.postMessage",
        json={"channel": "#alerts", "text": text},
        headers={"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.json()["ok"]


def shows(browser, text):
    return WebDriverWait(browser, PATIENCE).until(lambda page: text in page.find_element(By.TAG_NAME, "body").text)


def test_a_message_appears_while_one_looks(browser):
    with Sandbox() as sandbox:
        browser.get(sandbox.url)
        assert shows(browser, "alerts")
        post(sandbox, "The inductor jobs are broken")
        assert shows(browser, "The inductor jobs are broken")


def test_hostile_text_is_shown_and_does_nothing(browser):
    attack = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    with Sandbox() as sandbox:
        post(sandbox, attack.replace("<", "&lt;").replace(">", "&gt;"))
        browser.get(sandbox.url)
        assert shows(browser, "onerror=document.title")
        assert browser.title != "owned"


def test_the_page_asks_nobody_else(browser):
    with Sandbox() as sandbox:
        browser.get(sandbox.url)
        assert shows(browser, "alerts")
        asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
        assert asked
        assert all(address.startswith(sandbox.url) for address in asked)
