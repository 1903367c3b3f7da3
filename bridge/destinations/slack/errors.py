"""What Slack's refusals mean: each code with its treatment, its reach and, where a person must act, what to mend.

The table stands in `errors.json`: `treat` is a `Fault`, `scope` a `Scope`, `unknown` says that Slack may have acted,
`note` goes into Have, `say` is the sentence for the operator. Slack answers nearly all of these with HTTP 200 and
`{"ok": false, "error": code}`; an incoming webhook with a status and the code as plain text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.answer import passing
from bridge.destinations.base import Failed, Fault, Scope, then_replay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.answer import Answer

TABLE: Final[dict[str, dict[str, Any]]] = json.loads(files(__package__).joinpath("errors.json").read_text("utf-8"))

OK: Final = 200
"""Slack's only success."""
UNREADABLE: Final = frozenset({
    "access_denied", "channel_is_limited_access", "channel_not_found", "message_not_found", "missing_scope",
    "method_not_supported_for_channel_type", "no_permission", "not_allowed_token_type", "not_in_channel",
    "thread_not_found",
})  # fmt: skip
"""Codes by which Slack says that the bot, as it is, can't read there (conversations.history and .replies)."""
WAIT: Final = 60.0
"""Seconds to wait where Slack limits without saying how long."""

_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_OF_THE_PLACE: Final = frozenset({401, 404, 405, 407, 410})
"""The 4xx by which something speaks of the address or of who asks, so that all that waits there would fail alike."""
_NOT_SLACKS: Final = "{status} came instead of an answer of Slack's"
_WRONG_PLACE: Final = f"{_NOT_SLACKS}: correct `api_url`, or let the proxy pass the bridge"
_WRONG_MESSAGE: Final = f"{_NOT_SLACKS}: a proxy may refuse this message for its text or size, look at it"
_GENERAL: Final = {
    Fault.PERMANENT: "Slack refused with a code that the bridge does not know ({code}): look it up, mend it",
    Fault.DEGRADE: "Slack refuses the message even in its plainest form ({code}): report it as a fault of the bridge",
    Fault.REPLACE: "Slack lets the bridge no longer change its message in {channel} ({code})",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a sentence for the operator speaks of; never a secret."""

    method: str
    channel: str
    delivery: str = ""

    def sentence(self, say: str, **words: str) -> str:
        """Fill a sentence in and end it with how to go on."""
        return then_replay(say.format(channel=self.channel, **words), self.delivery)


def from_answer(answer: Answer, about: About) -> dict[str, Any] | Failed:
    """Read an answer of the Web API: the record of one that is ok, else why not."""
    record = answer.record()
    failed = passing(answer)
    if failed is not None:
        return _limited(failed, about) if failed.fault is Fault.LIMITED else failed
    if not answer.succeeded:
        return _refused(answer, about)
    if answer.status != OK or record is None or not isinstance(record.get("ok"), bool):
        error = "an answer that is not Slack's"
        return Failed(Fault.RETRY, error, Scope.CHANNEL, _PROXY, unknown=True, status=answer.status)
    if record["ok"]:
        return record
    return replace(from_code(str(record.get("error") or "no code"), about, record, answer), status=answer.status)


def from_hook(answer: Answer, about: About) -> Failed | None:
    """Read an answer of an incoming webhook; None where it is `ok`."""
    said = answer.body[:200].decode("utf-8", "replace").strip()
    failed = passing(answer)
    if failed is not None:
        return _limited(failed, about) if failed.fault is Fault.LIMITED else failed
    if answer.succeeded:
        if answer.status == OK and said == "ok":
            return None
        error = "an answer that is not Slack's"
        return Failed(Fault.RETRY, error, Scope.CHANNEL, _PROXY, unknown=True, status=answer.status)
    if said in TABLE or (answer.status == HTTPStatus.BAD_REQUEST and _CODE.fullmatch(said)):
        return replace(from_code(said, about, {}, answer), status=answer.status)
    return _refused(answer, about)


def from_code(code: str, about: About, record: Mapping[str, Any], answer: Answer | None = None) -> Failed:
    """Look a code up. An unknown one is permanent for its delivery; it can be replayed and is shown."""
    code = code if _CODE.fullmatch(code) else "an unreadable code"
    row = TABLE.get(code, {"treat": Fault.PERMANENT, "scope": Scope.DELIVERY})
    fault = Fault(row["treat"])
    needed = re.sub(r"[^\w:.,-]", "", str(record.get("needed") or ""))[:100] or "that the method needs"
    say = row.get("say") or _GENERAL.get(fault)
    failed = Failed(
        fault,
        code,
        Scope(row["scope"]),
        about.sentence(say, code=code, needed=needed) if say else "",
        retry_after=answer.retry_after if answer else None,
        unknown=bool(row.get("unknown")),
        note=dict(row.get("note", {})),
    )
    return _limited(failed, about) if fault is Fault.LIMITED else failed


def _limited(failed: Failed, about: About) -> Failed:
    """Posting is limited a channel; everything else a workspace, that is a token."""
    posting = about.method in {"chat.postMessage", "webhook"}
    scope = Scope.CHANNEL if posting else Scope.TOKEN
    return replace(failed, scope=scope, retry_after=WAIT if failed.retry_after is None else failed.retry_after)


def _refused(answer: Answer, about: About) -> Failed:
    """A redirect, or a 4xx that no Slack answers: of the place, or of this message alone, as far as the status tells.

    What reads along may refuse one message for its text or its size, with a 403 as well: that buries no other.
    """
    of_the_place = answer.status // 100 == 3 or answer.status in _OF_THE_PLACE  # noqa: PLR2004 - 3xx
    hint = about.sentence(_WRONG_PLACE if of_the_place else _WRONG_MESSAGE, status=f"HTTP {answer.status}")
    scope = Scope.CHANNEL if of_the_place else Scope.DELIVERY
    return Failed(Fault.PERMANENT, f"HTTP {answer.status}", scope, hint, status=answer.status)


_PROXY: Final = "Something between the bridge and Slack may have answered: look at the proxy."
