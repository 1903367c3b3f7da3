"""The same on PostgreSQL: in one process group, and as web and workers apart."""

import os
import random
import signal

import psycopg
import pytest
from harness import (
    alert,
    at_once,
    config,
    eventually,
    group,
    inductor,
    issues,
    later,
    messages,
    pages,
    replies,
    slow_history,
)
from sqlalchemy.engine import make_url

from bridge.sandbox import Fault

TITLES = [f"pg {number:02}" for number in range(10)]


@pytest.fixture
def place(start, sandbox, postgres_url, tmp_path):
    """Starts a bridge on an upgraded database: `place(verb)`."""

    def begin(verb="run", **changes):
        env = {"BRIDGE_DATABASE_URL": postgres_url}
        settings = config(sandbox, **changes)
        upgraded = start.command(tmp_path, settings, env, "db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
        return start(settings, env=env, verb=verb)

    return begin


def test_the_life_of_the_inductor_alert(place, sandbox):
    bridge = place()
    for body in (inductor(), inductor(), inductor(resolved=True)):
        bridge.post(body)
        bridge.settle()
    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P2 resolved: Inductor Jobs Broken")
    assert replies(sandbox, message) == ["Resolved after 2 h 18 min."]
    assert issue.state == "closed"
    bridge.post(later(inductor(), "2025-12-09T21:00:00Z"))
    bridge.settle()
    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P2 firing")
    assert issue.state == "open"
    assert bridge.process.stop() == 0


def test_many_incidents_change_together_and_twins_meet(place, sandbox):
    bridge = place()
    eventually(lambda: len(bridge.process.children()["web"]) == 2)
    for status in ("firing", "resolved"):
        bodies = [
            group(*(alert(title, Priority="P0", status=status) for title in TITLES[at : at + 3])) for at in (0, 3, 6)
        ]
        at_once([lambda body=body: bridge.post(body) for body in bodies * 3])
        bridge.settle()
    assert bridge.all("receipts?state=quarantined") == []
    assert (len(messages(sandbox)), len(issues(sandbox)), len(pages(sandbox))) == (9, 9, 9)
    assert {page.status for page in pages(sandbox)} == {"resolved"}


def test_without_tables_it_says_how_to_make_them(start, sandbox, postgres_url):
    with pytest.raises(AssertionError, match="bridge db upgrade"):
        start(config(sandbox), env={"BRIDGE_DATABASE_URL": postgres_url})


def test_without_a_secret_key_it_says_so(start, sandbox, postgres_url, tmp_path):
    env = {"BRIDGE_DATABASE_URL": postgres_url, "BRIDGE_SECRET_KEY": ""}
    start.command(tmp_path, config(sandbox), env, "db", "upgrade")
    with pytest.raises(AssertionError, match="BRIDGE_SECRET_KEY"):
        start(config(sandbox), env=env)


def test_kills_of_everything_lose_and_double_nothing(place, sandbox):
    chance = random.Random(7)
    slow_history(sandbox)
    sandbox.faults.add(Fault("drop_answer", path="/api/chat.postMessage", nth=3, count=3))
    sandbox.faults.add(Fault("drop_answer", path="/repos/*/issues", nth=3, count=2))
    bridge = place()
    for status in ("firing", "resolved"):
        for title in TITLES:
            bridge.post_stubbornly(group(alert(title, Priority="P0", status=status)))
        if status == "firing":
            at = chance.randrange(1, 20)
            sandbox.wait_for(lambda at=at: len(sandbox.requests) >= at, 3)
            bridge.process.kill()
            bridge.restart()
        bridge.settle(patience=120)
    all_ended_once(sandbox)


def test_web_and_two_workers_one_of_which_is_killed(place, start, sandbox):
    chance = random.Random(8)
    slow_history(sandbox)
    bridge = place("web")
    assert bridge.process.children()["deliverer"] == []
    workers = [start.worker(bridge), start.worker(bridge)]
    eventually(lambda: bridge.request("GET", "/readyz?delivery=1").status_code == 200)
    for status in ("firing", "resolved"):
        for title in TITLES:
            bridge.post_stubbornly(group(alert(title, Priority="P0", status=status)))
        at = len(sandbox.seen()) + chance.randrange(1, 20)
        sandbox.wait_for(lambda at=at: len(sandbox.requests) >= at, 3)
        workers.pop(chance.randrange(len(workers))).kill()
        workers.append(start.worker(bridge))
        bridge.settle(patience=120)
    all_ended_once(sandbox)
    assert workers[0].stop() == 0
    assert bridge.process.stop() == 0


def test_while_the_database_is_away_it_answers_503_even_from_a_process_that_starts_meanwhile(
    place, sandbox, postgres_server, postgres_url
):
    bridge = place()
    bridge.post(group(alert("before it went", Priority="P3")))
    bridge.settle()
    name = make_url(postgres_url).database
    with psycopg.connect(postgres_server, autocommit=True) as database:
        database.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        before = bridge.process.children()["web"]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(bridge.process.children()["web"]) - set(before)) == 2)
        answer = eventually(lambda: bridge.request("POST", "/webhooks/grafana", json=group(alert("refused"))))
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert bridge.request("GET", "/readyz").status_code == 503
        database.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    bridge.post_stubbornly(group(alert("after it came back", Priority="P3")))
    bridge.settle()
    assert len(messages(sandbox, "alerts", "after it came back")) == 1
    assert len(messages(sandbox, "alerts", "refused")) == 0


def all_ended_once(sandbox):
    assert sorted(message.text[:18] for message in messages(sandbox)) == [f"P0 resolved: {title}" for title in TITLES]
    assert [len(replies(sandbox, message)) for message in messages(sandbox)] == [1] * len(TITLES)
    assert sorted(issue.title for issue in issues(sandbox)) == [f"[P0] {title}" for title in TITLES]
    assert {issue.state for issue in issues(sandbox)} == {"closed"}
    assert [len(issue.comments) for issue in issues(sandbox)] == [1] * len(TITLES)
    assert [page.status for page in pages(sandbox)] == ["resolved"] * len(TITLES)
