"""The pictures of Slack messages: they can be drawn anew, and Grafana's words in them are Grafana's."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import struct
import sys
from typing import TYPE_CHECKING

import pytest
from docs_kit import DOCS, ROOT, links, quiet, run

if TYPE_CHECKING:
    from pathlib import Path

COMPARED = DOCS / "explanation" / "compared-with-grafana.md"
MESSAGES = DOCS / "explanation" / "messages.md"
GENUINE = ROOT / "tests" / "payloads" / "grafana-unified"
WIDTH = 414


def _grafana():
    spec = importlib.util.spec_from_file_location("grafana_slack", DOCS / "grafana_slack.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


grafana = _grafana()


@pytest.mark.parametrize(
    "name",
    [
        "alerting-infra-reference-l104",
        "alerting-infra-reference-l215",
        "inductor-jobs-broken",
        "inductor-jobs-broken-resolved",
        "zulip-alert-values-v11",
    ],
)
def test_title_and_text_are_those_that_grafana_sent(name: str) -> None:
    body = json.loads((GENUINE / f"{name}.json").read_text("utf-8"))
    assert (grafana.title(body), grafana.text(body)) == (body["title"], body["message"])


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1, "1"), (0.93, "0.93"), (123456, "123456"), (2473545728, "2.473545728e+09"), (1e-7, "1e-07"), (-1.5, "-1.5")],
)
def test_numbers_are_written_as_go_writes_them(number: float, shown: str) -> None:
    assert grafana.number(number) == shown


def test_every_picture_is_shown_and_small() -> None:
    shown = {(page.parent / to).resolve() for page in (COMPARED, MESSAGES) for to in links(page) if to.endswith(".png")}
    there = set((DOCS / "pictures").rglob("*.png"))
    assert shown == there
    assert len([to for to in links(COMPARED) if to.endswith(".png")]) == 20
    assert max(picture.stat().st_size for picture in there) < 60_000
    assert {_size(picture)[0] for picture in there} == {WIDTH}


def test_they_can_be_drawn_anew(tmp_path: Path) -> None:
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        missing = "not run: pictures of Slack messages want Chromium and its driver, which are not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    done = run(sys.executable, DOCS / "make_slack_pictures.py", tmp_path, folder=ROOT, env=quiet())
    assert done.returncode == 0, done.stdout + done.stderr
    folder = DOCS / "pictures"
    names = {path.relative_to(folder) for path in folder.rglob("*.png")}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")} == names
    assert {_size(tmp_path / name)[0] for name in names} == {WIDTH}


def _size(picture: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height
