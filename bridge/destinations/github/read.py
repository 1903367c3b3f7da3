"""What GitHub's answer to a step that was done brings: ids, and who closed the issue."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.base import Done
from bridge.destinations.github.errors import unlike_github
from bridge.destinations.steps import table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.answer import Answer
    from bridge.destinations.base import JSON, Have, Outcome, Step

UNSEEN: Final = 6.0
"""Seconds after which an issue is seen in all of GitHub. No more: one that a person deletes is soon opened anew."""


def done(step: Step, have: Have, answer: Answer) -> Outcome:
    """Read a success; one whose body is not what GitHub sends may come from a proxy."""
    found = {} if "label" in step.method else remote(step, have, answer.record() or {})
    return unlike_github(answer) if found is None else Done(found, answer.request_id, answer.status)


def remote(step: Step, have: Have, record: Mapping[str, Any]) -> JSON | None:
    """What an answer brings into `Have`, or into the lane's place; None where it is no such answer."""
    if step.learns:
        private = record.get("private")
        return {"private": private, "id": record.get("id")} if isinstance(private, bool) else None
    if step.method == "POST comments":
        return {"comment_id": record["id"], **_login(record)} if isinstance(record.get("id"), int) else None
    if not isinstance(record.get("number"), int):
        return None
    state = "closed" if record.get("state") == "closed" else "open"
    if step.method == "POST issues":
        made = {"number": record["number"], "url": text(dict(record), "html_url"), "state": state, "closed_by": None}
        return {**made, "made": _epoch(record.get("created_at")), **_login(record)}
    return {"state": state, **_who(state, str(step.request.get("state") or ""), have, record)}


def _who(state: str, asked: str, have: Have, record: Mapping[str, Any]) -> JSON:
    """Who closed an issue, or opened it again: we, where we asked for it, else a person.

    What we asked for when an answer was lost (`asked` in `Have`) is ours as well.
    """
    before, lost = text(have, "state"), text(have, "asked")
    if state == "open":
        ours = before != "closed" or asked or lost
        return {"closed_by": None} if ours else {"closed_by": None, "kept_open": True}
    if before == "closed":
        return {"closed_by": text(have, "closed_by") or "person"}
    if (asked or lost) != "closed":
        return {"closed_by": "person"}
    if _closed_before(record, have):
        return {"closed_by": "person", "person_commented": True}  # the comment that goes before a closing
    return {"closed_by": "bridge"}


def _closed_before(record: Mapping[str, Any], have: Have) -> bool:
    """Had a person closed the issue before our request to close it, which then leaves `closed_by` as it was?

    Another account than ours did, by what we wrote last: the comment that goes before a closing, mostly; the issue may
    be of one whose token was replaced since. Who closes with the very account that we have is taken for us.
    """
    closer, author = (text(table(dict(record), key), "login") for key in ("closed_by", "user"))
    ours = text(have, "login") or author
    return bool(closer and ours and closer != ours)


def _login(record: Mapping[str, Any]) -> JSON:
    """By which account we wrote what an answer shows."""
    login = text(table(dict(record), "user"), "login")
    return {"login": login} if login else {}


def made_just_now(have: Have, answer: Answer) -> bool:
    """Was the issue made so shortly before an answer, by GitHub's clock, that a part of GitHub may not see it yet?"""
    made = have.get("made")
    return isinstance(made, int | float) and answer.epoch is not None and answer.epoch - made < UNSEEN


def _epoch(time: object) -> float | None:
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except ValueError:
        return None
