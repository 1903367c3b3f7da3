"""The send table: which destinations an alert of a priority goes to, by default, as written, and for a team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.declare import spelled
from bridge.core.alert import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.declare import Names, Part
    from bridge.config.schema import BridgeFile
    from bridge.core.rules import DestinationRules, RouteRules, Sending, TeamRules

Row = tuple[str, ...]
Table = dict[Priority, Row]
DEFAULT_KINDS = {
    Priority.P0: ("slack", "pagerduty", "github"),
    Priority.P1: ("slack", "pagerduty", "github"),
    Priority.P2: ("slack", "github"),
    Priority.P3: ("slack",),
}
"""Which kinds are told what without the key `send`."""


def default_table(destinations: Mapping[str, DestinationRules]) -> Table:
    """Return the table that holds without the key `send`.

    A kind stands for the destination of that name; where none has it, for all of the kind. A row that would be empty
    takes the next more urgent one that isn't, or all that is declared: no alert is told nowhere.
    """
    table: Table = {}
    row: Row = ()
    for level, kinds in DEFAULT_KINDS.items():
        own = tuple(name for kind in kinds for name in _of_kind(kind, destinations))
        row = own or row or tuple(destinations)
        table[level] = row
    return table


def _of_kind(kind: str, destinations: Mapping[str, DestinationRules]) -> list[str]:
    if kind in destinations and destinations[kind].kind == kind:
        return [kind]
    return [name for name, destination in destinations.items() if destination.kind == kind]


def applied(cell: Sending | None, row: Row) -> Row:
    """Return a row after a cell: replaced by its list, or changed by its +name and -name."""
    if cell is None:
        return row
    if cell.names is not None:
        return cell.names
    return tuple(dict.fromkeys(name for name in (*row, *cell.add) if name not in cell.remove))


def main_table(main: Part, file: BridgeFile, names: Names) -> Table:
    """Return the table of the file: rows that aren't written stay those of the default."""
    table = default_table(names.destinations)
    for level, cell in file.send.items():
        keys = ("send", spelled(main.document, ("send",), level))
        row = applied(names.sending(main.document, keys, cell), table[level])
        if not row and cell.names is None and names.sure:
            names.findings.add(main.document, keys, "leaves nobody to tell", "name a destination")
        table[level] = row or table[level]
    return table


def table_places(main: Part, file: BridgeFile) -> dict[Priority, str]:
    """Return where each row of the table is written."""
    written = {level: main.document.where(("send", spelled(main.document, ("send",), level))) for level in file.send}
    return {level: written.get(level, "by default") for level in Priority}


def team_rows(team: TeamRules, table: Mapping[Priority, Row]) -> Table:
    """Return the rows of a team."""
    return {level: applied(team.send.get(level), row) for level, row in table.items()}


def check_rows(parts: list[Part], teams: Mapping[str, TeamRules], table: Table, names: Names) -> None:
    """Report teams that would be told nowhere at a priority."""
    for part in parts:
        for name in part.file.teams:
            team = teams.get(name)
            for level, row in team_rows(team, table).items() if team else ():
                cell = team.send.get(level) if team else None
                if not row and cell and cell.names is None and names.sure:
                    keys = ("teams", name, "send")
                    what = "leaves nobody to tell"
                    mend = "keep or add a destination"
                    names.findings.add(part.document, (*keys, spelled(part.document, keys, level)), what, mend)


def check_keys(
    parts: list[Part],
    teams: Mapping[str, TeamRules],
    routes: tuple[RouteRules, ...],
    table: Table,
    names: Names,
) -> None:
    """Report PagerDuty destinations that a team is routed to without a routing key of its own or of theirs."""
    for part in parts:
        for name in part.file.destinations:
            destination = names.destinations.get(name)
            if not destination or destination.kind != "pagerduty" or "routing_key" in destination.settings:
                continue
            without = [
                team.name
                for team in teams.values()
                if name in reach(team, routes, table) and "routing_key" not in team.destinations.get(name, {})
            ]
            only = [str(level) for level, row in table.items() if row == (name,)]
            keys = ("destinations", name)
            mend = 'add routing_key: "${env:PAGERDUTY_KEY}"'
            if without or not teams:
                whom = f", and neither has the team {without[0]}, which is routed there" if without else ""
                names.findings.add(part.document, keys, f"has no routing_key{whom}", mend)
            elif only:
                what = f"has no routing_key, but alone is told {only[0]} of teams that aren't configured"
                names.findings.add(part.document, keys, what, mend)


def reach(team: TeamRules, routes: tuple[RouteRules, ...], table: Mapping[Priority, Row]) -> set[str]:
    """Return all that a team's alerts may be sent to."""
    reached = {name for row in team_rows(team, table).values() for name in row}
    for route in routes:
        if route.send and (route.set_teams is None or team.name in route.set_teams):
            reached |= {*(route.send.names or ()), *route.send.add}
    return reached
