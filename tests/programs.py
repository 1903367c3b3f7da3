"""Programs that pip can't install: where one is missing, a test is named as not run, and fails under CI."""

from __future__ import annotations

import os
import shutil

import pytest

# where systems keep servers, which is on the path of root only
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def needed(name: str, package: str) -> str:
    """The path of a program."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        missing = f"not run: {name} is not installed: apt-get install {package}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found
