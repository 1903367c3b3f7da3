"""Every reason for which a delivery becomes a dead letter, read from the code: for the runbook and its test."""
# ruff: noqa: INP001, SLF001 - a script's part; it reads the tables where they stand

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations.base import Fault
from bridge.destinations.github import app
from bridge.destinations.github import errors as github
from bridge.destinations.pagerduty import errors as pagerduty
from bridge.destinations.slack import errors as slack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DEADLY = {Fault.PERMANENT, Fault.ELSEWHERE, Fault.DEGRADE, Fault.REPLACE}
WHEN = {
    Fault.ELSEWHERE: "Dead where there is no `fallback_channel`, or that is refused too.",
    Fault.DEGRADE: "Dead where the plainer form is refused too.",
    Fault.REPLACE: "Dead the second time: the first time a fresh one is opened.",
    Fault.PERMANENT: "",
}
REACH = {
    "channel": "All that waits for this place is dead with it.",
    "token": "All that waits for this token is dead with it.",
}
Reason = tuple[str, str, str]
"""What `last_error` shows, the sentence for the operator, and what else is to be known."""


def reasons(family: str) -> list[Reason]:
    """Return all reasons of a kind of destination, each once, by name."""
    found: dict[str, Reason] = {}
    for reason in FAMILIES[family]():
        found.setdefault(reason[0], reason)
    return [found[name] for name in sorted(found, key=str.lower)]


def page(family: str) -> str:
    """Return the generated part of a family's page: a heading for each reason."""
    lines: list[str] = []
    for name, say, more in reasons(family):
        lines += [f"### {name}", "", f"{say}.", *(["", more] if more else []), ""]
    return "\n".join(lines).strip()


def _rows(rows: Iterable[tuple[str, Mapping[str, str]]], general: Mapping[Fault, str]) -> Iterable[Reason]:
    for name, row in rows:
        fault = Fault(row["treat"])
        if fault in DEADLY and "frozen" not in row.get("note", ()):
            say = row.get("say") or general[fault]
            yield name, _plain(say, name), " ".join(filter(None, (WHEN[fault], REACH.get(row["scope"], ""))))


def _plain(say: str, name: str = "") -> str:
    """A sentence with what it is filled with in words."""
    words = {
        "channel": "the channel",
        "repo": "the repository",
        "code": name,
        "error": name or "the error",
        "errors": "",
        "key": "key `ab12cd34`",
        "status": name or "an HTTP status",
        "needed": "the one that is named",
        "id": "`ID`",
        "installation": "`NUMBER`",
    }
    filled = say.format(**words)
    return filled[0].upper() + filled[1:]


def _slack() -> Iterable[Reason]:
    yield from _rows(slack.TABLE.items(), slack._GENERAL)
    yield "Any other code", _plain(slack._GENERAL[Fault.PERMANENT], "the code"), ""
    place = ", ".join(str(status) for status in sorted(slack._OF_THE_PLACE))
    yield f"HTTP 3xx, {place}", _plain(slack._WRONG_PLACE), REACH["channel"]
    yield "HTTP any other 4xx", _plain(slack._WRONG_MESSAGE), ""


def _github() -> Iterable[Reason]:
    yield from _rows(((row["id"], row) for row in github.ROWS), github._GENERAL)
    yield "Redirect", _plain(github._MOVED), REACH["channel"]
    yield "Any other status", _plain(github._UNKNOWN), ""
    yield "HTTP 4xx of a proxy", _plain(github._NOT_GITHUBS, "an HTTP status"), ""
    yield "App refused", _plain(app._REFUSED), REACH["token"]
    for status, say in app._SENTENCES.items():
        yield f"App HTTP {status}", _plain(say, f"HTTP {status}"), REACH["token"]
    yield "App any other status", _plain(app._OTHER), REACH["token"]


def _pagerduty() -> Iterable[Reason]:
    for status, say in pagerduty._SAY.items():
        alone = status in pagerduty._OF_THE_EVENT
        yield f"HTTP {status}", _plain(say), "" if alone else REACH["channel"]
    yield "Redirect", _plain(pagerduty._REDIRECT), REACH["channel"]
    alone = ", ".join(str(status) for status in sorted(pagerduty._OF_THE_EVENT - pagerduty._SAY.keys()))
    yield "Any other status", _plain(pagerduty._OTHER), f"{REACH['channel'][:-1]}, but for {alone}: of one event alone."
    yield "HTTP 4xx of a proxy", _plain(pagerduty._PAGE), ""
    gone = pagerduty.key_gone("", "").hint.split(", then `", 1)[0]
    yield "routing_key_gone", gone.replace("key ,", "a key,"), ""


FAMILIES: Mapping[str, Callable[[], Iterable[Reason]]] = {
    "slack": _slack,
    "pagerduty": _pagerduty,
    "github": _github,
}
