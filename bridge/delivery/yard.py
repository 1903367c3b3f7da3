"""What all lanes of a process share: the ledger, the clock, connections, and what the configuration says now."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from bridge.delivery.looks import Heard
from bridge.ledger import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Connection

    from bridge.clock import Clock
    from bridge.core.incident import Incident
    from bridge.delivery.search import Search
    from bridge.destinations.base import Settings
    from bridge.destinations.ports import Client, Kind
    from bridge.ledger.counts import Key
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.ledger import Ledger
    from bridge.render.jinja import Words


T = TypeVar("T")


class HeldError(Exception):
    """A delivery's destination is not configured now, or a secret of it is missing; the sentence says which."""


class Effective(Protocol):
    """What the configuration says, now: read anew for every step."""

    def settings(self, delivery: Delivery, incident: Incident) -> Settings:
        """Return a delivery's effective settings, secrets resolved; raises HeldError."""
        ...

    def account(self, delivery: Delivery, priority: str, source: str) -> str | None:
        """Return by whose credential a delivery is told, as a digest; None where it can't be told now."""
        ...

    def elsewhere(self, delivery: Delivery, settings: Settings) -> tuple[str, str] | None:
        """Return the address and lane that stand in for a place that does not exist, or None."""
        ...


@dataclass(slots=True)
class Yard:
    """The ports of the lanes; a simulator brings its own clock, kinds and connections.

    `kick` asks for more work in a lane, from whoever runs them, `kick_due` in all that have some due. `report` hears
    facts for logs and metrics; `drain` gives what it counted since it was last asked, and `put_back` takes that where
    it could not be kept. `pass_on` tells another process of work in a lane that it holds. `searches` are what this
    process has read of places, by lane, `heard` what of tokens.
    """

    ledger: Ledger
    clock: Clock
    kinds: dict[str, Kind]
    effective: Effective
    words: Words
    new_id: Callable[[], str]
    holder: str
    report: Callable[..., None]
    drain: Callable[[], Mapping[Key, int]] = dict
    put_back: Callable[[Mapping[Key, int]], None] = lambda _counted: None
    kick: Callable[[str], None] = lambda _lane: None
    kick_due: Callable[[], None] = lambda: None
    pass_on: Callable[[str], None] = lambda _lane: None
    searches: dict[str, Search] = field(default_factory=dict, repr=False)
    heard: Heard = field(default_factory=Heard, repr=False)
    _clients: dict[tuple[object, ...], Client] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, function: Callable[[Connection], T]) -> T:
        """Run `function` in a transaction that keeps what was counted, too."""
        counted = self.drain()

        def write(connection: Connection) -> T:
            counts.add(connection, counted)
            return function(connection)

        try:
            return self.ledger.write(write)
        except Exception:
            self.put_back(counted)
            raise

    def client(self, settings: Settings) -> Client:
        """Return a connection for these settings, the same one for the same place and secret.

        Raises:
            HeldError: they can't be used; the sentence says why, without showing them.
        """
        key = (settings.kind, *(str(settings.values.get(name)) for name in _CONNECTS))
        with self._lock:
            if key not in self._clients:
                try:
                    self._clients[key] = self.kinds[settings.kind].connect(settings)
                except ValueError as error:
                    raise HeldError(f"destination {settings.name}: {error}") from None
            return self._clients[key]


_CONNECTS = ("api_url", "token", "webhook_url", "routing_key", "repo", "app", "channel")
"""Settings that make another connection."""
