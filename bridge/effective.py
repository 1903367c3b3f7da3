"""What the configuration says of a target or a delivery, with its secrets read now."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.config.defaults import effective
from bridge.config.secrets import MissingSecretError, Secret
from bridge.core.alert import Priority
from bridge.core.fill import Facts, called
from bridge.core.route import target_at
from bridge.core.routed import Target
from bridge.core.row import row
from bridge.core.rules import SHADOW
from bridge.delivery.yard import HeldError
from bridge.destinations import KINDS
from bridge.destinations.base import Address, Settings
from bridge.destinations.steps import names
from bridge.ledger.lanes import HELD_LANE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.incident import Incident
    from bridge.core.rules import Rules
    from bridge.destinations.ports import Client
    from bridge.ledger.deliveries import Delivery
    from bridge.ledger.holding import Held

PLACES = {"slack": "channel", "github": "repo"}
"""The setting that an address fixes: routing is decided once, when an alert is absorbed."""
WAYS = ("routing_key", "webhook_url")
"""Settings that are a secret and an address in one."""


def at_place(values: Mapping[str, object], kind: str, address: str) -> dict[str, object]:
    """Return settings at the address that was routed to, whatever they say by now; a webhook leads to its own."""
    fixed = kind in PLACES and not address.startswith("webhook ")
    return {**values, PLACES[kind]: address} if fixed else dict(values)


def moved(target: Target, one: Delivery | Held) -> str:
    """Say that a destination has a token where a delivery was routed to a webhook, or the reverse; else nothing.

    It is another address: the incident is told there with its next news, and where it was told before no more.
    """
    hooked = bool(target.settings.get("webhook_url")) and not target.settings.get("channel")
    if one.kind != "slack" or HELD_LANE in one.lane or hooked == one.address.startswith("webhook "):
        return ""
    was, now = ("a token", "a webhook") if hooked else ("a webhook", "a token")
    return f"destination {target.destination} has {now} now, and this was routed when it had {was}"


def shared(rules: Rules, team: str) -> dict[str, object]:
    """Return what the settings of every kind have beside those of their own."""
    return {"timezone": rules.zone(team), "external_url": rules.external_url}


class Effective:
    """Settings with secrets, from the rules in force. `key` makes digests that nobody without it can test guesses on.

    Args:
        rules: returns the rules now (they change with a reload).
        env: the environment that `${env:…}` is read from.
        key: BRIDGE_SECRET_KEY.
    """

    def __init__(self, rules: Callable[[], Rules], env: Mapping[str, str], key: bytes) -> None:
        self._rules = rules
        self._env = env
        self._key = key

    def digest(self, secret: str) -> str:
        """Return a keyed digest of a secret: what the ledger keeps in its place."""
        return hmac.new(self._key, secret.encode(), hashlib.sha256).hexdigest()

    def address(self, target: Target) -> Address:
        """Return where a target leads to; raises HeldError where a secret that names the place is missing."""
        settings = self._resolved(target.destination, target.kind, target.settings, target.team)
        return KINDS[target.kind].address(settings, self.digest)

    def named(self, target: Target) -> str:
        """Return what a target's address is called by its settings alone, while a secret of them is missing.

        A channel or a repository is known all the same; where the secret is the address, only that it is one.
        """
        return KINDS[target.kind].address(Settings(target.destination, target.kind, target.settings), self.digest).text

    def one_secret(self, destination: str, team: str) -> bool:
        """Return whether a destination's secrets are the same for a team at all priorities, and for all sources."""
        rules = self._rules()
        found, own = rules.destinations.get(destination), rules.teams.get(team)
        settings = {**(found.settings if found else {}), **(own.destinations.get(destination, {}) if own else {})}
        said = [settings.get(name) for name in WAYS]
        every = [one for value in said for one in (value if isinstance(value, (list, tuple)) else (value,))]
        return not any(isinstance(one, Secret) and one.placeholders & {"priority", "source"} for one in every)

    def connect(self, target: Target) -> Client:
        """Return a connection for a target; raises HeldError where a setting or secret prevents it."""
        settings = self._resolved(target.destination, target.kind, target.settings, target.team)
        try:
            return KINDS[target.kind].connect(settings)
        except ValueError as error:
            raise HeldError(f"destination {target.destination}: {error}") from None

    def target(self, one: Delivery | Held, priority: Priority, source: str) -> Target:
        """Return by what a delivery is told now; raises HeldError where that is nothing, with the reason.

        A name may have become another kind's, whose secret is another service's, or have gone: then another one of its
        kind that leads to the same place goes on, the first by name. And a secret that is the place may depend on the
        priority: the one goes on that the incident was routed by.
        """
        rules = self._rules()
        found = target_at(rules, one.destination, one.team, priority, source)
        if isinstance(found, Target) and found.kind == one.kind:
            secret = any(name in found.settings for name in WAYS)
            if not secret or HELD_LANE in one.lane or self.one_secret(one.destination, one.team) or moved(found, one):
                return found
            if leads := self._leading(one.destination, one, priority, source):
                return leads
            why = f"none of its secrets leads to {one.address} now"
        else:
            for name in sorted(rules.destinations) if one.destination != SHADOW else ():
                if leads := self._leading(name, one, priority, source):
                    return leads
            why = found if isinstance(found, str) else f"it is a {found.kind} now, and this was told by {one.kind}"
        raise HeldError(f"destination {one.destination}: {why}; the delivery goes on when it is back")

    def _leading(self, name: str, one: Delivery | Held, priority: Priority, source: str) -> Target | None:
        """Return a destination's target that leads to a delivery's place, None where it leads elsewhere now.

        Where the way there depends on the priority, it is that at which the incident was routed there; all else is of
        the present one.
        """
        now = target_at(self._rules(), name, one.team, priority, source)
        if isinstance(now, str) or now.kind != one.kind:
            return None
        for level in dict.fromkeys((priority, *Priority)):
            then = target_at(self._rules(), name, one.team, level, source)
            if isinstance(then, Target) and (one.address, one.lane) in self._places(then):
                ways = {key: then.settings[key] for key in (*WAYS, PLACES.get(one.kind, "")) if key in then.settings}
                return replace(now, settings={**now.settings, **ways})
        return None

    def _places(self, target: Target) -> set[tuple[str, str]]:
        """Return all addresses and lanes of a target: by each of its keys, and of the channel that stands in."""
        try:
            values = self._resolved(target.destination, target.kind, target.settings, target.team).values
        except HeldError:
            return set()
        ways = [("routing_key", key) for key in names(values, "routing_key")]
        ways += [("channel", str(values[name])) for name in ("channel", "fallback_channel") if values.get(name)]
        several: list[Mapping[str, object]] = [{**values, name: value} for name, value in ways] or [values]
        settings = (Settings(target.destination, target.kind, one) for one in several)
        found = (KINDS[target.kind].address(one, self.digest) for one in settings)
        return {(one.text, one.lane) for one in found}

    def settings(self, delivery: Delivery, incident: Incident) -> Settings:
        """Return a delivery's settings as they are now, at the address that it was routed to; raises HeldError."""
        rules, found = self._rules(), self.target(delivery, incident.priority, incident.source)
        if found.destination != delivery.destination:
            delivery = replace(delivery, destination=found.destination)
        values = at_place(found.settings, delivery.kind, delivery.address)
        if gone := moved(found, delivery):
            raise HeldError(gone)
        if self._stands_in(found.settings, delivery):
            values.pop("mention", None)
        elif delivery.kind == "slack" and len(incident.teams) > 1:
            values["mention"] = self._called(delivery, incident)
        if every := rules.reminds(delivery.team, incident.priority):
            values["remind"] = every.total_seconds()
        resolved = self._resolved(delivery.destination, delivery.kind, values, delivery.team)
        if HELD_LANE in delivery.lane:
            raise HeldError(f"destination {delivery.destination}: its place is about to be looked up anew")
        return resolved

    def account(self, delivery: Delivery, priority: str, source: str) -> str | None:
        """Return by whose credential a delivery is told, as a digest; None where it can't be told now."""
        try:
            return self.account_of(self.target(delivery, Priority(priority), source))
        except HeldError:
            return None

    def account_of(self, target: Target) -> str:
        """Return by whose credential a target is told, as a digest; raises HeldError where that is missing."""
        return self._resolved(target.destination, target.kind, target.settings, target.team).text("account")

    def elsewhere(self, delivery: Delivery, settings: Settings) -> tuple[str, str] | None:
        """Return address and lane of the fallback channel, where a channel does not exist and there is another."""
        fallback = settings.values.get("fallback_channel")
        if not isinstance(fallback, str):
            return None
        other = Settings(settings.name, settings.kind, {**settings.values, "channel": fallback})
        found = KINDS[settings.kind].address(other, self.digest)
        return None if found.text == delivery.address else (found.text, found.lane)

    def _called(self, delivery: Delivery, incident: Incident) -> list[str]:
        """Return who is called where several teams of an incident are told in one message: by each whom it calls."""
        rules = self._rules()
        found: list[str] = []
        for team in dict.fromkeys((delivery.team, *incident.teams)):
            target = target_at(rules, delivery.destination, team, incident.priority, incident.source)
            if isinstance(target, str):
                continue
            if team == delivery.team or self._told_too(team, target, delivery, incident):
                found += called(target.settings.get("mention"), incident.priority)
        return found

    def _told_too(self, team: str, target: Target, delivery: Delivery, incident: Incident) -> bool:
        """Return whether another team of an incident is told by the same message, as its own row says."""
        rules = self._rules()
        if team not in rules.teams or rules.shadowed(team, incident.source):
            return False
        told = row(Facts(team, incident.priority, incident.source, configured=True), [], rules).names
        return delivery.destination in told and _channel(target.settings) == delivery.address

    @staticmethod
    def _stands_in(values: Mapping[str, object], delivery: Delivery) -> bool:
        """Return whether a delivery is told in the fallback channel, where nobody is mentioned."""
        if delivery.kind != "slack" or not values.get("fallback_channel"):
            return False
        return delivery.address == _channel(values, "fallback_channel") != _channel(values)

    def _resolved(self, name: str, kind: str, values: Mapping[str, object], team: str) -> Settings:
        try:
            resolved = effective(kind, values, self._env)
        except MissingSecretError as error:
            raise HeldError(f"destination {name}: {error}") from error
        if isinstance(token := resolved.get("token") or resolved.get("app") or resolved.get("webhook_url"), str | dict):
            resolved["account"] = self.digest(str(token))[:16]
        if isinstance(keys := resolved.get("routing_key"), tuple):
            resolved["digests"] = tuple(self.digest(key) for key in keys)
            resolved["keys_missing"] = isinstance(said := values["routing_key"], list | tuple) and len(said) > len(keys)
        return Settings(name, kind, {**shared(self._rules(), team), **resolved})


def _channel(values: Mapping[str, object], key: str = "channel") -> str:
    """Return what a channel of Slack's settings is called as an address."""
    from bridge.destinations.slack.step import channel_name, shown_name  # noqa: PLC0415 - who only serves has no use

    return shown_name(channel_name(Settings("", "slack", {"channel": values.get(key)})))
