"""The command `bridge`: a verb each in `bridge.cli`, imported only when it is asked for."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

import bridge

ENV_FILE = Path(".env")
VERBS = {
    "init": ("bridge.cli.init", "a guided first set-up, with a real message at once"),
    "run": ("bridge.cli.serve", "everything on one machine"),
    "web": ("bridge.cli.serve", "the web part alone, any number of it, on PostgreSQL"),
    "worker": ("bridge.cli.serve", "the delivering part alone, any number of it, on PostgreSQL"),
    "demo": ("bridge.cli.demo", "watch one real alert on its way, without any account"),
    "grafana-setup": ("bridge.cli.grafana", "Grafana's contact point and policy, ready to paste"),
    "check": ("bridge.cli.check", "validate the configuration"),
    "explain": ("bridge.cli.look", "where would this payload go, and why"),
    "render": ("bridge.cli.look", "the exact requests that this payload would become"),
    "send-test": ("bridge.cli.send_test", "one marked test through the whole path"),
    "incidents": ("bridge.cli.stored", "list incidents"),
    "incident": ("bridge.cli.stored", "show one incident whole"),
    "close": ("bridge.cli.stored", "close an incident for good"),
    "dead-letters": ("bridge.cli.stored", "list deliveries that retrying can't mend"),
    "replay": ("bridge.cli.stored", "tell the present truth where a dead letter could not"),
    "dismiss": ("bridge.cli.stored", "let dead letters rest"),
    "quarantine": ("bridge.cli.stored", "list or replay bodies that could not be read"),
    "db": ("bridge.cli.database", "migrations and backup"),
}


class Verbs(click.Group):
    """The verbs, by name; `bridge --help` imports none of them."""

    def main(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run a verb; that there is no space left for what it writes, or prints, is said in a sentence."""
        # closed by whoever started us: no file that is opened later may take its place
        sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - to the end
        try:
            return super().main(*arguments, **more)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            where = f"for {error.filename}" if error.filename else "where the output goes"
            click.echo(f"no space is left {where}: make room, then run it again", err=True)
            sys.stdout = None  # else what is left in it is tried again at the end, and fails again
            raise SystemExit(1) from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Name the verbs in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import and return one verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(VERBS[cmd_name][0])
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the verbs with a line each."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, about) for name, (_, about) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(bridge.__version__, prog_name="bridge")
@click.pass_context
def main(context: click.Context) -> None:
    """Bring Grafana alerts to Slack, PagerDuty and GitHub: one message, one page, one issue per incident.

    Variables that aren't set are taken from a file .env in the working directory, where there is one.

    Example: bridge demo
    """
    # at its end the interpreter looks at all there is, several times, for what may be freed: a third of a second
    atexit.register(gc.freeze)
    if context.invoked_subcommand == "init" or not ENV_FILE.exists():
        return
    from bridge.setup.env_file import EnvFileError, load  # noqa: PLC0415 - only where there is such a file

    try:
        load(ENV_FILE, os.environ)
    except EnvFileError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    sys.exit(main())
