"""A bridge that says again what still fires."""

from harness import alert, config, eventually, group, messages, replies


def test_a_bridge_reminds_and_stops_with_the_end(start, sandbox):
    bridge = start(config(sandbox, remind={"P3": "1s"}, send={"P3": ["slack"]}))
    bridge.post(group(alert("again and again", Priority="P3")))
    (message,) = eventually(lambda: messages(sandbox, "alerts", "again and again"))
    eventually(lambda: [text for text in replies(sandbox, message) if text.startswith("Still firing after ")])
    bridge.post(group(alert("again and again", Priority="P3", status="resolved")))
    eventually(lambda: replies(sandbox, message)[-1].startswith("Resolved"))
    assert sum(text.startswith("Resolved") for text in replies(sandbox, message)) == 1
