"""`make pictures`: take the README's picture, of the sandbox's page while a real alert is told there.

Needs Chromium. The picture is that of the moment when the alert has become a P0: a message with a reply in its thread,
one page, one issue.
"""
# ruff: noqa: INP001 - a script, not part of the package

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx2

from bridge.sandbox import demo
from bridge.sandbox.server import Sandbox

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1400, 800
PATIENCE = 45.0


def main() -> None:
    """Tell the alert, then take the picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is needed: apt-get install chromium fonts-noto-color-emoji")
    with Sandbox(channels=[demo.CHANNEL]) as sandbox, tempfile.TemporaryDirectory() as folder:
        with demo.running(sandbox, Path(folder)) as address:
            _tell(sandbox, address, demo.payload(), _opened)
            _tell(sandbox, address, demo.variant(_worst), _paged)
        picture = folder_of_pictures() / "demo.png"
        _shoot(browser, sandbox.url, picture)
    sys.stdout.write(f"{picture}: {picture.stat().st_size:,} bytes\n")


def folder_of_pictures() -> Path:
    """Return where pictures go: into the documentation, or the folder that the command names."""
    return Path(sys.argv[1]) if sys.argv[1:] else IMAGES


def _tell(sandbox: Sandbox, address: str, body: dict[str, Any], reached: Any) -> None:  # noqa: ANN401 - a predicate
    httpx2.post(f"{address}/webhooks/grafana", json=body, timeout=10).raise_for_status()
    if not sandbox.wait_for(lambda: reached(demo.Look(sandbox)), PATIENCE):
        sys.exit(f"{reached.__name__}: not reached within {PATIENCE:.0f} s")


def _worst(alert: dict[str, Any]) -> None:
    alert["values"]["Number_of_Jobs_Failing"] = 3
    alert["annotations"]["Priority"] = "P0"


def _opened(look: demo.Look) -> bool:
    return look.says("firing") and look.linked()


def _paged(look: demo.Look) -> bool:
    issue = look.issue or {}
    told = look.says("P0") and len(look.pages) == 1 and look.pages[0]["status"] == "triggered"
    relabelled = "Pri:P0" in str(issue.get("labels")) and "Pri:P2" not in str(issue.get("labels"))
    return told and bool(look.replies) and relabelled and "P0" in json.dumps(issue.get("comments"))


def _shoot(browser: str, url: str, picture: Path) -> None:
    """Let a browser without a window draw the page."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603 - our own command
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={picture}",
                url,
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


if __name__ == "__main__":
    main()
