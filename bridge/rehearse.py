"""Every template in use, put to the samples: what would fail, be cut, or lead nowhere when a real alert comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.config.problem import Problem
from bridge.config.validate import at
from bridge.config.words import did_you_mean, listed, shown
from bridge.destinations.base import Address, Settings, Want
from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack
from bridge.mend_template import mend, own_faults, plainly
from bridge.render import changes, times
from bridge.render.folders import template_folders
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.text import units
from bridge.render.view import view
from bridge.samples import scenes
from bridge.whole import no_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.config.loaded import Loaded
    from bridge.render.outline import Outline
    from bridge.render.view import View
    from bridge.samples import Scene

BLOCKS: Final[dict[str, dict[str, int]]] = {
    "slack": slack.BLOCKS,
    "pagerduty": pagerduty.BLOCKS,
    "github": github.BLOCKS,
}
"""The blocks of a kind's template, each with the characters that are shown of it."""
TELLING: Final = frozenset({"reply", "comment"})
"""Blocks that are rendered where something changed."""
NEEDED: Final = {"slack": ("headline", "text"), "pagerduty": ("summary",), "github": ("title",)}
ZONE: Final = times.zone_named("America/Los_Angeles")
_VARIABLE = "BRIDGE_TEMPLATES"


def rehearse(loaded: Loaded, env: Mapping[str, str]) -> list[Problem]:
    """Render every template in use for every sample, and return what is wrong, each once."""
    own = Path(env[_VARIABLE]) if env.get(_VARIABLE) else None
    if own and (none := no_folder(own)):
        return none
    words = Words(template_folders(own))
    problems: dict[tuple[str, int, str], Problem] = {}
    for kind, template, where in used(loaded):
        for problem in _Rehearsal(kind, template, where, words, own).problems():
            problems.setdefault((problem.file, problem.line, problem.what.partition(" (sample ")[0]), problem)
    return list(problems.values())


def used(loaded: Loaded) -> dict[tuple[str, str, str], None]:
    """Return kind, template and "file:line" of its use, for each template that a destination or a team asks for."""
    used: dict[tuple[str, str, str], None] = {}
    for destination in loaded.rules.destinations.values():
        kind = destination.kind
        said = [destination.settings.get("template") or f"{kind}/message.j2"]
        said += [
            team.destinations[destination.name]["template"]
            for team in loaded.rules.teams.values()
            if team.destinations.get(destination.name, {}).get("template")
        ]
        for template in said:
            used[kind, str(template), _where(loaded, str(template))] = None
    return used


def _where(loaded: Loaded, template: str) -> str:
    """Return where the configuration names a template, else its main file."""
    for document in loaded.documents:
        for keys in document.places:
            if keys[-1:] == ("template",) and at(document.data, keys) == template:
                return document.where(keys)
    return f"{loaded.documents[0].file}:0"


@dataclass(slots=True)
class _Rehearsal:
    """One template of one kind."""

    kind: str
    template: str
    where: str
    words: Words
    own: Path | None
    told: set[str] = field(default_factory=set)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong; a block that has failed is not tried again."""
        try:
            found = self.words.outline(self.kind, self.template)
            for name in dict.fromkeys((self.template, *(place.template for place in found.blocks.values()))):
                self.words.check(self.kind, name)
        except TemplateFailedError as error:
            yield self._failed(error)
            return
        yield from self._shape(found)
        yield from self._own(found)
        for scene in scenes():
            for private in (False, True):
                want = self._want(scene, private=private)
                told = changes.changes(want.incident, scene.before, ZONE)
                seen = view(want, told)
                for block in BLOCKS[self.kind]:
                    if block not in self.told and (told or block not in TELLING):
                        yield from self._block(block, seen, scene, found)

    def _shape(self, found: Outline) -> Iterator[Problem]:
        """Yield blocks that are missing, and those that nothing shows."""
        known = BLOCKS[self.kind]
        missing = [] if found.open else [block for block in known if block not in found.blocks]
        if missing:
            self.told |= {*missing}
            shipped = f"{self.kind}/message.j2"
            what = f"has no block {listed(missing)}" + ("" if found.extends else ", and extends nothing")
            extend = "write them" if self.template == shipped else f'begin it with {{% extends "{shipped}" %}}'
            yield self._problem(self.template, 1, what, extend)
        for block, place in found.blocks.items():
            if block not in known and block not in found.inner:
                what = f"has a block {shown(block)}, which nothing shows"
                yield self._problem(place.template, place.line, what, did_you_mean(block, known))

    def _own(self, found: Outline) -> Iterator[Problem]:
        """Yield what the templates themselves say and may not."""
        for place, text in found.texts:
            for start, what, mended in own_faults(self.kind, text):
                line = place.line + text.count("\n", 0, start)
                yield self._problem(place.template, line, what, mended)

    def _want(self, scene: Scene, *, private: bool) -> Want:
        visibility = "private" if private else "public"
        address = {"external_url": "https://alerts.example.com"} if private else {}
        values = {"timezone": str(ZONE), "visibility": visibility, **address}
        return Want(
            delivery="0" * 26,
            incident=scene.incident,
            settings=Settings(self.kind, self.kind, values),
            address=Address(self.kind, "#alerts", self.kind),
            words=self.words,
            now=scene.incident.opened_at,
        )

    def _block(self, block: str, seen: View, scene: Scene, found: Outline) -> Iterator[Problem]:
        try:
            text, refused = self.words.tried(self.kind, block, seen, self.template)
        except TemplateFailedError as error:
            self.told.add(block)
            yield self._failed(error, block, scene)
            return
        for what, mended in self._faults(block, text, refused):
            self.told.add(block)
            place = found.blocks.get(block)
            name, line = (place.template, place.line) if place else (self.template, 1)
            yield self._problem(name, line, f"block {block}, {what}", mended, scene)

    def _faults(self, block: str, text: str, refused: list[str]) -> Iterator[tuple[str, str]]:
        room = BLOCKS[self.kind][block]
        if units(text) > room:
            yield f"makes {units(text):,} characters, {room:,} are shown", "say less, or cut a part with | truncate(…)"
        if not text and block in NEEDED[self.kind]:
            yield "is empty", "write something that is always there, like {{ title }}"
        for url in refused:
            yield f"links to {shown(url)}, which is no http or https address", "only these become links"

    def _failed(self, error: TemplateFailedError, block: str = "", scene: Scene | None = None) -> Problem:
        reason = plainly(error.reason)
        what = f"block {block}, {reason}" if block else reason
        if self.words.file_of(error.template) is None:
            file, _, line = self.where.rpartition(":")
            folder = str(self.own) if self.own else f"a folder that {_VARIABLE} names"
            what = f"template {shown(error.template)}, {error.reason}"
            return Problem(file, int(line), what, f"write it into {folder}, or mend its name")
        return self._problem(error.template, error.line, what, mend(error.reason), scene)

    def _problem(self, template: str, line: int, what: str, mended: str, scene: Scene | None = None) -> Problem:
        file = self.words.file_of(template)
        place = f"template {shown(template)} line {line}" if line else f"template {shown(template)}"
        sample = f" (sample {scene.name})" if scene else ""
        return Problem(str(file or template), line, f"{place}, {what}{sample}", mended)
