"""The life of the Inductor alert: told once at each place, edited there, ended there."""

import json

from harness import config, inductor, issues, later, messages, pages, replies

TITLE = "Inductor Jobs Broken"
SECOND, SECOND_END = "2025-12-09T21:00:00Z", "2025-12-09T21:51:00Z"


def raise_to(priority):
    return lambda alert: alert["annotations"].update(Priority=priority)


def jobs(number):
    return lambda alert: alert["values"].update(Number_of_Jobs_Failing=number)


def moving_links(number):
    return lambda alert: alert.update(dashboardURL=f"https://grafana.test/d/x?from={number}&to={number + 60}")


def test_it_is_told_once_and_repeats_are_silent(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    asked = len(sandbox.seen())
    for number in range(8):
        receipt = bridge.post(inductor(change=moving_links(number)))
        assert bridge.receipt(receipt)["incidents"] == [bridge.incident(TITLE)["id"]]
    bridge.settle()

    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P2 firing: Inductor Jobs Broken")
    assert issue.title == "[P2] Inductor Jobs Broken"
    assert issue.state == "open"
    assert pages(sandbox) == []
    assert replies(sandbox, message) == []
    assert [entry.path for entry in sandbox.seen()[asked:]] == []


def test_message_and_issue_name_each_other(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    assert "acme/alerts#1" in json.dumps(messages(sandbox)[0].blocks)
    remotes = {one["destination"]: one["remote"]["url"] for one in bridge.incident(TITLE)["deliveries"]}
    assert remotes["github"] == f"{sandbox.url}/acme/alerts/issues/1"
    assert remotes["slack"].startswith(f"{sandbox.url}/archives/")


def test_a_change_is_a_quiet_edit_in_place(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    bridge.post(inductor(change=jobs(3)))
    assert sandbox.wait_for(lambda: "3 jobs failing" in json.dumps(messages(sandbox)[0].blocks), 30)
    assert sandbox.wait_for(lambda: "3 jobs failing" in issues(sandbox)[0].body, 30)
    bridge.settle()
    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert replies(sandbox, message) == []
    assert issue.comments == []


def test_its_resolve_ends_it_everywhere_with_the_values_of_when_it_fired(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    bridge.post(inductor(resolved=True))
    bridge.post(inductor(resolved=True))
    assert sandbox.wait_for(lambda: issues(sandbox)[0].state == "closed", 30)
    bridge.settle()

    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P2 resolved: Inductor Jobs Broken")
    assert "1 job failing" in json.dumps(message.blocks)
    assert replies(sandbox, message) == ["Resolved after 2 h 18 min."]
    assert issue.state_reason == "completed"
    assert len(issue.comments) == 1
    assert "2 h 18 min" in issue.comments[0].body
    incident = bridge.incident(TITLE)
    assert (incident["state"], incident["resolved_at"]) == ("resolved", "2025-12-09T19:47:00Z")


def test_a_recurrence_after_reopen_duration_is_a_fresh_issue_that_links_the_last(start, sandbox):
    bridge = start(config(sandbox, reopen_duration="0s"))
    bridge.post(inductor())
    bridge.settle()
    bridge.post(inductor(resolved=True))
    bridge.settle()
    bridge.post(later(inductor(), SECOND))
    assert sandbox.wait_for(lambda: len(messages(sandbox)) == 2, 30)
    bridge.settle()

    first, second = issues(sandbox)
    assert (first.state, second.state) == ("closed", "open")
    assert "#1" in second.body.replace("\N{ZERO WIDTH SPACE}", "")
    assert [one.text.partition(":")[0] for one in messages(sandbox)] == ["P2 resolved", "P2 firing"]
    old, new = bridge.incidents()
    assert new["previous"] == old["id"]


def test_a_recurrence_within_reopen_duration_goes_on_in_place(start, sandbox):
    bridge = start(config(sandbox))
    for body in (inductor(), inductor(resolved=True), later(inductor(), SECOND)):
        bridge.post(body)
        bridge.settle()

    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P2 firing")
    assert issue.state == "open"
    assert len(replies(sandbox, message)) == 2
    assert "again" in replies(sandbox, message)[1].lower()
    incident = bridge.incident(TITLE)
    assert (incident["state"], incident["times"]) == ("firing", 2)

    bridge.post(later(inductor(resolved=True), SECOND, SECOND_END))
    bridge.settle()
    assert messages(sandbox)[0].text.startswith("P2 resolved")
    assert issues(sandbox)[0].state == "closed"


def test_an_issue_that_a_person_closed_stays_closed(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    with sandbox.lock:
        issues(sandbox)[0].close("sam", sandbox.clock())
    bridge.post(inductor(resolved=True))
    bridge.settle()
    bridge.post(later(inductor(), SECOND))
    bridge.settle()
    (issue,) = issues(sandbox)
    assert issue.state == "closed"
    assert issue.closed_by == "sam"
    assert messages(sandbox)[0].text.startswith("P2 firing")


def test_a_p0_pages_once_and_the_page_ends_with_it(start, sandbox):
    bridge = start(config(sandbox))
    for number in range(4):
        bridge.post(inductor(change=lambda alert, number=number: (raise_to("P0")(alert), jobs(number)(alert))))
    bridge.settle()
    (page,) = pages(sandbox)
    assert page.severity == "critical"
    assert "Inductor Jobs Broken" in page.title
    assert page.status == "triggered"
    bridge.post(inductor(resolved=True, change=raise_to("P0")))
    bridge.settle()
    (page,) = pages(sandbox)
    assert page.status == "resolved"
    assert page.notified == 1


def test_a_rise_to_p0_pages_and_replies(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(inductor())
    bridge.settle()
    assert pages(sandbox) == []
    bridge.post(inductor(change=raise_to("P0")))
    assert sandbox.wait_for(lambda: len(pages(sandbox)) == 1, 30)
    bridge.settle()
    (message,), (issue,) = messages(sandbox), issues(sandbox)
    assert message.text.startswith("P0 firing")
    assert any("P0" in text for text in replies(sandbox, message))
    assert "Pri:P0" in issue.labels
    assert "Pri:P2" not in issue.labels


def test_what_fires_again_within_reopen_duration_pages_under_a_fresh_key(start, sandbox):
    bridge = start(config(sandbox))
    urgent = raise_to("P0")
    for body in (
        inductor(change=urgent),
        inductor(resolved=True, change=urgent),
        later(inductor(change=urgent), SECOND),
    ):
        bridge.post(body)
        bridge.settle()
    first, second = pages(sandbox)
    assert (first.status, second.status) == ("resolved", "triggered")
    assert first.dedup_key != second.dedup_key
    assert len(messages(sandbox)) == 1
