"""An installation of many hosts: one PostgreSQL, doubles of the destinations, web processes and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harness import Starter
from hosts_kit import Installation

from bridge.ledger.ledger import open_ledger
from bridge.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def database(postgres_url: str) -> str:
    """The URL of a database with the present tables."""
    open_ledger(postgres_url, upgrade=True).close()
    return postgres_url


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, database: str) -> Iterator[Installation]:
    with Starter(tmp_path_factory) as starter:
        yield Installation(starter, sandbox, database)
