"""What serving processes have in memory: nothing of what only reads a configuration, or brings tables up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import config, eventually

ONLY_TO_READ = ("pydantic/main.py", "ruamel/yaml/main.py", "bridge/config/schema.py", "bridge/config/validate.py")
ONLY_TO_UPGRADE = ("alembic/command.py", "mako/template.py")
UNUSED = (
    "trio/_core/_run.py",
    "rich/console.py",
    "pygments/lexer.py",
    "sqlalchemy/dialects/postgresql/base.py",
    "jmespath/parser.py",
)
ONLY_TO_SEND = (
    "httpx2/_client.py",
    "slack_sdk/web/client.py",
    "bridge/deliver.py",
    "bridge/destinations/http.py",
    "bridge/destinations/slack/step.py",
    "bridge/render/jinja.py",
)


def modules(pid, *files):
    """Which of some modules a process has in memory: what was compiled names its file, wherever the heap has it."""
    found = set()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
            region = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if region is None or line.endswith("[stack]"):
                continue
            begin, end = (int(one, 16) for one in region.groups())
            memory.seek(begin)
            held = memory.read(end - begin)
            found |= {file for file in files if f"/{file}\0".encode() in held}
    return found


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks the kernel of Linux")
def test_who_serves_has_nothing_in_memory_that_only_reads_or_upgrades(start, sandbox):
    bridge = start(config(sandbox))
    eventually(lambda: bridge.request("GET", "/readyz?delivery=1").is_success, "delivering")
    eventually(lambda: len(bridge.process.children()["web"]) == 2, "all web processes")
    children = bridge.process.children()
    serving = [bridge.process.popen.pid, *children["web"], *children["deliverer"]]

    assert len(serving) == 4
    assert len(list(Path(f"/proc/{serving[0]}/task").iterdir())) == 1, "who forks has a single thread"
    for pid in serving:
        assert modules(pid, "gunicorn/arbiter.py", *ONLY_TO_READ, *ONLY_TO_UPGRADE, *UNUSED) == {"gunicorn/arbiter.py"}
    for pid in children["web"]:
        assert modules(pid, "flask/app.py", *ONLY_TO_SEND) == {"flask/app.py"}
    (deliverer,) = children["deliverer"]
    assert "bridge/deliver.py" in modules(deliverer, *ONLY_TO_SEND)
