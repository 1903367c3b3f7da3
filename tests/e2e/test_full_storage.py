"""Storage that is full of what may not be removed: notifications are answered 503, people are told, and it goes on."""

import os
import resource

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


def test_while_the_disk_refuses_what_is_posted_it_is_not_ready(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("before", Priority="P3")))
    bridge.settle()
    most = (bridge.folder / "bridge.db-wal").stat().st_size + 20_000
    web = bridge.process.children()["web"]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY)) for pid in web}

    def refused():
        answer = bridge.request("POST", "/webhooks/grafana", content=b"[" + os.urandom(100_000))
        return answer if answer.status_code == 503 else None

    # each process knows of what was posted to it
    for _ in range(20):
        assert "limits of a file's size" in eventually(refused).json()["error"]
    ready = bridge.request("GET", "/readyz")
    assert (ready.status_code, "limits of a file's size" in ready.json()["status"]) == (503, True)
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    bridge.post_stubbornly(group(alert("after", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "after"), 60)


def test_what_is_posted_while_the_database_is_moved_away_is_refused_until_it_is_put_back(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("before", Priority="P3")))
    bridge.settle()
    file = bridge.folder / "bridge.db"
    file.rename(bridge.folder / "aside.db")
    eventually(lambda: "moved, replaced or deleted" in bridge.request("GET", "/readyz").text)

    def refused():
        answer = bridge.request("POST", "/webhooks/grafana", json=group(alert("refused")))
        return answer if answer.status_code == 503 else None

    assert "put it back, or restart the bridge" in eventually(refused).json()["error"]
    (bridge.folder / "aside.db").rename(file)
    bridge.post_stubbornly(group(alert("after", Priority="P3")))
    assert sandbox.wait_for(lambda: messages(sandbox, "alerts", "after"), 60)
