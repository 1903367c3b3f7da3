"""`bridge grafana-setup`: Grafana's side, ready to paste."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from bridge.cli.common import config_option, environment, sentences

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLE = """\b
Example:
  bridge grafana-setup --format provisioning > alert-bridge.yml
  bridge grafana-setup --format curl --url https://alerts.acme.com
"""


@click.command(epilog=_EXAMPLE)
@click.option(
    "--format",
    "form",
    required=True,
    type=click.Choice(("curl", "provisioning", "terraform")),
    help="A shell command for Grafana's API, a file for its provisioning folder, or Terraform resources.",
)
@click.option("--source", metavar="S", help="The source to post to, where there are several.")
@click.option(
    "--url", metavar="URL", help="The address at which Grafana reaches the bridge, where it isn't external_url."
)
@config_option
def grafana_setup(form: str, source: str | None, url: str | None, config: Path) -> None:
    """Print Grafana's contact point and notification policy for a source.

    Secrets are not printed: they stand as environment variables, which the first lines name.
    """
    with sentences():
        environment(config)
        from bridge.config.load import load

        loaded = load(config, os.environ)
    from bridge.config.addresses import bridge_url
    from bridge.config.problem import WrongError
    from bridge.config.sources import usual
    from bridge.setup.contact_point import NoContactPointError, contact_point
    from bridge.setup.formats import FORMATS

    try:
        url = url and bridge_url(url)
    except WrongError as error:
        raise click.BadParameter(f"{error}: {error.mend}", param_hint="--url") from None
    sources = loaded.settings.sources
    name = source or usual(sources)
    if name not in sources or (source is None and len(sources) > 1 and "grafana" not in sources):
        raise click.UsageError(f"name one of the sources: --source {' | '.join(sources)}")
    try:
        point = contact_point(sources[name], url or loaded.rules.external_url)
    except NoContactPointError as error:
        click.echo(f"sources.{name}.auth: {error}", err=True)
        raise SystemExit(1) from None
    click.echo(FORMATS[form](point))
