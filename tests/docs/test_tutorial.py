"""The tutorial, executed: each of its blocks, in order, against the doubles that it speaks of."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from docs_kit import BIN, DOCS, ROOT, blocks, bridge_running, quiet, run
from harness import eventually, messages

from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "tutorial.md"
LISTENS = "http://127.0.0.1:8080"


def exported(block: str) -> dict[str, str]:
    """Return what a fresh terminal knows once a block was said in it, in the repository as `make` leaves it."""
    names = re.findall(r"([A-Z_]+)=", "".join(one.text for one in blocks(PAGE, "shell")))
    plain = {name: value for name, value in quiet().items() if name not in names}
    plain["PATH"] = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if one != str(BIN))
    said = run("bash", "-euc", f"{block.replace('$PWD/.venv/bin', str(BIN))}env -0", folder=ROOT, env=plain)
    assert said.returncode == 0, said.stderr
    return dict(one.split("=", 1) for one in said.stdout.split("\0") if one)


def test_the_tutorial_ends_with_a_message_and_a_page(tmp_path: Path) -> None:
    shells = (one.text for one in blocks(PAGE, "shell"))
    demo, variables, check, explain, render, serve, third, post, incidents, resolve, trouble, dead = shells
    (configuration,) = blocks(PAGE, "yaml")
    (tmp_path / "bridge.yml").write_text(configuration.text, "utf-8")
    assert demo == "make demo\n"
    assert serve == "bridge run\n"
    with Sandbox() as sandbox:
        # each terminal knows what was said in it, and nothing of the other's
        second_knows, third_knows = exported(variables.replace("http://127.0.0.1:45487", sandbox.url)), exported(third)

        def shell(block: str, env: dict[str, str]) -> str:
            done = run("bash", "-euc", block, folder=tmp_path, env=env)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        shell(check, second_knows)
        assert "broken-inductor" in shell(explain, second_knows)
        assert "P2 firing: Inductor Jobs Broken" in shell(render, second_knows)
        with bridge_running(tmp_path, second_knows, tmp_path / "log") as address:
            assert '"receipt"' in shell(post.replace(LISTENS, address), third_knows)
            eventually(lambda: sandbox.pagerduty.pages and messages(sandbox, "compilers"))
            shell(post.replace(LISTENS, address), third_knows)
            assert "Inductor Jobs Broken" in shell(incidents, third_knows)
            sandbox.stop()
            assert '"receipt"' in shell(resolve.replace(LISTENS, address), third_knows)
            eventually(lambda: "slack retrying, pagerduty retrying" in shell(trouble, third_knows))
            assert "There are no dead letters." in shell(dead, third_knows)
        (page,) = sandbox.pagerduty.pages
        assert page.status == "triggered"
        assert len(messages(sandbox, "compilers")) == 1
