"""Sandboxes and bridges, ended with their test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harness import Starter

from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts bridges, each in a folder of its own: `start(settings)`."""
    with Starter(tmp_path_factory) as starter:
        yield starter
