"""Talk to GitHub's REST API: send a step, look for what a lost answer may have left. Never its search, which lags."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from bridge.destinations.base import Done, Failed, Fault, Found, Lack, Scope
from bridge.destinations.deadline import Deadline
from bridge.destinations.github import read
from bridge.destinations.github.app import TokenError, installation
from bridge.destinations.github.errors import gone, not_yet, out_of_reach, then_replay, unlike_github, unseen
from bridge.destinations.github.session import Session, base_of
from bridge.destinations.github.step import repository
from bridge.destinations.http import MIB, ExchangeError, Http
from bridge.destinations.steps import delivery_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import Have, Outcome, Settings, Step
    from bridge.destinations.github.app import Installation
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

SKEW: Final = timedelta(minutes=5)
PAGE: Final = 100
PAGES: Final = 10
LISTED: Final = 16 * MIB
"""Bytes that a page of issues may have: a hundred bodies of 64 Ki characters each, most far shorter."""

MARK: Final = re.compile(r"\s*(<!-- bridge:\S+:\d+ -->)")


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for a token, or for an app's installation, whose tokens all clients of a process share.

    Raises:
        ValueError: there is no usable token, app or address; the sentence says why, without showing it.
    """
    return GitHub(settings, http, installation(settings, base_of(settings)))


class _UnlistedError(Exception):
    """A lookup did not come to its end; `failed` says why."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.error)
        self.failed = failed


class GitHub:
    """A repository, seen through a token, or through the tokens of an app's installation."""

    def __init__(
        self, settings: Settings, http: Callable[[str], Transport] = Http, app: Installation | None = None
    ) -> None:
        self._repo = repository(settings)
        self._session = Session(settings, http, app)

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        """Send a step. `ready` is called before each request's first byte; redirects and a 404 make more."""
        until, delivery = Deadline(deadline), delivery_of(step, have)
        try:
            answer = self._session.exchange(step.method.partition(" ")[0], step.path, step.request, until, ready)
            if _succeeded(answer):
                return read.done(step, have, answer, deadline - until.left())
            fault = self._session.failed(answer, step.method, self._repo, delivery)
            fault = self._of_issue(step, have, answer, fault, until)
        except ExchangeError as error:
            return error.failed()
        except TokenError as error:
            return then_replay(error.failed, delivery)
        if fault.fault is Fault.SATISFIED:
            return Done({}, fault.request_id, fault.status)
        unreadable = fault.fault in {Fault.PERMANENT, Fault.REPLACE} and fault.scope is not Scope.TOKEN
        return Done({"private": None}, fault.request_id) if step.learns and unreadable else fault

    def _of_issue(self, step: Step, have: Have, answer: Answer, fault: Failed, until: Deadline) -> Failed:
        """Read what a refusal says of the one issue that a step is for; as it is where it says nothing."""
        if out_of_reach(answer, fault, step.method):
            return gone(fault, self._repo, delivery_of(step, have))
        if unseen(answer, step.method) and read.made_just_now(have, answer):
            return not_yet(answer)
        if fault.error == "not_found" and step.method in {"PATCH issue", "POST comments"}:
            return self._missing(fault, until, delivery_of(step, have))
        return fault

    def _missing(self, fault: Failed, until: Deadline, delivery: str) -> Failed:
        """Tell an issue that is gone from a repository that can't be seen: only the first is opened anew."""
        answer = self._session.exchange("GET", f"/repos/{self._repo}", {}, until, _at_once)
        if not _succeeded(answer):
            seen = self._session.failed(answer, "GET", self._repo, "")
            # what can't be asked just now may be there: nothing follows from it for others
            passing = seen.fault in {Fault.RETRY, Fault.LIMITED}
            return replace(seen, unknown=False) if passing else fault
        return gone(fault, self._repo, delivery)

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:
        """Walk back to `since` less five minutes, newest first, past pull requests, for a mark at a body's top."""
        try:
            return self._find(step, have, since, Deadline(deadline))
        except TokenError as error:
            return then_replay(error.failed, "")
        except ExchangeError as error:
            return error.failed()

    def _find(self, step: Step, have: Have, since: datetime, until: Deadline) -> Found | Failed:
        mark = _mark(step.request)
        if mark is None:
            return Failed(Fault.UNSEARCHABLE, "unmarked")
        try:
            for listed in self._pages(step, have, self._bound(since), until):
                found = next((one for one in listed if "pull_request" not in one and _mark(one) == mark), None)
                if found is not None:
                    return Found(read.remote(step, have, found))
        except _UnlistedError as error:
            comment = step.method == "POST comments"
            # a comment is gone with its issue
            return Found(None) if comment and error.failed.fault is Fault.REPLACE else error.failed
        return Found(None)

    def _bound(self, since: datetime) -> datetime:
        """Five minutes before, by GitHub's own clock where ours is ahead."""
        return since - SKEW - timedelta(seconds=self._session.ahead)

    def _pages(self, step: Step, have: Have, oldest: datetime, until: Deadline) -> Iterator[list[dict[str, Any]]]:
        """The issues, or the comments of one, since `oldest`, page by page.

        Raises:
            _UnlistedError: GitHub refused, or there are more than can be walked through.
            ExchangeError: there is no whole answer.
        """
        comment = step.method == "POST comments"
        since = oldest.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query: dict[str, object] = {"since": since, "per_page": PAGE}
        if not comment:
            query |= {"state": "all", "sort": "created", "direction": "desc"}
        for page in range(1, PAGES + 1):
            path = f"{step.path}?{urlencode({**query, 'page': page})}"
            answer = self._session.exchange("GET", path, {}, until, _at_once, cap=LISTED)
            listed = answer.json()
            if not _succeeded(answer):
                failed = self._session.failed(answer, "GET", self._repo, "")
                raise _UnlistedError(self._of_issue(step, have, answer, failed, until))
            if not isinstance(listed, list):
                raise _UnlistedError(unlike_github(answer))
            yield listed
            if len(listed) < PAGE or (not comment and _created_before(listed[-1], oldest)):
                return
        raise _UnlistedError(Failed(Fault.UNSEARCHABLE, "too many issues to search"))

    def lacks(self, deadline: float) -> list[Lack]:
        """Ask for the repository, and list its newest issue, as a lookup would."""
        until, path = Deadline(deadline), f"/repos/{self._repo}"
        try:
            for asked in (path, f"{path}/issues?state=all&per_page=1"):
                answer = self._session.exchange("GET", asked, {}, until, _at_once, cap=LISTED)
                if not _succeeded(answer):
                    failed = self._session.failed(answer, "GET", self._repo, "")
                    return [Lack(failed.error, failed.hint, told=False, retry_after=failed.retry_after)]
                if (answer.record() or {}).get("has_issues") is False:
                    return [Lack(f"issues are turned off in {self._repo}", "turn them on", told=False)]
        except (TokenError, ExchangeError) as error:
            why = error.failed if isinstance(error, TokenError) else error.failed()
            return [Lack(why.error, why.hint, told=False)]
        return []

    def close(self) -> None:
        """Give connections back."""
        self._session.close()


def _at_once() -> None:
    """A read changes nothing, so no stale sender needs to be stopped."""


def _succeeded(answer: Answer) -> bool:
    return answer.status // 100 == 2  # noqa: PLR2004 - any success


def _mark(record: Mapping[str, Any]) -> str | None:
    """The mark at the top of a body, as it stands there."""
    found = MARK.match(str(record.get("body") or ""))
    return found.group(1) if found else None


def _created_before(record: Mapping[str, Any], oldest: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(record.get("created_at"))) < oldest
    except (TypeError, ValueError):
        return False
