"""`bridge init`: from nothing to a message in Slack, and the files for `bridge run`."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.cli.common import config_option

if TYPE_CHECKING:
    from bridge.destinations.slack.app import Workspace
    from bridge.setup.answers import Answers

ENV = Path(".env")


@click.command(epilog="\b\nExample:\n  bridge init")
@click.option("--slack-api-url", metavar="URL", help="Another address than Slack's own.")
@click.option("--pagerduty-api-url", metavar="URL", help="Another than PagerDuty's: https://events.eu.pagerduty.com")
@click.option("--github-api-url", metavar="URL", help="Another than GitHub's: that of a GitHub Enterprise Server.")
@config_option
def init(slack_api_url: str | None, pagerduty_api_url: str | None, github_api_url: str | None, config: Path) -> None:
    """Set the bridge up, question by question: Slack with a real message at once, PagerDuty and GitHub if you like.

    Writes bridge.yml, and the secrets into .env, at the very end; until then nothing is written, and Ctrl-C leaves
    everything as it was. Secrets are not shown while you type.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(
            "it asks questions, so it needs a terminal; README.md says how to write the files by hand"
        )
    from bridge.setup.answers import Answers

    urls = {"slack": slack_api_url or "", "pagerduty": pagerduty_api_url or "", "github": github_api_url or ""}
    answers = Answers(api_urls=urls)
    if problem := answers.problem():
        raise click.UsageError(problem)
    try:
        _may_write(config)
        workspace = _slack_app(answers)
        _channel(answers, workspace)
        _pagerduty(answers)
        _github(answers)
        _address(answers)
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("\nStopped: nothing was written.", err=True)
        raise SystemExit(1) from None
    answers.webhook_token = secrets.token_hex(24)
    try:
        answers.write(config, ENV)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        click.echo(f"The files can't be written ({why}): mend that, and start again.", err=True)
        raise SystemExit(1) from None
    _next(answers, config)


def _may_write(config: Path) -> None:
    """Ask before anything that is there is changed.

    Raises:
        UsageError: the files could not be written: said now, not after the last answer.
    """
    for path in (config, ENV):
        folder = path.resolve().parent
        if path.is_dir():
            raise click.UsageError(f"{path} is a folder: name a file")
        if not folder.is_dir():
            raise click.UsageError(f"there is no folder {folder}: make it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise click.UsageError(f"{folder} can't be written to: start in a folder of yours")
    if config.exists() and not _yes(f"{config} is there already. Replace it?"):
        raise click.Abort
    if ENV.exists() and not _yes(f"{ENV} is there already. Add the secrets to it? Its other lines stay."):
        raise click.Abort


def _slack_app(answers: Answers) -> Workspace:
    from bridge.destinations.slack.app import SCOPES, link
    from bridge.setup import reach

    _heading("1. Slack")
    click.echo("Open this link, pick your workspace and choose Create; it makes the app:\n")
    click.echo(f"{link()}\n")
    click.echo("Then: Install App, Install to Workspace, and copy the Bot User OAuth Token. It begins with xoxb-.")
    while True:
        answers.token = _secret("Bot token", answers.token)
        found = reach.slack_token(answers)
        if isinstance(found, reach.Trouble):
            _say(found)
            continue
        if not found.missing:
            break
        for scope in found.missing:
            click.echo(f"  The app lacks {scope}, to {SCOPES[scope]}.")
        click.echo("  Mend: OAuth & Permissions, Bot Token Scopes; then reinstall the app to the workspace.")
        needed = next(iter(SCOPES)) in found.missing
        if not needed and not _yes("Try again, with the scopes added?", default=True):
            break
    click.echo(f"  The token is of the bot {found.bot} in the workspace {found.name}.")
    return found


def _channel(answers: Answers, workspace: Workspace) -> None:
    from bridge.setup import reach

    while True:
        answers.channel = _asked("Channel for alerts", answers.channel or "#alerts")
        if problem := answers.problem():
            _say(problem)
            answers.channel = ""
            continue
        able = reach.slack_channel(answers, workspace)
        told = able if isinstance(able, reach.Trouble) else reach.hello(answers, workspace)
        if isinstance(told, reach.Trouble) or isinstance(able, reach.Trouble):
            _say(told)
            continue
        for warning in able:
            click.echo(f"  Note: {warning}")
        click.echo(f"  A test message stands in the channel: {told}")
        return


def _pagerduty(answers: Answers) -> None:
    from bridge.setup import reach

    _heading("2. PagerDuty (if you like)")
    if not _yes("Page for P0 and P1?"):
        return
    click.echo("In the service: Integrations, Events API v2; copy the Integration Key.")
    while True:
        answers.routing_key = _secret("Integration key", answers.routing_key, without="PagerDuty")
        if not answers.routing_key:
            return
        if (trouble := reach.pagerduty(answers)) is None:
            click.echo("  PagerDuty takes the key. Nobody was paged.")
            return
        _say(trouble)


def _github(answers: Answers) -> None:
    from bridge.setup import reach

    _heading("3. GitHub issues (if you like)")
    if not _yes("Open an issue for each incident from P0 to P2?"):
        return
    click.echo(
        "https://github.com/settings/personal-access-tokens/new makes a token: one repository, Issues read and write."
    )
    while True:
        answers.github_token = _secret("Token", answers.github_token, without="GitHub")
        if not answers.github_token:
            return
        answers.repo = _asked("Repository (owner/name)", answers.repo, without="GitHub")
        if not answers.repo:
            answers.github_token = ""
            return
        if problem := answers.problem():
            _say(problem)
            answers.repo = ""
            continue
        if (trouble := reach.github(answers)) is None:
            click.echo("  GitHub knows the repository. No issue was opened.")
            return
        _say(trouble)


def _address(answers: Answers) -> None:
    _heading("4. How Grafana reaches the bridge")
    click.echo("Beside Grafana on one host: http://127.0.0.1:8080. Elsewhere: an address of yours, like")
    click.echo("https://alerts.acme.com, where a proxy with the certificate passes requests on to 127.0.0.1:8080.")
    click.echo("For a first try a tunnel can give this machine one. Links in messages lead to that address too.")
    while True:
        answers.external_url = click.prompt("Address (Enter: not known yet)", default="", show_default=False).strip()
        if (problem := answers.problem()) is None:
            return
        _say(problem)


def _next(answers: Answers, config: Path) -> None:
    _heading("Done")
    named = "" if config == Path("bridge.yml") else f" --config {config}"
    click.echo(f"{config} and {ENV} are written. {ENV} holds the secrets, with a token made for Grafana: only you can")
    click.echo("read it. Every verb reads it in this folder; a service manager gives the variables its own way.\n")
    bridge = _command()
    steps = {
        f"{bridge} run{named}": "starts the bridge",
        f"{bridge} send-test{named}": "sends a test through it",
        f"{bridge} grafana-setup{named} --format curl": "prints Grafana's side (or provisioning, terraform)",
    }
    for command, about in steps.items():
        click.echo(f"  {command}  # {about}")
    for name, value in answers.variables().items():
        if os.environ.get(name) not in {None, "", value}:
            click.echo(f"\n{name} is set in this shell to something else, which wins over {ENV}: unset it.")
    if not answers.external_url:
        click.echo("\nOnce you know the address, write it into the configuration as external_url.")


def _command() -> str:
    """Return what to type for `bridge` here: its path, where the shell finds none, or iproute2's of the same name."""
    ours, found = Path(sys.executable).parent / "bridge", shutil.which("bridge")
    return "bridge" if found and Path(found).resolve() == ours.resolve() else os.path.relpath(ours)


def _heading(words: str) -> None:
    click.echo("")
    click.secho(words, bold=True)


def _say(trouble: object) -> None:
    """Say what is wrong with an answer, above the same question."""
    click.secho(f"  {trouble}.".replace("..", "."), fg="red")


def _yes(question: str, *, default: bool = False) -> bool:
    """Ask until the answer is yes or no."""
    hint = f"{question} [{'Y/n' if default else 'y/N'}]"
    while True:
        text: str = click.prompt(hint, default="y" if default else "n", show_default=False)
        said = text.strip().lower()
        if not said or said in {"y", "yes", "n", "no"}:
            return said.startswith("y") if said else default
        _say("type y for yes or n for no")


def _secret(question: str, last: str, without: str = "") -> str:
    """Ask for a secret, without showing it; Enter keeps the one before."""
    hint = "Enter: the same again" if last else "not shown"
    return _asked(f"{question} ({hint})", last, secret=True, without=without)


def _asked(question: str, default: str, *, secret: bool = False, without: str = "") -> str:
    """Ask until something is said; blanks alone are nothing. What one may do `without` is left out by Enter, or "-"."""
    if without:
        question += f" ({'-' if default else 'Enter'}: without {without})"
    usual, shown = default or ("" if without else None), bool(default) and not secret
    while True:
        said: str = click.prompt(question, default=usual, hide_input=secret, show_default=shown).strip()
        if without and said in {"", "-"}:
            return ""
        if said:
            return said
