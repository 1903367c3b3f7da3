"""The documentation as a site: it builds, strictly, and fetches nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from docs_kit import ROOT, quiet, run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

FETCHED = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(https?:[^\"> ]+)")


def build(folder: Path, to: Path) -> subprocess.CompletedProcess[str]:
    return run("mkdocs", "build", "--site-dir", to, folder=folder, env={**quiet(), "NO_MKDOCS_2_WARNING": "1"})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of what the site is built from."""
    for name in ("docs", "bridge", "deploy", "tests", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for one in (*ROOT.glob("*.md"), *ROOT.glob("*.yml"), ROOT / "LICENSE", ROOT / "Procfile"):
        shutil.copy(one, tmp_path)
    return tmp_path


def test_it_builds_and_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert {"index.html", "start/index.html"} <= {str(page.relative_to(tmp_path)) for page in pages}
    assert {url for page in pages for url in FETCHED.findall(page.read_text("utf-8"))} == set()


@pytest.mark.parametrize("link", ["[gone](gone.md)", "[gone](glossary.md#gone)", "[gone](../gone.py)"])
def test_a_link_that_leads_nowhere_fails(copied: Path, link: str) -> None:
    page = copied / "docs" / "index.md"
    page.write_text(f"{page.read_text('utf-8')}\n{link}\n", "utf-8")
    done = build(copied, copied / "site")
    assert done.returncode != 0
    assert "gone" in done.stderr
