"""A configuration written to a real file, loaded or found faulty."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bridge.config.check import check
from bridge.config.load import Loaded, load
from bridge.config.problem import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SLACK = """\
destinations:
  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#alerts"}
"""
PLANTED = ("xoxb-planted-literal-secret", "0123456789abcdef0123456789abcdef", "hunter2")


@dataclass
class Files:
    folder: Path

    def write(self, text: str, name: str = "bridge.yml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def load(self, text: str, env: dict[str, str] | None = None, **options) -> Loaded:
        self.write(text)
        return load("bridge.yml", env or {}, **options)

    def problems(self, text: str, env: dict[str, str] | None = None, **options) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, env, **options)
        lines = [str(problem) for problem in caught.value.problems]
        told = f"{lines}{caught.value!s}{caught.value!r}"
        assert not [secret for secret in PLANTED if secret in told]
        return lines

    def findings(self, text: str, env: dict[str, str] | None = None) -> list[str]:
        self.write(text)
        lines = [str(problem) for problem in check("bridge.yml", env or {})]
        assert not [secret for secret in PLANTED if secret in str(lines)]
        return lines


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return Files(tmp_path)
