"""`make pictures`: draw Slack messages of the bridge, and beside them those of Grafana for the same notifications.

Needs Chromium and its driver. Names a folder to write into, else the documentation's.
"""
# ruff: noqa: INP001 - a script, not part of the package

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grafana_slack
from draw import Channel, chromium, draw

from bridge.core.payload import parse
from bridge.samples import begun, group
from bridge.sandbox.payloads import payload

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

JSON = dict[str, Any]
Story = Callable[[], list[tuple[JSON, datetime]]]
ROOT = Path(__file__).parents[1]
REAL = ROOT / "tests" / "payloads" / "grafana-unified"
GOLDEN = ROOT / "tests" / "destinations" / "slack"
LATER = timedelta(hours=2, minutes=19)


def real(name: str) -> JSON:
    """Return a notification that somebody published (tests/payloads/SOURCES.md)."""
    found: JSON = json.loads((REAL / f"{name}.json").read_text("utf-8"))
    return found


def right_to_left() -> JSON:
    """Return a notification in Hebrew and Arabic, without the scripts that need more fonts."""
    text = json.dumps(payload("unicode"), ensure_ascii=False)
    found: JSON = json.loads(re.sub(r"[\u0900-\u097f\u3000-\u9fff]+|\\\\n", "", text).replace(" — .", "."))
    return found


def told(*bodies: JSON) -> list[tuple[JSON, datetime]]:
    """Return notifications with the times when they came: a minute after the start, then hours later."""
    start = min(at for alert in parse(json.dumps(bodies[0]).encode()).alerts if (at := alert.starts_at))
    return [(body, start + (LATER if number else timedelta(minutes=1))) for number, body in enumerate(bodies)]


def alone(name: str) -> Story:
    """Return a story of one notification."""
    return lambda: told(payload(name))


def thread() -> list[tuple[JSON, datetime]]:
    """Return what is worth a reply: one more joins and it gets worse, and it goes on."""
    body = group(2)
    ((_, start),) = told(body)
    more = json.loads(json.dumps(group(3)).replace('"P1"', '"P0"'))
    moments = ((body, 0), (more, 12), (more, 80))
    return [(then, start + timedelta(minutes=minutes)) for then, minutes in moments]


SHOWN: dict[str, Story] = {
    "firing": alone("inductor-jobs-broken"),
    "resolved": lambda: told(payload("inductor-jobs-broken"), payload("inductor-jobs-broken-resolved")),
    "group-of-40": lambda: told(group(40)),
    "no-data": alone("no-data"),
    "p0": alone("p0"),
    "mixed": alone("mixed"),
    "group-of-3": alone("group-of-3"),
    "group-of-500": lambda: told(group(500)),
    "multi-team": alone("multi-team"),
    "test": alone("test-button"),
    "thread": thread,
}
"""Pictures of our own messages."""
GOLDENS: dict[str, datetime] = {"storm": datetime(2026, 3, 2, 11, 1, tzinfo=UTC)}
"""Pictures of golden messages that only a whole bridge tells; each with the time when it was posted."""
COMPARED: dict[str, Story] = {
    "single": SHOWN["firing"],
    "resolved": SHOWN["resolved"],
    "group-of-40": SHOWN["group-of-40"],
    "mixed": SHOWN["mixed"],
    "no-data": lambda: told(real("alerting-infra-reference-l215")),
    "error": alone("error"),
    "p0": SHOWN["p0"],
    "paused": lambda: told(begun(payload("paused")), payload("paused")),
    "values": lambda: told(real("zulip-alert-values-v11")),
    "right-to-left": lambda: told(right_to_left()),
}
"""Pairs of pictures; ours is among those above where the story is the same."""


def main() -> None:
    """Draw all of them."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "pictures"
    with chromium() as browser:
        for name, story in SHOWN.items():
            ours(browser, story(), folder / f"{name}.png")
        for name, at in GOLDENS.items():
            with Channel() as channel:
                channel.post(json.loads((GOLDEN / f"{name}.json").read_text("utf-8")), at)
                draw(browser, channel, folder / f"{name}.png")
        for name, story in COMPARED.items():
            if story not in SHOWN.values():
                ours(browser, story(), folder / "compared" / f"{name}-bridge.png")
            grafanas(browser, story(), folder / "compared" / f"{name}-grafana.png")
    for picture in sorted(folder.rglob("*.png")):
        sys.stdout.write(f"{picture}: {picture.stat().st_size:,} bytes\n")


def ours(browser: Chrome, notifications: list[tuple[JSON, datetime]], picture: Path) -> None:
    """Draw what the bridge tells."""
    with Channel() as channel:
        channel.tell(notifications)
        draw(browser, channel, picture)


def grafanas(browser: Chrome, notifications: list[tuple[JSON, datetime]], picture: Path) -> None:
    """Draw what Grafana posts by default."""
    with Channel() as channel:
        for body, at in notifications:
            channel.post(grafana_slack.message(body, at), at)
        draw(browser, channel, picture)


if __name__ == "__main__":
    main()
