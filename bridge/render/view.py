"""What a template sees of an incident: plain values, worded, with nothing of configuration, credentials or clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bridge.core.alert import Status
from bridge.core.incident import State
from bridge.render import counts, facts, history, times
from bridge.render import members as group
from bridge.render.changes import began_at, ended_at, lasted
from bridge.render.later import later, made_later
from bridge.render.lines import Lines
from bridge.render.previous import previous
from bridge.render.states import standing, unnamed
from bridge.render.text import http_link, one_line
from bridge.render.where import where
from bridge.render.words import ordinal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from bridge.core.incident import Member
    from bridge.destinations.base import Want
    from bridge.render.changes import Change
    from bridge.render.history import Event
    from bridge.render.parts import AlertView, Link, Pair, PreviousView

MOST_ALERTS = 5
MOST_LISTED = 100
"""Alerts of a group that are told one by one, where there is room to fold them."""

_EXAMPLES = {
    "alerts": ({"name": "db-2", "word": "firing", "values": "Disk used: 97%", "firing": True, "url": "https://…"},),
    "links": ({"name": "runbook", "text": "Runbook", "url": "https://wiki.example.com/runbooks/disk"},),
    "elsewhere": ({"name": "github", "text": "acme/alerts#7", "url": "https://github.com/acme/alerts/issues/7"},),
    "notes": ("No team given: sent to the default destinations.",),
    "previous": {
        "text": "acme/alerts#5",
        "url": "https://…",
        "resolved": "Dec 2",
        "lasted": "51 min",
        "times": 4,
        "words": "resolved Dec 2 after 51 min; 4th time in 30 days",
    },
}


def seen(meaning: str, example: object) -> Any:  # noqa: ANN401 - a dataclass field stands for its value
    """Return a field with what the reference says of it."""
    return field(metadata={"meaning": meaning, "example": example})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An incident in words, as every template sees it: a pure function of the incident, its settings and its place."""

    id: str = seen("the incident's id", "01KC3Z")
    title: str = seen("what broke, one line", "Inductor Jobs Broken")
    priority: str = seen("P0 to P3", "P2")
    sign: str = seen("one sign for the state; the word stands beside it", "🟠")
    state: str = seen("firing, stale, resolved or closed", "firing")
    word: str = seen("the state as people say it: firing, resolved, no data, paused, stale, …", "firing")
    sentence: str = seen(
        "what the state means where its word does not say it all, else empty", "The rule was paused: not a recovery."
    )
    recovered: bool = seen("whether all is well again; a paused rule is resolved, but not recovered", example=False)
    over: bool = seen("whether it is resolved or closed", example=False)
    test: bool = seen("whether it is only a test", example=False)
    teams: tuple[str, ...] = seen("the teams' names", ("broken-inductor",))
    team_said: bool = seen("whether the alert named a team", example=True)
    unsure: bool = seen(
        "whether nobody knows that what the rule watches for holds: no data, cannot be evaluated", example=False
    )
    summary: str = seen("the annotation, empty where it only repeats title or description", "Sign-ins fail")
    description: str = seen("the annotation, may have several lines", "Inductor jobs have been failing …")
    example: bool = seen(
        "whether summary and description are one alert's of a group whose alerts say different things", example=False
    )
    where: str = seen(
        "labels that name a place, where no text has said it; not for everybody's eyes", "instance db-2, env staging"
    )
    values: tuple[str, ...] = seen("why: measured values in words, of when it fired", ("1 job failing",))
    count: str = seen("of a group how many there are, and how far it has come, else empty", "3 of 5 resolved")
    since: str = seen("when it began, in the team's zone", "Dec 9, 2025 9:29 AM PST")
    until: str = seen("when it ended, else empty", "Dec 9, 2025 11:47 AM PST")
    span: str = seen("from when to when, once it is over, else empty", "Dec 9, 2025 9:29\N{EN DASH}11:47 AM PST")
    began: str = seen("when it began, as ISO text in UTC: `began | moment` is `since`", "2025-12-09T17:29:00Z")
    ended: str = seen("when it ended, as ISO text in UTC, else empty", "2025-12-09T19:47:00Z")
    seconds: float | None = seen(
        "how long it took in seconds, once it is over: `seconds | duration` is `lasted`", 8280.0
    )
    timezone: str = seen("the team's zone, which times are in", "America/Los_Angeles")
    lasted: str = seen("how long it took, once it is over, else empty", "2 h 18 min")
    heard: str = seen("when it was last heard of, where it is stale, else empty", "Dec 9, 2025 9:34 AM PST")
    again: str = seen("which time it fires within one incident, where not the first", "3rd time")
    folder: str = seen("Grafana's folder of the rule, else empty", "PyTorch CI")
    source: str = seen("the configured source's name", "grafana")
    host: str = seen("the sender's host name, else the source's name", "pytorchci.grafana.net")
    org: str = seen("Grafana's organisation, else empty", "1")
    rule: str = seen("what identifies the rule", "dfinductorjobs3")
    alerts: tuple[AlertView, ...] = seen("of a group the most telling alerts, else empty", _EXAMPLES["alerts"])
    more: int = seen("how many alerts of the group are not among them", 0)
    others: tuple[AlertView, ...] = seen(
        "the next alerts of the group, up to 95, for where they can be folded", _EXAMPLES["alerts"]
    )
    firing: int = seen("how many alerts fire", 1)
    total: int = seen("how many alerts there are", 1)
    done: str = seen("what alerts are that are over: resolved, or ended where not all recovered", "resolved")
    mixed: str = seen("how far a group has come, where only a part is over", "3 of 5 resolved")
    links: tuple[Link, ...] = seen("named alert, dashboard, runbook, silence, in this order", _EXAMPLES["links"])
    console: str = seen(
        "the incident's page in the console, empty without an external_url",
        "https://alerts.example.com/incidents/01KC3Z",
    )
    image: str = seen("a picture of the panel, else empty", "https://grafana.example.com/render/panel.png")
    elsewhere: tuple[Link, ...] = seen(
        "where else it is told, by kind: github, slack, pagerduty", _EXAMPLES["elsewhere"]
    )
    previous: PreviousView | None = seen("the incident before this one", _EXAMPLES["previous"])  # noqa: RUF009 - a field
    notes: tuple[str, ...] = seen(
        "what is odd about it: no team, unknown priority, cut by its sender", _EXAMPLES["notes"]
    )
    labels: tuple[Pair, ...] = seen(
        "labels that all alerts share; none in a public repository", ({"name": "service", "value": "checkout"},)
    )
    readings: tuple[Pair, ...] = seen(
        "of a single alert the values as sent, empty for a group", ({"name": "B", "value": "0.93 {instance=db-2}"},)
    )
    fingerprints: tuple[str, ...] = seen("the sender's own names of the alerts", ("7a23462e59c402f9",))
    history: tuple[Event, ...] = seen(
        "what happened when, oldest first", ({"at": "Dec 9, 2025 9:29 AM PST", "what": "firing"},)
    )
    private: bool = seen("whether only the team's own people can read this place", example=False)
    changes: tuple[Change, ...] = seen(
        "in blocks that tell a change: what changed", ({"what": "worse", "words": "Worse: P2 → P0."},)
    )


LATER: Final = frozenset({"alerts", "others", "labels", "readings", "fingerprints", "history", "began", "host"})
"""What takes long, or is seldom named: it is made when it is asked for."""
made_later(View, LATER)


def view(want: Want, changes: tuple[Change, ...] = ()) -> View:
    """Return what a template sees at one address."""
    return _view(want, changes) if changes else want.once("view", lambda: _view(want, ()))


def _view(want: Want, changes: tuple[Change, ...]) -> View:
    private = is_private(want)
    # what a public repository must not show is not there for any template to show
    public = want.settings.kind == "github" and not private
    incident = unnamed(want.incident) if public else want.incident
    zone = times.zone_named(want.settings.text("timezone", "UTC"))
    stands = standing(incident)
    members = group.latest(incident.members)
    first = group.telling(members)
    tally = group.tally(incident)
    end, began = ended_at(incident), began_at(incident)
    is_over = incident.state is State.RESOLVED or (incident.state is State.CLOSED and not incident.test)
    heard = _heard(members, zone) if incident.state is State.STALE else ""
    common, lines = group.common(members), Lines(incident)
    listed = first[:MOST_LISTED] if counts.tells_of_several(incident, tally) else []
    description = facts.description(first)
    title = counts.title(incident, tally) or "Unnamed alert"
    example = len(first) > 1 and facts.is_example(first)
    summary = facts.summary(first, title, description, example=example)
    values = facts.values(lines.shared, tally)
    links = facts.links(incident, first)
    return View(
        id=incident.id,
        title=title,
        priority=incident.priority.value,
        sign=stands.sign,
        state=incident.state.value,
        word=stands.word,
        sentence=stands.sentence,
        recovered=stands.recovered,
        over=is_over,
        test=incident.test,
        teams=tuple(one_line(team) for team in incident.teams),
        team_said=incident.team_said,
        summary=summary,
        description=description,
        unsure=stands.unsure,
        example=example,
        where=where(
            common, (title, *incident.teams, summary, description, *values), anything=not (summary or description)
        ),
        values=values,
        count=counts.count(incident, tally),
        since=times.moment(began, zone),
        until=times.moment(end, zone) if end and is_over else "",
        span=times.span(began, end, zone) if end and is_over else "",
        began=later(lambda: times.iso(began)),
        ended=times.iso(end) if end and is_over else "",
        seconds=(end - began).total_seconds() if end and is_over else None,
        timezone=str(zone),
        lasted=lasted(incident) if is_over else "",
        heard=heard,
        again=f"{ordinal(incident.times)} time" if incident.times > 1 else "",
        folder=facts.folder(common),
        source=incident.source,
        host=later(lambda: host_of(incident.external_url) or incident.source),
        org=incident.org,
        rule=one_line(incident.rule_key),
        alerts=later(lambda: lines.of(listed[:MOST_ALERTS])),
        more=max(tally.total - MOST_ALERTS, 0) if listed else 0,
        others=later(lambda: lines.of(listed[MOST_ALERTS:])),
        firing=tally.firing,
        total=tally.total,
        done=tally.how,
        mixed=counts.mixed(tally),
        links=tuple(to for to in links if not (public and to.name == "silence")),
        console="" if public else facts.console(want),
        image=facts.image(first),
        elsewhere=tuple(to for to in facts.elsewhere(want) if not (public and to.name == "slack")),
        previous=previous(want, zone, public=public),
        notes=facts.notes(want, links, public=public),
        labels=later(lambda: () if public else facts.labels(common)),
        readings=later(lambda: () if public else facts.readings(members)),
        fingerprints=later(lambda: facts.fingerprints(first, tally.total)),
        history=later(lambda: history.history(incident, zone, places=not public)),
        private=private,
        changes=changes,
    )


def _heard(members: Sequence[Member], zone: tzinfo) -> str:
    last = max((member.received_at for member in members if member.status is Status.FIRING), default=None)
    return times.moment(last, zone) if last else ""


def is_private(want: Want) -> bool:
    """Return whether a place is known to be private: by the setting `visibility`, else as the place said of itself."""
    said = want.settings.text("visibility", "auto")
    return want.place.get("private") is True if said == "auto" else said == "private"


def host_of(url: str) -> str:
    """Return the host of an http(s) URL, else an empty text."""
    link = http_link(url)
    try:
        return (urlsplit(link).hostname or "") if link else ""
    except ValueError:
        return ""
