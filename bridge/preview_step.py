"""The first step at each address of an incident, without asking anybody: as exact as it can be known beforehand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.config.secrets import MissingSecretError, Secret, resolve, secrets_in
from bridge.core.route import target_at
from bridge.destinations import KINDS
from bridge.destinations.base import Nothing, Settings, Want
from bridge.effective import at_place, shared
from bridge.preview_request import request_of
from bridge.preview_unsent import unsent
from bridge.readable import headline
from bridge.render.bounded import bounded
from bridge.render.jinja import Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bridge.core.incident import Incident
    from bridge.core.routed import Target
    from bridge.core.rules import Rules
    from bridge.core.shadow import Would
    from bridge.destinations.base import JSON, Address
    from bridge.preview_request import Request

STANDS_IN = "; the built-in message stands in"
"""How a note ends that tells of a template which failed."""
_HANDLE = re.compile(r"@([\w.-]+)")
_SPECIAL = frozenset({"here", "channel", "everyone"})


@dataclass(frozen=True, slots=True)
class Planned:
    """One address of an incident: what its destination would do first, or why it does nothing.

    `says` is the line by which a person knows the message again. `also` names other destinations and teams that lead to
    the same address. `missing` are sentences about secrets that aren't there now; `notes` say what can't be known
    beforehand.
    """

    id: str
    destination: str
    kind: str
    address: str
    team: str
    why: str
    says: str | None = None
    also: tuple[str, ...] = ()
    request: Request | None = None
    skipped: str | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Place:
    """An address on its way: the first target that leads there, and the names of the others."""

    target: Target
    address: Address
    shown: str
    missing: tuple[str, ...]
    also: list[str] = field(default_factory=list)
    would: Would | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What somebody tries out, in place of what is configured.

    `typed` are templates' texts by kind; `private` says how GitHub's repositories are taken, None: as configured.
    `everywhere` shows each kind, also where nothing sends the incident there; of more than `most` incidents, and of
    more than `alerts` alerts, only their number is told (None: all are).
    """

    typed: Mapping[str, str] = field(default_factory=dict)
    private: bool | None = None
    everywhere: bool = False
    most: int | None = None
    alerts: int | None = None


NOTHING_TRIED = Trial()


class Planner:
    """Plans first steps from the rules, with secrets kept as references."""

    def __init__(
        self, rules: Rules, env: Mapping[str, str] | None, templates: tuple[Path, ...], now: datetime, trial: Trial
    ) -> None:
        self._rules = rules
        self._trial = trial
        self._env = env
        self._now = now
        self._fallbacks: list[str] = []
        self._words = Words(templates, lambda _kind, why: self._fallbacks.append(why), trial.typed)

    def plan(self, incident: Incident, targets: Sequence[Target]) -> tuple[Planned, ...]:
        """Return the first step at each address, in the order of the targets; as stored, an address counts once."""
        places: dict[tuple[str, str], _Place] = {}
        others = unsent(self._rules, incident, targets) if self._trial.everywhere else ()
        for target in (*targets, *others):
            place = self._place(target)
            first = places.setdefault((target.kind, place.address.text), place)
            if target.would:
                first.would = first.would.joined(target.would) if first.would else target.would
            if first is not place and (target.destination, target.team) != (
                first.target.destination,
                first.target.team,
            ):
                first.also.append(f"{target.destination} for team {target.team}")
        return tuple(self._planned(incident, place, number) for number, place in enumerate(places.values(), 1))

    def _place(self, target: Target) -> _Place:
        """Say where a target leads to: by the secrets' values where they are there, shown by their references."""
        digests: dict[str, str] = {_digest("")[:8]: "(none is set)"}
        missing = []
        for secret in secrets_in(target.settings):
            try:
                value = str(secret) if self._env is None else resolve(secret, self._env)
            except MissingSecretError as error:
                missing.append(str(error))
                value = str(secret)
            digests[_digest(value)[:8]] = str(secret)
        address = KINDS[target.kind].address(Settings(target.destination, target.kind, self._resolved(target)), _digest)
        shown = address.text
        for digest, reference in digests.items():
            shown = shown.replace(digest, reference)
        return _Place(target, address, shown, tuple(dict.fromkeys(missing)))

    def _resolved(self, target: Target) -> JSON:
        """Return settings with secrets' values, to tell addresses apart and for nothing else."""

        def read(value: object) -> object:
            if isinstance(value, Secret):
                try:
                    return str(value) if self._env is None else resolve(value, self._env)
                except MissingSecretError:
                    return str(value)
            return [read(one) for one in value] if isinstance(value, list | tuple) else value

        return {name: read(value) for name, value in target.settings.items()}

    def _planned(self, incident: Incident, place: _Place, number: int) -> Planned:
        target, delivery = place.target, f"{incident.id[4:]}D{number:03}"
        # as a lane does: at the address that it was routed to, by the settings of the incident's priority
        found = target_at(self._rules, target.destination, target.team, incident.priority, incident.source)
        settings = self._settings(target if isinstance(found, str) else found, place)
        learned, notes = _learned(settings)
        want = Want(
            delivery=delivery,
            incident=bounded(incident),
            settings=settings,
            address=place.address,
            words=self._words,
            now=self._now,
            place=learned,
            never_fired=incident.never_fired and not self._trial.everywhere,
            would=place.would,
        )
        self._fallbacks.clear()
        step = KINDS[target.kind].next_step(want, {})
        if incident.never_fired and self._trial.everywhere:
            notes.append("nobody hears of a resolve alone: shown as if it had been told")
        notes += [f"{why}{STANDS_IN}" for why in dict.fromkeys(self._fallbacks)]
        request = None if isinstance(step, Nothing) else request_of(step, settings)
        return Planned(
            id=delivery,
            destination=target.destination,
            kind=target.kind,
            address=place.shown,
            team=target.team,
            why=target.why,
            says=headline(target.kind, request.body) if request else None,
            also=tuple(place.also),
            request=request,
            skipped=(step.skipped or "nothing is due") if isinstance(step, Nothing) else None,
            missing=place.missing,
            notes=() if isinstance(step, Nothing) else tuple(notes),
        )

    def _settings(self, target: Target, place: _Place) -> Settings:
        """Return settings in which secrets are their references, so that nothing can show one."""
        masked = {name: _masked(value) for name, value in target.settings.items()}
        values = at_place(masked, target.kind, place.address.text)
        if target.kind == "github" and self._trial.private is not None:
            values["visibility"] = "private" if self._trial.private else "public"
        return Settings(target.destination, target.kind, {**shared(self._rules, target.team), **values})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _masked(value: object) -> object:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list | tuple) else value


def _learned(settings: Settings) -> tuple[JSON, list[str]]:
    """Return what stands in for facts that are asked of a place before its first step, and what that means."""
    if settings.kind == "github" and settings.text("visibility", "auto") == "auto":
        return {"private": False}, [
            "shown as for a public repository; whether it is one is asked before the first step"
        ]
    if settings.kind != "slack":
        return {}, []
    said = settings.values.get("mention")
    words = " ".join(str(one) for one in (said.values() if isinstance(said, dict) else [said or ""]))
    handles = sorted(set(_HANDLE.findall(re.sub(r"<[^>]*>", "", words))) - _SPECIAL)
    groups = {handle: "S" + re.sub(r"[^A-Z0-9]", "", handle.upper()) for handle in handles}
    notes = [f"the id of @{handle} is asked before the first step; here it is {groups[handle]}" for handle in handles]
    return {"channel_id": "", "usergroups": groups}, notes
