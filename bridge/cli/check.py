"""`bridge check`: is the configuration right?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from bridge.cli.common import config_option, show

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.config.loaded import Loaded

_EXAMPLE = """\b
Example:
  bridge check --config bridge.yml
  bridge check --online
"""


@click.command(epilog=_EXAMPLE)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of {file, line, level, what, mend}.")
@click.option("--schema", is_flag=True, help="Print the configuration's JSON Schema, and check nothing.")
@click.option(
    "--online",
    is_flag=True,
    help="Ask the destinations too: is each place there, can it be told, can a lost answer be looked up? "
    "Nothing is told; a public Slack channel that the bot is not in is joined. A webhook can't be asked.",
)
@click.pass_context
def check(context: click.Context, config: Path, *, as_json: bool, schema: bool, online: bool) -> None:
    """Check the whole configuration, run its tests, and render its templates for sample alerts.

    A line a finding: where, what, and how to mend it. Exits 0 where the configuration can be used, 1 where it can't,
    2 for wrong use.
    """
    if schema:
        from bridge.config.json_schema import json_schema

        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    from bridge.config.check import check as findings_of
    from bridge.config.check import failed

    findings = findings_of(config, os.environ)
    loaded = _loaded(config)
    if loaded:
        from bridge.rehearse import rehearse

        findings += rehearse(loaded, os.environ)
    if loaded and online and not failed(findings):
        from bridge.online import ask

        findings += ask(loaded, os.environ, show)
        show("")
    if as_json:
        click.echo(json.dumps([one.as_json() for one in findings], indent=2, ensure_ascii=False))
    else:
        for one in findings:
            click.echo(str(one))
        if not failed(findings):
            after = _once_there(loaded) or (", and its destinations answer" if online else "")
            click.echo(f"{config}: the configuration can be used{after}")
    context.exit(1 if failed(findings) else 0)


def _loaded(config: Path) -> Loaded | None:
    """Return what can be used of it, without an included file that is broken; None where nothing can."""
    from bridge.config.load import load
    from bridge.config.problem import ConfigError

    try:
        return load(config, os.environ)
    except ConfigError:
        return None


def _once_there(loaded: Loaded | None) -> str:
    """Return what `bridge run` waits for, where a secret isn't there, if anything; a build has no secrets."""
    from bridge.config.missing import missing_secrets, needed

    missing = needed(loaded, missing_secrets(loaded, os.environ)) if loaded else []
    return " once its secrets are there: without them `bridge run` does not start" if missing else ""
