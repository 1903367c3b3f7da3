"""A GitHub issue and its comments: title, labels, and the words of the template put together as Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal

from bridge.core.incident import State
from bridge.destinations.github.escape import cut, fence, link, markdown, plain
from bridge.render import builtin, changes, times
from bridge.render.jinja import TemplateFailedError
from bridge.render.states import standing, unnamed
from bridge.render.text import clean, one_line, units
from bridge.render.text import cut as cut_text
from bridge.render.view import is_private, view
from bridge.render.words import counted

if TYPE_CHECKING:
    from bridge.destinations.base import Want
    from bridge.render.parts import AlertView
    from bridge.render.view import View

TITLE: Final = 256
BODY: Final = 65_536
"""Characters that GitHub takes of a body or a comment (its 422 answer says so)."""
MARKED: Final = 200
"""Characters that are kept for a comment's mark."""
LABEL: Final = 50
MOST_LABELS: Final = 100
DEFAULT_LABELS: Final = ("area:alerting", "Pri:{priority}", "Team:{team}", "Source:{source}")

# With labels and marks all rooms together stay below a body's limit.
ROOMS: Final = {"state_line": 1_000, "what": 24_000, "facts": 12_000, "alerts": 6_000, "details": 3_000}
OTHERS: Final = 30_000
"""At most; where a body would be too long there are fewer of them."""
TIMELINE: Final = 3_000
LABELS: Final = 12_000
BLOCKS: Final = {"title": TITLE, **ROOMS, "others": OTHERS, "timeline": TIMELINE, "comment": BODY}
"""The blocks of a template, each with its room."""


@dataclass(frozen=True, slots=True)
class _Parts:
    state_line: str
    what: str
    facts: str
    alerts: str
    others: str
    details: str
    timeline: str


def title(want: Want) -> str:
    """Return an issue's title: "[P2] Inductor Jobs Broken"."""
    return _titled(want)[0]


def _titled(want: Want) -> tuple[str, bool]:
    """Return the title, and whether the template said it; where not, the body is marked."""
    return want.once("title", lambda: _title(want))


def _title(want: Want) -> tuple[str, bool]:
    seen, own = view(want), True
    try:
        words = want.words.block("github", "title", seen, want.settings.text("template") or None)
    except TemplateFailedError as error:
        want.words.on_fallback("github", str(error))
        words, own = plain(f"[{seen.priority}] {'TEST ' if seen.test else ''}{seen.title}"), False
    return cut_text(" ".join(words.split()), TITLE) or f"[{seen.priority}] Unnamed alert", own


def labels(want: Want) -> list[str]:
    """Return an issue's labels, as the setting `labels` says or the default ones, one `Team:` a team.

    GitHub compares labels without case; longer ones than 50 characters it refuses.
    """
    said = want.settings.values.get("labels")
    wanted = said if isinstance(said, (list, tuple)) else [said] if isinstance(said, str) else DEFAULT_LABELS
    made: dict[str, str] = {}
    for pattern in wanted:
        for team in want.incident.teams if "{team}" in str(pattern) else ("",):
            label = one_line(_filled(str(pattern), team, want))[:LABEL].strip()
            if label.strip("."):  # "." and ".." would be steps in a path
                made.setdefault(label.casefold(), label)
    return list(made.values())[:MOST_LABELS]


def body(want: Want, mark: str) -> str:
    """Return an issue's body: the hidden mark by which it is found again, then all that people need.

    Of a large group as many alerts are listed as there is room for.
    """
    return want.once(f"body {mark}", lambda: _body(want, mark))


def _body(want: Want, mark: str) -> str:
    seen = view(want)
    seen = replace(seen, others=_within(seen.others, OTHERS))
    parts = _parts(want, seen)
    while seen.others and (units(parts.others) > OTHERS or units(_text(parts, seen, mark)) > BODY):
        seen = replace(seen, others=seen.others[: len(seen.others) // 2])
        parts = _parts(want, seen)
    # a template may say more of the others than there are
    if (over := units(_text(parts, seen, mark)) - BODY) > 0:
        parts = replace(parts, others=cut(parts.others, max(min(units(parts.others), OTHERS) - over, 0)))
    return _text(parts, seen, mark)


def _within(others: tuple[AlertView, ...], room: int) -> tuple[AlertView, ...]:
    """Return as many as can be told in the room at all, escaped: a template that says too much fails."""
    lengths = accumulate(len(link("view", one.url)) + len(markdown(f"{one.name}{one.values}")) for one in others)
    return others[: sum(length <= room for length in lengths)]


def _text(parts: _Parts, seen: View, mark: str) -> str:
    kept = {name: cut(getattr(parts, name), room) for name, room in ROOMS.items()}
    texts = (
        f"<!-- bridge:{re.sub(r'[^A-Za-z0-9:._-]', '', mark)} -->\n{kept['state_line']}",
        kept["what"],
        kept["facts"],
        kept["alerts"],
        _folded(counted(seen.more, "more alert"), cut(parts.others, OTHERS)),
        _folded(*_details(kept["details"], seen)),
        f"**Time line** — {cut(parts.timeline, TIMELINE)}" if parts.timeline else "",
    )
    return "\n\n".join(text for text in texts if text) + "\n"


def announced(want: Want) -> dict[str, Any]:
    """Return what a later `comment` compares with, as JSON."""
    return changes.announced(want.incident)


def comment(want: Want, before: dict[str, Any]) -> str | None:
    """Return a comment on what changed since `before`, None where nothing is worth one."""
    zone = times.zone_named(want.settings.text("timezone", "UTC"))
    incident = want.incident if is_private(want) else unnamed(want.incident)
    told = tuple(one for one in changes.changes(incident, before, zone) if _worth_a_mail(one, want, before))
    if not told:
        return None
    try:
        words = want.words.block("github", "comment", view(want, told), want.settings.text("template") or None)
    except TemplateFailedError as error:
        want.words.on_fallback("github", str(error))
        words = builtin.marked(markdown("\n".join(change.words for change in told)), BODY - MARKED, cut)
    return cut(words, BODY - MARKED) or None


def _worth_a_mail(change: changes.Change, want: Want, before: dict[str, Any]) -> bool:
    """Whether subscribers should hear of a change: what got better is none, newcomers are when they double the alerts.

    Each comment is a mail to everybody who follows the repository; the body tells the rest.
    """
    if change.what == "joined":
        told_of = len(before.get("firing") or ()) + int(before.get("more") or 0)
        return want.incident.fires >= 2 * told_of
    return change.what != "better"


def close_reason(want: Want) -> Literal["completed", "not_planned"]:
    """Return why an issue is closed: completed after a recovery or by a person, not planned where a rule went away."""
    incident = want.incident
    by_person = incident.state is State.CLOSED and not incident.test
    return "completed" if by_person or standing(incident).recovered else "not_planned"


def _parts(want: Want, seen: View) -> _Parts:
    template = want.settings.text("template") or None
    try:
        parts = _Parts(**want.words.blocks("github", _Parts.__slots__, seen, template))
    except TemplateFailedError as error:
        want.words.on_fallback("github", str(error))
        return _built_in(seen)
    return parts if _titled(want)[1] else replace(parts, what=f"{builtin.MARK}\n\n{parts.what}".strip())


def _built_in(seen: View) -> _Parts:
    links = [link(to.text, to.url) for to in builtin.links(seen)]
    facts = (
        ("Occurred At", seen.since),
        ("State", seen.word),
        ("Team", ", ".join(seen.teams)),
        ("Priority", seen.priority),
        ("Where", seen.where if seen.private else ""),
        ("Reason", builtin.reason(seen)),
        ("Previous", builtin.previous(seen)),
    )
    details = (
        ("Incident", seen.id),
        ("Source", seen.source),
        ("Host", seen.host if seen.host != seen.source else ""),
        ("Organisation", seen.org),
        ("Rule", seen.rule if seen.private else ""),
        ("Fingerprint", ", ".join(seen.fingerprints)),
    )
    rows = [f"| {name} | {markdown(one_line(words))} |" for name, words in facts if words]
    words = (builtin.MARK, *seen.notes, builtin.what(seen))
    return _Parts(
        state_line=markdown(f"{builtin.headline(seen)} · {builtin.facts(seen)}"),
        what=markdown("\n\n".join(line for line in words if line)),
        facts="\n".join(["| | |", "|-|-|", *rows, *([f"| Links | {' · '.join(links)} |"] if links else [])]),
        alerts=markdown(builtin.alerts(seen)),
        others="",
        details=markdown(" · ".join(f"{name} {one_line(words)}" for name, words in details if words)),
        timeline=markdown(" · ".join(f"{event.at} {event.what}" for event in seen.history)),
    )


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>" if inside else ""


def _details(words: str, seen: View) -> tuple[str, str]:
    """Return what few people need, and what it is; there are labels and values only in a private repository."""
    lines = ["\n".join(f"{one.name} = {one.value}" for one in pairs) for pairs in (seen.labels, seen.readings)]
    raw = "\n\n".join(text for text in lines if text)
    inside = "\n\n".join(text for text in (words, fence(cut_text(clean(raw), LABELS)) if raw else "") if text)
    return "Labels, values, source" if seen.readings else "Labels, source" if raw else "Source", inside


def _filled(pattern: str, team: str, want: Want) -> str:
    values = {"{team}": team, "{priority}": want.incident.priority.value, "{source}": want.incident.source}
    return re.sub(r"\{(?:team|priority|source)\}", lambda found: values[found[0]], pattern)
