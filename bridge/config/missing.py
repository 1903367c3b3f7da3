"""Which secrets of a configuration aren't there now."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from bridge.config.problem import Level
from bridge.config.secrets import MissingSecretError, Secret, resolve, secrets_in
from bridge.config.validate import at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.config.document import Document, Tree
    from bridge.config.loaded import Loaded
    from bridge.config.problem import Keys, Problem


def missing_secrets(loaded: Loaded, env: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each reference to a secret that is missing, once, where it is written first.

    One that another one of its list stands in for is a warning: while they are rotated, one may be gone.
    A path in which `{priority}` or `{source}` stands can't be looked at before there is an alert.
    """
    used = {secret.text for secret in _secrets(loaded)}
    found: dict[str, Problem] = {}
    for document in loaded.documents:
        for keys, text in _texts(document.data, ()):
            if text not in used or not (why := _why(text, document, env)):
                continue
            level = Level.WARNING if _stood_in_for(document, keys, env) else Level.ERROR
            if why not in found or (level is Level.ERROR and found[why].level is Level.WARNING):
                found[why] = document.problem(keys, f"can't be read: {why}", _mend(why), level)
    return list(found.values())


def needed(loaded: Loaded, missing: Iterable[Problem]) -> list[Problem]:
    """Return those without which nothing starts: the main file's. An included one's hold up its own deliveries only."""
    return [one for one in missing if one.file == loaded.documents[0].file and one.level is Level.ERROR]


def _why(text: str, document: Document, env: Mapping[str, str]) -> str:
    """Say what is missing of a text's secrets; nothing where that can't be known yet."""
    secret = Secret(text, document.folder).otherwise()
    if not secret.placeholders:
        try:
            resolve(secret, env)
        except MissingSecretError as error:
            return str(error)
    return ""


def _stood_in_for(document: Document, keys: Keys, env: Mapping[str, str]) -> bool:
    """Say whether another one of the list that a secret is in may be there."""
    others = at(document.data, keys[:-1]) if isinstance(keys[-1], int) else ()
    return any(isinstance(one, str) and not _why(one.strip(), document, env) for one in others or ())


def _mend(error: str) -> str:
    return "set it where the bridge runs" if "variable" in error else "put the secret there, readable for the bridge"


def _secrets(loaded: Loaded) -> Iterator[Secret]:
    for destination in loaded.rules.destinations.values():
        yield from secrets_in(destination.settings)
    for team in loaded.rules.teams.values():
        yield from secrets_in(team.destinations)
    for source in loaded.settings.sources.values():
        for part in fields(source.auth) if source.auth else ():
            yield from secrets_in(getattr(source.auth, part.name))


def _texts(tree: Tree, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield every text of a document with the way to it."""
    if isinstance(tree, str):
        yield keys, tree.strip()
    elif tree is not None:
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _texts(value, (*keys, key))
