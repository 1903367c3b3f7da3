"""Where an incident stands, in one word with its sign, and what a state's reason means to people."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bridge.core.incident import State
from bridge.render.text import one_line

if TYPE_CHECKING:
    from bridge.core.incident import Incident, Member

SIGNS: Final = {"P0": "🚨", "P1": "🔴", "P2": "🟠", "P3": "🔵"}


NO_RECOVERY: Final = "not a recovery"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an incident's state is told: a sign, a word that always stands beside it, and a sentence where one is due.

    `recovered` is True only where what was watched is well again. `ended` says how it came to an end where that is no
    recovery, so that a length of time can follow: "Rule paused"; `aside` what is to be known of that end.
    `unsure` where nobody knows how it is.
    """

    sign: str
    word: str
    sentence: str = ""
    recovered: bool = False
    unsure: bool = False
    ended: str = ""
    aside: str = NO_RECOVERY

    def after(self, lasted: str) -> str:
        """Return an end that is no recovery, with how long it took: "Rule paused after 33 min: not a recovery."."""
        after = f" after {lasted}" if lasted else ""
        return f"{self.ended}{after}: {self.aside}."


def _no_recovery(sign: str, word: str, sentence: str, ended: str) -> Standing:
    return Standing(sign, word, f"{sentence}: not a recovery.", ended=ended)


_STILL: Final = "what still fires is told in messages of its own"
_NOT_RECOVERED: Final = {
    "paused": _no_recovery("⏸", "paused", "The rule was paused", "Rule paused"),
    "ruledeleted": _no_recovery("⏸", "rule deleted", "The rule was deleted", "Rule deleted"),
    "updated": _no_recovery("⏸", "rule changed", "The rule was changed", "Rule changed"),
    "missingseries": _no_recovery("❔", "series gone", "What was measured is no longer reported", "Series gone"),
    "nodata": _no_recovery("❔", "no data", "The query returns no data", "No data"),
    "error": _no_recovery("❔", "cannot be evaluated", "The rule cannot be evaluated", "Evaluation failed"),
    "movedtomessagesoftheirown": Standing(
        "⏸", "calm again", f"{_STILL[:1].upper()}{_STILL[1:]}.", ended="Calm again", aside=_STILL
    ),
    "movedtoamessageofitsown": Standing(
        "⏸", "told by itself", "It is told in a message of its own.", ended="Told by itself", aside="told by itself"
    ),
    "keeplast": _no_recovery("❔", "state kept", "Without data the last state is kept", "Last state kept"),
}
"""By Grafana's `grafana_state_reason`, lower case (source: Grafana, pkg/services/ngalert/models/alert_rule.go), and why
a storm ends, or one of it leaves (`bridge.core.rules.APART`, `ALONE`)."""
_FIRES_BECAUSE: Final = {
    "nodata": Standing("❔", "no data", "The query returns no data.", unsure=True),
    "error": Standing(
        "❔", "cannot be evaluated", "The rule cannot be evaluated, so its state is not known.", unsure=True
    ),
}
BY_A_PERSON: Final = "closed by a person"
_CLOSED = re.compile(r"closed by (.+)", re.IGNORECASE)
_MOVED = re.compile(r"(?:moved to|fires anew for) (.+)", re.IGNORECASE)


def unnamed(incident: Incident) -> Incident:
    """Return an incident without the name of who closed it, for a place that anybody may read."""
    reason = incident.state_reason
    if not reason or not _CLOSED.search(reason):
        return incident
    return replace(incident, state_reason=_CLOSED.sub(BY_A_PERSON, one_line(reason)))


def standing(incident: Incident) -> Standing:
    """Return how an incident's present state is told."""
    sign = SIGNS[incident.priority]
    if incident.state is State.CLOSED:
        return _closed(incident, sign)
    if incident.state is State.STALE:
        return Standing("⚪", "stale", "No longer heard of, and never said to be over.")
    if incident.state is State.RESOLVED:
        return over(incident.state_reason)
    causes = {cause and _key(cause) for cause in {member.no_data or "" for member in incident.firing}}
    # of those that are not loaded it is known how many are without data
    alike = incident.more_unsure == incident.more_firing
    if causes and alike and causes <= _FIRES_BECAUSE.keys():
        return _FIRES_BECAUSE[min(causes)]
    return Standing(sign, "firing")


def over(reason: str | None) -> Standing:
    """Return how an end is told: a recovery, unless its reason says that it is none.

    Several reasons stand one after another ("Error, KeepLast"; "Paused; moved to b"): each is told.
    """
    if not reason:
        return Standing("✅", "resolved", recovered=True)
    told = [_one(part) for part in _parts(one_line(reason))]
    sentences = dict.fromkeys(one.sentence for one in told)
    first, *others = dict.fromkeys(one.ended for one in told)
    ended = ", ".join([first, *(f"{one[:1].lower()}{one[1:]}" for one in others)])
    asides = {one.aside for one in told}
    aside = asides.pop() if len(asides) == 1 else NO_RECOVERY
    return Standing(told[0].sign, told[0].word, " ".join(sentences), ended=ended, aside=aside)


def member_word(member: Member) -> str:
    """Return one alert's state in a word."""
    if member.status == "resolved":
        return over(member.reason).word
    cause = _FIRES_BECAUSE.get(_key(member.no_data)) if member.no_data else None
    return cause.word if cause else "firing"


def _parts(reason: str) -> list[str]:
    parts: list[str] = []
    for one in reason.split(";"):
        whole = _MOVED.fullmatch(one.strip()) or _CLOSED.fullmatch(one.strip())
        parts += [one] if whole else one.split(",")
    return [part.strip() for part in parts if part.strip()] or [reason]


def _one(reason: str) -> Standing:
    known = _NOT_RECOVERED.get(_key(reason))
    if known is not None:
        return known
    moved = _MOVED.fullmatch(reason)
    if moved:
        sentence = f"It goes on with {moved[1]}"
        return _no_recovery("⏸", f"moved to {moved[1]}", sentence, f"Moved to {moved[1]}")
    if closed := _CLOSED.fullmatch(reason):
        by = f"Closed by {closed[1][:100]}"
        return Standing("⚪", "closed", f"{by}.", ended=by, aside="closed")
    why = f"with the reason “{reason[:100]}”"
    sentence = f"It ended {why}: not known to be a recovery."
    return Standing("❔", "ended", sentence, ended=f"Ended {why}", aside="not known to be a recovery")


def _closed(incident: Incident, sign: str) -> Standing:
    if incident.test:
        return Standing(sign, "test", "This is a test: nothing is wrong.")
    reason = one_line(incident.state_reason or "")
    if not reason or _CLOSED.fullmatch(reason):
        return _one(reason or BY_A_PERSON)
    return Standing("⚪", "closed", f"Closed: {reason[:100]}.")


def _key(reason: str) -> str:
    return re.sub(r"[^a-z]", "", reason.lower())
