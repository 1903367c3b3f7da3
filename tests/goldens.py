"""Golden files: whole rendered things that people read in review; BRIDGE_UPDATE_GOLDENS=1 writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

MESSAGES = Path(__file__).parent / "destinations"
"""A folder a kind of destination."""


def compare(path: Path, made: str) -> None:
    """Compare what was made with its golden file."""
    if os.environ.get("BRIDGE_UPDATE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
