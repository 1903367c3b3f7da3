"""What GitHub's refusals mean, decided in GitHub's own order: limits first, then redirects, 422, 5xx, the table.

The table stands in `errors.json`: of the rows of a status the first whose conditions hold (`message`, `header`, and of
any of the body's errors `field`, `code`, `resource`, `detail`) counts; `of_issue` is its scope where one issue was
asked for. Texts are looked at only where neither status nor headers tell two cases apart.
"""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.answer import LONGEST, in_doubt
from bridge.destinations.base import Failed, Fault, Scope, then_replay

if TYPE_CHECKING:
    from bridge.destinations.answer import Answer

ROWS: Final[list[dict[str, Any]]] = json.loads(files(__package__).joinpath("errors.json").read_text("utf-8"))

WAIT: Final = 60.0
"""Seconds to wait where GitHub limits without saying how long."""

REDIRECTS: Final = frozenset({301, 302, 307, 308})
_UNKNOWN: Final = "GitHub answered {error}, which the bridge does not know: look it up, mend it"
_MOVED: Final = "GitHub sends requests for {repo} elsewhere, and on and on or to another host: correct `repo`"
_NOT_GITHUBS: Final = (
    "{error} came instead of an answer of GitHub's: a proxy may refuse this alert for its text or size, look at it"
)
_NOT_WRITABLE: Final = (
    "GitHub shows the issue, but finds none to change: let the token change it (Issues: write; a classic token: repo)"
)
_GENERAL: Final = {
    Fault.DEGRADE: "GitHub refuses the issue even in its plainest form ({error}): report it as a fault of the bridge",
    Fault.REPLACE: "The issue in {repo} was deleted, or moved to where the bridge can't write ({error})",
}
_OF_ISSUE: Final = frozenset({"PATCH issue", "POST comments", "POST labels", "DELETE label"})
_NOT_THERE: Final = REDIRECTS | {403, 404, 410, 451}
_OF_ALL: Final = frozenset({401, 404})
"""The 4xx that speak of who asks, or of the address, whatever answers; but for a 404 where one issue was asked for."""
_BARE: Final = b"Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
"""What GitHub's one refusal in plain text begins with, which comes without any of its headers."""
_ITS_OWN: Final = ("x-github-", "x-ratelimit-", "retry-after")
"""What GitHub's headers begin with that no other place sends."""


def failed(answer: Answer, method: str, repo: str, delivery: str) -> Failed:
    """Read an answer that is no success. `method` as in `Step.method`; of a 404 see `client`."""
    status = answer.status
    wait = _limited_for(answer)
    if wait is not None:
        return _failed(answer, Fault.LIMITED, Scope.TOKEN, f"HTTP {status}", wait=wait)
    if status in REDIRECTS:
        hint = _sentence(_MOVED, repo, delivery)
        return _failed(answer, Fault.PERMANENT, Scope.CHANNEL, f"HTTP {status}", hint=hint)
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:  # noqa: PLR2004 - a server's fault
        return _failed(answer, Fault.RETRY, Scope.CHANNEL, f"HTTP {status}", wait=answer.retry_after)
    if "label" in method and status in {403, 404, 422}:  # refused, or gone already: an issue does without it
        return _failed(answer, Fault.SATISFIED, Scope.DELIVERY, f"HTTP {status}")
    rows = (row for row in ROWS if row["treat"] != Fault.SATISFIED or method == "POST comments")
    of_all = status in _OF_ALL and not (status == HTTPStatus.NOT_FOUND and method in _OF_ISSUE)
    page = foreign(answer) and not of_all
    row = None if page else next((row for row in rows if row["status"] == status and _holds(row, answer)), None)
    if row is None:
        hint = _sentence(_NOT_GITHUBS if page else _UNKNOWN, repo, delivery, error=f"HTTP {status}")
        return _failed(answer, Fault.PERMANENT, Scope.DELIVERY, f"HTTP {status}", hint=hint)
    fault, say = Fault(row["treat"]), row.get("say")
    hint = _sentence(say or _GENERAL.get(fault, ""), repo, delivery, error=row["id"])
    wait = WAIT if fault is Fault.LIMITED else None
    scope = Scope(row.get("of_issue", row["scope"]) if method in _OF_ISSUE else row["scope"])
    return _failed(answer, fault, scope, row["id"], hint=hint, wait=wait)


def foreign(answer: Answer) -> bool:
    """Is a 4xx none of GitHub's, by body and headers? What reads along may refuse one alert for its text.

    That says nothing of others, nor of an issue that is there, whatever words its page holds.
    """
    if answer.status // 100 != 4 or answer.body.startswith(_BARE):  # noqa: PLR2004 - 4xx
        return False
    said = isinstance((answer.record() or {}).get("message"), str)
    return not said and not any(name.startswith(_ITS_OWN) for name in answer.headers)


def out_of_reach(answer: Answer, fault: Failed, method: str) -> bool:
    """Was an issue transferred to where it can't be written to? That says nothing of its repository's others.

    A redirect to another host, which is not followed, is not GitHub's.
    """
    return answer.moved and method in _OF_ISSUE and fault.fault is Fault.PERMANENT and answer.status in _NOT_THERE


def unseen(answer: Answer, method: str) -> bool:
    """Does GitHub not see the issue that a request is for? Of one made just now that says nothing yet."""
    said = answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and b"issue not found" in answer.body.lower()
    return method in _OF_ISSUE and (said or (answer.status == HTTPStatus.NOT_FOUND and "not found" in _message(answer)))


def not_yet(answer: Answer) -> Failed:
    """Return what that means: the delivery waits alone, without `status`, for nothing is wrong with its place.

    Nor has anybody to mend anything, so nothing is said of it.
    """
    return Failed(Fault.RETRY, "issue_not_seen_yet", request_id=answer.request_id)


def not_writable(answer: Answer) -> Failed:
    """Return what a 404 means to a change of an issue that is shown: a classic token's scopes lack, and nobody says so.

    The delivery waits alone: opened anew the issue would stand there twice.
    """
    return Failed(Fault.RETRY, "issue_not_writable", hint=_NOT_WRITABLE, request_id=answer.request_id)


def gone(fault: Failed, repo: str, delivery: str) -> Failed:
    """Return what an issue's 404 means where its repository is seen: it was deleted, as a 410 says at once."""
    error = "issue_gone"
    hint = _sentence(_GENERAL[Fault.REPLACE], repo, delivery, error=error)
    return Failed(Fault.REPLACE, error, hint=hint, status=fault.status, request_id=fault.request_id)


def unlike_github(answer: Answer) -> Failed:
    """A success that is not GitHub's: what was asked may have been done."""
    hint = "Something between the bridge and GitHub may have answered: look at the proxy."
    error = "an answer that is not GitHub's"
    return Failed(Fault.RETRY, error, Scope.CHANNEL, hint, unknown=True, status=answer.status)


def _limited_for(answer: Answer) -> float | None:
    """Seconds to wait where the answer is a limit, of whichever of GitHub's kinds; None where it is none."""
    if answer.retry_after is not None and answer.status in {403, 429}:
        return answer.retry_after
    if answer.status in {403, 429} and answer.headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(answer)
    message = _message(answer)
    if answer.status == 429 or (  # noqa: PLR2004 - the status is its name
        answer.status == 403 and ("secondary rate limit" in message or "abuse" in message)  # noqa: PLR2004 - as above
    ):
        return WAIT
    return None


def _until_reset(answer: Answer) -> float:
    """Seconds until the limit is lifted, by GitHub's own clock."""
    reset, now = answer.headers.get("x-ratelimit-reset", ""), answer.epoch
    return min(max(float(reset) - now, 1.0), LONGEST) if reset.isdecimal() and now is not None else WAIT


def _holds(row: dict[str, Any], answer: Answer) -> bool:
    """Do a row's conditions hold? A row without any always does."""
    if row.get("message", "") not in _message(answer) or ("header" in row and row["header"] not in answer.headers):
        return False
    if not {"field", "code", "resource", "detail"} & set(row):
        return True
    return any(_matches(row, error) for error in _errors(answer))


def _matches(row: dict[str, Any], error: dict[str, Any]) -> bool:
    said = {name: str(error.get(name) or "").lower() for name in ("field", "code", "resource", "message")}
    return (
        row.get("field", "") in said["field"]
        and row.get("code", said["code"]) == said["code"]
        and row.get("resource", said["resource"]) == said["resource"]
        and row.get("detail", "") in said["message"]
    )


def _message(answer: Answer) -> str:
    """What GitHub says; a page has none of its words, whoever wrote it."""
    bare = _BARE.decode() if answer.body.startswith(_BARE) else ""
    return str((answer.record() or {}).get("message") or bare).lower()


def _errors(answer: Answer) -> list[dict[str, Any]]:
    errors = (answer.record() or {}).get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _failed(  # noqa: PLR0913 - the parts of one value
    answer: Answer, fault: Fault, scope: Scope, error: str, *, hint: str = "", wait: float | None = None
) -> Failed:
    return Failed(
        fault,
        error,
        scope,
        hint,
        retry_after=wait,
        unknown=in_doubt(answer.status),
        status=answer.status,
        request_id=answer.request_id,
        note={"plain": True} if fault is Fault.DEGRADE else {},
    )


def replayed(fault: Failed, delivery: str) -> Failed:
    """End the sentence of a fault with how to go on."""
    return replace(fault, hint=then_replay(fault.hint, delivery))


def _sentence(say: str, repo: str, delivery: str, **words: str) -> str:
    """Fill a sentence in and end it with how to go on."""
    return then_replay(say.format(repo=repo, **words), delivery)
