"""`bridge check --online`: asks every place that the configuration leads to, and tells nothing there."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.compose import known_key
from bridge.config.environ import from_environ
from bridge.config.problem import ConfigError, Level, Problem
from bridge.core.alert import Priority
from bridge.core.fill import called
from bridge.core.route import target_at
from bridge.core.rules import SHADOW
from bridge.delivery.yard import HeldError
from bridge.destinations.base import Lack
from bridge.destinations.ports import Renamable
from bridge.effective import Effective
from bridge.ledger.engine import AddressError, database_url, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.config.loaded import Loaded
    from bridge.core.routed import Target

TIMEOUT = 8.0
"""Seconds that one place has for its answers."""
LONGEST = 60.0
"""Seconds that a destination may ask to wait before it is asked once more."""
TWICE = "what goes to both at once may be told there twice"


def ask(loaded: Loaded, env: Mapping[str, str], progress: Callable[[str], None]) -> list[Problem]:
    """Return what the places lack: errors where alerts can't be told, warnings where they can with less.

    Args:
        loaded: the configuration.
        env: the environment that its secrets are read from.
        progress: hears of each place before it is asked.
    """
    effective = Effective(lambda: loaded.rules, env, _key(env))
    found: dict[str, Problem] = {}
    names: dict[str, str] = {}
    for target, address in _places(loaded, effective):
        progress(f"{target.kind} {address}")
        for lack in _lacks(effective, target, address, names):
            where = _where(loaded, target.destination)
            file, _, line = where.rpartition(":")
            what = f"destination {target.destination}, {target.kind} {address}: {lack.what}"
            level = Level.WARNING if lack.told else Level.ERROR
            found.setdefault(what, Problem(file, int(line or 0), what, lack.mend, level))
    return list(found.values())


def _key(env: Mapping[str, str]) -> bytes:
    """Return the key by which a service is called what the console calls it; before there is one, any other."""
    try:
        environ = from_environ(env)
        known = known_key(environ, sqlite_path(database_url(environ.database_url)))
    except (ConfigError, AddressError, OSError):
        known = None  # it is no check of the environment, nor of who may read the key
    return known or secrets.token_bytes(32)


def _places(loaded: Loaded, effective: Effective) -> Iterator[tuple[Target, str]]:
    """Give each place once for each credential: what all teams share, then what teams have of their own.

    Who is called there for any team, at any priority, is looked for at once.
    """
    found: dict[tuple[str, str], tuple[Target, str]] = {}
    mentions: dict[tuple[str, str], dict[str, None]] = {}
    sources = loaded.settings.sources
    shadow = loaded.rules.shadow
    for name in (*loaded.rules.destinations, *([SHADOW] if shadow and shadow.channel else [])):
        for team in (loaded.rules.normalize.default_team, *loaded.rules.teams):
            for priority in Priority:
                for source in sources:
                    target = target_at(loaded.rules, name, team, priority, source)
                    if isinstance(target, str):
                        continue
                    try:
                        address = effective.address(target)
                        who = (address.lane, effective.account_of(target))
                    except HeldError:
                        continue  # its secret is missing, which is said already
                    found.setdefault(who, (target, address.text))
                    mention = called(target.settings.get("mention"), priority)
                    mentions.setdefault(who, {}).update(dict.fromkeys(mention))
    for who, (target, address_text) in found.items():
        mention = tuple(mentions[who])
        yield replace(target, settings={**target.settings, "mention": mention}) if mention else target, address_text


def _where(loaded: Loaded, destination: str) -> str:
    if destination == SHADOW and loaded.rules.shadow:
        return loaded.rules.shadow.where
    return loaded.rules.destinations[destination].where


def _lacks(effective: Effective, target: Target, address: str, names: dict[str, str]) -> list[Lack]:
    """Return what a place lacks; `names` are the addresses of those asked so far by what they are known as there."""
    try:
        client = effective.connect(target)
    except HeldError as error:
        said = str(error).removeprefix(f"destination {target.destination}: ")
        return [Lack(said, "put the right secret where the bridge reads it, or mend the setting", told=False)]
    try:
        lacks = client.lacks(TIMEOUT)
        wait = max((lack.retry_after or 0.0 for lack in lacks), default=0.0)
        if 0 < wait <= LONGEST:
            threading.Event().wait(wait)
            lacks = client.lacks(TIMEOUT)
        if isinstance(client, Renamable) and client.known_as:
            first = names.setdefault(client.known_as, address)
            if first != address:
                lacks = [*lacks, Lack(f"{first} is the same place: {TWICE}", "write it in one way everywhere")]
        return lacks
    finally:
        client.close()
