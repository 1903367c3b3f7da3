"""The sample notifications that ship with the package: the demo posts one, templates are tried with all of them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

JSON = dict[str, Any]
_FOLDER = files("bridge.sandbox") / "data" / "payloads"
FIRST = "inductor-jobs-broken"
"""The sample that stands for all where one is enough."""


def names() -> list[str]:
    """Return the names of the samples, sorted."""
    return sorted(one.name.removesuffix(".json") for one in _FOLDER.iterdir())


def text(name: str = FIRST) -> str:
    """Return a sample as Grafana would post it."""
    return (_FOLDER / f"{name}.json").read_text("utf-8")


def payload(name: str = FIRST) -> JSON:
    """Return a sample, read."""
    found: JSON = json.loads(text(name))
    return found
