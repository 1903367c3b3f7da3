"""A restore, rehearsed: the ledger is lost, a backup takes its place, and what it knows is told on, not anew."""

from harness import alert, config, eventually, group, messages, pages


def ends(title):
    return group(alert(title, status="resolved", Priority="P1"))


def fires(title):
    return group(alert(title, Priority="P1"))


def test_a_backup_takes_the_place_of_a_ledger_that_is_lost(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(fires("Known"))
    bridge.settle()
    saved = bridge.command("db", "backup", "saved.db")
    assert saved.returncode == 0, saved.stderr
    bridge.post(fires("After the backup"))
    bridge.settle()
    bridge.process.kill()
    for lost in bridge.folder.glob("bridge.db*"):
        lost.unlink()
    (bridge.folder / "saved.db").rename(bridge.folder / "bridge.db")
    bridge.restart()
    for title in ("Known", "After the backup"):  # as Grafana repeats them
        bridge.post(fires(title))
    bridge.settle()
    assert len(messages(sandbox, text="Known")) == 1
    # what came after the backup nobody knows any more: it is told anew, as the how-to says
    assert len(messages(sandbox, text="After the backup")) == 2
    bridge.post(ends("Known"))
    bridge.settle()
    eventually(lambda: messages(sandbox, text="P1 resolved: Known"))
    assert [page.status for page in pages(sandbox) if "Known" in page.title] == ["resolved"]
