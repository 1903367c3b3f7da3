"""What `bridge init` was told, and the files that it makes of it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.defaults import effective
from bridge.config.load import load
from bridge.config.problem import ConfigError
from bridge.destinations.base import Settings
from bridge.setup.env_file import draft_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.loaded import Loaded

_HEAD = (
    "# Written by `bridge init`. `bridge check` says what is wrong here; `bridge check --schema` helps your editor.\n"
)
_VARIABLES = {"token": "SLACK_BOT_TOKEN", "routing_key": "PAGERDUTY_KEY", "github_token": "GITHUB_TOKEN"}


@dataclass(slots=True)
class Answers:
    """The answers so far; empty where there is none. `api_urls` are addresses in place of the public ones, by kind."""

    token: str = field(default="", repr=False)
    channel: str = ""
    routing_key: str = field(default="", repr=False)
    github_token: str = field(default="", repr=False)
    repo: str = ""
    external_url: str = ""
    webhook_token: str = field(default="", repr=False)
    api_urls: Mapping[str, str] = field(default_factory=dict)

    def configuration(self) -> str:
        """Return `bridge.yml`."""
        lines = [f"external_url: {json.dumps(self.external_url)}"] if self.external_url else []
        lines.append("destinations:")
        for kind, settings in self._destinations().items():
            lines.append(f"  {kind}:")
            lines += [f"    {name}: {json.dumps(text, ensure_ascii=False)}" for name, text in settings.items()]
        return _HEAD + "".join(f"{line}\n" for line in lines)

    def variables(self) -> dict[str, str]:
        """Return what stands in `.env`, by name."""
        found = {name: getattr(self, answer) for answer, name in _VARIABLES.items()}
        return {name: text for name, text in {**found, "BRIDGE_WEBHOOK_TOKEN": self.webhook_token}.items() if text}

    def _destinations(self) -> dict[str, dict[str, str]]:
        found = {"slack": {"token": "${env:SLACK_BOT_TOKEN}", "channel": self.channel or "#alerts"}}
        if self.routing_key:
            found["pagerduty"] = {"routing_key": "${env:PAGERDUTY_KEY}"}
        if self.github_token:
            found["github"] = {"token": "${env:GITHUB_TOKEN}", "repo": self.repo or "owner/name"}
        for kind, url in self.api_urls.items():
            if kind in found and url:
                found[kind]["api_url"] = url
        return found

    def problem(self) -> str | None:
        """Say what `bridge check` would of the answers so far, and how to mend it; None where nothing is wrong."""
        try:
            self._loaded()
        except ConfigError as error:
            one = error.problems[0]
            return f"{one.what}: {one.mend}" if one.mend else one.what
        return None

    def _loaded(self) -> Loaded:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bridge.yml"
            path.write_text(self.configuration(), "utf-8")
            return load(path, {})

    def settings(self, kind: str) -> Settings:
        """Return a destination's settings with its secrets, as a client takes them.

        Raises:
            ConfigError: the answers can't be used (`problem`).
        """
        declared = self._loaded().rules.destinations[kind].settings
        values = dict(effective(kind, declared, self.variables()))
        if kind == "pagerduty":
            values["digests"] = (self.routing_key,)
        return Settings(kind, kind, values)

    def write(self, config: Path, env_file: Path) -> None:
        """Write both files, each whole or not at all; `.env` for its owner only, its other lines as they were.

        Raises:
            OSError: one can't be written; then none is.
        """
        drafts: list[tuple[Path, Path]] = []
        try:
            for path, text in (
                (env_file.resolve(), draft_with(env_file, self.variables())),
                (config.resolve(), self.configuration()),
            ):
                descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
                drafts.append((Path(name), path))
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
            drafts[1][0].chmod(0o644)
            # not between the two
            signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            for draft, path in drafts:
                draft.replace(path)
            signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        finally:
            for draft, _ in drafts:
                draft.unlink(missing_ok=True)
