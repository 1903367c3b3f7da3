"""What comes next for a message: learn the place, post, edit in place, say in the thread what is worth a look.

`Have`: `ts`, `channel` (its id), `url` from the answers; `shown` (digest of what the message says), `announced` (what
was said aloud), `mentions`, `state`; `plain`, `bare`, `flat` (how a refusal asked to send: without blocks, without
metadata, outside the thread); `replaced` and `renewed`; `aloud`, `uncalled`, `frozen`. With an incoming webhook:
`posted`, `unsearchable`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.core.incident import OVER, State
from bridge.destinations.base import VAIN, Address, Intent, Nothing, Step
from bridge.destinations.slack import message
from bridge.destinations.slack.marks import marked
from bridge.destinations.slack.mentions import calls_group, unknown
from bridge.destinations.slack.thread import ALOUD, FROZEN, QUIET, UNCALLED, calls, hook_reply, remind, reply
from bridge.destinations.steps import lost, moment, names, number, shown, table, text, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import JSON, Have, Settings, Want

GROUPS_FOR: Final = 600.0
"""Seconds after which a user group that is not known is asked for again."""
GROUPS_BELIEVED: Final = 86_400.0
"""Seconds after which all of them are: a handle may be another group's by then."""
GROUPS_VAIN: Final = 60.0
"""Seconds after which they are where none are known and nobody could be asked; a look that hangs takes eight."""
PATIENCE: Final = 5.0
"""Seconds for which a message that calls a handle waits then, alone: a brief fault shall cost no call, a long one no
message."""


def address(settings: Settings, digest: Callable[[str], str]) -> Address:
    """A channel of a workspace; the workspace is told apart by its token, or the webhook by its address."""
    secret = settings.text("token") or settings.text("webhook_url")
    name = channel_name(settings)
    who = digest(secret)[:8]
    where = shown_name(name) if name else f"webhook {who}"
    return Address("slack", where, f"slack/{who}/{name.lower() or 'webhook'}")


def shown_name(channel: str) -> str:
    """A channel as it is shown: an id as it is, a name with its #."""
    return channel if is_id(channel) else f"#{channel}"


def channel_name(settings: Settings) -> str:
    """The configured channel: an id as it is, a name without its # and in lower case."""
    given = settings.text("channel").strip()
    return given if is_id(given) else given.removeprefix("#").lower()


def is_id(channel: str) -> bool:
    """Is it a channel's id (C…, G…, D…) rather than a name as we or Slack write it? That has no capitals."""
    return re.fullmatch(r"[CGD][A-Z0-9]{6,}", channel) is not None


def next_step(want: Want, have: Have) -> Step | Nothing:
    """Return the one request that is due now, or nothing."""
    hook = not want.settings.text("token")
    untold = _untold(want)
    # below one that can't be edited any more its thread says that a person closed it
    anew = lost(have) and not (have.get(FROZEN) and untold)
    if anew or not ("posted" in have if hook else text(have, "ts")):
        if untold:
            return Nothing(untold)
        if not lost(have) and (already := message.stands_at(want)):
            return Nothing(f"told at {already} already")
        return _hook_open(want, have) if hook else _learn(want, have) or _open(want, have)
    if hook:
        return hook_reply(want, have) or Nothing()
    # who is called by a reply must be known as well as who is called by the message
    learn = _learn(want, have) if calls_group(want) and calls(want, have) else None
    return learn or _edit(want, have) or reply(want, have) or remind(want, have) or Nothing()


def _untold(want: Want) -> str | None:
    """Why an incident that this channel never saw is not told here any more."""
    if want.never_fired:
        return "only resolves were heard of it"
    if want.incident.state is State.CLOSED and not want.incident.test:
        return "closed before it could be told"
    return None


def _learn(want: Want, have: Have) -> Step | None:
    """Ask for the channel's id, once, before the first post; for user groups only where this message calls one."""
    if "channel_id" in want.place:
        return _learn_groups(want, have) if calls_group(want) and _may_call(have) else None
    request: JSON = {"channel": _configured(want)}
    before = want.place.get("before")
    if isinstance(before, dict) and text(before, "channel_id"):
        request["known"] = before  # good enough to post by
    return Step(Intent.OPEN, number(have), "conversations.list", request, {"steps": number(have)}, learns=True)


def _learn_groups(want: Want, have: Have) -> Step | None:
    """Ask for the workspace's user groups, alone: one may have been made, or the scope granted, since the last time.

    A handle that never exists costs a look every ten minutes at most. Where nobody can be asked, a message goes by what
    was known; where nothing was, it waits some seconds first, for whom it does not call nothing calls later.
    """
    known, now = "usergroups" in want.place, want.now.timestamp()
    if known and not _outdated(want):
        return None
    vain = table(want.place, VAIN)
    ago, left = now - moment(vain, "at"), moment(vain, "until") - now
    asked = abs(ago) < (GROUPS_FOR if known else GROUPS_VAIN)
    if asked and left <= 0:
        return None
    once = known or want.place.get(VAIN) == {}
    patience = left if asked else 0.0 if once else PATIENCE
    request: JSON = {"channel": _configured(want), "at": now, "known": {}, "patient": now + patience}
    return Step(Intent.OPEN, number(have), "usergroups.list", request, {"steps": number(have)}, learns=True)


def _outdated(want: Want) -> bool:
    """Whether the user groups that are known may be others now, the sooner where who is called is not among them."""
    now = want.now.timestamp()
    # older releases learned them with the channel
    at = moment(want.place, "groups_at", moment(want.place, "learned_at", now))
    return abs(now - at) >= (GROUPS_FOR if unknown(want) else GROUPS_BELIEVED)


def _may_call(have: Have) -> bool:
    """Whether a message that is posted now may call somebody: not where the one that it stands in for did."""
    return not lost(have) or bool(have.get(UNCALLED))


def _configured(want: Want) -> str:
    return shown_name(channel_name(want.settings))


def _content(want: Want, have: Have, mentions: tuple[str, ...]) -> tuple[JSON, str]:
    """The message as it should be, and its digest."""
    plain = bool(have.get("plain"))
    return shown(want, f"{plain} {mentions}", lambda: message.content(want, plain=plain, mentions=mentions))


def _open(want: Want, have: Have) -> Step:
    """Post the message: with a mention only while it fires, and not where it stands in for one that called already."""
    aloud = want.incident.state is State.FIRING and _may_call(have)
    mentions = message.mentions(want) if aloud else ()
    content, says = _content(want, have, mentions)
    channel = text(want.place, "channel_id") or _configured(want)
    request: JSON = {"channel": channel, **content, **marked(want, have), **QUIET, "parse": "none"}
    facts: JSON = {
        "shown": says,
        "announced": message.announced(want),
        "mentions": list(mentions),
        "state": want.incident.state.value,
        ALOUD: want.now.timestamp(),
    }
    if lost(have):
        facts |= {"renewed": True, FROZEN: False, UNCALLED: bool(have.get(UNCALLED)) and not mentions}
    elif not aloud:
        facts[UNCALLED] = True
    sure, path = told(want, have, **facts), text(want.place, "team_url")
    return Step(Intent.OPEN, number(have), "chat.postMessage", request, sure, creates=True, path=path)


def _edit(want: Want, have: Have) -> Step | None:
    """Change the message in place, silently; `chat.update` keeps the metadata that it is not given."""
    if have.get(FROZEN):
        return None
    content, says = _content(want, have, names(have, "mentions"))
    if says == have.get("shown"):
        return None
    facts: JSON = {"shown": says, "state": want.incident.state.value}
    if want.incident.state is State.FIRING and have.get("state") in OVER:
        facts[ALOUD] = want.now.timestamp()  # that it fires again is said now, and no reminder
    if message.reply(want, table(have, "announced"), calls(want, have)) is None:
        facts["announced"] = message.announced(want)
    place: JSON = {"channel": text(have, "channel"), "ts": text(have, "ts")}
    request: JSON = {**place, "blocks": [], **content, "parse": "none"}  # without blocks, those it has are to go
    ends = want.incident.state in OVER and have.get("state") not in OVER
    intent = Intent.RESOLVE if ends else Intent.EDIT
    return Step(intent, number(have), "chat.update", request, told(want, have, **facts), unsure={"shown": None})


def _hook_open(want: Want, have: Have) -> Step:
    """Post through an incoming webhook: it answers without an id, so there is no edit, no thread, no looking up."""
    mentions = message.mentions(want) if want.incident.state is State.FIRING else ()
    content, _ = _content(want, have, mentions)
    said: JSON = {"announced": message.announced(want), ALOUD: want.now.timestamp()}
    if want.incident.state is not State.FIRING:
        said[UNCALLED] = True
    facts = told(want, have, posted=True, unsearchable="webhook_url", **said)
    return Step(Intent.OPEN, number(have), "webhook", {**content, **QUIET, "parse": "none"}, facts, creates=True)
