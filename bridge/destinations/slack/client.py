"""Talk to Slack: send a step, look for what a lost answer may have left."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.destinations.base import Done, Failed, Fault, Found, Intent, Lack, Scope, Step
from bridge.destinations.deadline import Deadline
from bridge.destinations.http import ExchangeError, Http, bearer
from bridge.destinations.ports import Listing
from bridge.destinations.slack.errors import OK, UNREADABLE, About, from_hook
from bridge.destinations.slack.learn import GROUPS, learn
from bridge.destinations.slack.marks import mark_of, marks_in
from bridge.destinations.slack.mentions import handles, uncalled
from bridge.destinations.slack.step import channel_name, is_id, shown_name
from bridge.destinations.slack.web import RefusedError, Web
from bridge.destinations.steps import delivery_of, table, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import JSON, Have, Outcome, Settings
    from bridge.destinations.http import Transport
    from bridge.destinations.ports import Client
    from bridge.destinations.slack.marks import Mark

API: Final = "https://slack.com/api/"
SKEW: Final = timedelta(minutes=5)
PAGE: Final = 15
"""Messages a page: what apps outside Slack's marketplace get at most."""
PAGES: Final = 20
BLIND: Final = "an answer that is lost can't be looked up, so its message is posted once more"
_INVITE: Final = "invite the bot into it (/invite)"
ASKED_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)


def connect(settings: Settings, http: Callable[[str], Transport] = Http) -> Client:
    """Return a client for a bot token, or for an incoming webhook where there is only that.

    Raises:
        ValueError: the address or the token can't be used; the sentence says why, without showing it.
    """
    return Slack(settings, http) if settings.text("token") else Webhook(settings, http)


class Slack:
    """A workspace, seen through a bot token."""

    LISTS = "conversations.history"

    def __init__(self, settings: Settings, http: Callable[[str], Transport] = Http) -> None:
        base, token = settings.text("api_url", API).rstrip("/") + "/", settings.text("token")
        bearer(token)
        self._channel = shown_name(channel_name(settings))
        self._handles = handles(settings)
        self._account, self.known_as = settings.text("account"), ""
        self._http = http(base)
        self._web = Web(token, base, self._http)

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        """Send a step. `ready` is called before each request's first byte; a step that learns has several."""
        until = Deadline(deadline)
        web = self._web.within(until, ready)
        if step.learns:
            return learn(web, step, until)
        about = About(step.method, self._channel, delivery_of(step, have))
        try:
            record, request_id = web.ask(about, json=dict(step.request))
        except RefusedError as error:
            same = error.failed.fault is Fault.SATISFIED
            return Done({}, error.failed.request_id, error.failed.status) if same else error.failed
        channel, ts = str(record.get("channel") or step.request["channel"]), str(record.get("ts") or "")
        if step.creates and not ts:
            return Failed(Fault.RETRY, "an answer without ts", Scope.CHANNEL, unknown=True, request_id=request_id)
        return Done(_remote(step, channel, ts), request_id, OK)

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:
        """Look in the channel, or in the thread for a reply."""
        mark = mark_of(table(step.request, "metadata"))
        channel = _channel_of(step, have)
        if mark is None or not channel:
            return _unsearchable("unmarked" if mark is None else "the channel's id is not known")
        until = Deadline(deadline)
        found = self._search(channel, text(step.request, "thread_ts"), since, until, mark)
        if isinstance(found, Failed):
            return found
        return Found(_remote(step, channel, found[mark]) if mark in found else None)

    def lists(self, step: Step, have: Have) -> bool:
        """Return whether a step posted to the channel; a thread is read by `find`, which refuses what has no mark."""
        marked = mark_of(table(step.request, "metadata")) is not None
        return marked and not text(step.request, "thread_ts") and bool(_channel_of(step, have))

    def page(self, step: Step, have: Have, since: datetime, cursor: str | None, deadline: float) -> Listing | Failed:
        """List the channel for all doubts there at once."""
        channel = _channel_of(step, have)
        read = self._read(channel, "", since, cursor, Deadline(deadline))
        if isinstance(read, Failed):
            return read
        found: dict[str, JSON] = {}
        for (delivery, number), ts in read[0].items():
            found[f"{delivery}:{number}"] = {"channel": channel, "ts": ts}
        return Listing(found, read[1])

    def adopt(self, step: Step, found: JSON) -> JSON:
        """Return a listed message as its posting would have answered."""
        return _remote(step, str(found["channel"]), str(found["ts"]))

    def lacks(self, deadline: float) -> list[Lack]:
        """Ask for the channel, read a page of it, as a lookup would, and look for the user groups that are called.

        A public channel is joined, as before a post.
        """
        until = Deadline(deadline)
        place = self._learned("conversations.list", until)
        if isinstance(place, Failed):
            return [Lack(place.error, place.hint, told=False, retry_after=place.retry_after)]
        if channel := text(place.remote, "channel_id"):
            self.known_as = f"{self._account} {channel}"
        return [*self._lacks_there(place.remote, until), *self._uncalled(until)]

    def _uncalled(self, until: Deadline) -> list[Lack]:
        if not self._handles:
            return []
        found = self._learned(GROUPS, until)
        if isinstance(found, Failed):
            what = f"user groups can't be read now: {found.error}"
            return [Lack(what, found.hint, retry_after=found.retry_after)]
        return uncalled(self._handles, found.remote["usergroups"])

    def _learned(self, method: str, until: Deadline) -> Done | Failed:
        step = Step(Intent.OPEN, 1, method, {"channel": self._channel}, {}, learns=True)
        return learn(self._web.within(until, _at_once), step, until)

    def _lacks_there(self, place: JSON, until: Deadline) -> list[Lack]:
        code, channel = text(place, "unsearchable"), text(place, "channel_id")
        if code == "channel_not_found":
            return [Lack(f"there is no {self._channel}, or the bot can't see it", f"make it, or {_INVITE}", told=False)]
        if not code and channel:
            read = self._read(channel, "", ASKED_SINCE, None, until)
            code = read.error if isinstance(read, Failed) else ""
        if not code:
            return []
        mend = f"{_INVITE}, and grant channels:read, channels:history (private ones: groups:read, groups:history)"
        return [Lack(f"{self._channel} can't be searched ({code}): {BLIND}", mend)]

    def _search(
        self, channel: str, thread: str, since: datetime, until: Deadline, mark: Mark
    ) -> dict[Mark, str] | Failed:
        """Walk back to `since` less five minutes, or to the mark."""
        found: dict[Mark, str] = {}
        cursor = None
        for _ in range(PAGES):
            read = self._read(channel, thread, since, cursor, until)
            if isinstance(read, Failed):
                return read
            found |= read[0]
            cursor = read[1]
            if not cursor or mark in found:
                return found
        return _unsearchable("too many messages to search")

    def _read(
        self, channel: str, thread: str, since: datetime, cursor: str | None, until: Deadline
    ) -> tuple[dict[Mark, str], str | None] | Failed:
        """Read one page: the marks on it, and the next page's cursor."""
        method = "conversations.replies" if thread else self.LISTS
        oldest = f"{(since - SKEW).timestamp() - self._http.ahead:.6f}"
        params: JSON = {"channel": channel, "oldest": oldest, "limit": PAGE, "include_all_metadata": True}
        params |= {"ts": thread} if thread else {}
        params |= {"cursor": cursor} if cursor else {}
        try:
            record, _id = self._web.within(until, _at_once).ask(About(method, self._channel), params=params)
        except RefusedError as error:
            blind = error.failed.error in UNREADABLE
            return _unsearchable(error.failed.error, error.failed.hint) if blind else error.failed
        following = (record.get("response_metadata") or {}).get("next_cursor") or None
        return dict(marks_in(record.get("messages"))), following

    def close(self) -> None:
        """Give connections back."""
        self._http.close()


class Webhook:
    """An incoming webhook: it can post, and nothing else. Its address is the secret."""

    def __init__(self, settings: Settings, http: Callable[[str], Transport] = Http) -> None:
        self._url = settings.text("webhook_url")
        parts = urlsplit(self._url)
        self._http = http(f"{parts.scheme}://{parts.netloc}")
        self._handles, name = handles(settings), channel_name(settings)
        self._channel = shown_name(name) if name else "the webhook's channel"

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        """Post a message; the answer brings no id."""
        body = json.dumps(step.request).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            answer = self._http.exchange(
                "POST", self._url, deadline=Deadline(deadline), ready=ready, headers=headers, content=body
            )
        except ExchangeError as error:
            return error.failed()
        answer = answer.without(self._url, urlsplit(self._url).path)
        failed = from_hook(answer, About("webhook", self._channel, delivery_of(step, have)))
        return replace(failed, request_id=answer.request_id) if failed else Done({}, answer.request_id, answer.status)

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:  # noqa: ARG002 - as all clients
        """A webhook can't read."""
        return _unsearchable("webhook_url")

    def lacks(self, deadline: float) -> list[Lack]:  # noqa: ARG002 - as all clients
        """Nothing can be asked: whatever is sent to a webhook is posted."""
        blind = Lack(f"webhook_url can't be searched: {BLIND}", "use a bot token and a channel")
        return [blind, *uncalled(self._handles, None, scope="")]

    def close(self) -> None:
        """Give connections back."""
        self._http.close()


def _channel_of(step: Step, have: Have) -> str:
    """The id of the channel that a step is for, as far as it is known: a name can't be read from."""
    return next((c for c in (text(have, "channel"), text(step.request, "channel")) if is_id(c)), "")


def _at_once() -> None:
    """A lookup changes nothing, so no stale sender needs to be stopped."""


def _unsearchable(error: str, hint: str = "") -> Failed:
    return Failed(Fault.UNSEARCHABLE, error, Scope.DELIVERY, hint)


def _remote(step: Step, channel: str, ts: str) -> JSON:
    """What an answer brings: a reply must not replace the ts of the message that it belongs to."""
    if not step.creates:
        return {}
    if step.intent == Intent.ANNOUNCE:
        return {"reply_ts": ts}
    remote: JSON = {"ts": ts, "channel": channel}
    if step.path and is_id(channel):
        remote["url"] = f"{step.path.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"
    return remote
