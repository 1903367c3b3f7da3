"""Whatever order things come in, however long nobody could be told: in the end every place shows the truth, once."""

import copy
import json

from harness import alert, at_once, config, eventually, group, inductor, issues, later, messages, pages, replies

from bridge.sandbox import Fault

TITLE = "Inductor Jobs Broken"


def jobs(number):
    return lambda alert: alert["values"].update(Number_of_Jobs_Failing=number)


def changed(sandbox, since, double, method, path):
    """The requests of a kind since some moment that the destination acted on."""
    found = [one for one in sandbox.seen(double)[since:] if one.method == method and path in one.path]
    return [one for one in found if one.status in {200, 201} and one.fault is None]


def _urgent(one):
    one["annotations"].update(Priority="P0")


def test_ten_changes_during_an_outage_are_one_update_after_it(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    sandbox.faults.add(Fault("status", status=503))
    slack, github = len(sandbox.seen("slack")), len(sandbox.seen("github"))
    for number in range(2, 12):
        bridge.receipt(bridge.post(inductor(change=jobs(number))))
    assert sandbox.wait_for(lambda: len(sandbox.seen("slack")) > slack and len(sandbox.seen("github")) > github, 30)
    sandbox.faults.clear()
    bridge.settle()

    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert "11 jobs failing" in json.dumps(message.blocks)
    assert "11 jobs failing" in issue.body
    assert len(changed(sandbox, slack, "slack", "POST", "chat.update")) == 1
    assert len(changed(sandbox, slack, "slack", "POST", "chat.postMessage")) == 0
    assert len(changed(sandbox, github, "github", "PATCH", "/issues/1")) == 1


def test_a_late_firing_after_the_resolve_changes_nothing(start, sandbox):
    bridge = start(config(sandbox))
    for body in (inductor(), inductor(resolved=True)):
        bridge.post(body)
        bridge.settle()
    asked = len(sandbox.seen())
    bridge.receipt(bridge.post(inductor(change=jobs(7))))
    bridge.settle()
    assert len(sandbox.seen()) == asked
    assert bridge.incident(TITLE)["state"] == "resolved"


def test_a_resolve_before_its_firing_is_told_once_as_resolved(start, sandbox):
    mention = {"destinations": {"slack": {"mention": "<!here>"}}}
    bridge = start(config(sandbox, **mention))
    bridge.post(inductor(resolved=True, change=_urgent))
    bridge.post(inductor(change=_urgent))
    bridge.settle()
    (message,) = messages(sandbox)
    assert message.text.startswith("P0 resolved")
    assert "<!here>" not in message.text + json.dumps(message.blocks)
    assert replies(sandbox, message) == []
    assert issues(sandbox) == []
    assert pages(sandbox) == []
    states = {one["destination"]: one["state"] for one in bridge.incident(TITLE)["deliveries"]}
    assert states == {"slack": "delivered", "github": "skipped", "pagerduty": "skipped"}


def test_what_was_over_before_it_could_be_told_is_one_resolved_message(start, sandbox):
    sandbox.faults.add(Fault("status", status=503))
    bridge = start(config(sandbox, destinations={"slack": {"mention": "<!here>"}}))
    bridge.receipt(bridge.post(inductor(change=_urgent)))
    assert sandbox.wait_for(lambda: len({one.double for one in sandbox.requests}) == 3, 30)
    bridge.receipt(bridge.post(inductor(resolved=True, change=_urgent)))
    sandbox.faults.clear()
    bridge.settle()
    (message,) = messages(sandbox)
    assert message.text.startswith("P0 resolved")
    assert "<!here>" not in message.text + json.dumps(message.blocks)
    assert replies(sandbox, message) == []
    assert issues(sandbox) == []
    assert [page for page in pages(sandbox) if page.status != "resolved"] == []


def test_ha_twins_in_parallel_at_two_web_processes(start, sandbox):
    bridge = start(config(sandbox))
    eventually(lambda: len(bridge.process.children()["web"]) == 2)
    told = [alert(f"twin {number:02}", Priority="P0", start="2025-12-09T17:29:00Z") for number in range(20)]
    over = [{**one, "status": "resolved", "endsAt": "2025-12-09T18:00:00Z"} for one in told]
    for phase in (told, over):
        posts = []
        for one in phase:
            twin = copy.deepcopy(one) | {"startsAt": "2025-12-09T17:29:03Z", "generatorURL": "https://b.grafana.test/x"}
            posts += [group(one), group(twin), group(one)]
        at_once([lambda body=body: bridge.post(body) for body in posts], 12)
        bridge.settle()
    assert len(bridge.all("incidents")) == 20
    assert len(messages(sandbox)) == 20
    assert len(issues(sandbox)) == 20
    assert len(pages(sandbox)) == 20
    for message in messages(sandbox):
        assert message.text.startswith("P0 resolved")
        assert len(replies(sandbox, message)) == 1
    assert {issue.state for issue in issues(sandbox)} == {"closed"}
    assert {len(issue.comments) for issue in issues(sandbox)} == {1}
    assert {page.status for page in pages(sandbox)} == {"resolved"}


def test_an_older_episode_that_comes_late_opens_nothing(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(later(inductor(), "2025-12-09T21:00:00Z"))
    bridge.settle()
    bridge.receipt(bridge.post(inductor()))
    bridge.receipt(bridge.post(inductor(resolved=True)))
    bridge.settle()
    (message,) = messages(sandbox)
    assert message.text.startswith("P2 firing")
    assert len(bridge.incidents()) == 1


def test_many_incidents_in_one_notification_change_and_end_together(start, sandbox):
    bridge = start(config(sandbox))
    for status, count in (("firing", 1), ("firing", 4), ("resolved", 0)):
        receipt = bridge.post(group(*(alert(f"together {n}", status=status, Jobs=count) for n in range(3))))
        assert bridge.receipt(receipt)["state"] == "absorbed"
        bridge.settle()
    assert [one["state"] for one in bridge.incidents()] == ["resolved"] * 3
    assert [one.text.partition(":")[0] for one in messages(sandbox)] == ["P2 resolved"] * 3
    assert all("4 jobs failing" in json.dumps(one.blocks) for one in messages(sandbox))
    assert [one.state for one in issues(sandbox)] == ["closed"] * 3


def test_one_member_that_ends_does_not_end_the_others(start, sandbox):
    bridge = start(config(sandbox))
    one, two = (alert("members", instance=name) for name in ("a", "b"))
    bridge.post(group(one, two))
    bridge.settle()
    assert len(messages(sandbox)) == 1
    bridge.post(group({**one, "status": "resolved", "endsAt": "2025-12-09T18:00:00Z"}, two))
    bridge.settle()
    assert bridge.incident("members")["state"] == "firing"
    bridge.post(group({**two, "status": "resolved", "endsAt": "2025-12-09T18:00:00Z"}))
    bridge.settle()
    assert bridge.incident("members")["state"] == "resolved"
    (message,) = messages(sandbox)
    assert message.text.startswith("P2 resolved")
    assert issues(sandbox)[0].state == "closed"
