"""Requests to GitHub's API with a token, or with those of an app's installation; a few redirects are followed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from bridge.destinations.base import Fault, Scope
from bridge.destinations.github.app import HEADERS, UNAUTHORIZED
from bridge.destinations.github.errors import REDIRECTS, failed, replayed
from bridge.destinations.http import MIB, Http, bearer

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import JSON, Failed, Settings
    from bridge.destinations.deadline import Deadline
    from bridge.destinations.github.app import Installation
    from bridge.destinations.http import Transport

API: Final = "https://api.github.com"
HOPS: Final = 3
"""Redirects that are followed, one after the other."""


def base_of(settings: Settings) -> str:
    """Return the base address of the API."""
    return settings.text("api_url", API).rstrip("/")


class Session:
    """Connections to the API and what opens it: the installation where there is one, else the configured token.

    Raises:
        ValueError: there is no usable token or address; the sentence says why, without showing it.
    """

    def __init__(
        self, settings: Settings, http: Callable[[str], Transport] = Http, app: Installation | None = None
    ) -> None:
        self._base = base_of(settings)
        self._app = app
        self._token = settings.text("token")
        if app is None:
            bearer(self._token)
        self._http = http(self._base)

    @property
    def ahead(self) -> float:
        """The seconds by which this machine's time is ahead of GitHub's."""
        return self._http.ahead

    def exchange(  # noqa: PLR0913 - one request has these parts
        self, verb: str, path: str, request: JSON, until: Deadline, ready: Callable[[], None], *, cap: int = MIB
    ) -> Answer:
        """Send one request; where an app's token is refused that was known to GitHub, once more with another one.

        Raises:
            ExchangeError: there is no whole answer.
            TokenError: there is no token of the app.
        """
        send = partial(self._send, verb, f"{self._base}{path}", request, deadline=until, ready=ready, cap=cap)
        if self._app is None:
            return send(token=self._token)
        token = self._app.token(self._http, until)
        answer = send(token=token)
        if self._app.replaces(answer):
            answer = send(token=self._app.token(self._http, until, refused=token))
            self._app.heard(answer)
        return answer

    def _send(  # noqa: PLR0913 - one request has these parts
        self,
        verb: str,
        url: str,
        request: JSON,
        *,
        token: str,
        deadline: Deadline,
        ready: Callable[[], None],
        cap: int,
    ) -> Answer:
        """Send one request; redirects to the same host are followed, with method and body kept."""
        kind = {"Content-Type": "application/json; charset=utf-8"} if request else {}
        send = partial(
            self._http.exchange,
            deadline=deadline,
            ready=ready,
            headers={**HEADERS, "Authorization": bearer(token), **kind},
            content=json.dumps(request).encode() if request else None,
            cap=cap,
        )
        answer = send(verb, url).without(token)
        for _ in range(HOPS):
            target = urljoin(url, answer.headers.get("location", url))
            if answer.status not in REDIRECTS or target == url or _origin(target) != _origin(self._base):
                break
            url, answer = target, replace(send(verb, target).without(token), moved=True)
        return answer

    def failed(self, answer: Answer, method: str, repo: str, delivery: str) -> Failed:
        """Read an answer that is no success.

        A token keeps the permissions and repositories that it was made with: where an app's can't do something, a
        replay gets a fresh one. What refuses a fresh one may not know it yet, or what it may do: it is asked again.
        """
        fault = failed(answer, method, repo, delivery)
        if self._app is None:
            return fault
        if answer.status == UNAUTHORIZED:
            fault = replayed(self._app.explain(fault), delivery)
        if self._app.fresh and (answer.status == UNAUTHORIZED or fault.error == "resource_not_accessible"):
            return replace(fault, fault=Fault.RETRY, scope=Scope.CHANNEL, unknown=False)
        if fault.fault is Fault.PERMANENT and answer.status in {UNAUTHORIZED, 403, 404}:
            self._app.forget()
        return fault

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
