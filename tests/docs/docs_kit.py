"""Reading the documentation: its pages, their fenced blocks and their links."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
BIN = Path(sys.executable).parent
PAGES = sorted([README, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")])
REFERENCE = re.compile(r"\$\{env:(\w+)\}")
ADDRESSES = {"DOUBLES": "http://127.0.0.1:45487"}
"""Variables of examples that are no secrets."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, line, language and text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path, language: str) -> list[Block]:
    return [
        Block(page, token.map[0] + 1, language, token.content)
        for token in _tokens(page)
        if token.type == "fence" and token.map and token.info.strip() == language
    ]


def links(page: Path) -> Iterator[str]:
    """Yield every target of a link or a picture."""
    for token in _tokens(page):
        for inner in token.children or ():
            if inner.type == "link_open":
                yield str(inner.attrs["href"])
            if inner.type == "image":
                yield str(inner.attrs["src"])


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings get, as GitHub makes them."""
    tokens = _tokens(page)
    heads = [
        "".join(one.content for one in inline.children or ())
        for head, inline in pairwise(tokens)
        if head.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def codes(page: Path) -> set[str]:
    """Return everything that stands in backticks."""
    return {inner.content for token in _tokens(page) for inner in token.children or () if inner.type == "code_inline"}


def run(*command: str | Path, folder: Path, env: Mapping[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=dict(env),
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        **more,
    )


def quiet() -> dict[str, str]:
    """Return this process's environment without the bridge's own variables, and with its command first."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "PORT"))}
    return {**found, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def check(text: str, folder: Path, **env: str) -> list[dict[str, Any]]:
    """Return what `bridge check` finds in a configuration, whose references all lead somewhere."""
    (folder / "bridge.yml").write_text(text, "utf-8")
    named = {name: ADDRESSES.get(name, f"secret-of-{name}") for name in REFERENCE.findall(text)}
    done = run("bridge", "check", "--json", folder=folder, env={**quiet(), **named, **env})
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    errors = [one for one in found if one["level"] == "error"]
    assert (done.returncode == 0) == (not errors), done.stdout
    return found


@contextmanager
def bridge_running(folder: Path, env: Mapping[str, str], log: Path) -> Iterator[str]:
    """Give the address of `bridge run`, started as `make run` does, on a free port that it tells itself."""
    reader, writer = os.pipe()
    with log.open("w") as errors:
        process = subprocess.Popen(
            [BIN / "bridge", "run", "--bind", "127.0.0.1:0", "--announce", str(writer)],
            cwd=folder,
            env=dict(env),
            pass_fds=(writer,),
            stderr=errors,
        )
    os.close(writer)
    try:
        with os.fdopen(reader) as told:
            address = told.readline().strip()
        assert address, log.read_text()
        yield address
    finally:
        process.terminate()
        assert process.wait(15) == 0, log.read_text()
