"""The configuration as it holds now: every setting, its value and where that was written; of secrets the references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint

from bridge.config.defaults import defaults
from bridge.config.secrets import Secret
from bridge.config.settings import AuthProxy, FallbackRow, Retention
from bridge.ledger import troubles
from bridge.preview_json import plain
from bridge.render.units import measured
from bridge.web.frame import admit, page
from bridge.web.served import bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response

    from bridge.config.loaded import Loaded
    from bridge.config.problem import Keys
    from bridge.core.rules import RouteRules, Sending

blueprint = Blueprint("configured", __name__)
blueprint.before_request(admit)
DEFAULT = "default"
GENERAL = (
    "timezone",
    "external_url",
    "group_by",
    "reopen_duration",
    "stale_after",
    "fallback",
    "operators",
    "storm",
    "page_storm",
    "remind",
    "mode",
    "shadow",
    "auth_proxy",
    "retention",
    "max_storage",
)
"""The keys of `bridge.yml` that are of no destination, team, source or route, in the schema's order."""
ENVIRONMENT = "BRIDGE_EXTERNAL_URL"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, its value as the file writes it, and "file:line", or that it is the default."""

    name: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Part:
    """Settings that belong together: a destination, a team, a source."""

    name: str
    kind: str
    where: str
    settings: list[Setting]


@blueprint.get("/configuration")
def configuration() -> Response:
    """Show the configuration."""
    loaded = bridge().loaded
    with bridge().ledger.read() as connection:
        refusals = [(at, one.refused) for at, one in troubles.wrong(connection, bridge().clock.now()) if one.refused]
    rules = loaded.rules
    return page(
        "configuration.html",
        general=list(_general(loaded)),
        send=[(priority, ", ".join(names) or "nobody") for priority, names in rules.send.items()],
        destinations=list(_destinations(loaded)),
        teams=list(_teams(loaded)),
        sources=list(_sources(loaded)),
        routes=[(one.where, ", ".join(map(str, one.matchers)) or "every alert", _does(one)) for one in rules.routes],
        refusals=refusals,
        warnings=[str(one) for one in loaded.warnings],
        files=[one.file for one in loaded.documents],
    )


def where(loaded: Loaded, keys: Keys) -> str:
    """Return "file:line" of a key, or that its value is the default."""
    for document in loaded.documents:
        if keys in document.places:
            return document.where(keys)
    return DEFAULT


def words(value: object) -> str:
    """Return a value as the file has it; of a secret the references it is read from, never what stands around them."""
    if value is None or value in ((), [], {}):
        return "off" if value is None else "none"
    if isinstance(value, Secret):
        return f"secret from {value}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, AuthProxy | FallbackRow | Retention):
        value = {name: one for name in value.__slots__ if (one := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(words(one) for one in value)
    shown = plain(value)
    return words(shown) if isinstance(shown, dict | list) else str(shown)


def _general(loaded: Loaded) -> Iterator[Setting]:
    """Yield the settings that are of no destination, team, source or route."""
    rules, settings = loaded.rules, loaded.settings
    values: dict[str, object] = {name: getattr(rules, name, getattr(settings, name, None)) for name in GENERAL}
    values["max_storage"] = measured(settings.max_storage, "bytes")
    for name, value in values.items():
        place = where(loaded, (name,))
        if name == "external_url" and bridge().env.get(ENVIRONMENT):
            place = ENVIRONMENT
        yield Setting(name, words(value), place)
    for name, value in _normalizing(loaded).items():
        yield Setting(f"normalize: {name}", value, where(loaded, ("normalize", name)))
    yield Setting("include", words(settings.include), where(loaded, ("include",)))


def _normalizing(loaded: Loaded) -> dict[str, str]:
    found = loaded.rules.normalize
    named = ("team", "priority", "failure_threshold", "job_count")
    fields = {name: ", ".join(str(one.name) for one in getattr(found, name)) for name in named}
    plain_ones = ("default_team", "default_priority", "unknown_priority", "priority_words")
    return fields | {name: words(getattr(found, name)) for name in plain_ones}


def _destinations(loaded: Loaded) -> Iterator[Part]:
    for name, one in loaded.rules.destinations.items():
        values = {**defaults(one.kind), **one.settings}
        keys: Keys = ("destinations", name)
        settings = [Setting(key, words(value), where(loaded, (*keys, key))) for key, value in values.items()]
        yield Part(name, one.kind, one.where or where(loaded, keys), settings)


def _teams(loaded: Loaded) -> Iterator[Part]:
    for name, one in loaded.rules.teams.items():
        keys: Keys = ("teams", name)
        said: list[tuple[str, str, Keys]] = [
            (key, words(value), (*keys, key))
            for key, value in (
                ("aliases", one.aliases),
                ("timezone", one.timezone),
                ("group_by", loaded.rules.team_group_by.get(name)),
                ("remind", one.remind),
                ("mode", one.mode),
            )
            if value is not None and value != ()
        ]
        said += [
            (f"send {priority}", _sending(cell), (*keys, "send", str(priority))) for priority, cell in one.send.items()
        ]
        said += [
            (f"{destination}: {key}", words(value), (*keys, "destinations", destination, key))
            for destination, own in one.destinations.items()
            for key, value in own.items()
        ]
        settings = [Setting(key, value, where(loaded, place)) for key, value, place in said]
        yield Part(name, "", one.where or where(loaded, keys), settings)


def _sending(cell: Sending) -> str:
    if cell.names is not None:
        return ", ".join(cell.names) or "nobody"
    return ", ".join([*(f"+{name}" for name in cell.add), *(f"-{name}" for name in cell.remove)])


def _does(route: RouteRules) -> str:
    """Say what a route changes."""
    said = [f"priority {route.set_priority}"] if route.set_priority else []
    said += [f"team {', '.join(route.set_teams)}"] if route.set_teams else []
    said += [f"send {_sending(route.send)}"] if route.send else []
    said += [f"group by {', '.join(route.group_by)}"] if route.group_by else []
    said += ["goes on to the next"] if route.continues else []
    return "; ".join(said) or "nothing"


def _sources(loaded: Loaded) -> Iterator[Part]:
    for name, one in loaded.settings.sources.items():
        keys: Keys = ("sources", name)
        auth = "BRIDGE_WEBHOOK_TOKEN, else this machine only" if one.auth is None else type(one.auth).__name__.lower()
        facts = {"auth": auth, "max_body": measured(one.max_body, "bytes"), "mapping": one.mapping or "none"}
        settings = [Setting(key, value, where(loaded, (*keys, key))) for key, value in facts.items()]
        yield Part(name, "", where(loaded, keys), settings)
