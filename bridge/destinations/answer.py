"""One HTTP answer as all destinations read it: what it says of waiting, and what its status means everywhere."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.core.payload.fields import storable
from bridge.destinations.base import Failed, Fault, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping


LONGEST = 7_200.0
"""Seconds that a place is left alone at most, whatever it asks for, and asked again: no limit of theirs lasts longer
than an hour, and a header that is wrong must not silence one for years."""
_REQUEST_IDS = ("x-slack-req-id", "x-github-request-id", "x-request-id")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case; of an error's body perhaps only the beginning.

    `moved`: it came from where a redirect led to.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    moved: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether its status is a success, of whichever kind."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of statuses is its name

    def without(self, *secrets: str) -> Answer:
        """Return the answer without the secrets that its request carried: some places repeat what they refuse."""
        given = [secret.lower() for secret in secrets if secret]
        body, lower = self.body, self.body.lower()
        for secret in given:
            if secret.encode() in lower:
                body = re.sub(re.escape(secret.encode()), "…".encode(), body, flags=re.IGNORECASE)
        bare = {name: said for name, said in self.headers.items() if not any(one in said.lower() for one in given)}
        same = body == self.body and len(bare) == len(self.headers)
        return self if same else replace(self, body=body, headers=bare)

    def json(self) -> object:
        """The body as JSON, or None where it is not; without what can't be stored: some repeat what they read."""
        text = self.body.decode(json.detect_encoding(self.body), "replace")
        try:
            return storable(json.loads(text), text)
        except (ValueError, RecursionError):
            return None

    def record(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None where it is not."""
        value = self.json()
        return value if isinstance(value, dict) else None

    @property
    def request_id(self) -> str:
        """The destination's own id of the request, for its support; empty where it gave none that can be shown."""
        found = next((self.headers[name] for name in _REQUEST_IDS if name in self.headers), "")
        return found if re.fullmatch(r"[\x21-\x7e]{1,100}", found) else ""

    @property
    def retry_after(self) -> float | None:
        """Seconds that `Retry-After` asks for, from a number or (by the answer's own `Date`) a date; None without."""
        text = self.headers.get("retry-after", "").strip()
        asked = float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else self.seconds_until(text)
        return None if asked is None else min(asked, LONGEST)

    @property
    def epoch(self) -> float | None:
        """When the destination answered, by its own clock, in seconds since 1970; None where it didn't say."""
        return _epoch(self.headers.get("date", ""))

    def seconds_until(self, date: str) -> float | None:
        """Seconds from the answer's `Date` to an HTTP date: both by the destination's clock, never by ours."""
        then, now = _epoch(date), self.epoch
        return None if then is None or now is None else max(then - now, 0.0)


@lru_cache(maxsize=32)  # all answers of a second bear the same
def _epoch(date: str) -> float | None:
    """Read an HTTP date as seconds since 1970."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def passing(answer: Answer) -> Failed | None:
    """Read the statuses that mean the same everywhere: 408, 429 and 5xx; None for any other.

    A 429 or 503 was refused before anything was done; a 408 or any other 5xx may come from behind the deed.
    """
    limited = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    if not limited and not _server_error(answer.status):
        return None
    return Failed(
        Fault.LIMITED if limited else Fault.RETRY,
        f"HTTP {answer.status}",
        Scope.CHANNEL,
        retry_after=answer.retry_after,
        unknown=in_doubt(answer.status),
        status=answer.status,
        request_id=answer.request_id,
    )


def in_doubt(status: int) -> bool:
    """May a request that was answered so have been acted on all the same?"""
    return _server_error(status) and status != HTTPStatus.SERVICE_UNAVAILABLE


def _server_error(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT
