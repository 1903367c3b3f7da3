"""`bridge explain` and `bridge render`: what would become of a payload."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from bridge.cli.common import config_option, environment, json_option, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.environ import Environ
    from bridge.config.loaded import Loaded

payload_argument = click.argument("payload", metavar="PAYLOAD.json", type=click.File("rb"))
source_option = click.option(
    "--source", metavar="NAME", help="The source that it would be posted to: grafana, where there is one of that name."
)

_EXPLAIN = """\b
Example:
  bridge explain alert.json --source grafana
  curl -s https://example.com/alert.json | bridge explain -
  bridge explain alert.json --diff changed.yml
  bridge explain --diff changed.yml
"""
DAYS, MOST = 30, 5_000
"""How far back, and how many of the newest stored incidents, a comparison looks."""
_RENDER = """\b
Example:
  bridge render alert.json --destination slack
  bridge render alert.json --watch
"""


@click.command(epilog=_EXPLAIN)
@click.argument("payload", metavar="[PAYLOAD.json]", type=click.File("rb"), required=False)
@source_option
@click.option(
    "--diff",
    "other",
    metavar="OTHER.yml",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Say only what this configuration would change; without a payload, for the incidents stored in the last "
    f"{DAYS} days.",
)
@config_option
@json_option
def explain(payload: BinaryIO | None, source: str | None, other: Path | None, config: Path, *, as_json: bool) -> None:
    """Say where the alerts of a payload would go, and why.

    For each alert: what was parsed, team and priority and where they came from, which rule sends it where, what each
    destination would do, and why not for the rest. Sends nothing, stores nothing, and needs no secrets. It is told as
    if nothing was known before: of a resolve alone, nobody hears.

    With --diff it exits 0 where another configuration changes nothing, and 1 where it does.
    """
    if other is not None:
        _compare(payload, source, config, other, as_json=as_json)
        return
    if payload is None:
        raise click.UsageError("name a payload, - for standard input, or give --diff")
    with sentences():
        _, found = _previewed(payload, source, config)
        from bridge.cli.explained import explained
        from bridge.cli.show import print_json, print_lines

        print_json(found) if as_json else print_lines(explained(found))


def _compare(payload: BinaryIO | None, source: str | None, config: Path, other: Path, *, as_json: bool) -> None:
    """Say what another configuration would change; exit 1 where it would change anything."""
    from bridge.cli import rerouted
    from bridge.cli.show import print_json, print_lines

    with sentences():
        before, after = _loaded(config)[0], _loaded(other)[0]
        if payload is None:
            otherwise = _compare_past(before, after, config, other, as_json=as_json)
        else:
            from bridge.reroute import of_payload

            found = of_payload(payload.read(), _source(source, before), before, after)
            if as_json:
                print_json(rerouted.payload_json(found))
            else:
                print_lines(rerouted.of_payload(found, other.name))
            otherwise = any(change for _, change in found)
    raise SystemExit(int(otherwise))


def _compare_past(before: Loaded, after: Loaded, config: Path, other: Path, *, as_json: bool) -> bool:
    from bridge.cli import rerouted
    from bridge.cli.ledgers import opened
    from bridge.cli.show import print_json, print_lines
    from bridge.clock import SystemClock
    from bridge.ledger.past import recent
    from bridge.reroute import of_past

    since = SystemClock().now() - timedelta(days=DAYS)
    with opened(config) as (ledger, _), ledger.read() as connection:
        looked_at, found = of_past(recent(connection, since, MOST), before.rules, after.rules)
    cut = looked_at == MOST
    if as_json:
        print_json(rerouted.past_json(looked_at, found, since, cut=cut))
    else:
        print_lines(rerouted.of_past(looked_at, found, since, other.name, cut=cut))
    return bool(found)


@click.command(epilog=_RENDER)
@payload_argument
@click.option("--destination", metavar="D", help="Only what is sent to this one.")
@source_option
@config_option
@json_option
@click.option("--watch", "watched", is_flag=True, help="Show it again whenever a file changes, until Ctrl-C.")
def render(  # noqa: PLR0913 - its options
    payload: BinaryIO, destination: str | None, source: str | None, config: Path, *, as_json: bool, watched: bool
) -> None:
    """Show the exact requests that a payload would become, and what people would read.

    The first one at each address, as if nothing was known before. Sends nothing, stores nothing, and needs no secrets:
    their references stand in their place. Ids are placeholders, and a Slack channel's name stands where its id will.
    """
    if not watched:
        _render(payload, destination, source, config, as_json=as_json)
        return
    name = getattr(payload, "name", "<stdin>")
    if name == "<stdin>":
        raise click.UsageError("--watch wants a file, not standard input")
    from bridge.cli.watched import watch

    path = Path(name)
    payload.close()

    def show() -> Loaded:
        with path.open("rb") as opened:
            return _render(opened, destination, source, config, as_json=as_json)

    watch(show, lambda loaded: _files(path, config, loaded))


def _files(payload: Path, config: Path, loaded: Loaded | None) -> Iterator[Path]:
    """Yield what a rendering depends on: the payload, the configuration's files, the templates."""
    from bridge.changes import files_of, folder_files
    from bridge.render.folders import template_folders

    yield payload
    yield from files_of(config, loaded, None)
    own = os.environ.get("BRIDGE_TEMPLATES")
    for folder in template_folders(Path(own) if own else None):
        yield from folder_files(folder)


def _render(payload: BinaryIO, destination: str | None, source: str | None, config: Path, *, as_json: bool) -> Loaded:
    """Show it once; return the configuration that was read."""
    with sentences():
        loaded, found = _previewed(payload, source, config)
        from bridge.cli.rendered import rendered, rendered_json
        from bridge.cli.show import print_json, print_lines

        _known(destination, loaded.rules.destinations, "--destination")
        if as_json:
            print_json(rendered_json(found, destination))
        else:
            print_lines(rendered(found, destination))
    return loaded


def _previewed(payload: BinaryIO, source: str | None, config: Path) -> tuple[Loaded, dict[str, Any]]:
    """Read configuration and payload; a body that is no alert ends here with the quarantine's sentence."""
    from bridge.clock import SystemClock
    from bridge.explain import Question
    from bridge.render.folders import template_folders

    loaded, environ = _loaded(config)
    name = _source(source, loaded)
    found = Question(
        payload.read(),
        name,
        loaded.settings.sources[name].mapping,
        loaded.rules,
        template_folders(environ.templates),
        SystemClock().now(),
        env=os.environ,
    ).made()
    if why := found["quarantine"]:
        click.echo(f"{getattr(payload, 'name', '-')}: this would go to quarantine: {why}", err=True)
        raise SystemExit(1)
    return loaded, found


def _loaded(config: Path) -> tuple[Loaded, Environ]:
    """Read a configuration; what was left out of it is said."""
    environ = environment(config)
    from bridge.config.load import load

    loaded = load(environ.config, os.environ)
    for warning in loaded.warnings:
        click.echo(str(warning), err=True)
    return loaded, environ


def _source(name: str | None, loaded: Loaded) -> str:
    """Return the source that a payload is taken for."""
    from bridge.config.sources import usual

    sources = loaded.settings.sources
    _known(name, sources, "--source")
    return name or usual(sources)


def _known(name: str | None, known: Any, option: str) -> None:  # noqa: ANN401 - names, as a mapping has them
    """Refuse a name that the configuration doesn't have, as wrong use."""
    if name is not None and name not in known:
        from bridge.config.words import did_you_mean, quoted

        raise click.UsageError(f"{option} {quoted(name)} is not in the configuration: {did_you_mean(name, known)}")
