"""Talk to GitHub's REST API: send a step, look for what a lost answer may have left. Never its search, which lags."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from bridge.destinations.base import Done, Failed, Fault, Found, Lack, Scope
from bridge.destinations.deadline import Deadline
from bridge.destinations.github import read
from bridge.destinations.github.app import TokenError, installation
from bridge.destinations.github.errors import (
    foreign,
    gone,
    not_writable,
    not_yet,
    out_of_reach,
    replayed,
    unlike_github,
    unseen,
)
from bridge.destinations.github.session import Session, base_of
from bridge.destinations.github.step import repository
from bridge.destinations.http import MIB, ExchangeError, Http
from bridge.destinations.packed import UNREADABLE
from bridge.destinations.ports import Listing
from bridge.destinations.steps import delivery_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import JSON, Have, Outcome, Settings, Step
    from bridge.destinations.github.app import Installation
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client

SKEW: Final = timedelta(minutes=5)
PAGE: Final = 100
SMALLER: Final = 20
"""Issues of a page where PAGE of them are more than LISTED: so many bodies never are, in whatever letters."""
PAGES: Final = 10
"""Pages that one lookup reads of comments."""
MOST_PAGES: Final = 50
"""Pages that lookups read of issues, one after the other: what was opened in the time that is looked back to."""
LISTED: Final = 16 * MIB
"""Bytes that a page of issues may have: a hundred bodies of 64 Ki characters each, most far shorter."""

MARK: Final = re.compile(r"\s*<!-- bridge:(\S+:\d+) -->")
_TOO_MANY: Final = Failed(Fault.UNSEARCHABLE, "too many issues to search")


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for a token, or for an app's installation, whose tokens all clients of a process share.

    Raises:
        ValueError: there is no usable token, app or address; the sentence says why, without showing it.
    """
    return GitHub(settings, http, installation(settings, base_of(settings)))


class GitHub:
    """A repository, seen through a token, or through the tokens of an app's installation."""

    LISTS = "GET issues"

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
            if answer.succeeded:
                return read.done(step, have, answer)
            fault = self._session.failed(answer, step.method, self._repo, delivery)
            fault = self._of_issue(step, have, answer, fault, until)
        except ExchangeError as error:
            return error.failed()
        except TokenError as error:
            return replayed(error.failed, delivery)
        if fault.fault is Fault.SATISFIED:
            return Done({}, fault.request_id, fault.status)
        unreadable = fault.fault in {Fault.PERMANENT, Fault.REPLACE} and fault.scope is not Scope.TOKEN
        return Done({"private": None}, fault.request_id) if step.learns and unreadable else fault

    def _of_issue(self, step: Step, have: Have, answer: Answer, fault: Failed, until: Deadline) -> Failed:
        """Read what a refusal says of the one issue that a step is for; as it is where it says nothing."""
        if foreign(answer):
            return fault
        if unseen(answer, step.method) and read.made_just_now(have, answer):
            return not_yet(answer)
        missing = fault.error == "not_found" and step.method in {"PATCH issue", "POST comments"}
        if missing or out_of_reach(answer, fault, step.method):
            return self._missing(step, fault, until, delivery_of(step, have))
        return fault

    def _missing(self, step: Step, fault: Failed, until: Deadline, delivery: str) -> Failed:
        """Tell an issue that is gone from one that may not be changed, and from a repository that can't be seen.

        Only the first is opened anew.
        """
        ask = partial(self._session.exchange, "GET", request={}, until=until, ready=_at_once)
        answer = ask(f"/repos/{self._repo}")
        if not answer.succeeded:
            return self._passing(answer) or fault
        if fault.error != "not_found":  # where it is the repository that moved, it did with all that is in it
            return fault if answer.moved else gone(fault, self._repo, delivery)
        issue = ask(step.path.removesuffix("/comments"))
        if issue.succeeded and issue.moved == answer.moved:
            return not_writable(issue)
        return self._passing(issue) or gone(fault, self._repo, delivery)

    def _passing(self, answer: Answer) -> Failed | None:
        """Why there is no answer just now, where asking later may help: nothing follows from it for others."""
        if answer.succeeded:
            return None
        seen = self._session.failed(answer, "GET", self._repo, "")
        return replace(seen, unknown=False) if seen.fault in {Fault.RETRY, Fault.LIMITED} else None

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:
        """Walk back to `since` less five minutes, newest first, past pull requests, for a mark at a body's top."""
        mark, until = _mark(step.request), Deadline(deadline)
        cursor: str | None = self._first(since)
        if mark is None:
            return Failed(Fault.UNSEARCHABLE, "unmarked")
        while cursor is not None:
            listed = self._listed(step, have, cursor, PAGES, until)
            if isinstance(listed, Failed):
                # a comment is gone with its issue
                gone_too = step.method == "POST comments" and listed.fault is Fault.REPLACE
                return Found(None) if gone_too else listed
            if mark in listed.found:
                return Found(listed.found[mark])
            cursor = listed.cursor
        return Found(None)

    def lists(self, step: Step, have: Have) -> bool:  # noqa: ARG002 - as all clients
        """Return whether a step opened an issue; its comments are read by `find`, which refuses what has no mark."""
        return step.method == "POST issues" and _mark(step.request) is not None

    def page(self, step: Step, have: Have, since: datetime, cursor: str | None, deadline: float) -> Listing | Failed:
        """List the repository's issues for all doubts there at once."""
        return self._listed(step, have, cursor or self._first(since), MOST_PAGES, Deadline(deadline))

    def adopt(self, step: Step, found: JSON) -> JSON:  # noqa: ARG002 - as all clients
        """Return a listed issue as its opening would have answered, which is how it was read."""
        return found

    def _first(self, since: datetime) -> str:
        """The first page's cursor, with the bound of all: five minutes before, by GitHub's clock if ours is ahead."""
        oldest = since - SKEW - timedelta(seconds=self._session.ahead)
        return f"1 {oldest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {PAGE}"

    def _listed(self, step: Step, have: Have, cursor: str, most: int, until: Deadline) -> Listing | Failed:
        """Read one of at most so many pages: the issues, or the comments of one, that bear a mark."""
        at, since, each = cursor.split(" ")
        page, size = int(at), int(each)
        comment = step.method == "POST comments"
        query: dict[str, object] = {"since": since, "per_page": size}
        if not comment:
            query |= {"state": "all", "sort": "created", "direction": "desc"}
        listed = self._read(step, have, f"{step.path}?{urlencode({**query, 'page': page})}", until)
        if isinstance(listed, Failed):
            smaller = f"{(page - 1) * size // SMALLER + 1} {since} {SMALLER}"
            return Listing({}, smaller) if listed.error == UNREADABLE and size > SMALLER else listed
        marked = ((_mark(one), read.remote(step, have, one)) for one in listed if "pull_request" not in one)
        found = {mark: remote for mark, remote in marked if mark and remote}
        if len(listed) < size or (not comment and _created_before(listed[-1], datetime.fromisoformat(since))):
            return Listing(found, None)
        if page * size >= most * PAGE:  # what stands on it is found all the same
            return Listing(found, None) if _mark(step.request) in found else _TOO_MANY
        return Listing(found, f"{page + 1} {since} {size}")

    def _read(self, step: Step, have: Have, path: str, until: Deadline) -> list[dict[str, Any]] | Failed:
        try:
            answer = self._session.exchange("GET", path, {}, until, _at_once, cap=LISTED)
            if not answer.succeeded:
                failed = self._session.failed(answer, "GET", self._repo, "")
                return self._of_issue(step, have, answer, failed, until)
        except TokenError as error:
            return replayed(error.failed, "")
        except ExchangeError as error:
            return error.failed()
        listed = answer.json()
        return listed if isinstance(listed, list) else unlike_github(answer)

    def lacks(self, deadline: float) -> list[Lack]:
        """Ask for the repository, and list its newest issue, as a lookup would."""
        until, path = Deadline(deadline), f"/repos/{self._repo}"
        try:
            for asked in (path, f"{path}/issues?state=all&per_page=1"):
                answer = self._session.exchange("GET", asked, {}, until, _at_once, cap=LISTED)
                if not answer.succeeded:
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


def _mark(record: Mapping[str, Any]) -> str | None:
    """The mark at the top of a body: a delivery and a step's number."""
    found = MARK.match(str(record.get("body") or ""))
    return found.group(1) if found else None


def _created_before(record: Mapping[str, Any], oldest: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(record.get("created_at"))) < oldest
    except (TypeError, ValueError):
        return False
