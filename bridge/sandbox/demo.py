"""The demo: one real alert on its way through the whole bridge, into doubles of Slack, PagerDuty and GitHub."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from bridge.sandbox import control
from bridge.sandbox.payloads import payload
from bridge.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = dict[str, Any]
CHANNEL = "broken-inductor"
REPOSITORY = "pytorch/pytorch"
WORTH_SAYING = ("addressed", "priority", "resolved", "mended")
"""Lines of an incident's time line that say why."""
PATIENCE = 45.0
"""Seconds that the destinations have to show the truth after each change."""
CONFIGURATION = """\
timezone: America/Los_Angeles
destinations:
  slack: {{token: "${{env:SLACK_BOT_TOKEN}}", channel: "#alerts", api_url: "{slack}"}}
  pagerduty: {{routing_key: "${{env:PAGERDUTY_KEY}}", api_url: "{pagerduty}"}}
  github: {{token: "${{env:GITHUB_TOKEN}}", repo: "acme/alerts", api_url: "{github}"}}
teams:
  broken-inductor:
    destinations:
      slack: {{channel: "#broken-inductor"}}
      github: {{repo: "pytorch/pytorch"}}
"""
TOKENS = {"SLACK_BOT_TOKEN": "xoxb-sandbox", "PAGERDUTY_KEY": "0" * 32, "GITHUB_TOKEN": "ghp_sandbox"}


class DemoError(RuntimeError):
    """The demo did not end as it should; the sentence says where it stood."""


def variant(change: Callable[[JSON], None]) -> JSON:
    """Return the firing alert with one thing changed, as Grafana would repeat it."""
    body = payload()
    for alert in body["alerts"]:
        change(alert)
    return body


@contextmanager
def running(sandbox: Sandbox, folder: Path) -> Iterator[str]:
    """Give the address of a bridge that delivers into a sandbox, started as `bridge run` starts."""
    urls = {"slack": sandbox.slack_url, "pagerduty": sandbox.pagerduty_url, "github": sandbox.github_url}
    (folder / "bridge.yml").write_text(CONFIGURATION.format(**urls), "utf-8")
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "PORT"))}
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "bridge", "run", "--bind", "127.0.0.1:0", "--announce", str(writer)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=folder, env={**quiet, **TOKENS, "BRIDGE_LOG_LEVEL": "warning"}, pass_fds=(writer,)
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as announced:
            address = announced.readline().strip()
        if not address:
            raise DemoError("the bridge did not start; what it printed above says why")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


class Story:
    """The acts of the demo, told as they happen. `client` leads to the bridge."""

    def __init__(self, sandbox: Sandbox, client: httpx2.Client, say: Callable[[str], None]) -> None:
        self._sandbox = sandbox
        self._client = client
        self._say = say
        self._seen = 0
        self._explained = 0

    def tell(self) -> None:
        """Play all acts.

        Raises:
            DemoError: a destination did not show the truth in time, or the bridge did not answer.
        """
        try:
            self._acts()
        except (httpx2.HTTPError, ValueError) as error:
            raise DemoError(f"the bridge gave no answer to go on with ({type(error).__name__}: {error})") from error

    def _acts(self) -> None:
        self._act("Grafana posts the alert: P2, team broken-inductor", payload(), self._opened)
        self._act("It gets worse, 3 jobs fail: the same message is edited, nothing new is posted",
                  variant(_three_jobs), self._edited)  # fmt: skip
        self._act("Its owner raises it to P0: one page, and a reply in the thread", variant(_worst), self._paged)
        self._act("Grafana resolves it: everything ends", payload("inductor-jobs-broken-resolved"), self._over)

    def _act(self, title: str, body: JSON, reached: Callable[[], bool]) -> None:
        self._say(f"\n== {title}")
        answer = self._client.post("/webhooks/grafana", json=body)
        self._say(f"   POST /webhooks/grafana → {answer.status_code} {answer.text.strip()}")
        if not self._sandbox.wait_for(reached, PATIENCE):
            raise DemoError(f"not reached within {PATIENCE:.0f} s: {title}\n{self.stand()}")
        with self._sandbox.lock:
            told = self._sandbox.requests[self._seen :]
            self._seen = len(self._sandbox.requests)
            looks = Look(self._sandbox)
        for request in told:
            self._say(f"   → {request.double:9} {request.method} {request.path} {request.status}")
        for line in looks.lines():
            self._say(f"   {line}")
        self._why()

    def _why(self) -> None:
        for incident in self._ask("incidents")["items"]:
            whole = self._ask(f"incidents/{incident['id']}")
            for line in whole["timeline"][self._explained :]:
                if line["what"] in WORTH_SAYING:
                    self._say(f"   why: {line['what']}: {line['why']}")
            self._explained = len(whole["timeline"])

    def stand(self) -> str:
        """Return where the deliveries stand, for whoever must find out why."""
        return json.dumps(self._ask("deliveries"), indent=2)

    def _ask(self, path: str) -> JSON:
        return dict(self._client.get(f"/api/v1/{path}").raise_for_status().json())

    def _look(self) -> Look:
        return Look(self._sandbox)

    def _opened(self) -> bool:
        look = self._look()
        return look.says("firing") and look.issue is not None and look.linked()

    def _edited(self) -> bool:
        look = self._look()
        return "3 jobs failing" in json.dumps(look.message) and "3 jobs failing" in json.dumps(look.issue)

    def _paged(self) -> bool:
        look = self._look()
        issue = look.issue or {}
        relabelled = "Pri:P0" in str(issue.get("labels")) and "Pri:P2" not in str(issue.get("labels"))
        replied = any("P0" in one["text"] for one in look.replies) and "P0" in str(issue.get("comments"))
        return len(look.pages) == 1 and look.says("P0") and replied and relabelled

    def _over(self) -> bool:
        look = self._look()
        closed = look.issue is not None and look.issue["state"] == "closed"
        ended = all(page["status"] == "resolved" for page in look.pages)
        return closed and ended and look.says("resolved") and any("Resolved" in one["text"] for one in look.replies)


class Look:
    """What stands at the destinations at one moment."""

    def __init__(self, sandbox: Sandbox) -> None:
        state = control.state(sandbox)
        channels = [
            found for workspace in state["slack"].values() for name, found in workspace.items() if name == CHANNEL
        ]
        messages = [one for channel in channels for one in channel["messages"]]
        self.message: JSON | None = next((one for one in messages if not one["thread"]), None)
        self.replies: list[JSON] = [one for one in messages if one["thread"]]
        self.issue: JSON | None = next(iter(state["github"].get(REPOSITORY, ())), None)
        self.pages: list[JSON] = state["pagerduty"]

    def says(self, word: str) -> bool:
        """Return whether the message in the channel has a word in its notification text."""
        return self.message is not None and word in self.message["text"]

    def linked(self) -> bool:
        """Return whether the message names the issue already."""
        return "/issues/" in json.dumps(self.message)

    def lines(self) -> Iterator[str]:
        """Tell it as lines of text."""
        if self.message:
            edited = f", edited {self.message['edits']} times" if self.message["edits"] else ""
            yield f"Slack #{CHANNEL}{edited}:"
            yield from (f"  | {line}" for block in self.message["blocks"] for line in _plain(block))
        for reply in self.replies:
            yield f"  | ↳ {reply['text']}"
        for page in self.pages:
            yield f"PagerDuty, {page['status']}, {page['event']['payload']['severity']}: {page['title']}"
        if self.issue:
            labels = ", ".join(str(label) for label in self.issue["labels"])
            name = f"GitHub {REPOSITORY}#{self.issue['number']}, {self.issue['state']}"
            yield f"{name}: {self.issue['title']}  [{labels}]"


def _plain(block: JSON) -> Iterator[str]:
    """Return a block's text without Slack's markup."""
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    for text in texts:
        if isinstance(text, dict) and "text" in text:
            shown = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", str(text["text"]))
            yield from html.unescape(shown.replace("*", "")).splitlines()


def _three_jobs(alert: JSON) -> None:
    alert["values"]["Number_of_Jobs_Failing"] = 3


def _worst(alert: JSON) -> None:
    _three_jobs(alert)
    alert["annotations"]["Priority"] = "P0"


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def play(port: int, *, once: bool, say: Callable[[str], None]) -> None:
    """Run the demo: the sandbox, the bridge, the acts; then stay until Ctrl-C, but for `once`.

    Raises:
        DemoError: a destination did not show the truth in time, or the bridge did not answer.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # what was started ends too, and the folder goes
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, _end)
    with Sandbox(port) as sandbox, tempfile.TemporaryDirectory(prefix="bridge-demo-") as folder:
        sandbox.slack.workspace.grant("chat:write.public")
        say(f"Slack, PagerDuty and GitHub: local doubles, to look at on {sandbox.url}")
        with running(sandbox, Path(folder)) as address:
            say(f"The bridge: {address}, with an SQLite file in {folder}")
            # a proxy that the environment names leads outside, and this bridge is here
            with httpx2.Client(base_url=address, timeout=10, trust_env=False) as client:
                Story(sandbox, client, say).tell()
            say(f"\nAll destinations show the truth. Look at them: {sandbox.url}")
            if not once:
                say(f"The bridge's own page: {address}    Ctrl-C ends the demo.")
                with suppress(KeyboardInterrupt):
                    signal.pause()
