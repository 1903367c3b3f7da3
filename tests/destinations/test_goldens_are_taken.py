"""Every golden message goes to the double over a socket, as it stands in its file, and is taken."""

from __future__ import annotations

import json
from pathlib import Path

import asked
import pytest

from bridge.sandbox import Sandbox

HERE = Path(__file__).parent
SLACK = {"Authorization": "Bearer xoxb-sandbox", "Content-Type": "application/json; charset=utf-8"}
GITHUB = {
    "Authorization": "Bearer ghp_sandbox",
    "Accept": "application/vnd.github+json",
    "User-Agent": "bridge",
    "X-GitHub-Api-Version": "2022-11-28",
}


def goldens(kind, *ends):
    """All but whole lives, which were taken when they were made (test_lives)."""
    names = (path.name for path in (HERE / kind).iterdir() if path.name.endswith(ends))
    return sorted(name for name in names if not name.endswith("life.json"))


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def told(sandbox, method, body):
    answer = asked.post(f"{sandbox.slack_url}{method}", json=body, headers=SLACK, timeout=10).json()
    assert answer["ok"], answer
    assert "warning" not in answer
    return answer


@pytest.mark.parametrize("name", goldens("slack", ".json", ".txt"))
def test_slack_takes_it_and_an_edit_to_it(sandbox, name):
    text = (HERE / "slack" / name).read_text("utf-8")
    content = json.loads(text) if name.endswith(".json") else {"text": text}
    first = told(sandbox, "chat.postMessage", {"channel": "#alerts", **content, "parse": "none"})
    place = {"channel": first["channel"], "ts": first["ts"]}
    assert told(sandbox, "chat.update", {**place, "blocks": [], **content})["text"] == content["text"]
    (message,) = sandbox.slack.workspace.find("alerts").messages.values()
    assert len(message.blocks) == len(content.get("blocks", ()))


@pytest.mark.parametrize("name", goldens("pagerduty", ".json"))
def test_pagerduty_takes_it(sandbox, name):
    event = json.loads((HERE / "pagerduty" / name).read_text("utf-8"))
    answer = asked.post(f"{sandbox.pagerduty_url}/v2/enqueue", json={"routing_key": "0" * 32, **event}, timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (202, "success")


@pytest.mark.parametrize("name", goldens("github", ".md"))
def test_github_takes_it(sandbox, name):
    title, labels, _, body = (HERE / "github" / name).read_text("utf-8").split("\n", 3)
    issue = {"title": title, "labels": labels.split(", "), "body": body}
    url = f"{sandbox.github_url}/repos/acme/alerts/issues"
    answer = asked.post(url, json=issue, headers=GITHUB, timeout=10)
    assert answer.status_code == 201, answer.text
    assert answer.json()["body"] == body
    assert {label["name"] for label in answer.json()["labels"]} == set(issue["labels"])


def test_a_message_too_long_is_not_taken(sandbox):
    content = json.loads((HERE / "slack" / "firing.json").read_text("utf-8"))
    content["blocks"][0]["text"]["text"] = "x" * 151
    body = {"channel": "#alerts", **content}
    answer = asked.post(f"{sandbox.slack_url}chat.postMessage", json=body, headers=SLACK, timeout=10).json()
    assert answer["error"] == "invalid_blocks"


def test_each_kind_has_a_dozen_situations():
    assert (
        min(len(goldens(kind, end)) for kind, end in (("slack", ".json"), ("pagerduty", ".json"), ("github", ".md")))
        >= 12
    )
