"""Filling `{team}`, `{priority}` and `{source}` into a destination's settings.

Plain replacement of these three and nothing else, so that no text of an alert can reach into a setting. Where a setting
says *where* something goes or *who* is called (channel, repo, mention, the path of a secret), only configured teams
are filled in: the name of any other team is whatever the alert says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from bridge.core.alert import Priority
    from bridge.core.rules import Inherited

LONGEST_LABEL = 50
"""GitHub refuses a longer label."""

TEAM = "{team}"
_FILE = "${file:"
_STANDS_IN = {"channel": "fallback_channel", "repo": "fallback_repo"}
_PLACES = frozenset({*_STANDS_IN, *_STANDS_IN.values()})


@runtime_checkable
class _Reference(Protocol):
    """A reference to a secret that knows its path for teams that are not configured (`config.secrets.Secret`)."""

    def otherwise(self) -> str:
        """Return the reference for them."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is filled in. `configured` says whether the team is one of the configuration's."""

    team: str
    priority: Priority
    source: str
    configured: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """Settings filled in, with a remark where one gave way to another; `refused` says why there is nowhere to go."""

    settings: Mapping[str, object]
    origins: Mapping[str, Inherited]
    remark: str = ""
    refused: str = ""


def overlaid(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Return settings with others laid over them, field by field: of `severity` or `mention` what `above` says."""
    return {**below, **{name: _overlaid(below.get(name), value) for name, value in above.items()}}


def _overlaid(below: object, above: object) -> object:
    return {**below, **above} if isinstance(below, Mapping) and isinstance(above, Mapping) else above


def fill(settings: Mapping[str, object], origins: Mapping[str, Inherited], facts: Facts) -> Filled:
    """Return a destination's settings for one team's alert.

    Args:
        settings: The effective settings, secrets as references.
        origins: What set each of them.
        facts: What to fill in.

    Returns:
        The settings; for a team that is not configured a `{team}` channel is the fallback channel without any mention,
        or absent where there is none, a `{team}` mention is left out, and a `{team}` repository or path refuses the
        whole.
    """
    if facts.configured:
        return Filled({name: _setting(name, value, facts) for name, value in settings.items()}, origins)
    settings = {name: _otherwise(value) for name, value in settings.items()}
    unfillable = [name for name, value in settings.items() if _needs_team(name, value)]
    patient = {"mention", "channel", *_STANDS_IN.values()}
    refusing = [name for name in unfillable if name not in patient and not _stands_in(name, settings)]
    if refusing:
        return Filled({}, {}, refused=f"{refusing[0]} needs a configured team, and {facts.team!r} is none")
    filled = {name: _setting(name, value, facts) for name, value in settings.items() if name not in unfillable}
    kept = {name: origin for name, origin in origins.items() if name in filled}
    if "mention" in unfillable and isinstance(settings["mention"], dict):
        filled["mention"] = _mention(settings["mention"], facts)
        kept["mention"] = origins["mention"]
    remark = ""
    for name in unfillable:
        if name in _STANDS_IN:
            remark = _take_stand_in(name, filled, kept, facts)
    return Filled(filled, kept, remark)


def _take_stand_in(name: str, filled: dict[str, object], kept: dict[str, Inherited], facts: Facts) -> str:
    """Put the fallback in a place's stead, without any mention, and say so."""
    filled.pop("mention", None)
    kept.pop("mention", None)
    remark = f"team {facts.team!r} is not configured: "
    stand_in = _STANDS_IN[name]
    if stand_in not in filled:
        return f"{remark}no {name}, for there is no {stand_in}"
    filled[name] = filled[stand_in]
    kept[name] = replace(kept[stand_in], by=f"{kept[stand_in].by}, {stand_in}")
    return remark + stand_in


def _stands_in(name: str, settings: Mapping[str, object]) -> bool:
    """Say whether another setting stands in for this one where the team is not configured."""
    stand_in = settings.get(_STANDS_IN.get(name, ""))
    return stand_in is not None and not _needs_team(_STANDS_IN[name], stand_in)


def _otherwise(value: object) -> object:
    """Return a secret's reference for teams that are not configured: the path after its `:-`, where it has one."""
    if isinstance(value, list | tuple):
        return tuple(_otherwise(item) for item in value)
    if isinstance(value, str) and _FILE in value and TEAM in value and isinstance(value, _Reference):
        return value.otherwise()
    return value


def _needs_team(name: str, value: object) -> bool:
    """Say whether a setting can't be filled in without a configured team."""
    if name == "mention" and isinstance(value, dict):
        return any(_needs_team(name, mention) for mention in value.values())
    if isinstance(value, str):
        return TEAM in value and (name in _PLACES or name == "mention" or _FILE in value)
    if isinstance(value, list | tuple):
        return any(_needs_team(name, item) for item in value)
    return isinstance(value, dict) and any(_needs_team(name, item) for item in value.values())


def _setting(name: str, value: object, facts: Facts) -> object:
    """Fill in one setting; what is no place for placeholders stays as it is."""
    if name == "labels":
        return _labels(value, facts)
    if name == "mention":
        return _mention(value, facts)
    if isinstance(value, str):
        fillable = name in _PLACES or _FILE in value
        return _text(value, facts.team, facts.priority, facts.source) if fillable else value
    if isinstance(value, list | tuple):
        return [_setting(name, item, facts) for item in value]
    if isinstance(value, dict):
        return {key: _setting(name, item, facts) for key, item in value.items()}
    return value


def _mention(value: object, facts: Facts) -> object:
    """Fill in a mention: one text, several, or a map by priority whose entries stand for their own priority."""
    if isinstance(value, str):
        return _text(value, facts.team, facts.priority, facts.source)
    if isinstance(value, dict):
        return {
            key: _mention_at(str(key), item, facts)
            for key, item in value.items()
            if facts.configured or not _needs_team("mention", item)
        }
    return [_mention(item, facts) for item in value] if isinstance(value, list | tuple) else value


def called(mention: object, priority: Priority) -> tuple[str, ...]:
    """Return who a filled-in `mention` calls at a priority; it is one or several, or a map by priority of such."""
    said = mention.get(priority.value) if isinstance(mention, Mapping) else mention
    if said is None or said is False:
        return ()
    words = (str(one).strip() for one in (said if isinstance(said, list | tuple) else [said]))
    return tuple(word for word in words if word)


def _mention_at(priority: str, value: object, facts: Facts) -> object:
    """Fill in an entry of a map by priority."""
    if isinstance(value, str):
        return _text(value, facts.team, priority, facts.source)
    return [_mention_at(priority, item, facts) for item in value] if isinstance(value, list | tuple) else value


def _labels(value: object, facts: Facts) -> object:
    """Fill in labels, the alert's own team too, each cut to what GitHub takes."""
    if isinstance(value, str):
        return _text(value, facts.team, facts.priority, facts.source)[:LONGEST_LABEL].rstrip()
    return [_labels(item, facts) for item in value] if isinstance(value, list | tuple) else value


def _text(value: str, team: str, priority: str, source: str) -> str:
    """Replace the known placeholders; the team's name last, so that nothing in it is replaced again."""
    return value.replace("{priority}", priority).replace("{source}", source).replace(TEAM, team)
