"""Alerts on their way into one merge: routed, and those that lost their team with their rule's."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from bridge.core.alert import Origin, Status
from bridge.core.arrive import arrive
from bridge.core.identity import rule_key
from bridge.core.route import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from bridge.core.alert import Group, NormalAlert
    from bridge.core.arrive import Arrival
    from bridge.core.routed import Routed
    from bridge.core.rules import Rules

    Rule = tuple[str, str]
    Teams = Mapping[Rule, Sequence[str]]

T = TypeVar("T")

OF_ITS_RULE = Origin("its rule's incident", note="it tells of its rule, and names no team itself")


def arriving(
    told: Sequence[tuple[T, Group, datetime, NormalAlert]],
    source: str,
    rules: Rules,
    known: Callable[[set[Rule], Teams], Teams],
) -> list[tuple[T, Arrival, Routed]]:
    """Return alerts as the merge takes them, each with where it goes.

    Of the ends that a notification tells one after the other, the least urgent come first: what they end together is as
    urgent in the end as it was, whatever their order.

    Args:
        told: The alerts in the order to take them in, each with whatever it comes with, its group, and when that came.
        source: Their source's name.
        rules: The configuration.
        known: Returns the teams of some rules' incidents; it is given those of `told` that fire, which come first.
    """
    lost = {(one.alert.org, rule_key(one.alert)) for *_, one in told if one.no_data and not one.team_said}
    router = Router(source, rules)
    found = known(lost, _fired((one for *_, one in told), lost, router))
    arrivals = []
    for whose, group, received_at, one in told:
        # NoData and Error alerts lose the labels of their query, often the team's: they belong to their rule's
        teams = found.get((one.alert.org, rule_key(one.alert))) if one.no_data and not one.team_said else None
        alert = replace(one, teams=tuple(teams), team_said=True, team_origin=OF_ITS_RULE) if teams else one
        routed = router.route(alert)
        arrivals.append((group, (whose, arrive(alert, routed, group, source, received_at), routed)))
    ordered = []
    for (_, fires), run in groupby(arrivals, key=lambda each: (id(each[0]), _fires(each[1][1]))):
        those = [one for _, one in run]
        ordered += those if fires else sorted(those, key=lambda one: one[1].priority, reverse=True)
    return ordered


def _fires(arrival: Arrival) -> bool:
    return arrival.alert.alert.status is Status.FIRING


def _fired(alerts: Iterable[NormalAlert], lost: Container[Rule], router: Router) -> dict[Rule, list[str]]:
    """Return the teams of a commit's own firings, for those rules (organisation, rule key) whose alerts lost theirs.

    The ledger knows none of them yet. Of one that no team was said for there is none: it is at the default team.
    """
    found: dict[Rule, list[str]] = {}
    for one in alerts if lost else ():
        rule = (one.alert.org, rule_key(one.alert))
        if rule in lost and one.alert.status is Status.FIRING and (one.team_said or not one.no_data):
            known = found.setdefault(rule, [])
            routed = router.route(one)
            said = routed.teams if one.team_said or routed.team_set else ()
            known += [team for team in said if team not in known]
    return found
