"""The list of incidents: what is open, or whatever else somebody looks for; what it shows is in its address."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, redirect, request

from bridge.core.rules import OWN
from bridge.ledger import browse, overview
from bridge.ledger.browse import Wanted
from bridge.web.frame import admit, live
from bridge.web.served import bridge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response
    from sqlalchemy.engine import Row
    from werkzeug.wrappers import Response as Redirect

blueprint = Blueprint("home", __name__)
blueprint.before_request(admit)
LONGEST = 200
"""Characters of a filter that are read."""
CHOICES: Mapping[str, Mapping[str, str]] = {
    "state": {
        "open": "Open",
        "firing": "Firing",
        "stale": "Stale",
        "resolved": "Resolved",
        "closed": "Closed",
        "any": "Any",
    },
    "priority": {"": "Any", **{name: name for name in overview.PRIORITIES}},
    "trouble": {"": "Any", "any": "In trouble", "retrying": "Retrying", "held": "Held", "dead": "Dead letter"},
    "by": {"priority": "Priority", "team": "Team"},
}
"""What can be chosen, with its name; the first is what holds where nothing is said."""


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents under one heading; "" where there is none."""

    heading: str
    rows: Sequence[Row[tuple[object, ...]]]


def wanted(args: Mapping[str, str]) -> Wanted:
    """Read what somebody looks for; what can't be meant is as if it were not said."""
    said = {name: args.get(name, "").replace("\x00", "").strip()[:LONGEST] for name in ("team", "source", "text")}
    chosen = {name: args.get(name, "") for name in CHOICES}
    return Wanted(
        **said, **{name: one if one in CHOICES[name] else next(iter(CHOICES[name])) for name, one in chosen.items()}
    )


def address(look: Wanted, **more: str) -> str:
    """Return where a look is found, with nothing in it that holds anyway."""
    values = {**asdict(look), **more}
    usual = asdict(Wanted())
    said = {name: value for name, value in values.items() if value and value != usual.get(name)}
    return f"/?{urlencode(said)}" if said else "/"


@blueprint.get("/")
def home() -> Response | Redirect:
    """List incidents."""
    look = wanted(request.args)
    if "" in request.args.values():  # a form sends all of its fields
        return redirect(address(look), 303)
    with bridge().ledger.read() as connection:
        found = browse.listing(connection, look, request.args.get("cursor"))
        glance = overview.at_a_glance(connection)
        ids = [row.id for row in found.rows]
        troubled, shadowed = overview.troubled(connection, ids), overview.shadowed(connection, ids)
    settings, rules = bridge().loaded.settings, bridge().loaded.rules
    return live(
        "home",
        look=look,
        narrowed=look != Wanted(text=look.text),
        filtered=look not in {Wanted(), Wanted(by="team")},
        groups=_groups(found.rows, look),
        looked=found.looked,
        next=address(look, cursor=found.next) if found.next else None,
        first=address(look) if request.args.get("cursor") else None,
        glance=glance,
        open=sum(glance[name] for name in overview.PRIORITIES),
        links={name: address(Wanted(priority=name)) for name in overview.PRIORITIES},
        troubled=troubled,
        shadowed=shadowed,
        mode=rules.mode,
        choices=CHOICES,
        teams=sorted({*rules.teams, rules.normalize.default_team}),
        sources=[*settings.sources, OWN],
    )


def _groups(rows: Sequence[Row[tuple[object, ...]]], look: Wanted) -> list[Group]:
    if not look.open:
        return [Group("", rows)] if rows else []

    def heading(row: Row[tuple[object, ...]]) -> str:
        return ", ".join(row.teams) if look.by_team else str(row.priority)

    return [Group(name, list(some)) for name, some in groupby(rows, heading)]
