"""What `explain` answers: for each alert of a payload what was parsed, where it goes, and why; one value for all.

The command line prints it, the API returns it, the console draws it: all from the same JSON. Nothing is sent, nothing
is stored, and secrets are their references.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.config.sources import SourceSettings
from bridge.core.alert import UnreadableError
from bridge.mapping import reader
from bridge.preview import Preview, preview
from bridge.preview_json import plain
from bridge.preview_step import NOTHING_TRIED, Trial
from bridge.render.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from bridge.core.rules import Rules

JSON = dict[str, Any]
MOST_ALERTS, MOST_INCIDENTS = 100, 20
"""What is explained of one payload over HTTP; of more the number."""


@dataclass(frozen=True, slots=True)
class Question:
    """A body, and what it is to be explained by: `mapping` is its source's, `env` None where no secret is read."""

    body: bytes
    source: str
    mapping: str | None
    rules: Rules
    templates: tuple[Path, ...]
    now: datetime
    env: Mapping[str, str] | None = None
    trial: Trial = NOTHING_TRIED

    def previewed(self) -> Preview:
        """Return what the body would become; raises UnreadableError."""
        return preview(
            self.body,
            self.source,
            rules=self.rules,
            env=self.env,
            templates=self.templates,
            now=self.now,
            read=reader(SourceSettings(self.source, mapping=self.mapping)),
            trial=self.trial,
        )

    def made(self) -> JSON:
        """Return the explanation: `quarantine` says why there is none, and the rest is that of `bridge.preview`."""
        try:
            found = self.previewed()
        except UnreadableError as error:
            return plain_record(None, one_line(str(error)), self.source)
        return plain_record(found, None, self.source)


def plain_record(found: Preview | None, quarantine: str | None, source: str) -> JSON:
    """Return a preview as JSON; of what goes to quarantine an empty one with the reason."""
    explained = plain(found or Preview(source, "", 0, (), (), ()))
    assert isinstance(explained, dict)
    return {"quarantine": quarantine, **explained}
