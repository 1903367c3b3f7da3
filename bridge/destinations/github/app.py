"""A GitHub App's installation: a JWT signed with the app's key is exchanged for a token, which is renewed in time.

An installation is shared by all clients of the process that name it. PyJWT and cryptography are imported only where
there is an app. Neither the key nor a token stands in any error or repr.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from bridge.clock import SystemClock
from bridge.destinations.base import Failed, Fault, Scope
from bridge.destinations.github import key
from bridge.destinations.github.errors import failed, unlike_github
from bridge.destinations.http import ExchangeError, bearer
from bridge.destinations.steps import table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.clock import Clock
    from bridge.destinations.answer import Answer
    from bridge.destinations.base import Settings
    from bridge.destinations.deadline import Deadline
    from bridge.destinations.http import Transport

HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PERMISSIONS: Final = {"issues": "write", "metadata": "read"}
"""What a token is asked for, whatever else the app may do."""
AHEAD: Final = 300.0
"""Seconds before its end that a token is renewed."""
LASTS: Final = 3_600.0
"""Seconds that GitHub says a token lasts, for an answer that does not tell."""
UNAUTHORIZED: Final = 401
FRESH: Final = 10.0
"""Seconds after which all of GitHub knows a token, and what it may do: until then, unless it was taken once, a refusal
says nothing of it. GitHub's own client waits for five."""
JWT_LASTS: Final = 600
BACK: Final = 60
"""Seconds that a JWT is issued in the past."""
FURTHER_BACK: Final = 300
"""The same where GitHub did not like its times."""

_NO_NUMBER: Final = "`app.installation` must be the number at the end of the installation's address on GitHub"
_NO_ID: Final = "`app.id` must be the app's id or client id, as its page on GitHub shows it"
_REFUSED: Final = (
    "GitHub takes no token of app {id}'s installation {installation}, not even a fresh one: "
    "look on the installation's page whether it is suspended or was removed"
)
_SENTENCES: Final = {
    401: "GitHub does not accept the private key of app {id}: correct `app.id`, or make a new private key on the app's "
    "page and put it into `app.private_key`",
    403: "GitHub refuses tokens for installation {installation} of app {id}: look whether it is suspended, "
    "or let the address of the bridge into the IP allow list",
    404: "GitHub knows no installation {installation} of app {id}: correct `app.id` and `app.installation`, "
    "or install the app again",
    422: "Installation {installation} lacks a permission: give app {id} Issues: write and accept that on the "
    "installation's page",
}
_OTHER: Final = "GitHub gave no token for installation {installation} of app {id} ({error}): correct `api_url`"


class TokenError(Exception):
    """There is no token: nothing was asked for with one. `failed` says why; its hint doesn't say yet how to go on."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.error)
        self.failed = failed


class Installation:
    """An app's installation at one address of GitHub's API. Safe to use from several threads at once.

    Args:
        base: the API's base address.
        app: its settings: `id` (or client id), `installation`, and `private_key`, a PEM text, whose line ends may be
            written out (backslash, n) as environment variables often have them.
        clock: the time now, for what is signed, and monotonic time, for when a token is renewed.

    Raises:
        ValueError: one of them can't be used; the sentence says which, without showing it.
    """

    def __init__(self, base: str, app: Mapping[str, object], clock: Clock | None = None) -> None:
        self._id, number = (str(app.get(name) or "").strip() for name in ("id", "installation"))
        if not re.fullmatch(r"[\w.-]+", self._id, re.ASCII):
            raise ValueError(_NO_ID)
        if not re.fullmatch(r"\d+", number, re.ASCII):
            raise ValueError(_NO_NUMBER)
        self._installation = number
        self._url = f"{base}/app/installations/{number}/access_tokens"
        self._key = key.load(str(app.get("private_key") or ""))
        self._clock = clock or SystemClock()
        self._skew = 0.0  # seconds that GitHub's clock is ahead of ours
        self._held = ("", 0.0, 0.0)  # a token, until when it is used, and since when
        self._replaced = False  # it stands for one that was refused, and none was taken since
        self._taken = False  # it did something
        self._lock = threading.Lock()

    def token(self, http: Transport, until: Deadline, refused: str = "") -> str:
        """Return a token that is good for some minutes at least, another one than a `refused` one.

        Raises:
            TokenError: there is none.
        """
        if token := self._good(refused):
            return token
        if not self._lock.acquire(timeout=max(until.left(), 0.0)):
            raise TokenError(Failed(Fault.RETRY, "no token in time", Scope.CHANNEL))
        try:
            if not (token := self._good(refused)):
                token, self._replaced = self._renew(http, until), self._replaced or bool(refused)
            return token
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Take a fresh token next time: one keeps the permissions and repositories that it was made with."""
        self._held = ("", 0.0, 0.0)

    @property
    def fresh(self) -> bool:
        """Was the token made just now, so that a part of GitHub may not know it yet?"""
        return bool(self._held[0]) and not self._taken and self._clock.monotonic() - self._held[2] < FRESH

    def heard(self, answer: Answer) -> None:
        """Take note of a token that was taken: where it is refused later, another one is worth a try as at first."""
        if answer.status != UNAUTHORIZED:
            self._replaced = False
        if answer.succeeded:
            self._taken = True

    def replaces(self, answer: Answer) -> bool:
        """Is another token worth a try after this answer? Once, and not of one that has only to age."""
        self.heard(answer)
        return answer.status == UNAUTHORIZED and not self._replaced and not self.fresh

    def explain(self, fault: Failed) -> Failed:
        """Read a 401 to a request with a fresh token; its hint doesn't say yet how to go on."""
        return replace(fault, fault=Fault.PERMANENT, scope=Scope.TOKEN, hint=self._fill(_REFUSED))

    def _good(self, refused: str) -> str:
        token, ends, _made = self._held
        return token if self._clock.monotonic() < ends and token != refused else ""

    def _renew(self, http: Transport, until: Deadline) -> str:
        """Exchange a JWT for a token; once more with other times where GitHub's clock is not ours."""
        started = self._clock.monotonic()
        answer = self._exchange(http, until, BACK)
        if _times_refused(answer):
            if answer.epoch is not None:
                self._skew = answer.epoch - self._clock.now().timestamp()
            started = self._clock.monotonic()
            answer = self._exchange(http, until, FURTHER_BACK)
        if not answer.succeeded:
            raise TokenError(self._failed(answer))
        record = answer.record() or {}
        token = text(record, "token")
        try:
            bearer(token)
        except ValueError:
            raise TokenError(replace(unlike_github(answer), unknown=False)) from None
        lasts = _seconds_left(answer, text(record, "expires_at"))
        self._held = (token, started + max(lasts - AHEAD, lasts / 2), self._clock.monotonic())
        self._taken = False
        return token

    def _exchange(self, http: Transport, until: Deadline, back: int) -> Answer:
        headers = {**HEADERS, "Authorization": bearer(self._jwt(back)), "Content-Type": "application/json"}
        content = json.dumps({"permissions": PERMISSIONS}).encode()
        try:
            return http.exchange("POST", self._url, deadline=until, ready=_at_once, headers=headers, content=content)
        except ExchangeError as error:
            # whatever was lost, it was no step: nothing is in doubt
            raise TokenError(replace(error.failed(), unknown=False)) from None

    def _jwt(self, back: int) -> str:
        import jwt  # noqa: PLC0415 - without an app nobody pays for it

        issued = int(self._clock.now().timestamp() + self._skew) - back
        return jwt.encode({"iss": self._id, "iat": issued, "exp": issued + JWT_LASTS}, self._key, algorithm="RS256")

    def _failed(self, answer: Answer) -> Failed:
        """Read a refusal: limits and server errors as everywhere, the rest as what it says of the app."""
        fault = failed(answer, "POST access_tokens", "", "")
        if fault.fault in {Fault.RETRY, Fault.LIMITED}:
            return replace(fault, unknown=False)
        hint = self._fill(_SENTENCES.get(answer.status, _OTHER), error=f"HTTP {answer.status}")
        return replace(fault, fault=Fault.PERMANENT, scope=Scope.TOKEN, hint=hint, note={})

    def _fill(self, say: str, **words: str) -> str:
        return say.format(id=self._id, installation=self._installation, **words)


_shared: WeakValueDictionary[tuple[str, ...], Installation] = WeakValueDictionary()
_sharing = threading.Lock()


def installation(settings: Settings, base: str) -> Installation | None:
    """Return the installation that settings name, None where they name no app; the same one while it is in use.

    Raises:
        ValueError: the app's settings can't be used; the sentence says why, without showing them.
    """
    if not settings.values.get("app"):
        return None
    app = table(settings.values, "app")
    parts = (str(app.get(name) or "") for name in ("id", "installation", "private_key"))
    named = (base, *(hashlib.sha256(part.encode()).hexdigest() for part in parts))
    with _sharing:
        found = _shared.get(named)
        if found is None:
            found = _shared[named] = Installation(base, app)
        return found


def _at_once() -> None:
    """Getting a token changes nothing, so no stale sender needs to be stopped."""


def _times_refused(answer: Answer) -> bool:
    """Does GitHub refuse a JWT for its times? Its other claims are named alike."""
    said = text(answer.record() or {}, "message").lower()
    return answer.status == UNAUTHORIZED and ("'iat'" in said or "'exp'" in said)


def _seconds_left(answer: Answer, expires_at: str) -> float:
    """Seconds that a token lasts, by GitHub's clock alone."""
    try:
        ends = datetime.fromisoformat(expires_at).timestamp()
    except ValueError:
        return LASTS
    return LASTS if answer.epoch is None else ends - answer.epoch
