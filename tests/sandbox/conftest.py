"""A sandbox on a real socket, and the real clients that talk to it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
import pytest
from slack_sdk import WebClient

from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class VirtualClock:
    """Time that only a test moves."""

    now: float = 1_765_300_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's client asks the proxy that the environment names, which leads outside, whatever it is to reach."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")  # asked anew for each request, where the others are remembered


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(channels=["alerts", "leads"]) as running:
        yield running


@pytest.fixture
def slack(sandbox: Sandbox) -> WebClient:
    return WebClient("xoxb-sandbox", base_url=sandbox.slack_url, retry_handlers=[])


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=sandbox.github_url, headers={"Authorization": "Bearer ghp_sandbox"}, trust_env=False
    ) as client:
        yield client
