"""Where a benchmark was run."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any


def machine() -> dict[str, Any]:
    """Where this was measured, and with which versions; the time of an fsync is in milliseconds."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    found = {"processor": model[1] if model else platform.machine(), "cores": os.cpu_count()}
    found |= {"kernel": platform.release(), "fsync ms": round(fsync(), 2), "Python": platform.python_version()}
    found |= {name: version(name) for name in ("Flask", "gunicorn", "slack-sdk", "SQLAlchemy")}
    return found | {"SQLite": sqlite3.sqlite_version}


def fsync() -> float:
    """Milliseconds that the disk takes for a few bytes; the median of some times."""
    took = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(50):
            file.write(b"0" * 4096)
            begun = time.monotonic()
            os.fsync(file.fileno())
            took.append(1000 * (time.monotonic() - begun))
    return median(took)
