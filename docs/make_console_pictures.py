"""`make pictures`: take the console's pictures, of a bridge with a few incidents, at a desk and on a phone in the dark.

Needs Chromium and its driver.
"""
# ruff: noqa: INP001 - a script, not part of the package

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from draw import chromium
from make_pictures import PATIENCE, folder_of_pictures

from bridge.sandbox import Fault, Sandbox, demo

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ALERTS = (
    ("Checkout is slow: p99 above 2 s", "P0", "payments", "checkout-7f9c"),
    ("Replication lags behind by 30 s", "P1", "storage", "db-7"),
    ("Disk 93% full", "P1", "storage", "db-3"),
    ("Certificate expires in 6 days", "P2", "payments, storage", "api"),
    ("Nightly report is late", "P3", "reports", "cron-2"),
)
REFUSED = {"method": "POST", "path": "*/issues", "status": 422, "body": '{"message": "Validation Failed"}', "count": 1}
PICTURES = (("console.png", 1100, 760, "light"), ("console-phone.png", 360, 700, "dark"))
"""Name, width and height in pixels, colour scheme."""


def main() -> None:
    """Post the alerts, wait until one could not be told at one place, take the pictures."""
    with Sandbox(channels=[demo.CHANNEL]) as sandbox, tempfile.TemporaryDirectory() as folder, chromium() as browser:
        sandbox.faults.add(Fault("status", "github", contains=ALERTS[1][0], **REFUSED))
        with demo.running(sandbox, Path(folder)) as address:
            for title, priority, team, pod in ALERTS:
                said = {"labels": {"alertname": title, "pod": pod}, "annotations": {"Priority": priority, "Team": team}}
                body = {"status": "firing", "alerts": [{"status": "firing", "fingerprint": pod, **said}]}
                httpx2.post(f"{address}/webhooks/grafana", json=body, timeout=10).raise_for_status()
            if not sandbox.wait_for(lambda: _dead(address), PATIENCE):
                raise SystemExit(f"no dead letter within {PATIENCE:.0f} s")
            for name, width, height, scheme in PICTURES:
                _shoot(browser, address, folder_of_pictures() / name, (width, height), scheme)


def _dead(address: str) -> bool:
    found = httpx2.get(f"{address}/?text=replication&trouble=dead", timeout=10).text
    return ALERTS[1][0] in found


def _shoot(browser: Chrome, address: str, picture: Path, size: tuple[int, int], scheme: str) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    dark = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    browser.get(address)
    picture.parent.mkdir(parents=True, exist_ok=True)
    assert browser.save_screenshot(str(picture))


if __name__ == "__main__":
    main()
