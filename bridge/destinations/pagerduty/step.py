"""What comes next for the pages of an incident: trigger, trigger again when it gets worse, page for newcomers, resolve.

`Have`: `pages`, each `{key, digest, priority, severity, members, count, fires, at, open}` (`digest` is of the routing
key that it was opened with, `members` are the alerts it spoke of, as far as they were loaded, `count` is how many it
spoke of, `fires` how many fired then, `at` when; `doubt` where nobody knows whether its trigger acted, `ending` where
its resolve), oldest first; `page`, the number of the last one.

An event is safe to send again: its dedup key is fixed by `Have`. A trigger that may have acted may have paged: its page
is kept as open and doubtful, so that it is triggered again, or resolved where the incident is over by then. A resolve
that may have acted is sent again before anything else, so that an incident that fires anew by then gets a page of its
own; where that can't be, for its routing key is not configured any more, a fresh page does not wait for it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.core.alert import Priority
from bridge.core.episodes import to_come
from bridge.core.incident import OVER, State
from bridge.core.rules import STORM
from bridge.destinations.base import Address, Intent, Nothing, Step
from bridge.destinations.pagerduty import message
from bridge.destinations.steps import names, number, table, told, urgency

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.incident import Incident, Member
    from bridge.destinations.base import JSON, Have, Settings, Want

PAGE_AGAIN: Final = timedelta(minutes=5)
CLOSED: Final = 10
"""Closed pages that are kept, for people."""
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
QUIET: Final = "a test: it pages only where that is asked for"
URGENT: Final = frozenset({Priority.P0, Priority.P1})


def address(settings: Settings, digest: Callable[[str], str]) -> Address:
    """A service's integration, known by the digest of its routing key; of several (rotation) the first."""
    keys = names(settings.values, "routing_key")
    who = digest(keys[0] if keys else "")
    return Address("pagerduty", f"key {who[:8]}", f"pagerduty/{who}")


def next_step(want: Want, have: Have) -> Step | Nothing:
    """Return the one request that is due now, or nothing."""
    pages = pages_of(have)
    if want.incident.state in OVER or want.never_fired:
        return _resolve(want, have, pages, "open") or (Nothing() if pages else Nothing(_untold(want)))
    if ending := _resolve(want, have, pages, "ending"):
        return ending
    if not want.incident.pages:
        return Nothing(QUIET)
    return _doubtful(want, have, pages) or _firing(want, have, pages) or Nothing()


def _firing(want: Want, have: Have, pages: list[dict[str, Any]]) -> Step | None:
    """Page while it fires; an incident that is merely no longer heard of pages nobody."""
    if want.incident.state is not State.FIRING:
        return None
    if not any(_pages(page) for page in pages):
        return _page(want, have, pages, None)
    joined = newcomers(want.incident, want.settings, pages, want.now)
    return _page(want, have, pages, joined) if joined else _rise(want, have, pages)


def _doubtful(want: Want, have: Have, pages: list[dict[str, Any]]) -> Step | None:
    """Trigger a page again that may have opened; where its routing key is not configured any more, a fresh one."""
    page = next((page for page in pages if _pages(page) and page.get("doubt")), None)
    if page is None:
        return None
    if _usable(want, page):
        return _again(want, have, pages, page)
    given_up = {name: value for name, value in page.items() if name != "doubt"}
    return _page(want, have, [given_up if one is page else one for one in pages], None)


def _untold(want: Want) -> str:
    return "only resolves were heard of it" if want.never_fired else "over before it could be told"


def pages_of(have: Have) -> list[dict[str, Any]]:
    """The pages as the ledger gave them back; nothing in here changes them."""
    pages = have.get("pages")
    return [page for page in pages if isinstance(page, dict)] if isinstance(pages, list) else []


def _page(want: Want, have: Have, pages: list[dict[str, Any]], members: tuple[str, ...] | None) -> Step:
    """Open a page under a fresh key: for the whole incident (None), or for the members named."""
    last = have.get("page")
    page = (last if isinstance(last, int) else len(pages)) + 1
    key = f"bridge/{want.incident.id}/{page}"
    digests = names(want.settings.values, "digests")
    digest = digests[0] if digests else ""
    spoken_of = members if members is not None else tuple(member.id for member in want.incident.firing)
    count = want.incident.fires if members is None else max(len(members), want.incident.fires - _told_of(pages))
    event = message.trigger(want, key, members, page, count)
    fresh = {
        "key": key,
        "digest": digest,
        "priority": want.incident.priority.value,
        "severity": table(event, "payload").get("severity"),
        "members": list(spoken_of),
        "count": count,
        "fires": want.incident.fires,
        "at": want.now.isoformat(),
        "open": True,
    }
    facts = told(want, have, pages=[*_kept(pages), fresh], page=page)
    unsure: JSON = {"pages": [*_kept(pages), {**fresh, "doubt": True}], "page": page}
    return Step(Intent.OPEN, number(have), "enqueue", event, facts, path=digest, unsure=unsure)


def _kept(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All open pages, and the last closed ones without the members that nobody asks for any more."""
    closed = [page for page in pages if not page.get("open")][-CLOSED:]
    return [
        page if page.get("open") else {**page, "members": []}
        for page in pages
        if page.get("open") or any(page is one for one in closed)
    ]


def _resolve(want: Want, have: Have, pages: list[dict[str, Any]], which: str) -> Step | None:
    """Resolve a page that is `open`, or `ending`, with the key it was opened with: first those that can be.

    An incident that fires again is not kept waiting by one that can't be.
    """
    due = [page for page in pages if page.get(which) and (which == "open" or _usable(want, page))]
    chosen = next((page for page in due if _usable(want, page)), due[0] if due else None)
    for index, page in enumerate(pages):
        if page is chosen:
            closed = {name: value for name, value in page.items() if name != "ending"} | {"open": False}
            before, after = pages[:index], pages[index + 1 :]
            event, digest = message.resolve(str(page["key"])), str(page.get("digest") or "")
            facts = told(want, have, pages=[*before, closed, *after])
            unsure: JSON = {"pages": [*before, {**page, "ending": True}, *after]}
            return Step(Intent.RESOLVE, number(have), "enqueue", event, facts, path=digest, unsure=unsure)
    return None


def _rise(want: Want, have: Have, pages: list[dict[str, Any]]) -> Step | None:
    """Page again when it is more urgent than what was told, never when less.

    The incident's page is triggered under its key, or, where its routing key is not configured any more, a fresh one.
    """
    still = [page for page in pages if _pages(page)]
    if urgency(want.incident.priority) >= min(urgency(Priority(page.get("priority", Priority.P0))) for page in still):
        return None
    page = next((page for page in still if _usable(want, page)), None)
    return _page(want, have, pages, None) if page is None else _again(want, have, pages, page)


def _usable(want: Want, page: JSON) -> bool:
    """Whether the routing key that a page was opened with is still configured."""
    digests = names(want.settings.values, "digests")
    return not digests or str(page.get("digest") or "") in digests


def _pages(page: JSON) -> bool:
    """Whether a page speaks for an incident that fires: it is open, and no resolve of it may have acted."""
    return bool(page.get("open")) and not page.get("ending")


def _again(want: Want, have: Have, pages: list[dict[str, Any]], page: dict[str, Any]) -> Step:
    """Trigger a page again under its key: the incident's own, the first that is open, or one for newcomers."""
    whole = page is next(one for one in pages if _pages(one))
    members = None if whole else tuple(str(member) for member in page.get("members") or ())
    event = message.trigger(want, str(page["key"]), members, _number_of(page), _count(page, "count"))
    never = bool(page.get("doubt")) and not page.get("made")  # made, as far as anybody knows
    sure = {name: value for name, value in page.items() if name not in {"doubt", "made"}}
    sure |= {"priority": want.incident.priority.value, "severity": table(event, "payload").get("severity")}
    intent = Intent.OPEN if never else Intent.ANNOUNCE
    facts = told(want, have, pages=[sure if one is page else one for one in pages])
    doubtful = {**sure, "doubt": True} | ({} if never else {"made": True})
    unsure: JSON = {"pages": [doubtful if one is page else one for one in pages]}
    return Step(intent, number(have), "enqueue", event, facts, path=str(page.get("digest") or ""), unsure=unsure)


def _number_of(page: JSON) -> int:
    """A page's number, from the end of its key."""
    number = str(page.get("key")).rpartition("/")[2]
    return int(number) if number.isdecimal() else 1


def newcomers(incident: Incident, settings: Settings, pages: list[dict[str, Any]], now: datetime) -> tuple[str, ...]:
    """Members that joined an open P0 or P1 incident more than `page_again` after its last page, in none so far.

    A storm pages again when it has doubled. Where no page is open, none joined one.
    """
    if not may_join(incident.source, incident.priority, settings, pages, now):
        return ()
    if incident.source == STORM:
        return _doubled(incident, pages)
    known = {str(member) for page in pages if _pages(page) for member in page.get("members") or ()}
    quiet_until = _quiet_until(settings, pages, now)

    def joined(member: Member) -> bool:
        at = member.joined_at or member.received_at
        # by a clock that was set back since, one joined before or after a page of that time
        until = _quiet_until(settings, pages, at) if to_come(at, now) else quiet_until
        return member.id not in known and until < at

    return tuple(member.id for member in incident.firing if joined(member))


def may_join(source: str, priority: Priority, settings: Settings, pages: list[dict[str, Any]], now: datetime) -> bool:
    """Return whether who joins pages now, as far as it can be said without the members."""
    if not any(_pages(page) for page in pages):
        return False
    return source == STORM or (priority in URGENT and _quiet_until(settings, pages, now) < now)


def _quiet_until(settings: Settings, pages: list[dict[str, Any]], now: datetime) -> datetime:
    """Return until when who joins pages nobody; a page of a time that is yet to come was opened long ago."""
    opened = (datetime.fromisoformat(str(page["at"])) for page in pages)
    return max((at for at in opened if not to_come(at, now)), default=LONG_AGO) + _page_again(settings)


def _doubled(incident: Incident, pages: list[dict[str, Any]]) -> tuple[str, ...]:
    known = {str(member) for page in pages if _pages(page) for member in page.get("members") or ()}
    fresh = tuple(member.id for member in incident.firing if member.id not in known)
    told = max(len(known), _told_of(pages)) if incident.more_firing else len(known)
    return fresh if len(fresh) + incident.more_firing >= told else ()


def _told_of(pages: list[dict[str, Any]]) -> int:
    """How many alerts fired when it was paged last."""
    return max((_count(page, "fires") for page in pages if _pages(page)), default=0)


def _count(page: JSON, key: str) -> int:
    """A page's count; a page that has none counts the members that it names."""
    count = page.get(key)
    return count if isinstance(count, int) else len(names(page, "members"))


def _page_again(settings: Settings) -> timedelta:
    """The setting, as a duration or in seconds."""
    value = settings.values.get("page_again", PAGE_AGAIN)
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=value) if isinstance(value, int | float) else PAGE_AGAIN
