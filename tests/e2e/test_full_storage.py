"""Storage that is full of what may not be removed: notifications are answered 503, people are told, and it goes on."""

import os

from harness import alert, config, eventually, group, messages


def test_full_storage_is_a_503_until_there_is_room_again(start, sandbox):
    bridge = start(config(sandbox, max_storage="2MiB"))
    junk = [b"[" + os.urandom(100_000) for _ in range(25)]

    def refused():
        answer = bridge.request("POST", "/webhooks/grafana", content=junk[0])
        return answer if answer.status_code == 503 else None

    answer = eventually(refused)
    assert answer.headers["Retry-After"] == "5"
    assert "max_storage" in answer.json()["error"]
    eventually(lambda: bridge.request("GET", "/readyz").status_code == 503)
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "Storage fills up"), 60)
    everything = bridge.all("receipts?state=quarantined")
    for one in everything:
        bridge.request("POST", f"/api/v1/receipts/{one['id']}/dismiss")
    bridge.post_stubbornly(group(alert("after the flood", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "after the flood"), 60)
