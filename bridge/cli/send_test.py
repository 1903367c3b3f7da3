"""`bridge send-test`: does an alert reach everybody that it should?"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.common import config_option, environment, json_option, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JSON = dict[str, Any]
_EXAMPLE = """\b
Example:
  bridge send-test
  bridge send-test --team broken-inductor --priority P1 --page
"""
_WORDS = {"shown": "shown, and ended", "not_paged": "not paged", "failed": "FAILED"}


@click.command(epilog=_EXAMPLE)
@click.option("--team", metavar="T", help="The team that the test is for; without it, as an alert that names none.")
@click.option(
    "--priority",
    type=click.Choice(("P0", "P1", "P2", "P3"), case_sensitive=False),
    help="Its priority; without it, as an alert that names none.",
)
@click.option("--page", is_flag=True, help="Page too: whoever is on call is called.")
@click.option(
    "--timeout",
    default=60,
    show_default=True,
    type=click.IntRange(1, 240),
    help="Seconds that the destinations have to show it, and then to show its end.",
)
@config_option
@json_option
def send_test(  # noqa: PLR0913 - its options
    team: str | None, priority: str | None, timeout: int, config: Path, *, page: bool, as_json: bool
) -> None:
    """Send one incident, marked as a test, through the whole path, and end it once every destination has shown it.

    Beside a running bridge that one delivers; without one this command does, and what else is due. Exits 1 where a
    destination did not show it, or its end. Nobody is mentioned, and nobody is paged without --page.
    """
    from bridge.cli.ledgers import database_sentences, fail
    from bridge.cli.show import print_json, print_lines

    with database_sentences():
        environ = environment(config)
        from bridge.core.alert import Priority
        from bridge.log import set_up
        from bridge.send_test import NotSentError, Wanted, send

        if not os.environ.get("BRIDGE_LOG_LEVEL"):
            set_up(replace(environ, log_level="error"))  # what went wrong is told below, once
        wanted = Wanted(team, Priority(priority.upper()) if priority else None, page, timeout)
        try:
            found = send(environ, os.environ, wanted, show)
        except NotSentError as error:
            raise fail(str(error)) from None
    print_json(found) if as_json else print_lines(_lines(found))
    raise SystemExit(0 if found["ok"] else 1)


def _lines(found: JSON) -> Iterator[str]:
    from bridge.cli.show import counted, place, table

    who = f"{found['priority']}, team {', '.join(found['teams'])}"
    yield f"Test incident {found['incident'] or '(never taken in)'} ({who}), delivered by {found['by']}"
    destinations = found["destinations"]
    if destinations:
        yield from table(
            [
                (place(one["destination"], one["kind"], one["address"]), _WORDS[one["outcome"]], one["url"] or "")
                for one in destinations
            ],
            indent="  ",
        )
    for one in destinations:
        if one["why"]:
            yield f"  {place(one['destination'], one['kind'], one['address'])}: {one['why']}"
    for one in found["not_told"]:
        yield f"  not sent to {one['destination']}: {one['why']}"
    failed = sum(one["outcome"] == "failed" for one in destinations)
    if found["ok"]:
        yield "Every destination has shown it."
    elif failed:
        yield f"{counted(failed, 'destination')} did not show it, or its end."
    else:
        yield "It was stored, but nobody took it in: is the bridge stuck? `bridge incidents` says what else waits."
