"""What PagerDuty's answers to an event mean.

202 is queued, no more. Facts: PagerDuty's Events API v2 overview; 403 and 404 speak of the place, a limit (about 120
events a minute a key) names no time to wait, and a redirect is never expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.answer import passing
from bridge.destinations.base import Done, Failed, Fault, Scope, then_replay

if TYPE_CHECKING:
    from bridge.destinations.answer import Answer
    from bridge.destinations.base import Outcome

ACCEPTED: Final = 202

_SAY: Final = {
    400: "PagerDuty refused the event{errors}: check the routing key of {key}",
    401: "PagerDuty does not accept {key}: put the routing key of an Events API v2 integration into the configuration",
    403: "PagerDuty forbids {key} to send events: check the integration and the service region in `api_url`",
    404: "PagerDuty has no such address: correct `api_url` (EU accounts: https://events.eu.pagerduty.com)",
    413: "The event is larger than PagerDuty takes (512 KB): shorten the template",
}
_REDIRECT: Final = "PagerDuty never redirects, but {status} came: correct `api_url`, or let the proxy pass the bridge"
_OTHER: Final = "PagerDuty answered {status}{errors}: look it up, mend it"
_PAGE: Final = (
    "{status} came instead of an answer of PagerDuty's: a proxy may refuse this event for its text or size, look at it"
)

_OF_THE_EVENT: Final = frozenset({400, 406, 409, 413, 422, 423, 425, 431})
"""Statuses that speak of one event; all others of the key, the address or the way there."""
_OF_ALL: Final = frozenset({401, 404, 405, 407, 410})
"""The 4xx that speak of who asks, or of the address, whatever answers."""


def outcome(answer: Answer, key: str, delivery: str) -> Outcome:
    """Read an answer. `key` names the routing key by its digest."""
    record = answer.record()
    request_id = answer.request_id
    if answer.status == ACCEPTED and record is not None and "dedup_key" in record:
        return Done({}, request_id, ACCEPTED)
    failed = passing(answer)
    if failed is not None:
        return failed
    if answer.succeeded:  # though it is not PagerDuty's
        error = "an answer that is not PagerDuty's"
        hint = "Something between the bridge and PagerDuty may have answered: look at the proxy."
        return Failed(Fault.RETRY, error, Scope.CHANNEL, hint, unknown=True, status=answer.status)
    redirect = answer.status // 100 == 3  # noqa: PLR2004 - 3xx
    # what reads along may refuse one event for its text: that buries no other, and bears no id of PagerDuty's
    written = record is None and bool(answer.body.strip()) and not request_id
    page = written and not redirect and answer.status not in _OF_ALL
    say = _REDIRECT if redirect else _PAGE if page else _SAY.get(answer.status, _OTHER)
    errors = _errors(record)
    alone = page or (answer.status in _OF_THE_EVENT and "routing" not in errors.lower())
    scope = Scope.DELIVERY if alone else Scope.CHANNEL
    hint = then_replay(say.format(status=f"HTTP {answer.status}", key=key, errors=errors), delivery)
    return Failed(Fault.PERMANENT, f"HTTP {answer.status}", scope, hint, status=answer.status, request_id=request_id)


def key_gone(digest: str, delivery: str) -> Failed:
    """Say that a page can't be resolved, since the key that opened it is not configured any more."""
    who = f"key {digest[:8]}"
    hint = f"A page was opened with {who}, which is not configured any more: list it in `routing_key` again, after the"
    hint = then_replay(f"{hint} new one, until its pages are resolved", delivery)
    return Failed(Fault.PERMANENT, "routing_key_gone", Scope.DELIVERY, hint)


def key_missing(digest: str) -> Failed:
    """Say that a page has to wait, since its key may be the one of those listed whose secret isn't there now."""
    hint = f"A page was opened with key {digest[:8]}, and a secret listed in `routing_key` is missing: put it back."
    return Failed(Fault.RETRY, "routing_key_missing", Scope.DELIVERY, hint)


def _errors(record: dict[str, Any] | None) -> str:
    """PagerDuty's list of what is wrong with an event, short, in brackets."""
    listed = (record or {}).get("errors")
    said = "; ".join(str(error) for error in listed) if isinstance(listed, list) else str(listed or "")
    return f" ({said[:300]})" if said else ""
