"""What comes next for an issue: learn who can read it, open, edit quietly, label, comment, close, reopen.

`Have`: `number`, `url`, `made` (when, by GitHub's clock), `login` (by which account we wrote last), `state` (open or
closed, as the last answer said), `closed_by` (bridge or person), `mark` (what stands at the top of the body), `shown`
(digest of title and body), `labels` (ours that it has), `unsure_labels` (ours that it may have), `announced`,
`person_commented`, `kept_open` (a person reopened it after we closed it), `asked` (the state that was asked for when
nobody knows whether it acted), `assignees_refused`; `plain`, `replaced` and `renewed`.

A person who closes the issue is respected: it is not reopened and gets one more comment at most while the incident
lasts; its text goes on telling the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from bridge.core.incident import OVER
from bridge.destinations.base import Address, Intent, Nothing, Step
from bridge.destinations.github import message
from bridge.destinations.steps import lost, names, number, shown, table, text
from bridge.destinations.steps import told as step_told

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.destinations.base import JSON, Have, Settings, Want


def address(settings: Settings, digest: Callable[[str], str]) -> Address:  # noqa: ARG001 - no secret is part of it
    """A repository; GitHub compares names without case."""
    repo = repository(settings)
    return Address("github", repo, f"github/{repo}")


def repository(settings: Settings) -> str:
    """The configured repository, "owner/name" in lower case."""
    return settings.text("repo").strip().strip("/").lower()


def mark(delivery: str, step: int) -> str:
    """What an issue or a comment is found again by; it stands at the top, as `<!-- bridge:… -->`, unseen by people."""
    return f"{delivery}:{step}"


def next_step(want: Want, have: Have) -> Step | Nothing:
    """Return the one request that is due now, or nothing."""
    if not isinstance(have.get("number"), int) or lost(have):
        reason = _untold(want, have)
        return Nothing(reason) if reason else _learn(want, have) or _open(want, have)
    if _over(want):
        return _label(want, have) or _comment(want, have) or _close(want, have) or _edit(want, have) or Nothing()
    return _reopen(want, have) or _edit(want, have) or _label(want, have) or _comment(want, have) or Nothing()


def _over(want: Want) -> bool:
    return want.incident.state in OVER


def _told(want: Want, have: Have, **facts: object) -> JSON:
    """What a step leaves in `Have`; a person's "keep it open" ends where it fires again."""
    again = {"kept_open": False} if have.get("kept_open") and not _over(want) else {}
    return step_told(want, have, **again, **facts)


def _untold(want: Want, have: Have) -> str | None:
    """Why no issue is opened for an incident that has none."""
    if want.never_fired:
        return "only resolves were heard of it"
    if _over(want):
        return "its issue is gone, and it is over" if lost(have) else "over before it could be told"
    return None


def _learn(want: Want, have: Have) -> Step | None:
    """Ask once a lane whether the repository is public, before anything is written into it."""
    if want.settings.text("visibility", "auto") != "auto" or "private" in want.place:
        return None
    facts: JSON = {"steps": number(have)}
    return Step(Intent.OPEN, number(have), "GET repo", {}, facts, path=_path(want), learns=True)


def _path(want: Want, have: Have | None = None, *parts: str) -> str:
    """The API's path of the repository, or of the issue and what belongs to it."""
    issue = ["issues", str(have["number"]), *parts] if have is not None else parts
    return "/".join([f"/repos/{quote(repository(want.settings))}", *issue])


def _content(want: Want, have: Have, top: str) -> tuple[JSON, str]:
    """Title and body as they should be, and their digest."""
    plain = bool(have.get("plain"))

    def content() -> JSON:
        title, body = message.title(want), message.body(want, top)
        if plain:
            title, body = title[: message.TITLE], body[: message.BODY]
        return {"title": title, "body": body}

    return shown(want, f"{plain} {top}", content)


def _open(want: Want, have: Have) -> Step:
    """Open the issue; where it was refused once, without assignees and with its labels in a request of their own."""
    top, plain = mark(want.delivery, number(have)), bool(have.get("plain"))
    content, says = _content(want, have, top)
    labels, assignees = list(message.labels(want)), list(names(want.settings.values, "assignees"))
    request: JSON = dict(content)
    if labels and not plain:
        request["labels"] = labels
    if assignees and not plain:
        request["assignees"] = assignees
    facts: JSON = {
        "mark": top,
        "shown": says,
        "labels": [] if plain else labels,
        "announced": message.announced(want),
        "assignees_refused": plain and bool(assignees),
        "renewed": lost(have),
        "person_commented": False,
    }
    path = _path(want, None, "issues")
    return Step(Intent.OPEN, number(have), "POST issues", request, _told(want, have, **facts), creates=True, path=path)


def _patch(want: Want, have: Have, intent: Intent, request: JSON, **facts: object) -> Step:
    """Change the issue; the answer says what its state is now."""
    after = _told(want, have, **facts, asked=None) if have.get("asked") else _told(want, have, **facts)
    unsure: JSON = {"shown": None} | ({"asked": request["state"]} if "state" in request else {})
    return Step(intent, number(have), "PATCH issue", request, after, path=_path(want, have), unsure=unsure)


def _changed(want: Want, have: Have) -> tuple[JSON, str]:
    """Title and body as they should be, and their digest; an empty request where that is what they are."""
    content, says = _content(want, have, text(have, "mark"))
    return ({} if says == have.get("shown") else content), says


def _edit(want: Want, have: Have) -> Step | None:
    """Rewrite title and body quietly: GitHub notifies nobody of an edit."""
    request, says = _changed(want, have)
    if not request:
        return None
    return _patch(want, have, Intent.EDIT, request, shown=says)


def _reopen(want: Want, have: Have) -> Step | None:
    """Open it again where we closed it, and not where a person did."""
    if have.get("state") != "closed" or have.get("closed_by") != "bridge":
        return None
    request, says = _changed(want, have)
    return _patch(want, have, Intent.OPEN, {"state": "open", **request}, shown=says, closed_by=None)


def _close(want: Want, have: Have) -> Step | None:
    """Close it with the reason, together with what its text says now; not where a person opened it again."""
    if have.get("state") != "open" or have.get("kept_open"):
        return None
    request, says = _changed(want, have)
    closing = {"state": "closed", "state_reason": message.close_reason(want)}
    return _patch(want, have, Intent.RESOLVE, {**request, **closing}, shown=says)


def _label(want: Want, have: Have) -> Step | None:
    """Add and remove labels of ours, and only these: a PATCH would replace those that people gave."""
    wanted, ours, maybe = list(message.labels(want)), list(names(have, "labels")), list(names(have, "unsure_labels"))
    given, kept = {label.lower() for label in ours}, {label.lower() for label in wanted}
    path = _path(want, have, "labels")
    missing = [label for label in wanted if label.lower() not in given]
    if missing:
        facts = _told(want, have, labels=[*ours, *missing], unsure_labels=_without(maybe, missing))
        unsure: JSON = {"unsure_labels": [*_without(maybe, missing), *missing]}
        return Step(Intent.EDIT, number(have), "POST labels", {"labels": missing}, facts, path=path, unsure=unsure)
    stale = next((label for label in (*ours, *maybe) if label.lower() not in kept), None)
    if stale is None:
        return None
    left: JSON = {"labels": _without(ours, [stale]), "unsure_labels": _without(maybe, [stale])}
    unsure = {**left, "unsure_labels": [*_without(maybe, [stale]), stale]}
    path = f"{path}/{quote(stale, safe='')}"
    return Step(Intent.EDIT, number(have), "DELETE label", {}, _told(want, have, **left), path=path, unsure=unsure)


def _without(labels: list[str], gone: list[str]) -> list[str]:
    return [label for label in labels if label not in gone]


def _comment(want: Want, have: Have) -> Step | None:
    """Say what changed, where it is worth a notification; once at most on an issue that a person closed."""
    words = message.comment(want, table(have, "announced"))
    by_person = have.get("state") == "closed" and have.get("closed_by") == "person"
    if words is None or (by_person and have.get("person_commented")):
        return None
    request: JSON = {"body": f"<!-- bridge:{mark(want.delivery, number(have))} -->\n{words}"}
    facts = _told(want, have, announced=message.announced(want))
    if by_person:
        facts["person_commented"] = True
    intent, path = Intent.RESOLVE if _over(want) else Intent.ANNOUNCE, _path(want, have, "comments")
    return Step(intent, number(have), "POST comments", request, facts, creates=True, path=path)
