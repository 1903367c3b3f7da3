"""SIGKILL at random instants, while destinations misbehave: nothing is lost, nothing is told twice."""

import os
import random
import signal
import threading
from collections import Counter

import pytest
from harness import alert, at_once, config, eventually, group, issues, messages, pages, replies, slow_history

from bridge.sandbox import Fault

ALERTS = 30
TITLES = [f"kill {number:02}" for number in range(ALERTS)]

CREATES = ("/api/chat.postMessage", "/repos/*/issues")
FAULTS = {
    "answers lost": [Fault("drop_answer", path=path, nth=3, count=4) for path in CREATES]
    + [Fault("drop_answer", "github", "PATCH", nth=2, count=2), Fault("drop_answer", "pagerduty", nth=4, count=3)],
    "resets and 503": [Fault("reset", nth=5, count=4), Fault("status", status=503, nth=30, count=5)],
    "429": [
        Fault("status", "slack", path="/api/chat.*", status=429, headers={"Retry-After": "1"}, nth=4, count=2),
        Fault("status", "github", "POST", status=429, headers={"Retry-After": "1"}, nth=4, count=2),
        Fault("status", "pagerduty", status=429, nth=4, count=2),
    ],
    "hangs": [Fault("hang", double, nth=4, count=2, seconds=1.5) for double in ("slack", "github", "pagerduty")],
}


def notices(status):
    """Ten notifications of three alerts."""
    told = [alert(title, Priority="P0", status=status) for title in TITLES]
    return [group(*told[at : at + 3]) for at in range(0, ALERTS, 3)]


def strike(bridge, kind, chance):
    """SIGKILL one of a kind, or all at once and start anew."""
    if kind == "all":
        bridge.process.kill()
        bridge.restart()
        return
    pids = eventually(lambda: bridge.process.children()[kind], f"a {kind}")
    os.kill(chance.choice(pids), signal.SIGKILL)


def told_under_fire(bridge, sandbox, status, kind, chance):
    """Post one status of all alerts, and kill three times while they are told."""
    sender = threading.Thread(
        target=at_once, args=([lambda body=body: bridge.post_stubbornly(body) for body in notices(status)], 4)
    )
    sender.start()
    for _ in range(3):
        at = len(sandbox.seen()) + chance.randrange(1, 35)
        sandbox.wait_for(lambda at=at: len(sandbox.requests) >= at, 3)
        strike(bridge, kind, chance)
    sender.join()
    bridge.settle(patience=120)
    assert bridge.all("receipts?state=quarantined") == []


@pytest.mark.parametrize(
    ("kind", "fault", "seed"),
    [
        ("deliverer", "answers lost", 1),
        ("all", "answers lost", 2),
        ("deliverer", "resets and 503", 3),
        ("web", "429", 4),
        ("all", "hangs", 5),
    ],
)
def test_everything_is_told_exactly_once_whatever_is_killed(start, sandbox, kind, fault, seed):
    chance = random.Random(seed)
    slow_history(sandbox)
    sandbox.faults.add(*FAULTS[fault])
    bridge = start(config(sandbox))

    told_under_fire(bridge, sandbox, "firing", kind, chance)
    assert Counter(message.text.split(" firing: ")[1][:7] for message in messages(sandbox)) == Counter(TITLES)
    assert Counter(issue.title.removeprefix("[P0] ") for issue in issues(sandbox)) == Counter(TITLES)
    assert Counter(next(t for t in TITLES if t in page.title) for page in pages(sandbox)) == Counter(TITLES)

    sandbox.faults.clear()
    sandbox.faults.add(*FAULTS[fault])
    told_under_fire(bridge, sandbox, "resolved", kind, chance)
    for message in messages(sandbox):
        assert message.text.startswith("P0 resolved: ")
        assert [text for text in replies(sandbox, message) if "Resolved" in text] == replies(sandbox, message)
        assert len(replies(sandbox, message)) == 1
    assert len(messages(sandbox)) == ALERTS
    for issue in issues(sandbox):
        assert issue.state == "closed"
        assert len(issue.comments) == 1, [comment.body for comment in issue.comments]
    assert len(issues(sandbox)) == ALERTS
    assert [page.status for page in pages(sandbox)] == ["resolved"] * ALERTS
    assert {one["state"] for one in bridge.all("deliveries")} == {"delivered"}


def test_what_was_answered_202_survives_the_kill_of_everything(start, sandbox):
    chance = random.Random(6)
    sandbox.faults.add(Fault("status", status=503))
    bridge = start(config(sandbox))
    accepted = []

    def post(number):
        accepted.append((bridge.post(group(alert(f"kept {number:03}", Priority="P3"))), number))

    sender = threading.Thread(target=lambda: [post(number) for number in range(200)], daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)  # the sender is cut off, as it should be
        sender.start()
        eventually(lambda: len(accepted) >= chance.randrange(20, 60))
        bridge.process.kill()
        sender.join()
    assert 20 <= len(accepted) < 200
    sandbox.faults.clear()
    bridge.restart()
    for receipt, _ in accepted:
        assert bridge.receipt(receipt)["state"] == "absorbed"
    bridge.settle()
    for _, number in accepted:
        assert len(messages(sandbox, "alerts", f"kept {number:03}")) == 1
