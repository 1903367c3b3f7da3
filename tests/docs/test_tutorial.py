"""The tutorial, executed: each of its blocks, in order, against the doubles that it speaks of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docs_kit import DOCS, ROOT, blocks, bridge_running, quiet, run
from harness import eventually, messages

from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "tutorial.md"
LISTENS = "http://127.0.0.1:8080"


def test_the_tutorial_ends_with_a_message_and_a_page(tmp_path: Path) -> None:
    demo, variables, check, explain, render, serve, post, incidents, dead = (one.text for one in blocks(PAGE, "shell"))
    (configuration,) = blocks(PAGE, "yaml")
    (tmp_path / "bridge.yml").write_text(configuration.text, "utf-8")
    assert demo == "make demo\n"
    assert serve == "bridge run\n"
    with Sandbox() as sandbox:
        said = variables.replace("http://127.0.0.1:45487", sandbox.url)
        env = quiet() | dict(re.findall(r'([A-Z_]+)="(.*?)"', said.replace("$PWD", str(ROOT)).partition("\n")[2]))

        def shell(block: str) -> str:
            done = run("bash", "-euc", block, folder=tmp_path, env=env)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        shell(check)
        assert "broken-inductor" in shell(explain)
        assert "P2 firing: Inductor Jobs Broken" in shell(render)
        with bridge_running(tmp_path, env, tmp_path / "log") as address:
            assert '"receipt"' in shell(post.replace(LISTENS, address))
            eventually(lambda: sandbox.pagerduty.pages and messages(sandbox, "compilers"))
            shell(post.replace(LISTENS, address))
            assert "Inductor Jobs Broken" in shell(incidents)
            shell(dead)
        (page,) = sandbox.pagerduty.pages
        assert page.status == "triggered"
        assert len(messages(sandbox, "compilers")) == 1
