"""A sandbox on a real socket, and the real clients that talk to it."""

from __future__ import annotations

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


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(channels=["alerts", "leads"]) as running:
        yield running


@pytest.fixture
def slack(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> WebClient:
    client = WebClient("xoxb-sandbox", base_url=sandbox.slack_url, retry_handlers=[])
    # a proxy that the environment names leads outside
    client.proxy = None
    monkeypatch.setenv("NO_PROXY", "*")
    return client


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=sandbox.github_url, headers={"Authorization": "Bearer ghp_sandbox"}, trust_env=False
    ) as client:
        yield client
