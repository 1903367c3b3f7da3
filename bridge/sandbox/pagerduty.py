"""A double of PagerDuty's Events API v2: services by routing key, incidents by deduplication key, in memory.

Facts are from PagerDuty's public documentation of the Events API: a 202 means queued, not done; acknowledge and resolve
without an open alert do nothing; after a resolve the same key opens a new incident; a trigger on an open one adds to it
and notifies nobody.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jsonschema.exceptions import best_match

from bridge.sandbox import schemas
from bridge.sandbox.exchange import Request, Response, json_response, text_response
from bridge.sandbox.limits import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEY = re.compile(r"[A-Za-z0-9]{32}")
MOST_BYTES = 524_288
"""The whole body, 512 KB."""
DEFINITION_OF_PATH = {"/v2/enqueue": "alert_event", "/v2/change/enqueue": "change_event"}


@dataclass(frozen=True)
class Entry:
    """One line of an incident's log; `at` in unix seconds."""

    at: float
    action: str
    summary: str


@dataclass
class Page:
    """One incident: what a person on call was told, and what became of it.

    Attributes:
        number: counts the incidents of the whole double, from 1.
        status: triggered, acknowledged or resolved.
        title: the summary of the first trigger; `event` is the body of the last one.
        notified: how often people were notified: once, repeated triggers notify nobody.
        log: what happened, oldest first.
    """

    number: int
    routing_key: str
    dedup_key: str
    title: str
    event: dict[str, Any]
    opened_at: float
    status: Literal["triggered", "acknowledged", "resolved"] = "triggered"
    resolved_at: float | None = None
    notified: int = 1
    log: list[Entry] = field(default_factory=list)

    @property
    def severity(self) -> str:
        """The severity of the last trigger."""
        return str(self.event["payload"]["severity"])


class PagerDutyDouble:
    """PagerDuty's event intake; `handle` answers one request.

    Args:
        clock: unix seconds.
        keys: the routing keys of services that exist; None: every well-formed key.
        unknown_key: another key is answered 400 (`refuse`), or 202 and the event is lost (`lose`); both are seen.
        per_minute: events a key may send in any 60 s (PagerDuty: 120); None: any number.
        lag: seconds until an accepted event takes effect.

    Attributes:
        services: routing key → name of the service, for the page.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        keys: Iterable[str] | None = None,
        unknown_key: Literal["refuse", "lose"] = "refuse",
        per_minute: int | None = None,
        lag: float = 0.0,
    ) -> None:
        self.clock = clock
        self.keys = None if keys is None else set(keys)
        self.unknown_key = unknown_key
        self.per_minute = per_minute
        self.lag = lag
        self.services: dict[str, str] = {}
        self._pages: list[Page] = []
        self._open: dict[tuple[str, str], Page] = {}
        self._queued: deque[tuple[float, dict[str, Any]]] = deque()
        self._window = Window(60.0)
        self._made_keys = 0

    @property
    def pages(self) -> list[Page]:
        """All incidents, oldest first, after the events that are due by now."""
        self._settle()
        return self._pages

    def open_pages(self, routing_key: str | None = None) -> list[Page]:
        """The incidents that are not resolved, of one key or of all."""
        self._settle()
        return [page for (key, _), page in self._open.items() if routing_key in {None, key}]

    def page(self, dedup_key: str) -> Page | None:
        """The last incident of a deduplication key, whatever its routing key."""
        return next((page for page in reversed(self.pages) if page.dedup_key == dedup_key), None)

    def handle(self, request: Request) -> Response:
        """Answers one request, whose path is `/v2/enqueue` or `/v2/change/enqueue`."""
        definition = DEFINITION_OF_PATH.get(request.path)
        if definition is None:
            return text_response("Not Found", 404)
        if request.method != "POST":
            return text_response("Method Not Allowed", 405)
        if len(request.body) > MOST_BYTES:
            return text_response("Request Entity Too Large", 413)
        event, errors = _read(request, definition)
        if errors:
            return _invalid(errors)
        return self._accept(event, is_change=definition == "change_event")

    def _accept(self, event: dict[str, Any], *, is_change: bool) -> Response:
        key, now = event["routing_key"], self.clock()
        known = self.keys is None or key in self.keys
        if not known and self.unknown_key == "refuse":
            return _invalid(["Invalid routing key"])
        if self.per_minute is not None:
            if self._window.wait(key, self.per_minute, now) > 0:
                return json_response({"status": "throttle exceeded", "message": "Too Many Requests"}, 429)
            self._window.take(key, now)
        if is_change:
            return json_response({"status": "success", "message": "Change event processed"}, 202)
        if "dedup_key" not in event:
            self._made_keys += 1
            event["dedup_key"] = f"{self._made_keys:032x}"
        if known:
            self._queued.append((now + self.lag, event))
            self._settle()
        body = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return json_response(body, 202)

    def _settle(self) -> None:
        now = self.clock()
        while self._queued and self._queued[0][0] <= now:
            self._apply(*self._queued.popleft())

    def _apply(self, at: float, event: dict[str, Any]) -> None:
        key, action = (event["routing_key"], event["dedup_key"]), event["event_action"]
        self.services.setdefault(key[0], f"Service {len(self.services) + 1}")
        page = self._open.get(key)
        summary = event.get("payload", {}).get("summary", "")
        if page is None:
            if action != "trigger":
                return
            page = Page(len(self._pages) + 1, *key, summary, event, at)
            self._pages.append(page)
            self._open[key] = page
        elif action == "trigger":
            page.event = event
        elif action == "acknowledge":
            page.status = "acknowledged"
        else:
            page.status, page.resolved_at = "resolved", at
            del self._open[key]
        page.log.append(Entry(at, action, summary))


def _read(request: Request, definition: str) -> tuple[dict[str, Any], list[str]]:
    """The event in a body, and what is wrong with it in PagerDuty's words."""
    try:
        event = request.json()
    except ValueError:
        return {}, ["JSON body could not be parsed"]
    if not isinstance(event, dict):
        return {}, ["Event object is invalid"]
    errors = _key_errors(event.get("routing_key"))
    check = schemas.validator(schemas.PAGERDUTY, f"/$defs/{definition}")
    if not errors and not check.is_valid(event):
        error = best_match(check.iter_errors(event))
        place = "".join(f"/{step}" for step in (error.absolute_path if error else ()))
        errors = [f"{place or '/'}: {error.message[:300] if error else 'invalid'}"]
    return event, errors


def _key_errors(key: object) -> list[str]:
    if key is None:
        return ["'routing_key' is missing or blank"]
    if not isinstance(key, str) or len(key) != 32:  # noqa: PLR2004 (as the message says)
        return ["Length of 'routing_key' is incorrect (should be 32 characters)"]
    return [] if KEY.fullmatch(key) else ["'routing_key' cannot contain non-alphanumeric characters."]


def _invalid(errors: list[str]) -> Response:
    return json_response({"status": "invalid event", "message": "Event object is invalid", "errors": errors}, 400)
