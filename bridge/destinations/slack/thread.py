"""What is said below a message: what changed, and that it still fires; through a webhook in messages of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.core.incident import OVER, State
from bridge.destinations.base import Intent, Step
from bridge.destinations.slack import message
from bridge.destinations.slack.marks import marked
from bridge.destinations.steps import names, number, table, text, told

if TYPE_CHECKING:
    from bridge.destinations.base import JSON, Have, Want

QUIET: Final[JSON] = {"unfurl_links": False, "unfurl_media": False}
ALOUD: Final = "aloud"
"""In what we have: when the channel was last told that it fires, in seconds since 1970."""
UNCALLED: Final = "uncalled"
"""In what we have: nothing fired when the message was opened, and nobody was called since."""
FROZEN: Final = "frozen"
"""In what we have: Slack lets nobody change the message any more, and it stood in for another one already."""


def reply(want: Want, have: Have) -> Step | None:
    """Say in the thread what changed, where it is worth a notification.

    Below a message that can't be edited, that it is over or fires again is said whatever the setting `replies` says,
    and to the channel too, which sees it nowhere else.
    """
    before, called, frozen = table(have, "announced"), calls(want, have), bool(have.get(FROZEN))
    turns = frozen and (before.get("state") in OVER) != (want.incident.state in OVER)
    words = message.reply(want, before, called, whole=turns)
    if words is None:
        return None
    now = message.announced(want)
    said = _by_itself(want, words) if have.get("flat") else words
    request: JSON = {"channel": text(have, "channel"), "text": said, **marked(want, have), **QUIET, "parse": "none"}
    if not have.get("flat"):
        request["thread_ts"] = text(have, "ts")
        if (
            called
            or (turns and not want.would)
            or _changed(before, now) & set(names(want.settings.values, "reply_broadcast"))
        ):
            request["reply_broadcast"] = True
    facts = told(want, have, announced=now, **_called(called))
    if frozen:  # what an edit says else
        facts["state"] = want.incident.state.value
        if turns and want.incident.state is State.FIRING:
            facts[ALOUD] = want.now.timestamp()
    return Step(Intent.ANNOUNCE, number(have), "chat.postMessage", request, facts, creates=True)


def calls(want: Want, have: Have) -> tuple[str, ...]:
    """Who is called by a reply: once, when what did not fire as it was opened fires again; nobody in shadow mode."""
    before = table(have, "announced")
    again = before.get("state") != State.FIRING or before.get("n", 1) != want.incident.times
    return message.mentions(want) if again and have.get(UNCALLED) and not want.would else ()


def _called(calls: tuple[str, ...]) -> JSON:
    return {UNCALLED: False} if calls else {}


def _by_itself(want: Want, words: str) -> str:
    """Words that stand in no thread, below the headline that says what they are about."""
    return f"{message.content(want)['text']}\n{words}"


def remind(want: Want, have: Have) -> Step | None:
    """Say in the thread, and but for shadow mode to the channel, that it still fires; never with a mention."""
    if not _to_remind(want, have):
        return None
    request: JSON = {
        "channel": text(have, "channel"),
        "text": message.reminder(want),
        **marked(want, have),
        **QUIET,
        "parse": "none",
    }
    if not have.get("flat"):
        request |= {"thread_ts": text(have, "ts"), **({} if want.would else {"reply_broadcast": True})}
    facts = told(want, have, **{ALOUD: want.now.timestamp()})
    return Step(Intent.ANNOUNCE, number(have), "chat.postMessage", request, facts, creates=True)


def _to_remind(want: Want, have: Have) -> bool:
    every = want.settings.values.get("remind")
    return isinstance(every, float) and reminds(want.incident.state, have, every, want.now.timestamp())


def reminds(state: State, have: Have, every: float, now: float) -> bool:
    """Return whether people are to be told again of what fires, `every` so many seconds since they last were."""
    aloud = have.get(ALOUD)
    return state is State.FIRING and isinstance(aloud, int | float) and now - aloud >= every


def _changed(before: JSON, now: JSON) -> set[str]:
    """What an announcement is about, in the words of the setting: state, priority, members."""
    changed = {key for key in now if now[key] != before.get(key)}
    if changed & {"state", "state_reason", "n"}:
        return {"state", *changed} - {"firing"}
    return {"members", *changed} if "firing" in changed else changed


def hook_reply(want: Want, have: Have) -> Step | None:
    """Post a change worth a notification, or a reminder, as a short message of its own, below its headline."""
    called = calls(want, have)
    words = message.reply(want, table(have, "announced"), called)
    if words is not None:
        words = _by_itself(want, words)
    elif _to_remind(want, have):
        words = message.reminder(want)  # it names the incident itself
    else:
        return None
    facts = told(want, have, announced=message.announced(want), **{ALOUD: want.now.timestamp()}, **_called(called))
    request: JSON = {"text": words, **QUIET, "parse": "none"}
    return Step(Intent.ANNOUNCE, number(have), "webhook", request, facts, creates=True)
