"""Every key of `bridge.yml` and its included files, as strict models. A destination's settings are in `kinds`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from bridge.config.fields import (
    ByPriority,
    Channel,
    Count,
    Duration,
    Header,
    Level,
    Meaning,
    NamedField,
    Network,
    Number,
    Off,
    OneOrMore,
    Size,
    Span,
    Strict,
    Switch,
    Text,
    Timezone,
    Url,
    no_twins,
)
from bridge.config.problem import WrongError
from bridge.config.scalars import as_text
from bridge.config.source_file import SourceFile
from bridge.config.words import listed, quoted
from bridge.core.alert import Priority
from bridge.core.rules import GROUP_BY, FieldName, Sending

WORDS = {
    "P0": ("critical", "page", "emergency", "sev1"),
    "P1": ("high", "error", "sev2"),
    "P2": ("warning", "medium", "sev3"),
    "P3": ("info", "low"),
    "drop": ("none",),
}
"""The priority words that are understood without being configured."""
PRIORITY_WORDS = {word: meaning for meaning, words in WORDS.items() for word in words}


def as_sending(value: object, info: ValidationInfo) -> Sending:
    """Read a cell of a send table: a whole list of names, or changes, +name and -name."""
    texts = [as_text(one, info) for one in (value if isinstance(value, list) else [value])]
    changes = [text for text in texts if text[0] in "+-"]
    if not changes:
        return Sending(names=tuple(dict.fromkeys(texts)))
    if len(changes) < len(texts):
        raise WrongError("mixes names with +name and -name", "write a whole list, or only changes to the inherited one")
    added = tuple(text[1:].strip() for text in changes if text[0] == "+")
    return Sending(add=added, remove=tuple(text[1:].strip() for text in changes if text[0] == "-"))


def _group_by(names: tuple[str, ...]) -> tuple[str, ...]:
    if "..." in names and len(names) > 1:
        raise WrongError("holds '...' beside names", "write ['...'] alone for every label, or names")
    return names


_NAMES = {"type": "array", "items": {"type": "string"}}
Cell = Annotated[Sending, PlainValidator(as_sending), WithJsonSchema({"anyOf": [{"type": "string"}, _NAMES]})]
Table = ByPriority[Cell]
GroupBy = Annotated[OneOrMore[Text], AfterValidator(_group_by)]
Remind = Off[ByPriority[Span]]
Mode = Literal["live", "shadow"]
Untyped = Annotated[dict[str, object], Field(description="See the kind's settings.")]


class Normalize(Strict):
    """How team, priority and counts are read from an alert."""

    team: OneOrMore[NamedField] = (FieldName("Teams"), FieldName("Team"))
    priority: OneOrMore[NamedField] = (FieldName("Priority"), FieldName("severity"))
    priority_words: Annotated[Mapping[str, Meaning], BeforeValidator(no_twins)] = {}
    default_team: Text = "unrouted"
    default_priority: Level = Priority.P2
    unknown_priority: Level = Priority.P1
    failure_threshold: OneOrMore[NamedField] = (FieldName("Failure_Threshold"),)
    job_count: OneOrMore[NamedField] = (FieldName("Number_of_Jobs_Failing"),)


class Team(Strict):
    """A team: where its alerts are told, and what is different for it."""

    aliases: OneOrMore[Text] = ()
    destinations: Mapping[str, Untyped] = {}
    send: Table = Field({})
    timezone: Timezone | None = None
    group_by: GroupBy | None = None
    remind: Remind = None
    mode: Mode | None = None


class Set(Strict):
    """What a route changes."""

    priority: Level | None = None
    team: OneOrMore[Text] | None = None


class Route(Strict):
    """An exception: where all matchers hold."""

    matchers: OneOrMore[Text] = Field(min_length=1)
    set: Set = Set()
    send: Cell | None = None
    group_by: GroupBy | None = None
    continues: Switch = Field(default=False, alias="continue")


class FallbackRow(Strict):
    """Where an incident is told too, and when: after a time, or once a delivery is dead."""

    after: Span | None = None
    on: Literal["dead"] | None = None
    send: OneOrMore[Text] = Field(min_length=1)


class Storm(Strict):
    """So many incidents of a team within a time make a digest."""

    incidents: Count
    within: Span


class PageStorm(Strict):
    """So many pages within a time make one."""

    pages: Count
    within: Span


class Shadow(Strict):
    """Where shadow mode tells what it would have done."""

    channel: Channel


class AuthProxy(Strict):
    """The proxy in front that says who somebody is."""

    header: Header
    trusted: OneOrMore[Network] = Field(min_length=1)


class Retention(Strict):
    """How long what is over is kept."""

    receipts: Span = timedelta(days=30)
    incidents: Span = timedelta(days=400)
    quarantine: Span = timedelta(days=30)


class TestAlert(Strict):
    """The alert of a test."""

    labels: Mapping[str, Text] = {}
    annotations: Mapping[str, Text] = {}
    values: Mapping[str, Number] = {}
    status: Literal["firing", "resolved"] = "firing"


class Expect(Strict):
    """What a test expects; what isn't said isn't looked at."""

    team: OneOrMore[Text] | None = None
    priority: Level | None = None
    send: OneOrMore[Text] | None = Field(
        None, description="The destinations' names in any order; [] where nobody is told."
    )


class Test(Strict):
    """An alert and where it should go, run by `bridge check`."""

    name: Text | None = None
    source: Text = "grafana"
    alert: TestAlert
    expect: Expect


class IncludedFile(Strict):
    """What an included file may hold."""

    destinations: Mapping[str, Untyped] = {}
    teams: Mapping[str, Team] = {}
    routes: tuple[Route, ...] = ()
    tests: tuple[Test, ...] = ()


def _fallback(value: object) -> object:
    """Refuse rows that are neither a priority's nor the default."""
    for key in value if isinstance(value, dict) else ():
        if key.upper() not in {*Priority, "DEFAULT"}:
            known = listed([*Priority, "default"], "or")
            raise WrongError(f"holds {quoted(key)}, which is no priority", f"write {known}")
    return value


class BridgeFile(IncludedFile):
    """The whole of `bridge.yml`."""

    timezone: Timezone = "UTC"
    external_url: Url | None = None
    sources: Mapping[str, SourceFile] = {}
    normalize: Normalize = Normalize()
    group_by: GroupBy = GROUP_BY
    reopen_duration: Duration = timedelta(minutes=10)
    stale_after: Off[Span] = timedelta(hours=12)
    send: Table = Field({})
    fallback: Off[Annotated[Mapping[str, FallbackRow], BeforeValidator(_fallback), BeforeValidator(no_twins)]] = None
    operators: Text | None = None
    storm: Off[Storm] = None
    page_storm: Off[PageStorm] = None
    remind: Remind = None
    mode: Mode = "live"
    shadow: Shadow | None = None
    auth_proxy: AuthProxy | None = None
    retention: Retention = Retention()
    max_storage: Size = 10 * 2**30
    include: OneOrMore[Text] = ()
