"""Which secrets of a configuration aren't there now."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from bridge.config.secrets import MissingSecretError, Secret, resolve, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.config.document import Tree
    from bridge.config.loaded import Loaded
    from bridge.config.problem import Keys, Problem


def missing_secrets(loaded: Loaded, env: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each reference to a secret that is missing, once, where it is written first.

    A path in which `{priority}` or `{source}` stands can't be looked at before there is an alert.
    """
    used = {secret.text for secret in _secrets(loaded)}
    found: dict[str, Problem] = {}
    for document in loaded.documents:
        for keys, text in _texts(document.data, ()):
            secret = Secret(text, document.folder).otherwise()
            if text not in used or secret.placeholders:
                continue
            try:
                resolve(secret, env)
            except MissingSecretError as error:
                found.setdefault(str(error), document.problem(keys, f"can't be read: {error}", _mend(str(error))))
    return list(found.values())


def needed(loaded: Loaded, missing: Iterable[Problem]) -> list[Problem]:
    """Return those without which nothing starts: the main file's. An included one's hold up its own deliveries only."""
    return [one for one in missing if one.file == loaded.documents[0].file]


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
