"""The page of the configuration: no key of `bridge.yml` is missing on it."""

from __future__ import annotations

from bridge.config.schema import BridgeFile
from bridge.web.configured import GENERAL

APART = {"destinations", "teams", "sources", "routes", "tests", "send", "normalize", "include"}
"""Shown by themselves, but for `tests`, which are for `bridge check`."""


def test_every_key_is_shown_in_the_order_of_the_schema():
    assert [name for name in BridgeFile.model_fields if name not in APART] == list(GENERAL)
