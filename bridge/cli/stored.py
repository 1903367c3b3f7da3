"""What is stored: look at incidents, dead letters and the quarantine, and act on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bridge.cli.common import config_option, json_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from bridge.ledger.acts import Act
    from bridge.ledger.ledger import Ledger

STATES = ("firing", "stale", "resolved", "closed")

all_option = click.option("--all", "everything", is_flag=True, help="All there are.")


def _cursor(_context: click.Context, _option: click.Parameter, said: str | None) -> str | None:
    from bridge.ledger.shapes import ULID

    if said is not None and not re.fullmatch(ULID, said):
        raise click.BadParameter("take it from the end of the last page")
    return said


cursor_option = click.option("--cursor", metavar="ID", callback=_cursor, help="Go on where the last page ended.")
ids_argument = click.argument("ids", metavar="[ID]...", nargs=-1)


def _acting(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb what all have that act on some, or on all."""
    for option in (json_option, config_option, all_option, ids_argument):
        verb = option(verb)
    return verb


@click.command(epilog="\b\nExample:\n  bridge incidents --state firing --team broken-inductor")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--team", metavar="T", help="Only those of a team.")
@click.option("--priority", type=click.Choice(("P0", "P1", "P2", "P3"), case_sensitive=False), help="Only those of it.")
@cursor_option
@config_option
@json_option
def incidents(  # noqa: PLR0913 - its options
    state: str | None, team: str | None, priority: str | None, cursor: str | None, config: Path, *, as_json: bool
) -> None:
    """List incidents, the newest first, 50 a page."""
    from bridge.cli.ledgers import opened
    from bridge.cli.listed import incident_lines
    from bridge.cli.show import print_json, print_lines
    from bridge.ledger import overview, queries

    with opened(config) as (ledger, _), ledger.read() as connection:
        page = queries.incident_list(connection, state=state, team=team, priority=priority, cursor=cursor)
        ids = [one["id"] for one in page["items"]]
        troubled, shadowed = overview.troubled(connection, ids), overview.shadowed(connection, ids)
        unread = overview.at_a_glance(connection)["quarantine"]
    print_json(page) if as_json else print_lines(incident_lines(page, troubled, shadowed, unread))


@click.command(epilog="\b\nExample:\n  bridge incident 01KC3ZT0N4Q8ZK0V5Z6W0M3T7H")
@click.argument("incident_id", metavar="ID")
@config_option
@json_option
def incident(incident_id: str, config: Path, *, as_json: bool) -> None:
    """Show one incident whole: its alerts, where it is told, and what happened when."""
    from bridge.cli.ledgers import fail, opened
    from bridge.cli.listed import whole
    from bridge.cli.show import print_json, print_lines
    from bridge.ledger import queries

    with opened(config) as (ledger, _), ledger.read() as connection:
        found = queries.incident(connection, incident_id.upper())
    if found is None:
        raise fail(f"there is no incident {incident_id}; `bridge incidents` lists those that there are")
    print_json(found) if as_json else print_lines(whole(found))


@click.command(epilog="\b\nExample:\n  bridge close 01KC3ZT0N4Q8ZK0V5Z6W0M3T7H")
@click.argument("incident_id", metavar="ID")
@config_option
@json_option
def close(incident_id: str, config: Path, *, as_json: bool) -> None:
    """Close an incident for good: later firings of its alerts change nothing, a new episode opens a new incident."""
    from bridge.cli.ledgers import act, fail, opened
    from bridge.cli.show import print_json
    from bridge.ledger import acts, queries

    wanted = incident_id.upper()
    with opened(config) as (ledger, environ):
        closed = any(act(ledger, environ, [wanted], acts.close))
        with ledger.read() as connection:
            found = queries.incident(connection, wanted)
    if found is None:
        raise fail(f"there is no incident {incident_id}; `bridge incidents` lists those that there are")
    if as_json:
        print_json({"id": wanted, "state": "closed", "already": not closed})
    else:
        click.echo(f"incident {wanted} is closed{'' if closed else ' already'}")


@click.command(epilog="\b\nExample:\n  bridge dead-letters")
@cursor_option
@config_option
@json_option
def dead_letters(cursor: str | None, config: Path, *, as_json: bool) -> None:
    """List dead letters, the newest first, 50 a page: what retrying can't mend, and how to mend it."""
    from bridge.cli.ledgers import opened
    from bridge.cli.listed import dead_lines
    from bridge.cli.show import print_json, print_lines
    from bridge.ledger import queries

    with opened(config) as (ledger, _), ledger.read() as connection:
        page = queries.delivery_list(connection, "dead", cursor)
        named = queries.titles(connection, page)
    print_json(page) if as_json else print_lines(dead_lines(page, named))


@click.command(epilog="\b\nExample:\n  bridge replay --all")
@_acting
def replay(ids: tuple[str, ...], config: Path, *, everything: bool, as_json: bool) -> None:
    """Make dead letters due again, once what stood in their way is mended; what is told is the present truth."""
    from bridge.ledger import acts

    all_there_are = acts.dead_letters if everything else None
    _act(config, ids, all_there_are, acts.replay, ("dead letter", "due again"), as_json=as_json)


@click.command(epilog="\b\nExample:\n  bridge dismiss 01KC3ZT9Q2D8F1M7C4R6XJ5B0A")
@_acting
def dismiss(ids: tuple[str, ...], config: Path, *, everything: bool, as_json: bool) -> None:
    """Let dead letters rest: nothing more is told there."""
    from bridge.ledger import acts

    all_there_are = acts.dead_letters if everything else None
    _act(config, ids, all_there_are, acts.dismiss, ("dead letter", "dismissed"), as_json=as_json)


@click.group(invoke_without_command=True, epilog="\b\nExample:\n  bridge quarantine\n  bridge quarantine replay --all")
@cursor_option
@config_option
@json_option
@click.pass_context
def quarantine(context: click.Context, cursor: str | None, config: Path, *, as_json: bool) -> None:
    """List stored bodies that could not be read as alerts, the newest first, 50 a page; or act on them."""
    if context.invoked_subcommand is not None:
        if any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params):
            raise click.UsageError(f"options stand behind `{context.invoked_subcommand}`, which does not see these")
        return
    from bridge.cli.ledgers import opened
    from bridge.cli.listed import quarantine_lines
    from bridge.cli.show import print_json, print_lines
    from bridge.ledger import queries

    with opened(config) as (ledger, _), ledger.read() as connection:
        page = queries.receipt_list(connection, "quarantined", cursor)
    print_json(page) if as_json else print_lines(quarantine_lines(page))


@quarantine.command("replay", epilog="\b\nExample:\n  bridge quarantine replay --all")
@_acting
def quarantine_replay(ids: tuple[str, ...], config: Path, *, everything: bool, as_json: bool) -> None:
    """Read stored bodies once more.

    After an upgrade, that is, which understands them.
    """
    from bridge.ledger import acts

    all_there_are = acts.quarantined if everything else None
    _act(config, ids, all_there_are, acts.replay_receipts, ("body in quarantine", "to be read again"), as_json=as_json)


@quarantine.command("dismiss", epilog="\b\nExample:\n  bridge quarantine dismiss 01KC3ZT9Q2D8F1M7C4R6XJ5B0A")
@_acting
def quarantine_dismiss(ids: tuple[str, ...], config: Path, *, everything: bool, as_json: bool) -> None:
    """Let stored bodies rest.

    They leave the quarantine's list.
    """
    from bridge.ledger import acts

    all_there_are = acts.quarantined if everything else None
    _act(config, ids, all_there_are, acts.dismiss_receipts, ("body in quarantine", "dismissed"), as_json=as_json)


def _act(  # noqa: PLR0913 - what differs between the verbs
    config: Path,
    ids: Sequence[str],
    everything: Callable[[Connection], list[str]] | None,
    function: Act,
    words: tuple[str, str],
    *,
    as_json: bool,
) -> None:
    """Act on the named ones, or on all; say what was done, and exit 1 where one of those named was none."""
    from bridge.cli.ledgers import act, chosen, fail, opened
    from bridge.cli.show import print_json

    noun, verb = words
    named = chosen(ids, everything=everything is not None)
    with opened(config) as (ledger, environ):
        wanted = _all(ledger, everything) if everything else named
        done: list[str] = []
        missed: list[str] = []
        try:
            for some in act(ledger, environ, wanted, function):
                done += some
            known = set(done)
            missed = [one for one in named if one not in known]
        finally:  # also where the rest can't be done; not before: who reads but the first lines ends no work
            if as_json:
                print_json({"done": done, "unknown": missed})
            for one in () if as_json else done:
                click.echo(f"{one} is {verb}")
    if missed:
        raise fail("\n".join(f"there is no {noun} {one}" for one in missed))
    if not (done or as_json):
        click.echo(f"There is no {noun}: nothing to do.")


def _all(ledger: Ledger, everything: Callable[[Connection], list[str]]) -> list[str]:
    with ledger.read() as connection:
        return everything(connection)
