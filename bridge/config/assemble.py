"""From files that each hold against their model to rules and settings: whatever refers to a name is looked up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from bridge.config import settings
from bridge.config.declare import LONGEST, Names, Part, declare_destinations, declare_teams
from bridge.config.schema import PRIORITY_WORDS, BridgeFile, Route, Test
from bridge.config.shadow import shadow_rules
from bridge.config.source_file import source_settings
from bridge.config.table import check_keys, check_rows, main_table, table_places
from bridge.config.validate import at
from bridge.config.words import FOUR_LINES, did_you_mean, listed, quoted
from bridge.core.alert import Priority
from bridge.core.matchers import parse_matcher
from bridge.core.rules import ITS_OWN, Folding, Normalizing, RouteRules, Rules

if TYPE_CHECKING:
    from bridge.config.document import Document
    from bridge.config.problem import Keys
    from bridge.core.matchers import Matcher

_SOURCE = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


class Assembled(NamedTuple):
    """What files make together; usable only where no finding is an error."""

    rules: Rules
    settings: settings.Settings


def assemble(parts: list[Part], names: Names) -> Assembled:
    """Join the main file (the first part) and its included ones; faults go to the findings of `names`."""
    main, file = parts[0], parts[0].file
    assert isinstance(file, BridgeFile)
    declare_destinations(parts, names)
    if not names.unsure and not any(part.file.destinations for part in parts):
        mend = f"declare one, these four lines are a complete configuration\n{FOUR_LINES}"
        names.findings.add(main.document, ("destinations",), "declares nothing, so nobody would be told", mend)
    teams = declare_teams(parts, names)
    table = main_table(main, file, names)
    routes = tuple(_route(part.document, index, route, names) for part, index, route in _routes(parts))
    check_rows(parts, teams, table, names)
    if not names.findings.errors():
        check_keys(parts, teams, routes, table, names)
    rules = Rules(
        normalize=normalizing(file),
        destinations=names.destinations,
        send=table,
        send_places=table_places(main, file),
        teams=teams,
        routes=routes,
        group_by=file.group_by,
        team_group_by={
            name: team.group_by for part in parts for name, team in part.file.teams.items() if team.group_by is not None
        },
        timezone=file.timezone,
        reopen_duration=file.reopen_duration,
        stale_after=file.stale_after,
        external_url=file.external_url,
        remind=dict(file.remind or {}),
        storm=Folding(file.storm.incidents, file.storm.within) if file.storm else None,
        page_storm=Folding(file.page_storm.pages, file.page_storm.within) if file.page_storm else None,
        mode=file.mode,
        shadow=shadow_rules(parts, file, teams, names),
    )
    return Assembled(rules, _settings(main.document, file, parts, names))


def _routes(parts: list[Part]) -> list[tuple[Part, int, Route]]:
    return [(part, index, route) for part in parts for index, route in enumerate(part.file.routes)]


def _route(document: Document, index: int, route: Route, names: Names) -> RouteRules:
    keys: Keys = ("routes", index)
    matchers = [_matcher(document, (*keys, "matchers", i), text, names) for i, text in enumerate(route.matchers)]
    teams = None
    if route.set.team is not None:
        way = (*keys, "set", "team")
        found = [names.team(document, (*way, i), said) for i, said in enumerate(route.set.team)]
        teams = tuple(dict.fromkeys(name for name in found if name)) or None
    return RouteRules(
        matchers=tuple(one for one in matchers if one),
        set_priority=route.set.priority,
        set_teams=teams,
        send=names.sending(document, (*keys, "send"), route.send) if route.send else None,
        group_by=route.group_by,
        continues=route.continues,
        where=document.where(keys),
    )


def _matcher(document: Document, keys: Keys, text: str, names: Names) -> Matcher | None:
    try:
        return parse_matcher(text)
    except ValueError as error:
        names.findings.add(document, keys, "can't be used", str(error))
        return None


def normalizing(file: BridgeFile) -> Normalizing:
    """Return how team, priority and counts are read, as a file says or by default."""
    normalize = file.normalize
    own = {word.strip().lower(): meaning for word, meaning in normalize.priority_words.items()}
    return Normalizing(
        team=normalize.team,
        priority=normalize.priority,
        priority_words={**PRIORITY_WORDS, **own},
        default_team=normalize.default_team,
        default_priority=normalize.default_priority,
        unknown_priority=normalize.unknown_priority,
        failure_threshold=normalize.failure_threshold,
        job_count=normalize.job_count,
    )


def _settings(document: Document, file: BridgeFile, parts: list[Part], names: Names) -> settings.Settings:
    for name in file.sources:
        if not _SOURCE.fullmatch(name) or name in ITS_OWN or len(name) > LONGEST:
            own = listed(sorted(ITS_OWN), "or")
            mend = f"write at most {LONGEST} letters, digits, - and _, and not {own}: those are the bridge's own"
            names.findings.add(document, ("sources", name), "can't be a source's name", mend)
    sources = source_settings(file.sources)
    keep, proxy = file.retention, file.auth_proxy
    return settings.Settings(
        sources=sources,
        retention=settings.Retention(keep.receipts, keep.incidents, keep.quarantine),
        max_storage=file.max_storage,
        fallback=_fallback(document, file, names),
        operators=names.team(document, ("operators",), file.operators) if file.operators else None,
        auth_proxy=settings.AuthProxy(proxy.header, proxy.trusted) if proxy else None,
        include=file.include,
        tests=tuple(case for part in parts for case in _cases(part, set(sources), names)),
    )


def _fallback(document: Document, file: BridgeFile, names: Names) -> dict[Priority | str, settings.FallbackRow]:
    rows: dict[Priority | str, settings.FallbackRow] = {}
    for key, row in (file.fallback or {}).items():
        keys: Keys = ("fallback", key)
        if not {"after", "on"} & {*cast("dict[str, object]", at(document.data, keys))}:
            names.findings.add(document, keys, "says no time", "add after: 2m, or on: dead")
        for index, name in enumerate(row.send):
            names.destination(document, (*keys, "send", index), name)
        level = key.upper()
        rows[Priority(level) if level in {*Priority} else "default"] = settings.FallbackRow(row.after, row.on, row.send)
    return rows


def _cases(part: Part, sources: set[str], names: Names) -> list[settings.Case]:
    cases = []
    for index, test in enumerate(part.file.tests):
        keys: Keys = ("tests", index)
        _check_test(part.document, keys, test, sources, names)
        cases.append(settings.Case(_test(test), part.document.where(keys)))
    return cases


def _check_test(document: Document, keys: Keys, test: Test, sources: set[str], names: Names) -> None:
    if "source" in test.model_fields_set and test.source not in sources:
        what = f"is {quoted(test.source)}, which isn't declared"
        names.findings.add(document, (*keys, "source"), what, did_you_mean(test.source, sources))
    for index, name in enumerate(test.expect.send or ()):
        names.destination(document, (*keys, "expect", "send", index), name)


def _test(test: Test) -> settings.Test:
    told, expect = test.alert, test.expect
    return settings.Test(
        name=test.name,
        source=test.source if "source" in test.model_fields_set else None,
        alert=settings.TestAlert(told.labels, told.annotations, told.values, told.status),
        expect=settings.Expect(expect.team, expect.priority, expect.send),
    )
