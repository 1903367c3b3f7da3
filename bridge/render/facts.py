"""The facts of an incident, each in words: what broke, why, whose it is, and where to look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.core.alert import Status
from bridge.core.incident import State
from bridge.core.rules import STORM
from bridge.render import members as group
from bridge.render.figures import MANY
from bridge.render.humane import humane
from bridge.render.parts import Link, Pair
from bridge.render.text import clean, cut, http_link, one_line
from bridge.render.unmarked import unmarked
from bridge.render.words import counted, number

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from bridge.core.alert import Value
    from bridge.core.incident import Incident, Member
    from bridge.destinations.base import Want
    from bridge.render.members import Tally

LONGEST_TEXT = 16_000
LONGEST_SUMMARY = 1_000
MOST_LABELS = 50
LONGEST_LABEL = 500
LONGEST_FINGERPRINT = 200
MOST_FINGERPRINTS = 5
_EMPTY_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "been", "being", "by", "for", "from", "has", "have", "in", "is", "it"}
    | {"its", "of", "on", "or", "that", "the", "to", "was", "were"}
)
_HUMP = re.compile(r"[A-Z](?<=[a-z0-9].)(?=[a-z])")
_WORD = re.compile(r"\w+")
_LINKS = (("alert", "View alert"), ("dashboard", "Dashboard"), ("runbook", "Runbook"), ("silence", "Silence"))


def description(members: Sequence[Member]) -> str:
    """Return what the most telling alert says about itself, lines kept."""
    return cut(unmarked(humane(clean(_described(members[0])))).strip(), LONGEST_TEXT) if members else ""


def summary(members: Sequence[Member], title: str, described: str, *, example: bool) -> str:
    """Return the summary where it tells more than title and description, and the lines of a group, already do.

    `example` is whether the description is one alert's (`is_example`).
    """
    text = cut(unmarked(humane(one_line(annotation(members[0], "summary")))), LONGEST_SUMMARY) if members else ""
    if described and not example and _differ(annotation(member, "summary") for member in members):
        return ""
    words, named = _bag(text), humane(title)
    said = f"{named} {described}".lower()
    if any(word not in said for word in words):
        return text  # not even as a part of another word: a shorter way for most
    return text if words - _bag(named) - _bag(described) else ""


def is_example(members: Sequence[Member]) -> bool:
    """Return whether what the first alert says of itself is not what the others say of themselves."""
    firing = [member for member in members if member.status is Status.FIRING] or members
    described = [_described(member) for member in firing]
    return _differ(described) or (not any(described) and _differ(annotation(member, "summary") for member in firing))


def _described(member: Member) -> str:
    return annotation(member, "description") or annotation(member, "message")


def _differ(texts: Iterable[str]) -> bool:
    return len(set(texts)) > 1


def annotation(member: Member, name: str) -> str:
    """Return an annotation by its name in any case."""
    for key, text in member.annotations.items():
        if len(key) == len(name) and key.lower() == name:
            return text
    return ""


def _bag(text: str) -> set[str]:
    words = _WORD.findall(_HUMP.sub(r" \g<0>", text).lower())
    return {word.rstrip("s") for word in words if word not in _EMPTY_WORDS}


def values(shared: tuple[str, ...], tally: Tally) -> tuple[str, ...]:
    """Return why it fires: of one alert its values, of a group what all of them measured."""
    if tally.total > 1 and all("threshold" in words.lower() for words in shared):
        return ()  # which limit they are over tells nothing without a value
    return shared


def folder(common: Mapping[str, str]) -> str:
    """Return Grafana's folder where all alerts share it; `common` are the labels that they share."""
    return cut(one_line(common.get("grafana_folder", "")), LONGEST_LABEL)


def labels(common: Mapping[str, str]) -> tuple[Pair, ...]:
    """Return the labels that all alerts share, cut where there are very many or very long ones."""
    shared = sorted(common.items())[:MOST_LABELS]
    return tuple(Pair(cut(one_line(name), LONGEST_LABEL), cut(one_line(text), LONGEST_LABEL)) for name, text in shared)


def readings(members: Sequence[Member]) -> tuple[Pair, ...]:
    """Return a single alert's values as they were sent: what words leave out is there to look up."""
    told = members[0].values[:MOST_LABELS] if len(members) == 1 else ()
    return tuple(Pair(cut(one_line(value.name), LONGEST_LABEL), _reading(value)) for value in told)


def _reading(value: Value) -> str:
    number = "no value" if value.number is None else f"{value.number:.15g}"
    labels = ", ".join(f"{name}={text}" for name, text in sorted(value.labels.items()))
    return cut(one_line(f"{number} {{{labels}}}" if labels else number), LONGEST_LABEL)


def links(incident: Incident, members: Sequence[Member]) -> tuple[Link, ...]:
    """Return the most telling alert's links; a silence that is not the whole group's says whose it is.

    A storm of several has none: one incident's rule and dashboard are not the others'.
    """
    if incident.source == STORM and len(members) > 1:
        return ()
    for member in members[:1]:
        known = member.links
        if known is None:
            return ()
        urls = {"alert": known.alert, "dashboard": known.dashboard or known.panel}
        urls |= {"runbook": known.runbook, "silence": known.silence}
        texts = dict(_LINKS)
        if len({other.links.silence for other in members if other.links}) > 1:
            texts["silence"] = f"Silence {group.name_of(member, group.varying(members))}"
        made = ((name, texts[name], http_link(urls[name])) for name, _ in _LINKS)
        return tuple(Link(name, text, url) for name, text, url in made if url)
    return ()


def fingerprints(members: Sequence[Member], total: int) -> tuple[str, ...]:
    """Return the sender's own names of the first few alerts, and how many more there are."""
    shown = [cut(one_line(member.fingerprint), LONGEST_FINGERPRINT) for member in members[:MOST_FINGERPRINTS]]
    rest = total - len(shown)
    return tuple(shown) if rest <= 0 else (*shown, f"and {number(rest)} more")


def image(members: Sequence[Member]) -> str:
    """Return the most telling alert's picture; only over https, else nobody shows it."""
    link = http_link(members[0].links.image) if members and members[0].links else None
    return link if link and link.startswith("https://") else ""


def console(want: Want) -> str:
    """Return the incident's page in the console; empty where nobody said where that is."""
    base = want.settings.text("external_url").rstrip("/")
    return (http_link(f"{base}/incidents/{want.incident.id}") or "") if base else ""


def elsewhere(want: Want) -> tuple[Link, ...]:
    """Return where else the same incident is told."""
    told = []
    for kind, remote in sorted(want.incident.remotes.items()):
        url = http_link(text_of(remote, "url"))
        if url and kind != want.settings.kind:
            told.append(Link(kind, one_line(text_of(remote, "text"))[:200] or kind, url))
    return tuple(told)


def _named(teams: Sequence[str]) -> str:
    return ", ".join(one_line(team)[:50] for team in teams[:5])


def notes(want: Want, shown: Sequence[Link], *, public: bool = False) -> tuple[str, ...]:
    """Return what is odd about an incident, so that nobody takes it for what it is not; `shown` are its links.

    In a `public` place no other place is named.
    """
    incident = want.incident
    because = "Told here because another place could not be told." if public else one_line(want.because or "")
    told = [because] if want.because else []
    if not incident.team_said:
        to = f"team {_named(incident.teams)}" if incident.default_known else "the default destinations"
        told.append(f"No team given: sent to {to}.")
    elif incident.unknown_teams:
        names = _named(incident.unknown_teams)
        told.append(f"Team {names} is not configured: sent to the default destinations.")
    unread = [member for member in group.telling(incident.firing or incident.members) if member.priority_word]
    for member in unread[:1]:
        word = one_line(member.priority_word or "")[:50]
        told.append(f'Priority "{word}" is not known: treated as {member.priority.value}.')
    if incident.truncated > 0 and incident.state is not State.CLOSED:
        told.append(f"{counted_more(incident.truncated)} not shown by {_sender(incident)}.")
    errors = {
        cut(humane(one_line(annotation(member, "error"))), LONGEST_LABEL)
        for member in incident.firing
        if member.no_data
    }
    told += [f"Its error: {error}" for error in sorted(errors - {""})[:1]]
    return (*told, *_left_out(group.telling(incident.members)[:1], {to.url for to in shown}))


def _left_out(members: Sequence[Member], shown: Container[str]) -> list[str]:
    """Say which of the links that are shown could not be: nobody is to think that there was none."""
    told = []
    for links in (member.links for member in members if member.links):
        long = [name for name, _ in _LINKS if (url := getattr(links, name)) and url not in shown and not http_link(url)]
        for names, why in ((links.dropped, "no http(s) address"), (long, "too long")):
            if names:
                told.append(f"Left out, {why}: {', '.join(names)} link{'s' if len(names) > 1 else ''}.")
    return told


def counted_more(n: int) -> str:
    """Return "12 more alerts"; a number beyond belief is not told."""
    return "Very many more alerts" if n >= MANY else counted(n, "more alert")


def _sender(incident: Incident) -> str:
    return "Grafana" if "grafana" in incident.source.lower() else "the sender"


def text_of(remote: Mapping[str, object], key: str) -> str:
    """Return a text that is known of a remote, else an empty one."""
    value = remote.get(key)
    return value if isinstance(value, str) else ""
