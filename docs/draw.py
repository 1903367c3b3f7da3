"""Pictures of messages as Slack shows them: told to the double of Slack, drawn from the sandbox's page by Chromium."""
# ruff: noqa: INP001 - a script's part, not part of the package

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import httpx2
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from bridge.destinations import slack
from bridge.destinations.base import Address, Done, Nothing, Settings, Want
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.samples import Life
from bridge.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.core.incident import Incident

JSON = dict[str, Any]
WIDTH = 414
"""A phone's."""
TALL = 3_000
ZONE = "America/Los_Angeles"
CHANNEL = "alerts"
MENTION = {"P0": ["@storefront-oncall"]}
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
    f"--window-size={WIDTH},{TALL}",
)  # fmt: skip
ALONE = """
for (const away of document.querySelectorAll("header, .pagerduty, .github, .channel h2")) away.hidden = true;
for (const away of document.querySelectorAll(".brand, .channel h2")) away.style.display = "none";
document.querySelector("main").style.padding = "0";
for (const card of document.querySelectorAll(".card")) Object.assign(card.style,
  {margin: "0", border: "0", borderRadius: "0", boxShadow: "none"});
"""
"""Leaves the messages alone on the page."""


class Channel:
    """A channel of the double, and a clock of its own."""

    def __init__(self) -> None:
        self._now = datetime(2025, 12, 9, tzinfo=UTC)
        self.sandbox = Sandbox(clock=self._clock, channels=[CHANNEL])
        self.sandbox.slack.workspace.usergroups["storefront-oncall"] = "Storefront on call"

    def _clock(self) -> float:
        return self._now.timestamp()

    def __enter__(self) -> Self:
        self.sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    def post(self, content: JSON, at: datetime) -> None:
        """Post a message as somebody else does."""
        self._now = at
        answer = httpx2.post(
            f"{self.sandbox.slack_url}chat.postMessage",
            json={"channel": f"#{CHANNEL}", **content},
            headers={"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json; charset=utf-8"},
        ).json()
        assert answer["ok"], answer

    def tell(self, notifications: list[tuple[JSON, datetime]]) -> None:
        """Tell what notifications become, one after another, by the bridge's own steps and client."""
        life = Life()
        have: dict[str, JSON] = {}
        settings = Settings(
            "slack",
            "slack",
            {
                "token": "xoxb-sandbox",
                "channel": f"#{CHANNEL}",
                "api_url": self.sandbox.slack_url,
                "timezone": ZONE,
                "external_url": "https://alerts.example.com",
                "mention": MENTION,
                "remind": 3600.0,
            },
        )
        client = slack.connect(settings)
        for body, at in notifications:
            self._now = at
            for incident in life.hear(body, at):
                have[incident.id] = self._told(client, settings, incident, have.get(incident.id, {}))
        client.close()

    def _told(self, client: Any, settings: Settings, incident: Incident, have: JSON) -> JSON:  # noqa: ANN401 - a client
        place: JSON = {}
        words = Words((template_folder(),))
        while True:
            address = Address("slack", f"#{CHANNEL}", "slack")
            want = Want("0" * 26, incident, settings, address, words, self._now, place=place)
            step = slack.next_step(want, have)
            if isinstance(step, Nothing):
                return have
            done = client.send(step, have, 8.0, lambda: None)
            assert isinstance(done, Done), done
            if step.learns:
                place = {**place, **done.remote}
            else:
                have = {**have, **done.remote, **step.told}
            self._now += timedelta(seconds=2)


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Give a browser of a phone's width, in the zone of the pictures."""
    found, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not found or not driver:
        sys.exit("Chromium and its driver are needed: apt-get install chromium chromium-driver fonts-noto-color-emoji")
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver, env={**os.environ, "TZ": ZONE}))
    metrics = {"width": WIDTH, "height": TALL, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield browser
    finally:
        browser.quit()


def draw(browser: webdriver.Chrome, channel: Channel, picture: Path) -> None:
    """Take a picture of all messages of a channel."""
    browser.get(channel.sandbox.url)
    browser.execute_script(ALONE)
    picture.parent.mkdir(parents=True, exist_ok=True)
    assert browser.find_element(By.CSS_SELECTOR, ".channel").screenshot(str(picture))
