"""A storm of three hundred incidents, counted at the destinations."""

from harness import alert, config, eventually, group, messages, pages, replies

MANY = 300
LIMITS = {"storm": {"incidents": 30, "within": "2m"}, "page_storm": {"pages": 10, "within": "5m"}}


def host(number, status="firing"):
    return alert(f"Disk {number:03}", instance=f"host-{number}", Priority="P1", status=status)


def test_a_storm_is_thirty_messages_and_one_for_the_rest(start, sandbox):
    bridge = start(config(sandbox, **LIMITS, send={"P1": ["slack", "pagerduty"]}))
    bridge.post(group(*(host(number) for number in range(MANY))))
    (storm,) = eventually(lambda: messages(sandbox, "alerts", "more incidents"))
    eventually(lambda: "Storm: 270 more" in str(messages(sandbox, "alerts", "more incidents")[0].blocks))
    bridge.settle()
    assert len(messages(sandbox, "alerts", "Disk ")) == 30
    told = pages(sandbox)
    assert len([page for page in told if "Disk" in page.title and "Storm" not in page.title]) == 10
    rest = [page for page in told if "more pages" in page.title]
    assert 1 <= len(rest) <= 8, "it pages again when it has doubled, no more often"
    # all but a few end: the rest of them are told by themselves once nothing more comes
    bridge.post(group(*(host(number, "resolved") for number in range(5, MANY))))
    eventually(lambda: "resolved" in messages(sandbox, "alerts", "more incidents")[0].text, patience=120)
    bridge.settle(patience=120)
    assert len(messages(sandbox, "alerts", "Disk ")) == 30
    assert {page.status for page in pages(sandbox) if "Storm" in page.title} == {"resolved"}
    assert not [text for text in replies(sandbox, storm) if "<!" in text]


def test_a_storm_that_was_over_before_anybody_told_of_it_is_one_message_more_and_no_page(start, sandbox):
    bridge = start(config(sandbox, **LIMITS, send={"P1": ["slack", "pagerduty"]}), verb="web")
    for status in ("firing", "resolved"):
        bridge.post(group(*(host(number, status) for number in range(100))))
    start.worker(bridge)
    (storm,) = eventually(lambda: messages(sandbox, "alerts", "more incidents"))
    assert "resolved" in storm.text
    assert "70 more incidents" in storm.text
    bridge.settle()
    assert len(messages(sandbox, "alerts", "Disk ")) == 30
    assert not [page for page in pages(sandbox) if "Storm" in page.title]
    assert not replies(sandbox, storm)
