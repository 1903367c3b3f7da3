"""Talk to PagerDuty's Events API: the `pagerduty` client, held to one attempt over our own transport.

By itself that client repeats a 429 for ever and refuses plain http even to a loopback double. The routing key is put in
here and nowhere else.
"""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import replace
from json import dumps
from typing import TYPE_CHECKING, Any, Final

import httpx2
from pagerduty import EventsApiV2Client
from pagerduty.errors import HttpError

from bridge.destinations.base import Failed, Fault, Found, Intent, Lack, Scope, Step
from bridge.destinations.deadline import Deadline
from bridge.destinations.http import USER_AGENT, ExchangeError, Http, check_base
from bridge.destinations.pagerduty import message
from bridge.destinations.pagerduty.errors import key_gone, key_missing, outcome
from bridge.destinations.steps import delivery_of, names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import JSON, Have, Outcome, Settings
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

API: Final = "https://events.pagerduty.com"


_JSON: Final = {"content-type": "application/json"}
_ASKED: Final = httpx2.Request("POST", API)
"""The library names it in its exceptions' texts, which are shown to nobody."""


class _Carrier:
    """Carries the requests of one step over shared connections, and keeps the last answer.

    It stands where the library has the client that it extends: to build a request there costs more than to send it.
    """

    def __init__(self, http: Transport, secret: str, deadline: Deadline, ready: Callable[[], None]) -> None:
        self._http = http
        self._secret = secret
        self._deadline = deadline
        self._ready = ready
        self.answers: list[Answer] = []

    def request(self, method: str, url: str, *, json: JSON, headers: Mapping[str, str], **_: object) -> httpx2.Response:
        """Send one request, its body as httpx2 writes JSON; what else the library asks for is as `Http` does it anyway.

        Raises:
            ExchangeError: there is no whole answer; it is none of the failures that the library would try again.
        """
        content = dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        answer = self._http.exchange(
            method, url, deadline=self._deadline, ready=self._ready, headers=dict(headers.items()), content=content
        )
        answer = answer.without(self._secret)
        self.answers.append(answer)
        return httpx2.Response(answer.status, headers=_JSON, content=answer.body, request=_ASKED)


_SILENT: Final = logging.getLogger("bridge.pagerduty")
_SILENT.setLevel(logging.CRITICAL + 1)
"""The library logs failures as it meets them; here they are outcomes, told once by the lane."""


class _Events(EventsApiV2Client):
    """The library's client for a routing key: one attempt, whatever comes back. Each step uses a copy of its own."""

    max_network_attempts = 0
    max_http_attempts = -1  # "more than this many attempts were made" holds at once, so even a 429 is handed back
    user_agent = USER_AGENT

    def __init__(self, routing_key: str, base: str) -> None:
        super().__init__(routing_key, base_url=base, transport=httpx2.BaseTransport())  # one that carries nothing
        self.log = _SILENT
        self.retry = {429: 1}

    def over(self, carrier: _Carrier) -> _Events:
        """Return the same for one step."""
        made = copy(self)
        made.parent = carrier  # type: ignore[assignment] # the library declares what it has there by its class
        return made

    @property
    def url(self) -> str:
        """The base address: https, or plain http to a loopback address."""
        return str(self._url)

    @url.setter
    def url(self, base: str) -> None:
        check_base(base)
        self._url = base


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for all configured routing keys.

    Raises:
        ValueError: the address can't be used.
    """
    return PagerDuty(settings, http)


class PagerDuty:
    """An Events API, with the routing keys of a destination: the new one first, older ones to resolve with."""

    def __init__(self, settings: Settings, http: Callable[[str], Transport] = Http) -> None:
        self._base = settings.text("api_url", API).rstrip("/")
        keys, digests = names(settings.values, "routing_key"), names(settings.values, "digests")
        self._keys = dict(zip(digests, keys, strict=False)) if digests else {"": keys[0] if keys else ""}
        self._missing = bool(settings.values.get("keys_missing"))
        self._http = http(self._base)
        self._events = {digest: _Events(key, self._base) for digest, key in self._keys.items() if key}

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        """Send an event under the routing key that the step names by its digest."""
        delivery = delivery_of(step, have)
        secret = self._keys.get(step.path)
        if not secret:
            return key_missing(step.path) if self._missing else key_gone(step.path, delivery)
        carrier = _Carrier(self._http, secret, Deadline(deadline), ready)
        try:
            _send(self._events[step.path].over(carrier), step)
        except ExchangeError as error:
            return error.failed()
        told = outcome(carrier.answers[-1], f"key {step.path[:8]}", delivery)
        if isinstance(told, Failed) and told.fault is Fault.PERMANENT and step.path != next(iter(self._keys)):
            # a refused key of old says nothing about the one that new pages are opened with
            return replace(told, scope=Scope.DELIVERY)
        return told

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:  # noqa: ARG002 - as all clients
        """Never needed: no event creates a second thing when it is sent again, thanks to its dedup key."""
        return Found(None)

    def lacks(self, deadline: float) -> list[Lack]:
        """Resolve a page that there never was, with each key: PagerDuty takes that in, and it changes nothing."""
        found = []
        for digest in self._keys:
            step = Step(Intent.RESOLVE, 1, "enqueue", message.resolve("bridge/check"), {}, path=digest)
            told = self.send(step, {}, deadline, lambda: None)
            if isinstance(told, Failed):
                found.append(Lack(told.error, told.hint, told=False, retry_after=told.retry_after))
        return found

    def close(self) -> None:
        """Give connections back."""
        self._http.close()


def _send(client: EventsApiV2Client, step: Step) -> None:
    """Send one event; what an answer means is read from the answer itself, not from the library's exceptions."""
    event: dict[str, Any] = dict(step.request)
    action, key = str(event.pop("event_action")), str(event.pop("dedup_key"))
    try:
        client.send_event(action, dedup_key=key, **event)
    except HttpError:
        return
